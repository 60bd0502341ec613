"""What a recorder's owner has to look at: fills that wait for his decision, and sizes that are not the broker's.

Looked for once a minute, after settling. Neither is told twice: fills once per account and day, a size once until it agrees.
"""

from collections import Counter
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Case, F, IntegerField, Max, Q, QuerySet, Sum, When

from apps.brokers.models import BrokerAccount, BrokerFill, BrokerPosition
from apps.bus import bus
from apps.bus.domain.message import MINUTE, to_datetime, to_instant
from apps.bus.models import FactRow
from apps.marketdata.queries import calendar
from apps.recorder.domain.completeness import QUIET_POLL
from apps.recorder.domain.seen import product_of
from apps.recorder.domain.terms import Reason
from apps.recorder.domain.warnings import FillsUndecided, RecordedDiffers
from apps.recorder.models import (
    Opening,
    RecordedFill,
    RecordedPosition,
    RecordingSpan,
    SizeDifference,
)
from apps.signals.models import Strategy


def look(now: int) -> int:
    """Look at every account that was ever recorded, at an instant (ns UTC, the wall clock's); return how much was told."""
    ids = RecordingSpan.objects.values("account")
    told = 0
    for account in BrokerAccount.objects.filter(pk__in=ids).select_related("connection"):
        if account.connection.is_removed:
            continue
        told += tell_undecided(account, now)
        if _is_read(account, now):
            told += compare(account, now)
    return told


# ---- fills to settle ----


def tell_undecided(account: BrokerAccount, now: int) -> bool:
    """Tell that fills of an account wait for a decision, if some wait that were not told of yet and today none were."""
    waiting = RecordedFill.objects.filter(fill__account=account, reason=Reason.AMBIGUOUS)
    newest = waiting.aggregate(newest=Max("fill_id"))["newest"]
    if newest is None:
        return False
    before = FactRow.objects.filter(
        user_id=account.user_id, name=FillsUndecided.name, of=str(account.pk)
    )
    last = before.order_by("-seq").first()
    if last is not None and newest <= int(last.payload["newest"]):
        return False
    shares = list(waiting.values_list("candidates", flat=True))  # each a row of the page
    of = Counter(pk for candidates in shares for pk in candidates)
    names = dict(Strategy.objects.filter(pk__in=of).order_by("pk").values_list("pk", "name"))
    strategy = next((pk for pk, _many in of.most_common() if pk in names), None)
    if strategy is None:
        return False
    fact = FillsUndecided(
        at=now, user=account.user_id, account=account.pk, account_name=str(account),
        trade_date=calendar().trade_date(now), fills=len(shares), strategy=strategy,
        names=tuple(names.values()), newest=newest,
    )  # fmt: skip
    if before.filter(key=fact.key).exists():
        return False
    bus.publish(fact)
    return True


# ---- what is recorded against what is held ----


def _is_read(account: BrokerAccount, now: int) -> bool:
    """Return whether the broker is being read: what it held an hour ago proves nothing of what is recorded now."""
    polled: datetime | None = account.connection.polled_at
    is_fresh = polled is not None and to_instant(polled) >= now - QUIET_POLL
    return bool(is_fresh and account.is_open and account.connection.is_on)


def compare(account: BrokerAccount, now: int) -> int:
    """Compare each contract's recorded size with the broker's; tell of those that differ alike for longer than a minute."""
    sign = F("sign") * F("size")
    held = _open(account).values_list("contract").order_by().annotate(net=Sum(sign))
    ours = {str(contract): int(net) for contract, net in held}
    theirs = dict(
        BrokerPosition.objects.filter(account=account).exclude(net=0).values_list("contract", "net")
    )
    known = {row.contract: row for row in SizeDifference.objects.filter(account=account)}
    told = 0
    for contract in sorted(ours.keys() | theirs.keys() | known.keys()):
        sizes = ours.get(contract, 0), theirs.get(contract, 0)
        if sizes[0] == sizes[1] or _is_explained(account, contract, *sizes):
            if contract in known:
                known[contract].delete()
            continue
        row = known.get(contract) or SizeDifference(
            account=account, contract=contract, since_ns=now
        )
        told += _note(row, *sizes, now)
    return told


