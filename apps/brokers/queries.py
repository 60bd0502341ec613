"""Reads for pages and API: accounts with their equity, positions against the price of the moment, orders. User first."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any, Final

from django.db.models import QuerySet

from apps.brokers.domain import position as domain
from apps.brokers.domain.account import Stake, day_margin
from apps.brokers.domain.books import ON_ITS_WAY, Books, LedgerState
from apps.brokers.domain.messages import (
    AccountBooked,
)
from apps.brokers.domain.order import OrderStatus, Role
from apps.brokers.models import (
    OPEN,
    Account,
    AccountDay,
    BrokerAccount,
    Connection,
    Difference,
    Fill,
    Order,
    Position,
)
from apps.brokers.store import to_account, to_order, to_position
from apps.marketdata import price
from apps.marketdata.domain.instrument import Instrument, instrument
from apps.marketdata.price import Price


def accounts(user: Any) -> QuerySet[Account]:
    """Return a trader's accounts, oldest first."""
    rows: QuerySet[Account] = Account.objects.of(user).select_related("live_switch")
    return rows


def let_out(user: Any) -> list[Account]:
    """Return a trader's dear accounts whose orders reach a broker at this moment: real money first, then firms'."""
    on = Account.objects.of(user).filter(is_open=True, live_switch__is_on=True).order_by("id")
    return dear_first(on)


def dear_first(rows: Iterable[Account]) -> list[Account]:
    """Return those of some accounts that are dear, real money first."""
    dear = [one for one in rows if one.stake.is_dear]
    return sorted(dear, key=lambda one: one.stake is not Stake.LIVE)


def account(user: Any, pk: int) -> Account | None:
    """Return one of a trader's accounts, None if he has no such one."""
    return accounts(user).filter(pk=pk).first()


def orders(user: Any) -> QuerySet[Order]:
    """Return a trader's orders, newest first."""
    rows: QuerySet[Order] = Order.objects.of(user).select_related("account", "strategy")
    return rows


def fills(user: Any) -> QuerySet[Fill]:
    """Return a trader's fills, newest first."""
    rows: QuerySet[Fill] = Fill.objects.of(user).select_related("account", "order")
    return rows


def positions(user: Any) -> QuerySet[Position]:
    """Return a trader's positions, newest first, open and closed."""
    rows: QuerySet[Position] = Position.objects.of(user).select_related("account", "strategy")
    return rows


def days(user: Any) -> QuerySet[AccountDay]:
    """Return the trading days of a trader's accounts, newest first."""
    rows: QuerySet[AccountDay] = AccountDay.objects.of(user)
    return rows


@dataclass(frozen=True)
class PositionView:
    """An open or closed position as a trader reads it. Prices on the grid, money in dollars, R exact."""

    row: Position
    now: Price | None
    orders: tuple[Order, ...] = ()

    @cached_property
    def position(self) -> domain.Position:
        """Return the position as the engine knows it."""
        return to_position(self.row)

    @property
    def instrument(self) -> Instrument:
        """Return what is held."""
        return instrument(self.row.root)

    @property
    def is_bullish(self) -> bool:
        """Return whether it gains when the price rises."""
        return self.row.sign > 0

    @property
    def entry(self) -> Decimal:
        """Return the average price of what is still open, of a closed one that of all entries; not rounded."""
        if self.row.size:
            return self.instrument.tick_size * abs(self.position.cost) / self.row.size
        return self.instrument.tick_size * self.row.entered_paid / self.row.entered

    @property
    def exit(self) -> Decimal | None:
        """Return the average price of the exits, None before the first."""
        if not self.row.exited:
            return None
        return self.instrument.tick_size * self.row.exited_paid / self.row.exited

    @property
    def last_ticks(self) -> int | None:
        """Return the last price in ticks, None where nothing is known."""
        return None if self.now is None else self.instrument.to_ticks(self.now.last)

    @property
    def unrealized(self) -> Decimal | None:
        """Return the open profit in dollars, before fees."""
        if self.last_ticks is None:
            return None
        open_ticks = self.position.quantity * self.last_ticks - self.position.cost
        return open_ticks * self.instrument.tick_value

    @property
    def points(self) -> Decimal | None:
        """Return how far the last price is in its favour, in points a contract."""
        if self.now is None or not self.row.size:
            return None
        return (self.now.last - self.entry) * self.row.sign

    @property
    def net(self) -> Decimal:
        """Return what it has realised, after fees."""
        return self.row.realized - self.row.fees

    @property
    def r_now(self) -> Fraction | None:
        """Return the position's R: (realised + open) / initial risk, before fees. None if it was entered without a stop.

        Every page and the API tell this one; it ends as the R of the closed position. What exits have realised counts,
        so after one it is not the R of the price, at which a ladder draws its pointer.
        """
        if not self.row.risk or (self.unrealized is None and self.row.size):
            return None
        return Fraction(self.row.realized + (self.unrealized or 0)) / Fraction(self.row.risk)

    @property
    def excursion(self) -> tuple[Decimal, Decimal]:
        """Return MFE and MAE in points from the average entry, as of the last look."""
        best, worst = self.position.excursion
        return self.instrument.points(best), self.instrument.points(worst)

    @property
    def protections(self) -> list[Order]:
        """Return the working orders that end it at a loss, or lock a gain."""
        return [one for one in self.orders if one.role == Role.STOP or "stop" in one.type]

    @property
    def targets(self) -> list[Order]:
        """Return the working orders that end it at a gain."""
        return [one for one in self.orders if one.role == Role.TARGET]

    @property
    def stop(self) -> Decimal | None:
        """Return the nearest stop, None if nothing protects it."""
        stops = [one.stop for one in self.protections if one.stop is not None]
        if not stops:
            return None
        nearest: Decimal = max(stops) if self.is_bullish else min(stops)
        return nearest

    @property
    def stop_away(self) -> Decimal | None:
        """Return the points between the last price and the nearest stop."""
        if self.stop is None or self.now is None:
            return None
        return (self.now.last - self.stop) * self.row.sign

    @property
    def uncovered(self) -> int:
        """Return how many contracts no stop protects."""
        covered = sum(one.quantity - one.filled for one in self.protections)
        return max(0, self.row.size - covered)


