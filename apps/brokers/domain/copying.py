"""Copier, the stage after the router: one order alert into each account that it reaches, sized for each.

What an account holds is asked before anything is sent, so that an alert that was lost heals with the next one.
Exits always pass; entries are gated by the route of strategy and account: its mode, hours, pause and number.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, Final

from apps.brokers.domain.account import Account, BadAccount, Kind
from apps.brokers.domain.books import ON_ITS_WAY, Books
from apps.brokers.domain.facts import GroupListed, RouteSkipped
from apps.brokers.domain.groups import PAPER, found, group_for
from apps.brokers.domain.messages import ListGroup, PlaceOrder, RouteExit, RouteOrder
from apps.brokers.domain.order import Order, OrderStatus, OrderType, side_of
from apps.brokers.domain.routing import Mode, Route, Router, RouterState
from apps.brokers.domain.target import Stand, planned
from apps.bus.domain.message import SECOND, Message
from apps.bus.domain.stage import handles
from apps.marketdata.domain.contract import UnknownSymbol, root_of
from apps.signals.domain.messages import OrderAlertKept, OrderAlertRefused
from apps.signals.domain.posted import TakeOrderAlert
from apps.trades.domain.messages import CommandRefused

_TYPES: Final = {"": OrderType.MARKET} | {one.value: one for one in OrderType}
_TAKEN: Final = (OrderType.MARKET, OrderType.LIMIT, OrderType.STOP)
_REMEMBERED: Final = 10_000  # alerts; the sender's door knows its own repeats for a minute
_ASKED: Final = frozenset({*ON_ITS_WAY, OrderStatus.HELD})

Member = tuple[Account, Decimal]
Why = tuple[str, str]


class Copier:
    """Carries out order alerts. It reads the books and never writes them: what it wants, it says."""

    def __init__(self, state: RouterState, router: Router, books: Books) -> None:
        """Take over the groups and what was sent; the router, which hears everything first, and books are read."""
        self.groups = {one.id: one for one in state.groups}
        self._sent = set(state.sent)
        self._taken: dict[str, None] = {}
        self._router, self._books = router, books

    @handles(ListGroup)
    def list_group(self, wish: ListGroup) -> Iterator[Message]:
        """Take over which accounts a group's name means."""
        known = self.groups.get(wish.group)
        try:
            if known is not None and known.user != wish.user:
                raise BadAccount(f"group: {wish.group} is none of yours")
            if wish.config is None:
                self.groups.pop(wish.group, None)
            else:
                self.groups[wish.group] = group_for(wish.group, wish.user, wish.config)
        except BadAccount as problem:
            yield CommandRefused(
                at=self._router.at,
                user=wish.user,
                command=wish.id,
                reason="BAD_VALUE",
                detail=str(problem),
            )
            return
        yield GroupListed(at=self._router.at, user=wish.user, group=wish.group, wish=wish.id)

    @handles(TakeOrderAlert)
    def take(self, alert: TakeOrderAlert) -> Iterator[Message]:
        """Carry an alert out in each account that it reaches, once."""
        if alert.id in self._taken:
            return
        self._taken[alert.id] = None
        if len(self._taken) > _REMEMBERED:
            del self._taken[next(iter(self._taken))]
        at = max(self._router.at, self._books.at)
        members = self._reached(alert)
        why = _unusable(alert, at) or (members if isinstance(members, tuple) else None)
        said: dict[str, Any] = {
            "at": at, "user": alert.user, "alert": alert.id, "action": alert.action, "symbol": alert.symbol or "",
        }  # fmt: skip
        if why or isinstance(members, tuple):
            reason, detail = why or ("", "")
            yield OrderAlertRefused(reason=reason, detail=detail, **said)
            return
        yield OrderAlertKept(
            strategy=alert.strategy, accounts=tuple(one.id for one, _ in members), **said
        )
        for account, multiplier in members:
            if (alert.id, account.id) not in self._sent:
                self._sent.add((alert.id, account.id))
                yield from self._into(alert, account, multiplier, at)

    def _reached(self, alert: TakeOrderAlert) -> list[Member] | Why:
        """Return the sender's own accounts that an alert reaches, or why it reaches none."""
        said = alert.account_group or ""
        group, on_paper = found(self.groups.values(), alert.user, said)
        if group is not None:
            named: Iterable[tuple[int, Decimal]] = group.members
        elif not said or said.strip().lower() == PAPER:
            named = [
                (one.account, Decimal(1))
                for one in self._router.routes.values()
                if one.strategy == alert.strategy
            ]
        else:
            return (
                "NO_GROUP",
                f"account_group: you have no group {said[:50]!r}; make it in Settings",
            )
        mine = [
            (account, size)
            for id, size in named
            if (account := self._books.accounts.get(id)) is not None
            and account.user == alert.user
            and (account.kind is Kind.PAPER or not on_paper)
        ]
        if not mine:
            kind = "paper account" if on_paper else "account"
            if group:
                return (
                    "NO_ACCOUNT",
                    f"account_group: no {kind} of yours is in the group {group.name}",
                )
            cure = "give it one under Strategies, Routes, or name a group of accounts"
            return (
                "NO_ACCOUNT",
                f"account_group: this strategy has no route to {'a' if on_paper else 'an'} {kind}; {cure}",
            )
        return mine

    def _into(
        self, alert: TakeOrderAlert, account: Account, multiplier: Decimal, at: int
    ) -> Iterator[Message]:
        route = self._router.routes.get((alert.strategy, account.id))
        root = root_of(alert.symbol or "")
        traded = route.root if route and route.root else root
        roots = tuple(dict.fromkeys((traded, root)))
        usual = route.quantity if route else 1
        percent = _percent(alert, route)
        stand = self._stand(account.id, alert.strategy, roots)
        plan = planned(alert, stand, multiplier, usual, by_risk=percent is not None)
        if plan.why:
            yield _skipped(alert, account, at, plan.why)
            return
        kind = _TYPES[(alert.order_type or "").lower()]
        id, text = f"{alert.id}.{account.id}", alert.comment or alert.sender_strategy or ""
        closing = f"{id}-c"
        under_way = self._under_way(account.id, alert.strategy, roots)
        turns = stand.held * plan.side < 0
        firsts = [
            one.id
            for one in under_way
            if (turns if one.is_exit else plan.clears or one.id in self._books.unwanted)
        ]
        if plan.close or plan.clears:
            yield RouteExit(
                closing,
                alert.id,
                account.id,
                alert.strategy,
                roots,
                plan.close,
                at,
                plan.clears,
                text,
                plan.side,
            )
        if not plan.enter and not plan.by_risk:
            return
        if why := self._gated(route, at):
            yield _skipped(alert, account, at, why)
            return
        symbol = (
            self._router.fronts.get(traded, traded) if route and route.root else alert.symbol or ""
        )
        sign = plan.side
        place = PlaceOrder(
            id=id, user=alert.user, account=account.id, symbol=symbol, side=side_of(sign), type=kind,
            quantity=0 if plan.by_risk else abs(plan.enter), bracket=_bracket(alert),
            risk_percent=percent if plan.by_risk else None, most=_most(alert, stand, sign, multiplier),
            strategy=alert.strategy, signal=alert.id, snap=True, text=text[:200], **_prices(alert, kind),
        )  # fmt: skip
        # at a broker an entry that is taken back may still fill: the new one waits until that is over, as for an exit
        after = next((one for one in (closing, *firsts) if one in self._books.orders), "")
        yield RouteOrder(place, at, route is not None and route.mode is Mode.APPROVE, after)

    def _gated(self, route: Route | None, at: int) -> Why | None:
        if route is None:
            return (
                "NO_ROUTE",
                "the strategy has no mode in this account yet: say approve or automatic",
            )
        if route.mode is Mode.OBSERVE:
            return "OBSERVE", "the strategy is only observed in this account"
        place = (route.strategy, route.account)
        return self._router.gate.why_not(
            route.windows, route.cooldown_s, route.most_trades, place, at
        )

    def _stand(self, account: int, strategy: int, roots: tuple[str, ...]) -> Stand:
        """Return what a strategy holds here of an instrument, and what is on its way."""
        held = entries = exits = unwanted = 0
        for position in self._books.held_by(account):
            if position.strategy == strategy and position.instrument.root in roots:
                held += position.quantity
        for order in self._under_way(account, strategy, roots):
            left = order.side.sign * order.remaining
            if order.is_exit:
                exits += left
            elif order.id in self._books.unwanted:
                unwanted += left
            else:
                entries += left
        return Stand(held, entries, exits, unwanted)

    def _under_way(self, account: int, strategy: int, roots: tuple[str, ...]) -> list[Order]:
        return [
            one
            for one in self._books.orders_of(account)
            if one.strategy == strategy and not one.parent and one.status in _ASKED
            and root_of(one.contract) in roots
        ]  # fmt: skip


