"""From a fact to notices: whose it is, in whose words, once."""

from typing import Any, Final

import structlog
from django.utils import timezone

from apps.brokers.models import Account, Position
from apps.bus import bus
from apps.bus.domain.message import MINUTE
from apps.bus.models import FactRow
from apps.notifications import services
from apps.notifications.domain.wording import WORDS, Context, word
from apps.recorder.models import Recorder
from apps.users.models import User

log = structlog.get_logger(__name__)

NAME: Final = "notifications"
NEAR: Final = 60  # facts of one turn stand so near each other
TOO_OLD_S: Final = 86_400  # a desk that was off for a week tells no old stories
KNOWN: Final = (
    15 * MINUTE
)  # a limit that was so near within so long is no news: its level goes to and fro
LEVELS: Final = ("safe", "warning", "danger", "locked")


@bus.subscriber(NAME, *WORDS)
def hear(row: FactRow) -> None:
    """Make notices of a fact for everybody whom it is about."""
    now = timezone.now()
    if (now - row.recorded_at).total_seconds() > TOO_OLD_S:
        return
    spared = _overtaken(row)
    try:
        context = context_of(row)
        told = word(row.name, [row.payload], context)
    except (
        Exception
    ):  # one fact that is not as its words expect must not silence all that come after it
        log.exception("notice.unworded", fact=row.key)
        return
    if told is None or _is_recorded(row) or _is_known(row):
        return
    for user in _whose(row):
        if user.pk in spared:
            continue
        services.notify(
            user=user, key=row.key, told=told, now=now, at=row.at, name=row.name,
            payload=row.payload, context=context,
        )  # fmt: skip


def _is_recorded(row: FactRow) -> bool:
    """Return whether a recorder tells the same of the same fill, with the broker's own fees: then it alone does."""
    strategy = row.payload.get("strategy")
    if row.name not in ("order.filled", "position.opened", "position.closed") or not strategy:
        return False
    recording = Recorder.objects.filter(strategy_id=strategy, is_recording=True)
    return recording.filter(account__account_id=int(row.payload["account"])).exists()


def _is_known(row: FactRow) -> bool:
    """Return whether a limit stood at this level or a worse one shortly before: then it only goes to and fro."""
    if row.name != "risk.level_changed":
        return False
    about = {name: row.payload[name] for name in ("account", "limit")}
    lately = FactRow.objects.filter(
        user_id=row.user_id, name=row.name, seq__lt=row.seq, at_ns__gt=row.at_ns - KNOWN
    ).values_list("payload", flat=True)
    worse = LEVELS[LEVELS.index(row.payload["level"]) :]
    same = [one for one in lately if about.items() <= one.items()]
    return any(one["level"] in worse or one["was"] in worse for one in same)


def _whose(row: FactRow) -> list[Any]:
    everybody = User.objects.filter(is_active=True)
    return list(everybody.filter(pk=row.user_id) if row.user_id else everybody)


def _overtaken(row: FactRow) -> set[int]:
    """Leave unsent what is back before anybody was told that it was lost; return whom that spares, the return too."""
    if row.name == "feed.changed" and row.payload.get("state") == "live":
        batch = "feed:lost"
    elif row.name == "connection.changed" and row.payload.get("state") == "ok":
        batch = f"connection:lost:{row.payload['connection']}"
    else:
        return set()
    return {
        user.pk
        for user in _whose(row)
        if services.suppress(user=user, batch=batch, reason=services.OVERTAKEN)
    }


def context_of(row: FactRow) -> Context:
    """Return what a fact does not say by itself."""
    if row.name == "feed.changed":
        return Context(was_lost=_was_lost(row))
    if row.name == "connection.changed":
        return Context(was_lost=_was_cut(row))
    if row.name == "user.signed_in":
        return Context(is_new_place=_is_new_place(row))
    if row.name == "recorder.gap":
        zones = User.objects.filter(pk=row.user_id).values_list("time_zone", flat=True)
        return Context(zone=str(zones.first() or ""))  # who is gone has none
    if row.name.startswith("recorder."):  # its account is the broker's, and it names that itself
        return Context()
    account = row.payload.get("account")
    if account is None or not str(account).isdigit():
        return Context()
    known = Account.objects.filter(pk=int(account), user_id=row.user_id).first()
    name = known.name if known else str(row.payload.get("account_name") or "")
    if row.name == "route.skipped":
        return _of_alert(row, name)
    if row.name not in ("order.filled", "position.closed"):
        return Context(account=name)
    beside = _beside(row)
    if row.name == "position.closed":
        fill = next((one for one in beside if one.name == "order.filled"), None)
        return Context(account=name, exit_role=str(fill.payload.get("role")) if fill else "")
    held = Position.objects.filter(
        account_id=int(account), contract=row.payload["contract"], closed_at__isnull=True,
        place=row.payload.get("strategy") or 0,
    ).first()  # fmt: skip
    buys = row.payload["side"] == "buy"
    return Context(
        account=name,
        opens=any(one.name == "position.opened" for one in beside),
        closes=any(one.name == "position.closed" for one in beside),
        adds=held is None or (held.sign > 0) == buys,
    )


def _of_alert(row: FactRow, account: str) -> Context:
    """Return which order alert was skipped; of a signal only the account."""
    key = f"signal.order_alert:{row.payload['signal']}"
    said = FactRow.objects.filter(key=key, user_id=row.user_id).first()
    if said is None:
        return Context(account=account)
    return Context(
        account=account, action=str(said.payload["action"]), symbol=str(said.payload["symbol"])
    )


def _beside(row: FactRow) -> list[FactRow]:
    """Return what was said of the same holding at the same instant, the nearest first."""
    names = ("order.filled", "position.opened", "position.closed")
    near = FactRow.objects.filter(
        user_id=row.user_id, name__in=names, at_ns=row.at_ns,
        seq__gt=row.seq - NEAR, seq__lt=row.seq + NEAR,
    ).exclude(seq=row.seq)  # fmt: skip
    same = ("account", "contract", "strategy")
    mine = [one for one in near if all(one.payload.get(k) == row.payload.get(k) for k in same)]
    return sorted(mine, key=lambda one: abs(one.seq - row.seq))


def _is_new_place(row: FactRow) -> bool:
    """Return whether he came in from elsewhere before, but never from this address."""
    before = FactRow.objects.filter(name=row.name, user_id=row.user_id, seq__lt=row.seq)
    address = row.payload.get("address")
    known = before.filter(payload__address=address).exists()
    return bool(address) and not known and before.exists()


def _was_cut(row: FactRow) -> bool:
    """Return whether a broker's connection stood otherwise than well just before."""
    of_it = FactRow.objects.filter(name=row.name, of=row.of, seq__lt=row.seq)
    before = of_it.order_by("-seq").first()
    cut = ("lost", "paused", "refused", "displaced")
    return before is not None and before.payload["state"] in cut


def _was_lost(row: FactRow) -> bool:
    """Return whether the feed of this contract was lost, and not back, before this."""
    before = FactRow.objects.filter(name=row.name, seq__lt=row.seq).order_by("-seq")[:200]
    for one in before:
        if one.payload.get("contract") != row.payload.get("contract"):
            continue
        state = one.payload.get("state")
        if state == "lost":
            return True
        if state in ("live", "stopped", "ended"):
            return False
    return False