@dataclass(frozen=True)
class AccountView:
    """An account now. Equity is None where a held contract has no price."""

    row: Account
    positions: tuple[PositionView, ...]
    orders: tuple[Order, ...]

    @property
    def unrealized(self) -> Decimal | None:
        """Return the open profit of all positions, before fees."""
        each = [one.unrealized for one in self.positions]
        if None in each:
            return None
        return sum((one for one in each if one is not None), Decimal(0))

    @property
    def equity(self) -> Decimal | None:
        """Return the balance and the open profit."""
        return None if self.unrealized is None else self.row.balance + self.unrealized

    @property
    def net_today(self) -> Decimal:
        """Return what the trading day has realised, after fees."""
        return self.row.realized_today - self.row.fees_today

    @property
    def margin(self) -> Decimal:
        """Return what a broker would ask for what is held; shown, never enforced."""
        net: dict[str, int] = {}
        for one in self.positions:
            net[one.row.contract] = net.get(one.row.contract, 0) + one.position.quantity
        by_root = {one.row.contract: one.instrument for one in self.positions}
        return sum(
            (abs(size) * day_margin(by_root[name]) for name, size in net.items()), Decimal(0)
        )

    @property
    def working(self) -> list[Order]:
        """Return the orders that lie at the venue or are on their way there."""
        return [one for one in self.orders if one.status in ON_ITS_WAY]

    @property
    def held(self) -> list[Order]:
        """Return the orders that wait for a person's yes."""
        return [one for one in self.orders if one.status == OrderStatus.HELD]

    @cached_property
    def books(self) -> Books:
        """Return the account's books as the engine has them, for a check before anything is sent."""
        state = LedgerState(
            [to_account(self.row)],
            [to_order(one) for one in self.orders],
            [one.position for one in self.positions],
        )
        return Books(state)

    @cached_property
    def booked(self) -> AccountBooked:
        """Return the account as the engine's risk guard sees it."""
        return self.books.booked(self.books.accounts[self.row.pk], price.now())


def account_views(user: Any, rows: Iterable[Account] | None = None) -> list[AccountView]:
    """Return a trader's accounts with everything that is open in them, in three queries."""
    found = list(accounts(user).filter(is_open=True) if rows is None else rows)
    ids = [one.pk for one in found]
    open_orders = list(orders(user).filter(account__in=ids, status__in=OPEN).order_by("id"))
    held = list(positions(user).filter(account__in=ids, closed_at__isnull=True).order_by("id"))
    prices = prices_of(one.contract for one in held)
    return [
        AccountView(
            row,
            tuple(
                PositionView(one, prices.get(one.contract), exits_of(one, open_orders))
                for one in held
                if one.account_id == row.pk
            ),
            tuple(one for one in open_orders if one.account_id == row.pk),
        )
        for row in found
    ]


def exits_of(position: Position, open_orders: Iterable[Order]) -> tuple[Order, ...]:
    """Return the open orders that make a position smaller."""
    return tuple(
        one
        for one in open_orders
        if one.account_id == position.account_id
        and one.contract == position.contract
        and one.place == position.place
        and one.role != Role.ENTRY
        and one.status in ON_ITS_WAY
    )


def prices_of(contracts: Iterable[str]) -> dict[str, Price]:
    """Return the newest price of each contract that has one."""
    found = {contract: price.price_of(contract) for contract in set(contracts)}
    return {contract: now for contract, now in found.items() if now is not None}


def lasts_of(contracts: Iterable[str]) -> dict[str, int]:
    """Return the newest price of each contract in ticks."""
    return {
        contract: instrument(now.reading["symbol"]).to_ticks(now.last)
        for contract, now in prices_of(contracts).items()
    }


# ---- logins at brokers ----

FILE: Final = "file"  # the broker of accounts that no login reads: their fills come from files only


def connections(user: Any) -> QuerySet[Connection]:
    """Return a trader's logins at brokers."""
    rows: QuerySet[Connection] = Connection.objects.of(user).filter(is_removed=False)
    return rows.exclude(broker=FILE)


def connection_of(user: Any, pk: int) -> Connection | None:
    """Return one of a trader's logins."""
    found: Connection | None = connections(user).filter(pk=pk).first()
    return found


def broker_accounts(user: Any) -> QuerySet[BrokerAccount]:
    """Return the accounts that a trader's logins see."""
    rows: QuerySet[BrokerAccount] = BrokerAccount.objects.of(user)
    rows = rows.filter(connection__is_removed=False).exclude(connection__broker=FILE)
    return rows.select_related("connection", "account")


def differences(user: Any, *, gone: bool = False) -> QuerySet[Difference]:
    """Return where a trader's accounts and his brokers disagree now; with `gone` all that ever did, told or not."""
    rows: QuerySet[Difference] = Difference.objects.of(user).select_related("account")
    return rows if gone else rows.filter(gone_at__isnull=True, told_at__isnull=False)
