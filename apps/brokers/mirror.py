"""Our own rows of what brokers say: kept for ever, because a broker forgets its day.

    taken = take_in(connection, rows_of_a_stream, "stream")
    taken = take_in(connection, snapshot, "poll")     # whole: so what is missing from it says something too

Taking rows in again changes nothing and says nothing. Rows, and the facts of what is new, are one transaction.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from django.db import transaction
from django.utils import timezone

from apps.brokers.domain.merging import cash_after, fill_after, order_after, position_after
from apps.brokers.domain.order import TimeInForce
from apps.brokers.domain.seen import (
    AccountSeen,
    BrokerStatus,
    CashSeen,
    FillSeen,
    OrderSeen,
    PositionSeen,
    Seen,
    Snapshot,
)
from apps.brokers.domain.told import BrokerAccountChanged, BrokerFillSeen, BrokerOrderSeen
from apps.brokers.models.remote import (
    AT_WORK,
    BrokerAccount,
    BrokerFill,
    BrokerOrder,
    BrokerPosition,
    Connection,
)
from apps.brokers.seen_rows import (
    fill_fields,
    fill_of,
    fitted,
    order_fields,
    order_of,
    position_of,
)
from apps.bus.bus import record_facts, tell
from apps.bus.domain.message import MINUTE, Fact, to_instant
from apps.marketdata.domain.calendar import trade_date

S = TypeVar("S", OrderSeen, FillSeen, PositionSeen)
BY_FILE = "csv:"  # begins the source of a fill that was imported
LONG_AGO = datetime.min.replace(tzinfo=UTC)
CHUNK = 500  # names in one query
VANISHED = MINUTE  # a row told so shortly before a snapshot may have come while it was read


@dataclass(slots=True)
class Taken:
    """What was new in rows that were taken in: those that were kept for the first time, or changed.

    unknown: rows of accounts that this connection does not list
    """

    accounts: list[BrokerAccount] = field(default_factory=list)
    orders: list[BrokerOrder] = field(default_factory=list)
    fills: list[BrokerFill] = field(default_factory=list)
    positions: list[BrokerPosition] = field(default_factory=list)
    unknown: int = 0
    facts: int = 0

    def __bool__(self) -> bool:
        return bool(self.accounts or self.orders or self.fills or self.positions)


def take_in(
    connection: Connection,
    seen: Snapshot | Iterable[Seen],
    source: str,
    read_at: datetime | None = None,
) -> Taken:
    """Keep what a broker says, and say what is new of it.

    source:  where it was heard, `stream` or `poll` or a file; kept with fills
    read_at: none of it was told before this moment; now, if nothing is said
    """
    read_at = read_at or timezone.now()
    snapshot = seen if isinstance(seen, Snapshot) else None
    told: Iterable[Seen] = seen.all if isinstance(seen, Snapshot) else seen
    rows = [fitted(row) for row in told]
    taken = Taken()
    facts: list[Fact] = []
    if not rows and snapshot is None:
        return taken
    with transaction.atomic():
        # one at a time for a connection: its stream and its poll may run in two processes
        Connection.objects.select_for_update(no_key=True).filter(pk=connection.pk).first()
        desk = _Desk(connection, source, taken, facts)
        desk.accounts([row for row in rows if isinstance(row, AccountSeen)], snapshot)
        desk.cash([row for row in rows if isinstance(row, CashSeen)], read_at)
        desk.orders([row for row in rows if isinstance(row, OrderSeen)], snapshot)
        desk.fills([row for row in rows if isinstance(row, FillSeen)])
        desk.positions([row for row in rows if isinstance(row, PositionSeen)], snapshot)
        kept = record_facts(facts)
        taken.facts = len(kept)
        transaction.on_commit(lambda: tell(kept))
    return taken


def unlisted(connection: Connection, told: Iterable[Seen]) -> list[OrderSeen]:
    """Return the orders at work, as we have them, that are not among these rows: what a broker lists is not all it has.

    One that outlived its session and ended while nobody listened is never told of again; it has to be asked for.
    """
    listed = {(row.account, row.remote) for row in told if isinstance(row, OrderSeen)}
    rows = BrokerOrder.objects.filter(account__connection=connection, status__in=AT_WORK)
    known = [order_of(row) for row in rows.select_related("account")]
    return [one for one in known if one and (one.account, one.remote) not in listed]


class _Desk:
    """One taking-in, inside its transaction."""

    def __init__(
        self, connection: Connection, source: str, taken: Taken, facts: list[Fact]
    ) -> None:
        self._connection = connection
        self._source = source
        self._taken = taken
        self._facts = facts
        self._user = connection.user_id
        self._accounts = {
            row.remote: row for row in BrokerAccount.objects.filter(connection=connection)
        }

    def accounts(self, told: Sequence[AccountSeen], snapshot: Snapshot | None) -> None:
        """Keep accounts; one that a whole snapshot does not list is closed at the firm."""
        for row in told:
            known = self._accounts.get(row.remote)
            if known is None:
                made = BrokerAccount.objects.create(
                    user_id=self._user,
                    connection=self._connection,
                    remote=row.remote,
                    name=row.name,
                    is_open=row.is_open,
                    is_live=row.is_live,
                )
                self._accounts[row.remote] = made
                self._say_account(made, is_new=True)
            elif (known.name, known.is_open, known.is_live) != (row.name, row.is_open, row.is_live):
                self._change_account(known, row)
        if snapshot is not None and told:
            listed = {row.remote for row in told}
            for remote, known in self._accounts.items():
                if remote not in listed and known.is_open:
                    gone = AccountSeen(remote, known.name, is_open=False, is_live=known.is_live)
                    self._change_account(known, gone)

    def _change_account(self, known: BrokerAccount, told: AccountSeen) -> None:
        is_news = told.is_open != known.is_open
        known.name, known.is_open, known.is_live = told.name, told.is_open, told.is_live
        known.version += is_news
        known.save(update_fields=["name", "is_open", "is_live", "version"])
        if is_news:
            self._say_account(known)
        else:
            self._taken.accounts.append(known)

    def _say_account(self, account: BrokerAccount, *, is_new: bool = False) -> None:
        self._taken.accounts.append(account)
        self._facts.append(
            BrokerAccountChanged(
                at=to_instant(timezone.now()),
                user=self._user,
                account=account.pk,
                called=str(account),
                is_open=account.is_open,
                is_new=is_new,
                version=account.version,
            )
        )

    def cash(self, told: Sequence[CashSeen], read_at: datetime) -> None:
        """Keep the newest money of each account, and since when it is known that it is no older."""
        for row in told:
            account = self._accounts.get(row.account)
            if account is None:
                self._taken.unknown += 1
                continue
            now, is_newest = row, row.at >= account.cash_at
            if account.balance is not None and account.realized is not None:
                known = CashSeen(row.account, account.balance, account.cash_at, account.realized)
                now = cash_after(known, row)
            wanted = (now.balance, now.realized, now.at)
            if (account.balance, account.realized, account.cash_at) != wanted:
                account.balance, account.realized, account.cash_at = wanted
                account.save(update_fields=["balance", "realized", "cash_at"])
                self._taken.accounts.append(account)
            if is_newest and read_at > (account.cash_read_at or LONG_AGO):
                account.cash_read_at = read_at
                account.save(update_fields=["cash_read_at"])

    def orders(self, told: Sequence[OrderSeen], snapshot: Snapshot | None) -> None:
        """Keep orders. A day order of a session that is over and is listed no more has expired."""
        rows = self._mine(told)
        known = self._known(BrokerOrder, rows)
        merged = _settled(rows, lambda key: order_of(known.get(key)), order_after)
        if snapshot is not None:
            merged |= self._expired(merged, known, snapshot)
        for key, now in merged.items():
            row = known.get(key)
            before = order_of(row)
            if before is not None and now.filled < before.filled:
                now = self._with_our_fills(before, now)
            if before == now:
                continue
            row = row or BrokerOrder(
                user_id=self._user, account=self._accounts[now.account], remote=now.remote
            )
            for name, value in order_fields(now).items():
                setattr(row, name, value)
            row.save()
            self._taken.orders.append(row)
            self._facts.append(
                BrokerOrderSeen(
                    at=now.at,
                    user=self._user,
                    account=row.account_id,
                    remote=now.remote,
                    tag=now.tag,
                    status=now.status,
                    filled=now.filled,
                    reason=now.reason,
                )
            )

    def _with_our_fills(self, before: OrderSeen, now: OrderSeen) -> OrderSeen:
        """Count the fills that we keep: in a new session a broker tells no more what was filled of an order before."""
        kept = BrokerFill.objects.filter(
            account=self._accounts[now.account], order=now.remote, is_active=True
        )
        filled = sum(kept.values_list("quantity", flat=True))
        return replace(now, filled=min(before.filled, max(now.filled, filled)))

    def _expired(
        self,
        merged: dict[tuple[str, str], OrderSeen],
        known: dict[tuple[str, str], BrokerOrder],
        snapshot: Snapshot,
    ) -> dict[tuple[str, str], OrderSeen]:
        today = trade_date(snapshot.at)
        gone = {}
        for row in BrokerOrder.objects.filter(
            account__connection=self._connection, status__in=AT_WORK, tif=TimeInForce.DAY
        ).select_related("account"):
            key = (row.account.remote, row.remote)
            if key not in merged and trade_date(row.at_ns) < today:
                known[key] = row
                before = order_of(row)
                assert before is not None
                gone[key] = replace(
                    before,
                    status=BrokerStatus.EXPIRED,
                    reason="its session is over and the broker lists it no more",
                )
        return gone

    def fills(self, told: Sequence[FillSeen]) -> None:
        """Keep fills for ever; of one that is known, only its fees and whether it counts can change."""
        rows = self._mine(told)
        known = self._known(BrokerFill, rows)
        merged = _settled(rows, lambda key: fill_of(known.get(key)), fill_after)
        fresh: list[BrokerFill] = []
        for key, now in merged.items():
            row = known.get(key)
            by_file = row is not None and row.source.startswith(BY_FILE)
            if fill_of(row) == now and not by_file:
                continue
            if row is None:
                row = BrokerFill(
                    user_id=self._user,
                    account=self._accounts[now.account],
                    remote=now.remote,
                    source=self._source,
                )
                fresh.append(row)
            else:
                row.version += 1
                if (
                    by_file
                ):  # what only a file told, the broker has told now: undoing the file leaves it
                    row.source = self._source
            for name, value in fill_fields(now).items():
                setattr(row, name, value)
            if row.pk:
                row.save()
            self._taken.fills.append(row)
        BrokerFill.objects.bulk_create(fresh)
        for row in self._taken.fills:
            self._facts.append(
                BrokerFillSeen(
                    at=row.at_ns,
                    user=self._user,
                    account=row.account_id,
                    fill=row.pk,
                    remote=row.remote,
                    contract=row.contract,
                    side=row.side,
                    quantity=row.quantity,
                    price=row.price,
                    trade_date=row.trade_date,
                    is_active=row.is_active,
                    version=row.version,
                )
            )

    def positions(self, told: Sequence[PositionSeen], snapshot: Snapshot | None) -> None:
        """Keep what is held; what a whole snapshot does not list is not held any more."""
        rows = self._mine(told)
        known = {
            (row.account.remote, row.contract): row
            for row in BrokerPosition.objects.filter(
                account__connection=self._connection
            ).select_related("account")
        }
        merged = _settled(rows, lambda key: position_of(known.get(key)), position_after)
        if snapshot is not None:
            for key, row in known.items():
                if key not in merged and row.net and row.at_ns < snapshot.at - VANISHED:
                    merged[key] = PositionSeen(key[0], key[1], 0, snapshot.at)
        for key, now in merged.items():
            row = known.get(key)
            if position_of(row) == now:
                continue
            row = row or BrokerPosition(
                user_id=self._user, account=self._accounts[now.account], contract=now.contract
            )
            row.net, row.price, row.at_ns = now.net, now.price, now.at
            row.save()
            self._taken.positions.append(row)

    def _mine(self, told: Sequence[S]) -> list[S]:
        """Return the rows of accounts that are known, and count the others."""
        mine = [row for row in told if row.account in self._accounts]
        self._taken.unknown += len(told) - len(mine)
        return mine

    def _known(
        self, model: Any, rows: Sequence[OrderSeen | FillSeen]
    ) -> dict[tuple[str, str], Any]:
        names = sorted({row.remote for row in rows})
        return {
            (row.account.remote, row.remote): row
            for start in range(0, len(names), CHUNK)
            for row in model.objects.filter(
                account__connection=self._connection, remote__in=names[start : start + CHUNK]
            ).select_related("account")
        }


def _settled(
    rows: Sequence[S],
    known: Callable[[tuple[str, str]], S | None],
    after: Callable[[S, S], S],
) -> dict[tuple[str, str], S]:
    """Return what is known of each row once all of these are told."""
    merged: dict[tuple[str, str], S] = {}
    for row in rows:
        key = (row.account, row.contract if isinstance(row, PositionSeen) else row.remote)
        before = merged.get(key) or known(key)
        merged[key] = after(before, row) if before is not None else row
    return merged
