"""What a trader can ask and do from Discord: /status, /why, /lock, /flatten. The same services as the pages; only he sees the answer."""

import secrets
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from django.utils import timezone

from apps.analytics.domain.money import in_cents
from apps.brokers.domain.telling import money
from apps.brokers.queries import account_views
from apps.notifications import deeds
from apps.notifications.domain.letters import plain
from apps.notifications.models import Confirmation, DiscordLink
from apps.notifications.queries import link_back
from apps.risk.queries import standings_of
from apps.signals import queries as signals
from apps.trades.queries import signal_story

EPHEMERAL: Final = 64
MESSAGE: Final = 4
UPDATE: Final = 7
ASKS_FOR: Final = timedelta(seconds=60)
LONGEST_LOCK: Final = 24 * 60

Options = Mapping[str, Any]


class Unreadable(ValueError):
    """It is not what Discord sends."""


def answer(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return what Discord is told of a command or a press of a button.

    Raises:  Unreadable
    """
    user = _who(said)
    data = said.get("data")
    if not isinstance(data, dict):
        raise Unreadable
    if user is None:
        page = link_back("/settings/notifications/")
        return _say(f"This Discord account is linked to nobody here. Link it: {page}")
    if said["type"] == 3:
        return _pressed(user, str(data.get("custom_id") or ""), str(said.get("token") or ""))
    known = COMMANDS.get(str(data.get("name")))
    if known is None:
        return _say("There is no such command. Use /status, /why, /lock or /flatten.")
    given = {
        str(one["name"]): one.get("value")
        for one in data.get("options") or ()
        if isinstance(one, dict) and "name" in one
    }
    return known(user, given)


def _who(said: Mapping[str, Any]) -> Any:
    """Return the trader whose Discord account gave the command; in a server Discord names him as a member."""
    member = said.get("member")
    person = member.get("user") if isinstance(member, dict) else said.get("user")
    if not isinstance(person, dict):
        raise Unreadable
    link = DiscordLink.objects.filter(snowflake=str(person.get("id"))).select_related("user")
    found = link.filter(user__is_active=True).first()
    return found.user if found else None


def _say(text: str, *, buttons: list[dict[str, Any]] | None = None, kind: int = MESSAGE) -> dict[str, Any]:  # fmt: skip
    rows = [{"type": 1, "components": buttons}] if buttons else []
    data = {
        "content": text[:1900], "flags": EPHEMERAL, "components": rows,
        "allowed_mentions": {"parse": []},
    }  # fmt: skip
    return {"type": kind, "data": data}


# ---- /status ----


def _status(user: Any, _: Options) -> dict[str, Any]:
    views = account_views(user)
    if not views:
        return _say(f"You have no open account yet. {link_back('/manager/')}")
    standings = standings_of(view.row for view in views)
    lines = []
    for view in views:
        equity = f"equity ${view.equity:,.2f}" if view.equity is not None else "equity not known"
        standing = standings.get(view.row.pk)
        risk = f", risk {standing.level}" if standing else ""
        lines.append(
            f"**{plain(view.row.name)}** ({view.row.stake}): {equity}, today {money(view.net_today)}{risk}"
        )
        lines += [f"  {_position(one)}" for one in view.positions]
    lines.append(link_back("/"))
    return _say("\n".join(lines))


def _position(one: Any) -> str:
    side = "long" if one.row.sign > 0 else "short"
    made = f", {money(in_cents_of(one.unrealized))} open" if one.unrealized is not None else ""
    stop = f", stop {one.stop:,f}" if one.stop is not None else ", **no stop**"
    return f"{side} {one.row.size} {one.row.contract} at {one.entry:,f}{stop}{made}"


def in_cents_of(amount: Any) -> Any:
    """Return dollars with two decimals."""
    from fractions import Fraction

    return in_cents(Fraction(amount))


# ---- /why ----


def _why(user: Any, given: Options) -> dict[str, Any]:
    asked = str(given.get("signal") or "").strip()
    rows = signals.rows(user)
    if not asked:
        row = rows.order_by("-id").first()
    else:
        row = signals.signal(user, key=asked)
        if row is None and asked.isascii() and asked.isdigit() and len(asked) <= 18:
            row = signals.signal(user, id=int(asked))
    if row is None:
        return _say("You have no such signal. Leave its name away for the newest one.")
    lines = [f"**{plain(str(row))}**: {row.status.lower()}"]
    for check in signals.view(row).checks:
        passed = {True: "✓", False: "✗"}.get(check.ok, "–") if check.ok is not None else "–"
        lines.append(f"{passed} {plain(str(check.name))}: {plain(str(check.value))}")
    story = signal_story(user, row.key)
    for step in story.steps[-8:] if story else ():
        text = f". {plain(step.told.text)}" if step.told.text else ""
        lines.append(f"• {plain(step.told.title)}{text}")
    lines.append(link_back(f"/signals/{row.key}/"))
    return _say("\n".join(lines))


# ---- /lock and /flatten: asked first ----


def _lock(user: Any, given: Options) -> dict[str, Any]:
    """Ask whether all accounts are to be locked, to the end of their day or for so many minutes: nobody can undo it."""
    minutes = given.get("minutes")
    if minutes is not None and (
        not isinstance(minutes, int) or isinstance(minutes, bool) or not 1 <= minutes <= LONGEST_LOCK
    ):  # fmt: skip
        return _say(f"minutes is {minutes!r}: use a whole number from 1 to {LONGEST_LOCK}.")
    views = account_views(user)
    if not views:
        return _say("You have no open account yet.")
    names = ", ".join(f"**{plain(view.row.name)}**" for view in views)
    how_long = f"for {minutes} minute{'s' * (minutes != 1)}" if minutes else "to the end of its day"
    text = f"Take no new entries in {names}, each {how_long}? Nobody can undo it before. Exits always pass."
    return _ask(user, f"lock:{minutes or ''}", text, "Lock")


def _flatten(user: Any, _: Options) -> dict[str, Any]:
    """Ask with what would be closed."""
    views = [view for view in account_views(user) if view.positions or view.orders]
    if not views:
        return _say("Nothing is open: there is nothing to flatten.")
    lines = [
        f"**{plain(view.row.name)}** ({view.row.stake}): {len(view.positions)} to close, "
        f"{len(view.orders)} orders to cancel"
        for view in views
    ]
    lines += [f"  {_position(one)}" for view in views for one in view.positions]
    text = "Close all of this at the market?\n" + "\n".join(lines)
    return _ask(user, "flatten", text, "Flatten everything")


def _ask(user: Any, deed: str, text: str, yes: str) -> dict[str, Any]:
    """Ask once: the button works for the one who asked, once, for a minute."""
    token = secrets.token_urlsafe(24)
    until = timezone.now() + ASKS_FOR
    Confirmation.objects.create(user=user, token=token, deed=deed, expires_at=until)
    buttons = [
        {"type": 2, "style": 4, "label": yes, "custom_id": f"yes:{token}"},
        {"type": 2, "style": 2, "label": "Leave it", "custom_id": f"no:{token}"},
    ]
    return _say(text, buttons=buttons)


def _pressed(user: Any, custom_id: str, interaction: str) -> dict[str, Any]:
    """Do what was asked. What the engine answers in time is said at once, the rest by an edit of this answer."""
    yes, _, token = custom_id.partition(":")
    now = timezone.now()
    mine = Confirmation.objects.of(user).filter(token=token, used_at=None)
    asked = mine.first()
    if asked is None or not mine.filter(expires_at__gt=now).update(used_at=now):
        return _say("That question is over: it is answered once, within a minute, by who asked. Ask again with the command.", kind=UPDATE)  # fmt: skip
    if yes != "yes":
        return _say("Left as it is.", kind=UPDATE)
    deed, _, minutes = asked.deed.partition(":")
    if deed == "lock":
        wishes = deeds.lock(user, int(minutes) if minutes else None, token)
    else:
        wishes = deeds.flatten(user, token)
    return _say(deeds.said_at_once(user, wishes, interaction, now), kind=UPDATE)


COMMANDS: Final[Mapping[str, Callable[[Any, Options], dict[str, Any]]]] = {
    "status": _status,
    "why": _why,
    "lock": _lock,
    "flatten": _flatten,
}

# As Discord is told of them: in servers, in the bot's messages and anywhere for those who have added it.
DESCRIBED: Final[list[dict[str, Any]]] = [
    {
        "name": name, "description": text, "type": 1, "options": options,
        "integration_types": [0, 1], "contexts": [0, 1, 2],
    }
    for name, text, options in (
        ("status", "Your accounts, positions and risk now", []),
        ("why", "Why a signal was taken or not", [
            {"type": 3, "name": "signal", "description": "Its key or number; the newest one without", "required": False},
        ]),
        ("lock", "No new entries in all your accounts, after you confirm; nobody can undo it", [
            {"type": 4, "name": "minutes", "description": "How long; to the end of the day without", "required": False, "min_value": 1, "max_value": LONGEST_LOCK},
        ]),
        ("flatten", "Close every position and cancel every order, after you confirm", []),
    )
]  # fmt: skip
