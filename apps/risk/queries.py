"""Reads for pages and API: where accounts stand under their rules, and what the rules would say of an order. User first."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from apps.brokers.domain.account import Kind
from apps.brokers.domain.messages import (
    OrderProposed,
    PlaceOrder,
)
from apps.brokers.domain.order import Order, Origin
from apps.brokers.domain.passage import SizeLimit, bars, size_limits
from apps.brokers.domain.ticket import BadOrder, Setting, orders_for
from apps.brokers.models import Account
from apps.brokers.queries import AccountView, account_views, lasts_of
from apps.marketdata import price
from apps.marketdata.domain.contract import UnknownSymbol, root_of
from apps.marketdata.domain.instrument import Instrument, instrument
from apps.marketdata.domain.session import day_bounds
from apps.marketdata.queries import calendar
from apps.risk import models
from apps.risk.domain.check import Verdict, check
from apps.risk.domain.line import Line, families, liquidation
from apps.risk.domain.standing import Standing, limits_of, standing_of
from apps.trades.services import Refused


def standings_of(accounts: Iterable[Account]) -> dict[int, Standing]:
    """Return where accounts stand, by their number; one that the engine has not met yet is missing."""
    rows = models.Standing.objects.filter(account__in=[one.pk for one in accounts])
    return {row.account_id: standing_of(row.plain) for row in rows}


def standing_in(account: Account) -> Standing:
    """Return where one account stands, a fresh standing where the engine has not met it yet."""
    return standings_of([account]).get(account.pk) or Standing(account.pk, account.user_id)


def lines_of(view: AccountView, standing: Standing) -> list[Line]:
    """Return the liquidation line of each family that an account holds something of."""
    booked = view.booked
    floors, lasts = limits_of(booked, standing), lasts_of(one.contract for one in booked.holdings)
    found = (liquidation(booked, floors, lasts, family) for family in families(booked))
    return [line for line in found if line is not None]


@dataclass(frozen=True, slots=True)
class Preview:
    """An order as it would be, and what the rules would say. `order` is what enters; None: it only closes.

    barred: code and sentence of what keeps it from leaving for a broker whatever the rules say; sizes: the limits there
    """

    order: Order | None
    legs: tuple[Order, ...]
    closes: int
    last: int
    instrument: Instrument
    verdict: Verdict | None
    barred: tuple[str, str] | None = None
    sizes: tuple[SizeLimit, ...] = ()

    @property
    def quantity(self) -> int:
        """Return how many contracts it is in all."""
        return self.closes + (self.order.quantity if self.order else 0)


def preview(
    user: Any, account: Account, asked: dict[str, Any], *, view: AccountView | None = None
) -> Preview:
    """Return what an order would be and what the rules would say, by the rows and prices of the moment.

    `asked` are the fields of `PlaceOrder`. The engine is not asked, and its own answer is the one that counts.

    Raises:  Refused  what the engine would refuse, with the field
    """
    if account.user_id != user.pk:
        raise Refused("NO_ACCOUNT", f"{account.pk} is none of yours", "account")
    view = view or account_views(user, [account])[0]
    wish = PlaceOrder(id="preview", user=user.pk, account=account.pk, **asked)
    now = _market(wish.symbol)
    product = instrument(root_of(now.contract))
    last, at = product.to_ticks(now.last), price.now()
    mine = [one for one in view.positions if one.row.contract == now.contract]
    held = next((one.position.quantity for one in mine if one.row.place == wish.strategy), 0)
    setting = Setting(now.contract, product, last, at, day_bounds(at)[1], account.balance, held)
    try:
        made = orders_for(wish, setting, Origin.PERSON)
    except BadOrder as problem:
        field, _, detail = str(problem).partition(": ")
        raise Refused(problem.code, detail or str(problem), field) from None
    closes = sum(order.quantity for order, _ in made if order.is_exit)
    entering = next(((order, legs) for order, legs in made if not order.is_exit), None)
    if entering is None:
        return Preview(None, (), closes, last, product, None)
    order, legs = entering
    entry = order.limit if order.limit is not None else order.stop
    said = OrderProposed(order, legs, last, last if entry is None else entry, wish.confirmed)
    lasts = lasts_of(one.contract for one in view.booked.holdings) | {now.contract: last}
    standing = standing_in(account)
    verdict = check(said, view.booked, standing, lasts, at, calendar=calendar())
    made_by_rules = Preview(order, legs, closes, last, product, verdict)
    if account.kind == Kind.PAPER:
        return made_by_rules
    # what the engine asks before it lets an entry leave, of the same books
    desk = view.books.accounts[account.pk]
    return replace(
        made_by_rules,
        barred=bars(desk, order, legs, view.books),
        sizes=size_limits(desk, order, view.books),
    )


def verdict(user: Any, account: Account, asked: dict[str, Any]) -> Verdict | None:
    """Return what the rules would say of an order, None where it only closes and no rule is asked.

    Raises:  Refused
    """
    return preview(user, account, asked).verdict


def _market(symbol: str) -> price.Price:
    try:
        now = price.price_now(symbol)
    except UnknownSymbol:
        now = None
    if now is None:
        raise Refused("NO_MARKET", f"{symbol!r} has no market data here", "symbol")
    return now
