"""Reconciling: each minute, after each reconnect, and every few seconds from the rows that are mirrored anyway.

A difference that is seen opens a row; one that has stood for some seconds is told, a position without a working stop as an
alarm, each once until it is gone. What to do about it is a person's one click (`repairs.py`).
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import Q, Sum
from django.utils import timezone

from apps.brokers import cash, dispatches, reports
from apps.brokers.domain.abroad import line_of
from apps.brokers.domain.brokervenue import NOT_AT_BROKER
from apps.brokers.domain.comparing import Differs, Found, compare, undecided
from apps.brokers.domain.live_facts import PositionUnprotected, ReconcileAgrees, ReconcileDiffers
from apps.brokers.domain.messages import ReportBroker
from apps.brokers.domain.seen import PositionSeen
from apps.brokers.models import (
    AbroadLine,
    Account,
    BrokerAccount,
    BrokerOrder,
    BrokerPosition,
    Difference,
    Dispatch,
    Position,
)
from apps.brokers.models.remote import AT_WORK
from apps.brokers.seen_rows import order_seen
from apps.bus import bus
from apps.bus.domain.message import to_instant

OWED: Final = timedelta(minutes=2)  # a fill that is not told by then: two polls are less apart
GRACE: Final = {
    Differs.UNPROTECTED: timedelta(seconds=5),
    Differs.POSITION: timedelta(seconds=10),
    Differs.ORPHAN: timedelta(seconds=10),
    Differs.MISSING: timedelta(seconds=10),
    Differs.UNDECIDED: timedelta(0),
    Differs.CASH: timedelta(seconds=10),
}


def reconcile(account: BrokerAccount, now: datetime | None = None) -> list[Difference]:
    """Compare an adopted account with its broker and return what differs at this moment."""
    desk = account.account
    if desk is None:
        return []
    reports.sweep(account)
    now = now or timezone.now()
    money = cash.compared(account)
    found = {(one.kind.value, one.subject): one for one in _differences(account, desk, money)}
    with transaction.atomic():
        known = {
            (row.kind, row.subject): row
            for row in Difference.objects.select_for_update(no_key=True).filter(
                account=desk, gone_at__isnull=True
            )
        }
        for name, row in list(known.items()):
            if name not in found:
                if money.can_tell or row.kind != Differs.CASH or row.told_at is None:
                    _end(row, now)
            elif row.kind == Differs.CASH and cash.has_moved(row, found[name]):
                Difference.objects.filter(pk=known.pop(name).pk).update(gone_at=now)
        rows = [_keep(desk, known.get(name), one, now) for name, one in found.items()]
    for row in rows:
        if "owed" in row.detail and now - row.seen_at > OWED:
            let_go(desk, row, "gateway")
    return rows


def let_go(desk: Account, difference: Difference, source: str) -> None:
    """Have the engine wait no longer for an order that the broker does not have; a fill that it tells later still counts."""
    said = ReportBroker(
        account=desk.pk, what="order", at=0, tag=difference.subject, status="cancelled",
        reason=NOT_AT_BROKER,
    )  # fmt: skip
    bus.submit(said, user=desk.user_id, source=source, key=f"forget:{difference.pk}")


def reconcile_all(now: datetime | None = None) -> int:
    """Reconcile every adopted account and return how many differences stand."""
    adopted = BrokerAccount.objects.filter(account__isnull=False).select_related("account")
    return sum(len(reconcile(account, now)) for account in adopted)


def differences(account: BrokerAccount) -> list[Found]:
    """Return where the rows of the desk and those that mirror the broker differ, and what nobody can tell."""
    desk = account.account
    return [] if desk is None else _differences(account, desk, cash.compared(account))


def _differences(account: BrokerAccount, desk: Account, money: cash.Compared) -> list[Found]:
    sizes = (
        Position.objects.filter(account=desk, closed_at__isnull=True)
        .values("contract", "sign")
        .annotate(total=Sum("size"))
    )
    held: dict[str, int] = {}
    for one in sizes:
        held[one["contract"]] = held.get(one["contract"], 0) + one["sign"] * one["total"]
    lines = [line_of(row.plain) for row in AbroadLine.objects.filter(account=desk)]
    at_work = BrokerOrder.objects.filter(account=account, status__in=AT_WORK)
    positions = BrokerPosition.objects.filter(account=account)
    found = compare(
        held, lines, [order_seen(row, account.remote) for row in at_work],
        [PositionSeen(account.remote, row.contract, row.net, row.at_ns, row.price) for row in positions],
    )  # fmt: skip
    balances = [] if money.found is None else [money.found]
    return [*found, *(_undecided(row) for row in dispatches.undecided(desk)), *balances]


def _undecided(row: Dispatch) -> Found:
    asked = row.payload
    what = f"{asked['side']} {asked['quantity']} {str(asked['type']).replace('_', ' ')}"
    alike = [one.remote for one in dispatches.look_alikes(row)]
    return undecided(row.tag, row.contract, what, alike)


def end_all(desk: Account, now: datetime) -> None:
    """End every difference of an account that is compared with no broker any more."""
    for row in open_differences([desk]):
        _end(row, now)


def _end(row: Difference, now: datetime) -> None:
    row.gone_at = now
    row.save(update_fields=["gone_at"])
    if row.told_at is not None:
        bus.publish(ReconcileAgrees(**_told(row, now)))


def differs_in(account: Account, contract: str) -> Difference | None:
    """Return what is known to differ in what an account holds, or may hold, of a contract; None: nothing."""
    told = Difference.objects.filter(account=account, gone_at__isnull=True, told_at__isnull=False)
    position = Q(kind=Differs.POSITION, subject=contract)
    return told.filter(position | Q(kind=Differs.UNDECIDED, detail__contract=contract)).first()


def open_differences(accounts: Iterable[Any]) -> list[Difference]:
    """Return what stands now of these accounts, what is told first."""
    rows = Difference.objects.filter(account__in=list(accounts), gone_at__isnull=True)
    return list(rows.select_related("account").order_by("told_at", "id"))


def _keep(desk: Any, row: Difference | None, found: Found, now: datetime) -> Difference:
    if row is None:
        row = Difference(
            user_id=desk.user_id, account=desk, kind=found.kind, subject=found.subject, seen_at=now
        )
    if "owed" in found.detail and "owed" not in row.detail:
        row.seen_at = now  # it was missing before: what it is owed is waited for from now on
    told = row.detail.get("told")
    row.words, row.detail = found.words[:300], found.detail
    is_news = row.told_at is None and now - row.seen_at >= GRACE[found.kind]
    if is_news:
        row.told_at, told = now, found.detail.get("amount")
    if told is not None:
        row.detail = row.detail | {"told": told}
    row.save()
    if is_news:
        alarm = found.kind is Differs.UNPROTECTED
        fact = PositionUnprotected if alarm else ReconcileDiffers
        bus.publish(fact(**_told(row, now)))
    return row


def _told(row: Difference, now: datetime) -> dict[str, Any]:
    return {
        "at": to_instant(now), "user": row.user_id, "account": row.account_id,
        "called": row.account.name, "difference": row.pk, "kind": row.kind,
        "subject": row.subject, "words": row.words,
    }  # fmt: skip