def _note(row: SizeDifference, recorded: int, at_broker: int, now: int) -> bool:
    """Keep how much a size differs, and tell it once it has stayed so; fills on their way make it differ for moments."""
    is_known = row.pk is not None
    if is_known and row.told_at is None and row.at_broker - row.recorded != at_broker - recorded:
        row.since_ns = now
    row.recorded, row.at_broker = recorded, at_broker
    with transaction.atomic():
        fact = None
        if row.told_at is None and now - row.since_ns >= MINUTE:
            fact = _fact(row, now)
            row.told_at = to_datetime(now) if fact else None
        row.save()
        if fact is not None:
            bus.publish(fact)
    return fact is not None


def _fact(row: SizeDifference, now: int) -> RecordedDiffers | None:
    """Return what is told, of the strategy that holds most, else of one that records this product there."""
    account = row.account
    mine = _open(account).filter(contract=row.contract).order_by("-size", "-opened_ns")
    strategy = Strategy.objects.filter(pk__in=mine.values("strategy")[:1]).first()
    if strategy is None:
        span = _spans(account, row.contract).order_by("-started_ns").first()
        strategy = span.recorder.strategy if span else None
    if strategy is None:
        return None
    return RecordedDiffers(
        at=now, user=account.user_id, account=account.pk, account_name=str(account),
        contract=row.contract, recorded=row.recorded, at_broker=row.at_broker,
        strategy=strategy.pk, strategy_name=strategy.name, since=row.since_ns,
    )  # fmt: skip


def _is_explained(account: BrokerAccount, contract: str, ours: int, theirs: int) -> bool:
    """Return whether the rest is what the trader holds by his own hand beside, or nothing that was ever recorded.

    What no strategy holds explains a rest on the same side only: against a strategy's contracts it has closed them.
    """
    fills = BrokerFill.objects.filter(account=account, contract=contract, is_active=True)
    if not ours and not (_spans(account, contract).exists() and fills.exists()):
        return True
    rest = theirs - ours
    of_nobody = _of_nobody(account, contract) + _held_before(account, contract)
    return rest == of_nobody and rest * ours >= 0


def _of_nobody(account: BrokerAccount, contract: str) -> int:
    """Return the signed contracts of all shares of fills that are no strategy's; where nobody holds any they come to 0."""
    shares = RecordedFill.objects.filter(
        fill__account=account, fill__contract=contract, fill__is_active=True, strategy=None
    )
    return _net(shares, "fill__side")


def _held_before(account: BrokerAccount, contract: str) -> int:
    """Return the signed contracts that were held before the desk knew the account and that no fill tells of, as matching takes them."""
    opening = Opening.objects.filter(account=account, contract=contract, is_settled=True).first()
    if opening is None or not opening.net:
        return 0
    told = BrokerFill.objects.filter(
        account=account, contract=contract, is_active=True, at_ns__lt=opening.at_ns
    )
    missing = int(opening.net) - _net(told, "side")
    return missing if missing * opening.net > 0 else 0


def _net(rows: QuerySet[Any], side: str) -> int:
    signed: Any = Case(
        When(Q(**{side: "buy"}), then=F("quantity")), default=-F("quantity"),
        output_field=IntegerField(),
    )  # fmt: skip
    return int(rows.order_by().aggregate(net=Sum(signed))["net"] or 0)


def _open(account: BrokerAccount) -> QuerySet[RecordedPosition]:
    return RecordedPosition.objects.filter(account=account, closed_ns__isnull=True)


def _spans(account: BrokerAccount, contract: str) -> QuerySet[RecordingSpan]:
    root = product_of(contract)
    return RecordingSpan.objects.filter(account=account, root=root, stopped_ns__isnull=True)
