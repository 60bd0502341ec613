"""What a yes in Discord does. Discord waits three seconds for an answer; the engine may need longer, or be away.

All wishes are submitted at once, and durable. What is answered in time is said at once; else the same message is
edited when the engine has answered, by the sender that writes all messages.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from time import monotonic
from typing import Any, Final, NamedTuple

import structlog
from django.utils import timezone

from apps.brokers.queries import account_views
from apps.brokers.services import wish_flatten
from apps.bus import bus
from apps.bus.domain.message import MINUTE, to_datetime
from apps.bus.lease import Clock, Lease
from apps.marketdata import price
from apps.notifications.discord import Discord, Done, Refused, Wait
from apps.notifications.domain.kinds import Channel
from apps.notifications.domain.letters import plain
from apps.notifications.domain.timing import pause
from apps.notifications.models import FollowUp, Sender
from apps.notifications.queries import link_back
from apps.risk.services import wish_lock_out
from apps.trades.services import Refused as NotGranted
from apps.trades.services import granted
from apps.users.secret import Unreadable

log = structlog.get_logger(__name__)

ANSWERS_S: Final = 1.5  # of Discord's three seconds; the rest is the way there and back, and ours
TAKES_EDITS: Final = timedelta(minutes=14)  # of Discord's fifteen
LOOKS_EVERY: Final = timedelta(seconds=5)
WAITS: Final = (
    "the engine has not answered yet. Your wish is stored and is carried out as soon as it is back."
)
CHANGES: Final = "This message changes when it has answered."


class Wish(NamedTuple):
    """Something that the engine was asked. `name`: what for, empty for everything; `done`: what is said when it is granted."""

    name: str
    inbox: int
    done: str


def lock(user: Any, minutes: int | None, token: str) -> list[Wish]:
    """Ask that no account takes new entries, for so many minutes or to the end of its day."""
    now = price.now()
    wishes = []
    for view in account_views(user):
        name = plain(view.row.name)
        until = now + minutes * MINUTE if minutes else max(view.row.day_ends, now + MINUTE)
        key = f"discord:{token}:{view.row.pk}"
        inbox = wish_lock_out(account=view.row, until=until, key=key, source="discord")
        at = f"{to_datetime(until):%H:%M} UTC"
        wishes.append(
            Wish(name, inbox, f"{name} takes no new entries until {at}. Exits always pass.")
        )
    return wishes


def flatten(user: Any, token: str) -> list[Wish]:
    """Ask that everything is closed and every order cancelled."""
    inbox = wish_flatten(user=user, key=f"discord:{token}", source="discord")
    return [Wish("", inbox, f"Flattening. See {link_back('/manager/')}")]


def told(wishes: Sequence[Wish], *, patience_s: float = 0.0) -> tuple[str, bool]:
    """Return what came of wishes, a line each, and whether all of them are answered; wait so long for all together."""
    until, lines, is_whole = monotonic() + patience_s, [], True
    for wish in wishes:
        fact = bus.answer_to(wish.inbox, timeout=max(0.0, until - monotonic()))
        before = f"{wish.name}: " if wish.name else ""
        if fact is None:
            is_whole = False
            lines.append(f"{before}{WAITS if wish.name else WAITS[:1].upper() + WAITS[1:]}")
            continue
        try:
            granted(fact)
        except NotGranted as refused:
            lines.append(f"{before}{plain(refused.detail)}")
        else:
            lines.append(wish.done)
    return "\n".join(lines), is_whole


def said_at_once(user: Any, wishes: Sequence[Wish], interaction: str, now: datetime) -> str:
    """Return what Discord is answered now; keep by which token that can be changed, where something is not answered."""
    if not wishes:
        return "You have no open account any more."
    text, is_whole = told(wishes, patience_s=ANSWERS_S)
    if is_whole or not interaction:
        return text
    FollowUp.objects.create(
        user=user, token=interaction, wishes=[list(one) for one in wishes],
        next_at=timezone.now(), worth_until=now + TAKES_EDITS,
    )  # fmt: skip
    return f"{text}\n{CHANGES}"


# ---- later ----


def are_waiting(now: datetime) -> bool:
    """Return whether an answer may have to be edited."""
    return FollowUp.objects.filter(next_at__lte=now).exists()


def follow_up(line: Discord, clock: Clock, lease: Lease) -> int:
    """Edit the answers whose wishes are answered now, until Discord asks for silence; return how many."""
    numbers = FollowUp.objects.filter(next_at__lte=clock()).values_list("pk", flat=True)
    edited = 0
    for number in list(numbers):
        lease.renew()
        try:
            row = FollowUp.objects.get(pk=number)
        except Unreadable:  # sealed with a key that is gone: it can never be edited
            FollowUp.objects.filter(pk=number).delete()
            continue
        text, is_whole = told([Wish(*one) for one in row.wishes])
        if clock() > row.worth_until:
            row.delete()
        elif not is_whole:
            _later(row, clock() + LOOKS_EVERY)
        elif not _edit(line, row, text, clock):
            break
        else:
            edited += 1
    return edited


def _edit(line: Discord, row: FollowUp, text: str, clock: Clock) -> bool:
    """Edit an answer; return whether the next one may be tried."""
    message = {"content": text[:1900], "components": [], "allowed_mentions": {"parse": []}}
    answer = line.edit(row.token, message)
    match answer:
        case Done():
            row.delete()
        case Refused(status, code, _):
            log.warning("discord.edit_refused", status=status, code=code, follow_up=row.pk)
            row.delete()
        case Wait(seconds, everywhere, _):
            until = clock() + timedelta(seconds=seconds)
            if everywhere:
                Sender.objects.filter(name=Channel.DISCORD).update(paused_until=until)
            _later(row, until)
            return not everywhere
        case _:  # an edit made twice is the same edit
            row.attempts += 1
            _later(row, clock() + pause(row.attempts))
    return True


def _later(row: FollowUp, at: datetime) -> None:
    row.next_at = at
    row.save(update_fields=["next_at", "attempts"])