def _unusable(alert: TakeOrderAlert, at: int) -> Why | None:
    if alert.time is not None and at - alert.time >= alert.expires_s * SECOND:
        age = (at - alert.time) // SECOND
        return "EXPIRED", f"it is {age} s old; {alert.expires_s} s are allowed"
    kind = _TYPES.get((alert.order_type or "").lower())
    if kind not in _TAKEN:
        return "BAD_ORDER_TYPE", f"order_type: {alert.order_type!r} is none of market, limit, stop"
    prices = _prices(alert, kind)
    if None in prices.values():
        return "NO_PRICE", f"order_type: a {kind} order needs a price"
    try:
        root_of(alert.symbol or "")
    except UnknownSymbol as unknown:
        return "UNKNOWN_SYMBOL", f"symbol: {unknown}"
    return None


def _prices(alert: TakeOrderAlert, kind: OrderType) -> dict[str, Any]:
    price = alert.price
    if kind is OrderType.STOP:
        price = alert.stop_price if alert.stop_price is not None else alert.price
    text = None if price is None else f"{price:f}"
    return {
        OrderType.LIMIT: {"limit": text},
        OrderType.STOP: {"stop": text},
    }.get(kind, {})


def _bracket(alert: TakeOrderAlert) -> dict[str, Any] | None:
    made: dict[str, Any] = {}
    if alert.stop_loss is not None:
        made["stop"] = f"{alert.stop_loss:f}"
    if alert.take_profit is not None:
        made["targets"] = [{"price": f"{alert.take_profit:f}"}]
    return made or None


def _percent(alert: TakeOrderAlert, route: Route | None) -> str | None:
    if alert.risk_percent is not None:
        return f"{alert.risk_percent:f}"
    if alert.quantity is None and alert.market_position_size is None and route is not None:
        return route.risk_percent
    return None


def _most(alert: TakeOrderAlert, stand: Stand, sign: int, multiplier: Decimal) -> int:
    if alert.max_position_size is None:
        return 0
    along = stand.expected * (1 if sign > 0 else -1)
    return max(1, int(alert.max_position_size * multiplier) - max(0, along))


def _skipped(alert: TakeOrderAlert, account: Account, at: int, why: Why) -> RouteSkipped:
    return RouteSkipped(
        at=at, user=alert.user, account=account.id, signal=alert.id,
        strategy=alert.strategy, reason=why[0], detail=why[1],
    )  # fmt: skip
