"""TradeBook, the third stage: a confirmed signal becomes a trade and waits at the prices that matter to it."""

from collections.abc import Generator, Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

from apps.bus.domain.message import MINUTE, Message
from apps.bus.domain.stage import handles
from apps.marketdata.domain.contract import UnknownSymbol, root_of
from apps.marketdata.domain.instrument import OffTick, UnknownInstrument, instrument
from apps.marketdata.domain.messages import (
    CandleOpened,
    CandleReached,
    CandlesClosed,
    ContractExpired,
    ContractListed,
    ExtremesMoved,
    GapOpened,
    Leaves,
    Look,
    PriceReached,
    Recall,
    Recalled,
    Resumed,
    Waits,
)
from apps.marketdata.domain.session import session_of
from apps.signals.domain.indicator import Direction
from apps.signals.domain.messages import EntryDue, EntryMade, EntryVoided
from apps.signals.domain.settings import BadSetting, settings_for
from apps.signals.domain.validation import make_trade_id, read_direction
from apps.trades.domain.messages import (
    BreakEvenArmed,
    BreakEvenHit,
    CloseTrade,
    CommandRefused,
    EnterTrade,
    MfeChanged,
    TargetHit,
    TrackStopped,
    TradeEnded,
    TradeEntered,
)
from apps.trades.domain.trade import EXPIRED, Happened, State, TrackStatus, Trade, ticks_of


