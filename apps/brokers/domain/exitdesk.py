"""ExitDesk: the way out. What a trader, an alert, a rule or a lost stop wants closed is closed, and no rule is asked."""

from collections.abc import Iterator

from apps.brokers.domain.account import Account, Kind
from apps.brokers.domain.books import ON_ITS_WAY, Books
from apps.brokers.domain.cancelling import Canceller
from apps.brokers.domain.facts import FlattenAsked
from apps.brokers.domain.messages import (
    ClosePosition,
    EntriesForbidden,
    Flatten,
    FlattenRequested,
    PlaceOrder,
    RouteExit,
    Uncovered,
)
from apps.brokers.domain.order import OrderStatus, OrderType, Origin, side_of
from apps.brokers.domain.placing import Placing
from apps.brokers.domain.prices import Prices
from apps.brokers.domain.ticket import BadOrder, whole
from apps.bus.domain.message import Message
from apps.bus.domain.stage import handles
from apps.marketdata.domain.contract import root_of
from apps.marketdata.domain.instrument import Instrument
from apps.signals.domain.messages import SignalCancelled
from apps.trades.domain.messages import CommandRefused


class ExitDesk:
    """Takes entries back and closes what is held. Exits that wait stay: a flat place ends them by itself."""

    def __init__(self, books: Books, prices: Prices, placing: Placing) -> None:
        self._books, self._prices, self._placing = books, prices, placing
        self._canceller = Canceller(books)

    # ---- an account ----

    @handles(Flatten)
    def flatten(self, wish: Flatten) -> Iterator[Message]:
        """Close everything. No rule is asked, no hour is wrong."""
        mine = [one for one in self._books.accounts.values() if one.user == wish.user]
        chosen = [one for one in mine if wish.account in (0, one.id)]
        if not chosen:
            detail = f"account: {wish.account} is none of yours"
            yield self._books.refused(wish, "NO_ACCOUNT", detail)
        for account in chosen:
            reason = "KILL" if wish.is_kill else "BY_HAND"
            closes = account.kind is Kind.PAPER or not wish.is_late
            name = f"{wish.id}.{account.id}"
            yield from self._flatten(account, name, reason, Origin.PERSON, closes=closes)

    @handles(FlattenRequested)
    def flatten_by_rule(self, said: FlattenRequested) -> Iterator[Message]:
        """A rule wants an account flat."""
        account = self._books.accounts[said.account]
        wish = f"rule.{said.reason}.{account.id}.{said.at}"
        yield from self._flatten(account, wish, said.reason, Origin.RULE, said.at)

    @handles(EntriesForbidden)
    def forbid_entries(self, said: EntriesForbidden) -> Iterator[Message]:
        """Take back what could still make an account's exposure larger."""
        entries = self._canceller.entries(said.account)
        yield from self._canceller.take_back(entries, said.reason, said.at, at_once=True)

    def _flatten(
        self, account: Account, wish: str, reason: str, origin: Origin, at: int = 0, *,
        closes: bool = True,
    ) -> Iterator[Message]:  # fmt: skip
        yield from self._prices.ask_all(account)
        at = at or self._books.at
        entries = self._canceller.entries(account.id)
        held = self._books.held_by(account.id) if closes else []
        yield FlattenAsked(
            at=at, user=account.user, account=account.id, wish=wish, reason=reason,
            positions=len(held), orders=len(entries),
        )  # fmt: skip
        yield from self._canceller.take_back(entries, reason, at, at_once=True, closes=True)
        for position in self._books.held_by(account.id) if closes else ():
            yield from self._placing.exit(
                position, position.size, f"{wish}.{position.key}", origin, at, reason
            )

    # ---- a position ----

    @handles(ClosePosition)
    def close_position(self, wish: ClosePosition) -> Iterator[Message]:
        """Close a position, or part of it; turned round, the opposite one is an entry that the rules judge.

        Closed whole, what is still to come of its entries is taken back, and closed too if it is filled all the same.
        """
        account = self._books.own(wish, wish.account)
        if isinstance(account, CommandRefused):
            yield account
            return
        position = self._books.positions.get((account.id, wish.contract, wish.strategy))
        if position is None:
            detail = f"contract: {wish.contract} is not held here; it may be flat already"
            yield self._books.refused(wish, "FLAT", detail)
            return
        try:
            size = position.size if wish.quantity is None else whole("quantity", wish.quantity)
            if wish.reverse and wish.stop_points:
                _check_distance(position.instrument, wish.stop_points)
        except BadOrder as problem:
            yield self._books.refused(wish, problem.code, str(problem))
            return
        size = min(size, position.size)
        if wish.reverse and not wish.stop_points and account.kind is not Kind.PAPER:
            detail = "reverse: it would open without a stop, which no order to a broker does; close, then enter anew"
            yield self._books.refused(wish, "NO_STOP", detail)
            return
        side = side_of(position.quantity).opposite
        entries = self._canceller.entries_of(position) if size == position.size else []
        yield from self._placing.exit(
            position, size, wish.id, Origin.PERSON, self._books.at, "CLOSE"
        )
        yield from self._canceller.take_back(
            entries, "CLOSE", self._books.at, at_once=True, closes=True
        )
        if wish.reverse:
            opposite = PlaceOrder(
                id=f"{wish.id}-r", user=wish.user, account=account.id, symbol=wish.contract,
                side=side, type=OrderType.MARKET, quantity=size, strategy=wish.strategy,
                bracket={"stop_points": wish.stop_points} if wish.stop_points else None,
                confirmed=True,
            )  # fmt: skip
            yield from self._placing.place(opposite, self._books.at, Origin.PERSON, after=wish.id)

    @handles(Uncovered)
    def close_uncovered(self, said: Uncovered) -> Iterator[Message]:
        """Close what lost its stop at the broker: nothing is left naked."""
        position = self._books.positions.get((said.account, said.contract, said.strategy))
        if position is not None:
            size = min(said.quantity, position.size)
            yield from self._placing.exit(
                position, size, said.key, Origin.RULE, said.at, said.reason
            )

    # ---- a strategy's alert, a signal that is void ----

    @handles(RouteExit)
    def exit_routed(self, said: RouteExit) -> Iterator[Message]:
        """Close what an alert wants closed, oldest contract first; its own brackets end by themselves."""
        if said.clears:
            waiting = [
                one
                for one in self._canceller.entries(self._books.accounts[said.account].id)
                if one.strategy == said.strategy and root_of(one.contract) in said.roots
            ]
            for order in waiting:
                yield from self._canceller.take_back(
                    [order], "ALERT", said.at, at_once=True, closes=order.side.sign != said.then
                )
        left = said.quantity
        for position in self._books.held_by(said.account):
            if position.strategy == said.strategy and position.instrument.root in said.roots:
                size = min(left, position.size)
                id = said.id if left == said.quantity else f"{said.id}.{position.contract}"
                if size:
                    yield from self._placing.exit(
                        position, size, id, Origin.AUTOMATIC, max(said.at, self._books.at), "ALERT",
                        said.alert, said.text,
                    )  # fmt: skip
                left -= size

    @handles(SignalCancelled)
    def hear_signal_cancelled(self, said: SignalCancelled) -> Iterator[Message]:
        """What was sent for a signal that is void after all is taken back, what was filled is closed."""
        mine = [
            one
            for one in self._books.orders.values()
            if one.signal == said.signal and not one.parent
        ]
        for order in mine:
            if order.status is OrderStatus.HELD:
                at = max(said.at, order.at)
                yield from self._canceller.drop_held(
                    order, OrderStatus.CANCELLED, at, "SIGNAL_VOID"
                )
            elif order.status in ON_ITS_WAY:
                yield from self._canceller.take_back(
                    [order], "SIGNAL_VOID", self._books.at, at_once=True, closes=True
                )
        for position in [
            one for one in self._books.positions.values() if one.signal == said.signal
        ]:
            id = f"{said.signal}.{position.account}-void"
            yield from self._placing.exit(
                position, position.size, id, Origin.RULE, self._books.at, "SIGNAL_VOID"
            )


def _check_distance(product: Instrument, points: str) -> None:
    """Refuse what is no distance on the grid, before anything of the wish is done.

    Raises:  BadOrder
    """
    try:
        ticks = product.to_ticks(points)
    except ValueError as problem:
        raise BadOrder("stop_points", None, str(problem), "OFF_TICK") from None
    if ticks <= 0:
        raise BadOrder("stop_points", points, "must be more than 0")
