"""Market, the first stage: a tick is checked, becomes the price and part of a candle, and wakes who waits for it."""

from collections.abc import Iterable, Iterator

from apps.bus.domain.message import MINUTE, SECOND, Message
from apps.bus.domain.stage import handles
from apps.marketdata.domain.contract import parse, root_of
from apps.marketdata.domain.messages import (
    CandleOpened,
    CandleReached,
    CandleRecorded,
    CandlesClosed,
    ClockTicked,
    ContractExpired,
    ContractListed,
    ExtremesMoved,
    GapOpened,
    GapRecorded,
    Leaves,
    Look,
    PriceReached,
    QuarantineEnded,
    Recall,
    Recalled,
    TickQuarantined,
    TickReceived,
    TickRefused,
    TickReleased,
    Waits,
)
from apps.marketdata.domain.tape import FRAMES, Tape, TapeState
from apps.marketdata.domain.tick import Tick

LATENESS = SECOND  # how far the watermark stays behind the feed's clock
HELD_FOR = 10 * SECOND  # a suspicious tick that nobody confirms is dropped after this


class Market:
    """Ticks in; prices, candles and wakings out. Knows no strategy, trade or account."""

    def __init__(self, state: Iterable[TapeState] = (), frames: tuple[int, ...] = FRAMES) -> None:
        self._frames = frames
        self.tapes: dict[str, Tape] = {kept.contract: Tape(kept, frames) for kept in state}
        self.changed: set[str] = set()

    # ---- the road of a tick ----

    def sift(self, contract: str, ticks: Iterable[Tick]) -> Iterator[TickReceived]:
        """Take the quiet ticks in and hand on the others, to be handled before the next one is looked at.

        Quiet: in order, inside the open candle, inside every span. Handling each tick says the same facts.
        """
        tape = self.tapes[contract]
        self.changed.add(contract)
        stream = iter(ticks)
        while True:
            below, above, closes_at = tape.below, tape.above, tape.closes_at
            last, last_at, last_id = tape.last, tape.last_at, tape.last_id
            high, low = tape.leg_high, tape.leg_low
            volume, trades, turnover = tape.volume, tape.trades, tape.turnover
            quote, last_size = tape.quote, tape.size
            seen = tape.ids.append
            awake: Tick | None = None
            for tick in stream:
                at, price, size, id, beside = tick
                if not (below < price < above and last_at <= at < closes_at and id > last_id):
                    awake = tick
                    break
                last, last_at, last_id = price, at, id
                quote, last_size = beside, size
                if price > high:
                    high = price
                elif price < low:
                    low = price
                volume += size
                turnover += price * size
                trades += 1
                seen(id)
            tape.last, tape.last_at, tape.last_id = last, last_at, last_id
            tape.leg_high, tape.leg_low = high, low
            tape.volume, tape.trades, tape.turnover = volume, trades, turnover
            tape.quote, tape.size = quote, last_size
            if awake is None:
                return
            yield TickReceived(contract, awake)

    @handles(TickReceived)
    def hear(self, said: TickReceived) -> Iterator[Message]:
        """Take one tick through all checks."""
        tape = self.tapes[said.contract]
        self.changed.add(said.contract)
        if tape.held:
            yield from self._while_held(tape, said.tick)
        else:
            yield from self._judge(tape, said.tick)
        tape.refresh()

    def _judge(self, tape: Tape, tick: Tick) -> Iterator[Message]:
        if tick.id <= tape.last_id:
            yield from self._late(tape, tick)
        elif tape.is_jump(tick):
            yield from self._close_due(
                tape, tick.at - LATENESS
            )  # what a clock would have closed by now
            tape.held = [tick]
            yield TickRefused(tape.contract, tick, "suspicious")
            yield TickQuarantined(
                at=tick.at,
                contract=tape.contract,
                tick_id=tick.id,
                price_ticks=tick.price,
                jump_ticks=tick.price - (tape.last or 0),
            )
        else:
            yield from self._take(tape, tick)

    def _take(self, tape: Tape, tick: Tick) -> Iterator[Message]:
        if tape.bar is None or tick.at >= tape.closes_at:
            yield from self._close_due(tape, tick.at)
        if tick.at < tape.closed_until or (tape.bar is not None and tick.at < tape.bar):
            tape.last_id = tick.id
            yield TickRefused(tape.contract, tick, "late")
            return
        if tape.bar is None:
            tape.begin(tick)
            yield CandleOpened(tape.contract, tick.at - tick.at % MINUTE, tick.at, tick.price)
        else:
            tape.count(tick)
        yield from self._wake(tape, tick, tick.at)

    def _late(self, tape: Tape, tick: Tick) -> Iterator[Message]:
        """Source: methodology, 14: while its candle is open it counts and is heard as if it came now."""
        if tick.id == tape.last_id or tick.id in tape.ids:
            yield TickRefused(tape.contract, tick, "duplicate")
        elif tape.bar is None or not tape.bar <= tick.at < tape.closes_at:
            yield TickRefused(tape.contract, tick, "late")
        else:
            tape.add(tick)
            yield from self._wake(tape, tick, tape.last_at)

    def _wake(self, tape: Tape, tick: Tick, at: int) -> Iterator[Message]:
        """Tell everybody whose span this price has left; all are awake before the first is told."""
        price = tick.price
        for of in tape.sleepers.reached(price, price):
            if of not in tape.sleepers.since:
                continue
            high, low = tape.since(of) or (price, price)
            yield PriceReached(
                of, price, at, at - at % MINUTE, high, low, tick.size, tick.quote, tick.id
            )
            assert of in tape.sleepers.spans or of not in tape.sleepers.since, (
                f"{of} sleeps for ever"
            )

    # ---- quarantine ----

    def _while_held(self, tape: Tape, tick: Tick) -> Iterator[Message]:
        """Hold everything back until the next ticks say whether the jump was real.

        Source: methodology, 14, "Suspicious tick".
        """
        held = tape.held[0]
        assert tape.last is not None and tape.jump is not None
        if tick.id <= tape.last_id:
            yield from self._late(tape, tick)
            return
        if tick.id <= tape.held[-1].id:
            known = any(tick.id == one.id for one in tape.held)
            yield TickRefused(tape.contract, tick, "duplicate" if known else "late")
            return
        away = abs(tick.price - held.price)
        if tick.at - held.at > HELD_FOR or abs(tick.price - tape.last) < away or away > tape.jump:
            yield from self._drop_held(tape, tick.at)
            yield from self._again(tape, tick)
        elif len(tape.held) == 1:
            tape.held.append(tick)
        else:
            ticks, tape.held = [*tape.held, tick], []
            yield QuarantineEnded(
                at=tick.at, contract=tape.contract, tick_id=held.id, outcome="released"
            )
            for released in ticks:
                if released is held:
                    yield TickReleased(tape.contract, released)
                yield from self._take(tape, released)

    def _drop_held(self, tape: Tape, at: int) -> Iterator[Message]:
        """Drop the held tick: it never existed. What came after it is judged anew."""
        held, *after = tape.held
        tape.held = []
        yield QuarantineEnded(at=at, contract=tape.contract, tick_id=held.id, outcome="dropped")
        for tick in after:
            yield from self._judge(tape, tick)

    def _again(self, tape: Tape, tick: Tick) -> Iterator[Message]:
        yield from self._while_held(tape, tick) if tape.held else self._judge(tape, tick)

    # ---- time ----

    @handles(ClockTicked)
    def tick_clock(self, said: ClockTicked) -> Iterator[Message]:
        """Close what is over though no tick came, and drop what nobody confirmed."""
        for tape in list(self.tapes.values()):
            if said.contract and tape.contract != said.contract:
                continue
            while tape.held and said.at - tape.held[0].at > HELD_FOR:
                yield from self._drop_held(tape, said.at)
                self.changed.add(tape.contract)
            if not tape.held:
                yield from self._close_due(tape, said.at - LATENESS)
            if tape.expires_at is not None and said.at >= tape.expires_at and tape.last is not None:
                expired, tape.expires_at = tape.expires_at, None
                self.changed.add(tape.contract)
                yield ContractExpired(tape.contract, expired, tape.last)
            tape.refresh()

    def _close_due(self, tape: Tape, at: int) -> Iterator[Message]:
        """Close every candle that is over at this instant, in the order in which they ended."""
        while (due := tape.due()) is not None and due <= at:
            self.changed.add(tape.contract)
            yield CandlesClosed(tape.contract, due, tuple(tape.close(due)))

    # ---- candles where ticks are not known ----

    @handles(CandleRecorded)
    def hear_candle(self, said: CandleRecorded) -> Iterator[Message]:
        """Take a whole candle in: its open, whoever it reaches, its close."""
        tape, candle = self.tapes[said.contract], said.candle
        self.changed.add(said.contract)
        end = candle.at + said.seconds * SECOND
        if candle.at < tape.closed_until:
            return
        while tape.held:
            yield from self._drop_held(tape, candle.at)
        yield from self._close_due(tape, candle.at)
        tape.last, tape.last_at = candle.open, candle.at
        tape.quote, tape.size = None, max(1, candle.volume)
        yield CandleOpened(tape.contract, candle.at, candle.at, candle.open)
        for of in tape.sleepers.reached(candle.low, candle.high):
            if of in tape.sleepers.since:
                high, low = tape.since(of) or (None, None)
                yield CandleReached(of, candle, high, low)
        tape.last, tape.last_at = candle.close, end - 1
        tape.extremes.append(candle.high, candle.low)
        tape.fold(candle, said.seconds)
        tape.closed_until = end
        closed = ((said.seconds, candle), *tape.close_frames(end))
        yield CandlesClosed(tape.contract, end, closed)
        tape.refresh()

    # ---- who waits ----

    @handles(Waits)
    def let_wait(self, said: Waits) -> Iterator[Message]:
        """Put somebody to sleep between two prices, or move his span."""
        tape = self.tapes.get(said.contract) or self._follow(said.contract)
        known = said.of in tape.sleepers.since
        mark = 0 if known else tape.mark()
        tape.sleepers.wait(said.of, said.below, said.above, mark)
        # Narrower at once. What may have become wider is found out at the end of the turn.
        tape.below, tape.above = max(tape.below, said.below), min(tape.above, said.above)
        return iter(())

    @handles(Leaves)
    def let_go(self, said: Leaves) -> Iterator[Message]:
        """Forget a sleeper."""
        tape = self.tapes.get(said.contract)
        if tape is not None:
            tape.sleepers.leave(said.of)
            tape.told.pop(said.of, None)
        return iter(())

    def _follow(self, contract: str) -> Tape:
        """Begin a tape for what nobody listed: something was traded at a broker by hand. It is no root's front for that."""
        known = [tape for tape in self.tapes.values() if tape.last is not None]
        # a one-digit year means nothing without a time
        expires_at = (
            parse(contract, max(tape.last_at for tape in known)).expires_at if known else None
        )
        made = Tape(TapeState(contract, root_of(contract), expires_at=expires_at), self._frames)
        self.tapes[contract] = made
        self.changed.add(contract)
        return made

    @handles(Look)
    def look(self, said: Look) -> Iterator[Message]:
        """Tell those whose extremes moved since the last look."""
        for tape in self.tapes.values():
            for of in list(tape.sleepers.since):
                extremes = tape.since(of)
                if extremes is not None and tape.told.get(of) != extremes:
                    tape.told[of] = extremes
                    yield ExtremesMoved(of, *extremes)

    @handles(Recall)
    def recall(self, said: Recall) -> Iterator[Message]:
        """Say what the running candle looks like."""
        tape = self.tapes.get(said.contract)
        if tape is None:
            yield Recalled(said.of, None, None, 0)
        else:
            running = tape.frame_so_far(said.seconds)
            yield Recalled(
                said.of, running, tape.last, tape.last_at, tape.quote, tape.size, tape.last_id
            )

    @handles(ContractListed)
    def list_contract(self, said: ContractListed) -> Iterator[Message]:
        """Begin to follow a contract, or take over its changed settings."""
        tape = self.tapes.get(said.contract)
        if tape is None:
            kept = TapeState(said.contract, said.root, said.jump, said.expires_at)
            self.tapes[said.contract] = Tape(kept, self._frames)
        else:
            tape.jump = said.jump
            if tape.last is None:  # somebody waited for it before it was listed
                tape.expires_at = said.expires_at
            tape.refresh()
        self.changed.add(said.contract)
        return iter(())

    @handles(GapOpened)
    def mark_gap(self, said: GapOpened) -> Iterator[Message]:
        """Flag the candles of a stretch whose ticks can't be had."""
        self.tapes[said.contract].mark_gap(said.from_at, said.to_at)
        self.changed.add(said.contract)
        yield GapRecorded(
            at=said.to_at, contract=said.contract, from_at=said.from_at, to_at=said.to_at
        )