class TradeBook:
    """Every trade whose fixed-stop track is open. Knows no candle but the one that opens."""

    def __init__(self, trades: Iterable[Trade] = ()) -> None:
        self.open: dict[str, Trade] = {trade.waiter: trade for trade in trades}
        self.changed: dict[str, Trade] = {}
        self._due: dict[str, list[EntryDue]] = {}
        self._late: dict[str, EntryDue] = {}
        self._wishes: dict[str, EnterTrade | CloseTrade] = {}
        self._fronts: dict[str, str] = {}
        self._fresh: dict[str, list[Trade]] = {}

    @handles(Resumed)
    def resume(self, said: Resumed) -> Iterator[Message]:
        """Say again at which prices each trade waits."""
        for trade in list(self.open.values()):
            if trade.is_manual and trade.first is None:
                self._fresh.setdefault(trade.contract, []).append(trade)
            yield Waits(trade.waiter, trade.contract, *trade.span())

    @handles(ContractListed)
    def list_contract(self, said: ContractListed) -> Iterator[Message]:
        """Remember which contract an undated symbol means now."""
        self._fronts[said.root] = said.contract
        return iter(())

    # ---- entries ----

    @handles(EntryDue)
    def hear_due(self, due: EntryDue) -> Iterator[Message]:
        """Enter at the first price after the confirmation, which may be past, present or still to come."""
        if due.prices:
            yield from self._enter_on_prices(due)
        elif due.is_late:
            self._late[f"e:{due.signal}"] = due
            settings = settings_for(instrument(root_of(due.contract)), due.settings)
            yield Recall(f"e:{due.signal}", due.contract, settings.timeframe_s)
        else:
            self._due.setdefault(due.contract, []).append(due)

    def _enter_on_prices(self, due: EntryDue) -> Iterator[Message]:
        (price, at), *_ = due.prices
        trade = yield from self._enter(due, price, at, at - at % MINUTE)
        if trade is not None:
            for price, at in due.prices:
                yield from self._tell(trade, trade.meet(price, at, at - at % MINUTE, price, price))
            yield from self._sleep(trade)

    @handles(Recalled)
    def hear_recalled(self, said: Recalled) -> Iterator[Message]:
        """Go on with what had to know the running candle: a late entry, or a person's wish."""
        if said.of in self._late:
            yield from self._enter_late(self._late.pop(said.of), said)
        elif said.of in self._wishes:
            wish = self._wishes.pop(said.of)
            if isinstance(wish, EnterTrade):
                yield from self._enter_by_hand(wish, said)
            else:
                yield from self._close_by_hand(wish, said)

    def _enter_late(self, due: EntryDue, now: Recalled) -> Iterator[Message]:
        """Source: methodology, 14: over the candles closed since, then over the one still open."""
        candles = [*due.candles, *([now.candle] if now.candle else [])]
        if not candles:
            self._due.setdefault(due.contract, []).append(replace(due, is_late=False))
            return
        first = candles[0]
        trade = yield from self._enter(due, first.open, first.at, first.at)
        if trade is None:
            return
        trade.late = True
        for candle in candles:
            yield from self._tell(trade, trade.walk(candle))
        yield from self._sleep(trade)

    @handles(CandleOpened)
    def hear_open(self, said: CandleOpened) -> Iterator[Message]:
        """The first price of a candle is the entry of all that were confirmed before it."""
        for due in self._due.pop(said.contract, ()):
            trade = yield from self._enter(due, said.price, said.at, said.bar)
            if trade is not None:
                yield from self._sleep(trade)

    def _enter(
        self, due: EntryDue, price: int, at: int, bar: int
    ) -> Generator[Message, None, Trade | None]:
        root = instrument(root_of(due.contract))
        direction = Direction(due.direction)
        trade = Trade(
            key=due.signal,
            user=due.user,
            strategy=due.strategy,
            contract=due.contract,
            instrument=root,
            settings=settings_for(root, due.settings),
            trade_id=due.trade_id,
            direction=direction,
            session=due.session,
            entry=price,
            stop=due.stop,
            entry_bar=bar,
            entry_at=at,
            incomplete=due.incomplete,
        )
        if trade.risk <= 0:
            yield EntryVoided(due.signal, bar, at, price)
            return None
        yield EntryMade(due.signal, at)
        yield self._begin(trade)
        return trade

    def _begin(self, trade: Trade) -> TradeEntered:
        self.open[trade.waiter] = trade
        self.changed[trade.key] = trade
        return TradeEntered(
            at=trade.entry_at,
            direction=trade.direction,
            session=trade.session,
            entry_price=trade.instrument.price(trade.entry),
            stop_price=trade.instrument.price(trade.stop),
            risk=trade.instrument.points(trade.risk),
            **_named(trade),
        )

    # ---- the price comes ----

    @handles(PriceReached)
    def hear_price(self, said: PriceReached) -> Iterator[Message]:
        """A price left the trade's span: the rules, then a new span."""
        trade = self.open.get(said.of)
        if trade is not None:
            happened = trade.meet(said.price, said.at, said.bar, said.high, said.low)
            yield from self._tell(trade, happened)
            yield from self._sleep(trade)

    @handles(CandleReached)
    def hear_candle(self, said: CandleReached) -> Iterator[Message]:
        """A recorded candle left the trade's span."""
        trade = self.open.get(said.of)
        if trade is not None:
            if said.high is not None and said.low is not None:
                trade.learn(said.high, said.low)
            yield from self._tell(trade, trade.walk(said.candle))
            yield from self._sleep(trade)

    def _sleep(self, trade: Trade) -> Iterator[Message]:
        self.changed[trade.key] = trade
        if trade.is_completed:
            self.open.pop(trade.waiter, None)
            yield Leaves(trade.waiter, trade.contract)
        else:
            yield Waits(trade.waiter, trade.contract, *trade.span())

    def _tell(self, trade: Trade, happened: Iterable[Happened]) -> Iterator[Message]:
        for event in happened:
            yield self._fact(trade, event)

    def _fact(self, trade: Trade, event: Happened) -> Message:
        price, named = trade.instrument.price, _named(trade)
        if event.what == "armed":
            return BreakEvenArmed(at=event.at, entry_price=price(trade.entry), **named)
        if event.what == "target":
            assert event.target is not None
            level = price(trade.price_at(ticks_of(event.target, trade.risk)))
            return TargetHit(
                at=event.at, target=event.target, price=level, tracks=event.tracks, **named
            )
        if event.what == "plan":
            return self._ended(trade)
        assert event.track is not None and event.track.exit is not None
        end = event.track.exit
        kind = TrackStopped if event.track.status is TrackStatus.STOPPED else BreakEvenHit
        return kind(
            at=event.at,
            track=event.track.name,
            level=price(end.level),
            traded=price(end.hit),
            r=event.track.result_r or Fraction(0),
            mfe=trade.in_r(event.track.best),
            **named,
        )

    def _ended(self, trade: Trade) -> TradeEnded:
        assert trade.ended is not None
        at, level = trade.ended
        r = trade.result_r()
        assert r is not None
        return TradeEnded(
            at=at,
            state=trade.state,
            reason=trade.reason,
            price=trade.instrument.price(level),
            r=r,
            **_named(trade),
        )

    # ---- people and time ----

    @handles(EnterTrade, CloseTrade)
    def hear_wish(self, wish: EnterTrade | CloseTrade) -> Iterator[Message]:
        """Ask the market for its price, then do it."""
        of = f"w:{wish.id}"
        if isinstance(wish, CloseTrade):
            trade = self.open.get(f"t:{wish.trade}")
            if trade is None or trade.user != wish.user or trade.state is not State.ACTIVE:
                detail = f"{wish.trade} is no active trade of yours; it may have ended already"
                yield _refused(wish, 0, "NOT_ACTIVE", detail)
                return
            contract = trade.contract
        else:
            try:
                contract = self._fronts[root_of(wish.symbol)]
            except (KeyError, UnknownSymbol):
                detail = f"symbol: {wish.symbol!r} has no market data here"
                yield _refused(wish, 0, "NO_MARKET", detail)
                return
        self._wishes[of] = wish
        yield Recall(of, contract)

    def _enter_by_hand(self, wish: EnterTrade, now: Recalled) -> Iterator[Message]:
        contract = self._fronts[root_of(wish.symbol)]
        direction = read_direction(wish.direction)
        if now.last is None or direction is None:
            field = "direction" if direction is None else "symbol"
            yield _refused(wish, now.at, "NO_PRICE", f"{field}: nothing to enter with")
            return
        try:
            root = instrument(root_of(contract))
            stop = root.to_ticks(wish.stop)
            settings = settings_for(root, wish.settings)
        except (OffTick, BadSetting, UnknownInstrument) as problem:
            yield _refused(wish, now.at, "BAD_VALUE", str(problem))
            return
        bar = now.at - now.at % MINUTE
        trade = Trade(
            key=wish.id,
            user=wish.user,
            strategy=0,
            contract=contract,
            instrument=root,
            settings=settings,
            trade_id=make_trade_id(now.at - now.at % 1_000_000, direction),
            direction=direction,
            session=str(session_of(now.at)),
            entry=now.last,
            stop=stop,
            entry_bar=bar,
            entry_at=now.at,
            is_manual=True,
            note=wish.note,
        )
        if trade.risk <= 0:
            side = "below" if direction is Direction.BULLISH else "above"
            detail = f"stop: {wish.stop} must lie {side} the last price {root.text(now.last)}"
            yield _refused(wish, now.at, "NON_POSITIVE_RISK", detail)
            return
        yield self._begin(trade)
        self._fresh.setdefault(contract, []).append(trade)
        yield from self._tell(trade, trade.meet(now.last, now.at, bar, now.last, now.last))
        yield from self._sleep(trade)

    def _close_by_hand(self, wish: CloseTrade, now: Recalled) -> Iterator[Message]:
        trade = self.open[f"t:{wish.trade}"]
        if now.last is None:
            yield _refused(wish, now.at, "NO_PRICE", "the market has no price yet")
            return
        trade.end(State.CLOSED, now.at, now.last, "BY_HAND")
        self.changed[trade.key] = trade
        yield self._ended(trade)

    @handles(ContractExpired)
    def hear_expiry(self, said: ContractExpired) -> Iterator[Message]:
        """The last trade closes the plan; open tracks stay undecided. Source: methodology, 14."""
        expired = [trade for trade in self.open.values() if trade.contract == said.contract]
        if expired:
            yield Look()  # the extremes since they were last told are still theirs
        for trade in expired:
            if trade.state is State.ACTIVE:
                trade.end(State.CLOSED, said.at, said.last, EXPIRED)
                self.changed[trade.key] = trade
                yield self._ended(trade)
            trade.is_expired = True
            self.changed[trade.key] = trade
            del self.open[trade.waiter]
            yield Leaves(trade.waiter, trade.contract)

    @handles(GapOpened)
    def hear_gap(self, said: GapOpened) -> Iterator[Message]:
        """A trade that ran through a stretch whose ticks can't be had is flagged: analysis leaves it out."""
        for trade in self.open.values():
            if trade.contract == said.contract and trade.entry_at < said.to_at:
                trade.incomplete = True
                self.changed[trade.key] = trade
        return iter(())

    def contracts(self) -> set[str]:
        """Return the contracts on which a trade runs."""
        return {trade.contract for trade in self.open.values()}

    @handles(CandlesClosed)
    def hear_close(self, said: CandlesClosed) -> Iterator[Message]:
        """A trade entered in mid-candle keeps what of that candle was its own, for its path."""
        closed = {seconds for seconds, _ in said.candles}
        fresh = self._fresh.get(said.contract, [])
        over = [trade for trade in fresh if trade.settings.timeframe_s in closed]
        if over:
            self._fresh[said.contract] = [trade for trade in fresh if trade not in over]
            yield Look()
            for trade in over:
                trade.first = (trade.no_be.best, trade.worst)
                self.changed[trade.key] = trade

    @handles(ExtremesMoved)
    def hear_extremes(self, said: ExtremesMoved) -> Iterator[Message]:
        """Somebody looked: tell MFE and MAE if they changed."""
        trade = self.open.get(said.of)
        if trade is not None and trade.learn(said.high, said.low):
            self.changed[trade.key] = trade
            yield MfeChanged(
                trade.key,
                trade.user,
                trade.in_r(trade.no_be.best),
                trade.in_r(trade.be.best),
                trade.in_r(trade.worst),
            )


def _refused(wish: EnterTrade | CloseTrade, at: int, reason: str, detail: str) -> CommandRefused:
    return CommandRefused(at=at, user=wish.user, command=wish.id, reason=reason, detail=detail)


def _named(trade: Trade) -> dict[str, Any]:
    return {
        "user": trade.user,
        "trade": trade.key,
        "trade_id": trade.trade_id,
        "contract": trade.contract,
    }
