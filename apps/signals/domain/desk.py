"""SignalDesk, the second stage: alerts become signals, candles confirm or cancel them.

Source: methodology, 2, 4 to 8 and 14.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from apps.bus.domain.message import SECOND, Message, iso
from apps.bus.domain.stage import handles
from apps.marketdata.domain.calendar import CALENDAR, Calendar
from apps.marketdata.domain.candle import Candle
from apps.marketdata.domain.contract import UnknownSymbol, root_of
from apps.marketdata.domain.market import LATENESS
from apps.marketdata.domain.messages import (
    AWAKE,
    CandleOpened,
    CandlesClosed,
    ClockTicked,
    ContractExpired,
    ContractListed,
    Leaves,
    PriceReached,
    Recall,
    Recalled,
    Resumed,
    TapeEnded,
    Waits,
)
from apps.marketdata.domain.session import frame_end, frame_start
from apps.signals.domain import locating, saying
from apps.signals.domain.candles import KnownCandles
from apps.signals.domain.confirmation import Series, confirms, find_stop
from apps.signals.domain.messages import Alert, EntryMade, EntryVoided
from apps.signals.domain.places import Places
from apps.signals.domain.signal import Reason, Signal, Status
from apps.signals.domain.validation import validate
from apps.signals.domain.waiting import WaitingRoom

PATIENCE = 12 * SECOND  # a candle that has not begun this long after its end does not exist


@dataclass
class DeskState:
    """What of the desk outlives the process: open signals, ids already used, candles, front contracts."""

    signals: list[Signal] = field(default_factory=list)
    used: set[tuple[int, str, str]] = field(default_factory=set)
    candles: dict[tuple[str, int], list[Candle]] = field(default_factory=dict)
    fronts: dict[str, str] = field(default_factory=dict)
    calendar: Calendar = CALENDAR


class SignalDesk:
    """Judges alerts on their candles, and holds who is pending or confirmed until the entry is made."""

    def __init__(self, state: DeskState | None = None) -> None:
        state = state or DeskState()
        self._candles = KnownCandles(state.candles)
        self._fronts = dict(state.fronts)
        self._calendar = state.calendar
        self._used = set(state.used)
        self.waiting = WaitingRoom()
        self.places = Places()
        self.changed: dict[str, Signal] = {}
        for signal in state.signals:
            if signal.status is Status.WAITING:
                self.waiting.add(signal)
            else:
                self.places.restore(signal)

    @property
    def pending(self) -> Mapping[tuple[int, str], Signal]:
        """Return the signals that wait for their confirmation, by place."""
        return self.places.pending

    @handles(Resumed)
    def resume(self, said: Resumed) -> Iterator[Message]:
        """Say again who waits at a price, and which entries are due."""
        for signal in list(self.places.provisional.values()):
            yield Waits(signal.waiter, signal.contract or "", *AWAKE)
        for signal in list(self.places.confirmed.values()):
            yield saying.entry_due(signal)
        for contract in sorted(self._candles.contracts()):
            yield Recall(f"d:{contract}", contract)

    @handles(Recalled)
    def hear_recalled(self, said: Recalled) -> Iterator[Message]:
        """Know again which candle is open."""
        if said.of.startswith("d:") and said.candle is not None:
            self._candles.begin(said.of[2:], said.candle.at)
        return iter(())

    @handles(ContractListed)
    def list_contract(self, said: ContractListed) -> Iterator[Message]:
        """Remember which contract an undated symbol means now."""
        self._fronts[said.root] = said.contract
        return iter(())

    # ---- an alert arrives ----

    @handles(Alert)
    def hear_alert(self, alert: Alert) -> Iterator[Message]:
        """Find the candle of an alert and judge it as soon as that candle is closed."""
        signal = Signal(alert.id, alert)
        self.changed[signal.key] = signal
        problem = locating.read(signal)
        if problem is not None:
            yield from self._refuse(signal, Reason.MALFORMED, problem)
            return
        assert signal.instrument and signal.settings
        contract = self._fronts.get(signal.instrument.root)
        missing = locating.locate(signal, contract, self._candles)
        if missing is not None:
            yield from self._refuse(signal, Reason.NO_CANDLE, missing)
            return
        assert signal.contract and signal.bar is not None
        index = self._series(signal).find(signal.bar)
        if index is not None:
            yield from self._judge(signal, index)
        elif self._candles.may_come(signal.contract, signal.settings.timeframe_s, signal.bar):
            self.waiting.add(signal)
        else:
            yield from self._go_without(signal)

    def _refuse(self, signal: Signal, reason: Reason, detail: str) -> Iterator[Message]:
        signal.become(Status.REJECTED)
        signal.reason, signal.detail = reason, detail
        yield saying.refused(signal)

    # ---- its candle is closed ----

    def _judge(self, signal: Signal, index: int) -> Iterator[Message]:
        """Validate a signal on its closed candle, cancel what it opposes, let it wait or run through."""
        series, alert, settings = self._series(signal), signal.alert, signal.settings
        assert settings and signal.contract and signal.bar is not None and signal.direction
        candle = series.candles[index]
        signal.high, signal.low, signal.incomplete = candle.high, candle.low, candle.incomplete
        close = frame_end(signal.bar, settings.timeframe_s)
        in_time = alert.received_at is None or alert.received_at - close <= settings.grace
        signal.late = not in_time
        rivals = self.places.rivals(signal, in_time)
        verdict = validate(
            signal,
            is_duplicate=self._is_used(signal),
            biases={
                seconds: self._candles.bias(signal.contract, seconds)
                for seconds in settings.required_timeframes
            },
            has_pending=any(rival.direction is signal.direction for rival in rivals),
            calendar=self._calendar,
        )
        for rival in rivals if verdict.cancels else ():
            if rival.direction is signal.direction.opposite:
                yield from self._cancel(rival, signal, in_time)
        signal.become(verdict.status)
        signal.reason, signal.detail = verdict.reason, verdict.detail
        if verdict.status is Status.PENDING:
            yield from self._admit(signal, index)
        else:
            yield saying.refused(signal)

    def _is_used(self, signal: Signal) -> bool:
        assert signal.trade_id
        name = (*signal.place, signal.trade_id)
        if name in self._used:
            return True
        self._used.add(name)
        return False

    def _cancel(self, rival: Signal, by: Signal, in_time: bool) -> Iterator[Message]:
        assert rival.settings and by.bar is not None
        yield from self._take_place(rival)
        rival.become(Status.CANCELLED)
        rival.reason, rival.cancelled_by = Reason.OPPOSING_SIGNAL, by.trade_id
        rival.cancel_bar = by.bar if in_time else self._series(rival).times[-1]
        at = frame_end(rival.cancel_bar, rival.settings.timeframe_s)
        yield saying.cancelled(rival, at, rival.cancel_bar)

    def _take_place(self, signal: Signal) -> Iterator[Message]:
        """Take a signal's place away, and what it had found if that was not final."""
        self.changed[signal.key] = signal
        if self.places.give_up(signal):
            signal.confirmation_bar = signal.bars_to_confirmation = None
            signal.stop, signal.final_at, signal.prices = None, None, []
            yield Leaves(signal.waiter, signal.contract or "")

    def _admit(self, signal: Signal, index: int) -> Iterator[Message]:
        self.places.pending[signal.place] = signal
        yield saying.created(signal)
        for later in range(index + 1, len(self._series(signal).candles)):
            if self.places.holds(signal):
                yield from self._try(signal, later, worked_off=True)

    # ---- a candle closes ----

    @handles(CandlesClosed)
    def hear_close(self, said: CandlesClosed) -> Iterator[Message]:
        """First the bias, then the signals of each closed candle in order of arrival, then confirmation."""
        self._candles.close(said.contract, said.candles)
        for seconds, candle in said.candles:
            index = len(self._candles.of(said.contract, seconds).candles) - 1
            for signal in self.waiting.take(said.contract, seconds, candle.at + 1):
                self.changed[signal.key] = signal
                if signal.bar == candle.at:
                    yield from self._judge(signal, index)
                else:
                    yield from self._go_without(signal)
            for signal in self.places.pending_on(said.contract, seconds):
                if self.places.holds(signal) and signal.bar != candle.at:
                    yield from self._try(signal, index)
            pending = self.places.pending_on(said.contract, seconds)
            self._candles.trim(said.contract, seconds, (signal.bar or 0 for signal in pending))

    @handles(CandleOpened)
    def hear_open(self, said: CandleOpened) -> Iterator[Message]:
        """A candle that nothing traded in will not come any more."""
        self._candles.begin(said.contract, said.bar)
        for seconds in self.waiting.frames(said.contract):
            before = frame_start(said.bar, seconds)
            for signal in self.waiting.take(said.contract, seconds, before):
                yield from self._go_without(signal)

    @handles(TapeEnded)
    def hear_end(self, said: TapeEnded) -> Iterator[Message]:
        """The recording ends before these candles."""
        for signal in self.waiting:
            self.waiting.remove(signal)
            yield from self._give_up(signal, f"the recording ends before {iso(signal.bar or 0)}")

    def _go_without(self, signal: Signal) -> Iterator[Message]:
        """Nothing traded in its candle. One that fired without receipt belongs to the last candle before."""
        alert, settings = signal.alert, signal.settings
        assert settings and signal.bar is not None
        if settings.time_basis == "fired_at" and alert.received_at is None and alert.time:
            bar = self._series(signal).last_closed_by(alert.time, settings.timeframe_s)
            if bar is not None:
                locating.move(signal, bar)
                self.changed[signal.key] = signal
                yield from self._judge(signal, self._series(signal).times.index(bar))
                return
        yield from self._give_up(signal, f"nothing traded in {iso(signal.bar)}")

    def _give_up(self, signal: Signal, detail: str) -> Iterator[Message]:
        self.changed[signal.key] = signal
        yield from self._refuse(signal, Reason.NO_CANDLE, detail)

    def _try(self, signal: Signal, c: int, *, worked_off: bool = False) -> Iterator[Message]:
        """Test a pending signal against one candle after its own."""
        settings, series = signal.settings, self._series(signal)
        assert settings and signal.direction and signal.instrument and signal.bar is not None
        s = series.find(signal.bar)
        assert s is not None
        candle = series.candles[c]
        if not confirms(
            series.candles[s], candle, signal.direction, require_body=settings.require_body
        ):
            return
        del self.places.pending[signal.place]
        self.changed[signal.key] = signal
        signal.become(Status.CONFIRMED)
        signal.incomplete |= any(seen.incomplete for seen in series.candles[s : c + 1])
        signal.confirmation_bar, signal.bars_to_confirmation = candle.at, c - s
        signal.stop = find_stop(
            series.candles, s, c, signal.direction,
            buffer=int(settings.buffer / signal.instrument.tick_size),
            left=settings.left, double_pivot=settings.double_pivot,
        )  # fmt: skip
        close = frame_end(candle.at, settings.timeframe_s)
        if signal.alert.received_at is not None and not worked_off:
            signal.final_at = close + settings.grace
            self.places.provisional[signal.waiter] = signal
            yield saying.confirmation_found(signal)
            yield Waits(signal.waiter, signal.contract or "", *AWAKE)
        else:
            yield from self._make_final(signal, tuple(series.candles[c + 1 :]), worked_off)

    # ---- the confirmation becomes final ----

    @handles(PriceReached)
    def hear_price(self, said: PriceReached) -> Iterator[Message]:
        """Keep the prices since a confirmation that is not final yet; the first one after the grace ends it."""
        signal = self.places.provisional.get(said.of)
        if signal is None:
            return
        signal.prices.append((said.price, said.at))
        self.changed[signal.key] = signal
        if self._is_over(signal, said.at):
            yield from self._end_grace(signal)
        else:
            yield Waits(signal.waiter, signal.contract or "", *AWAKE)

    @handles(ClockTicked)
    def tick_clock(self, said: ClockTicked) -> Iterator[Message]:
        """End what only time ends."""
        for signal in list(self.places.provisional.values()):
            if said.contract in ("", signal.contract) and self._is_over(signal, said.at):
                yield from self._end_grace(signal)
        for signal in self.waiting:
            assert signal.settings and signal.bar is not None
            over = frame_end(signal.bar, signal.settings.timeframe_s) + PATIENCE < said.at
            is_open = self._candles.is_open(signal.contract or "")
            if over and signal.alert.received_at is not None and not is_open:
                self.waiting.remove(signal)
                yield from self._go_without(signal)

    def _is_over(self, signal: Signal, at: int) -> bool:
        """Return whether no alert can come in time any more.

        Alerts are judged by their receipt; the lateness lets those that were received in time reach us too.
        """
        return at > (signal.final_at or 0) + LATENESS

    def _end_grace(self, signal: Signal) -> Iterator[Message]:
        del self.places.provisional[signal.waiter]
        self.changed[signal.key] = signal
        over_at, signal.final_at = (signal.final_at or 0) + LATENESS + 1, None
        yield Leaves(signal.waiter, signal.contract or "")
        yield from self._make_final(signal, (), False, over_at)

    def _make_final(
        self, signal: Signal, candles: tuple[Candle, ...], worked_off: bool, over_at: int = 0
    ) -> Iterator[Message]:
        self.places.confirmed[signal.key] = signal
        yield saying.confirmed(signal)
        yield saying.entry_due(signal, candles, is_late=worked_off, final_at=over_at)

    @handles(EntryMade)
    def hear_entry(self, said: EntryMade) -> Iterator[Message]:
        """The signal's life goes on as a trade."""
        signal = self.places.confirmed.pop(said.signal)
        signal.become(Status.ENTERED)
        self.changed[signal.key] = signal
        return iter(())

    @handles(EntryVoided)
    def hear_void(self, said: EntryVoided) -> Iterator[Message]:
        """The market opened beyond the stop."""
        signal = self.places.confirmed.pop(said.signal)
        signal.become(Status.VOID)
        signal.reason = Reason.NON_POSITIVE_RISK
        signal.entry = (said.bar, said.at, said.price)
        self.changed[signal.key] = signal
        yield saying.voided(signal, said)

    @handles(ContractExpired)
    def hear_expiry(self, said: ContractExpired) -> Iterator[Message]:
        """Nothing trades in this contract any more: what still waits for it gives its place back."""
        for signal in [waits for waits in self.waiting if waits.contract == said.contract]:
            self.waiting.remove(signal)
            yield from self._give_up(signal, f"{said.contract} has expired")
        for signal in [one for one in self.places.all() if one.contract == said.contract]:
            yield from self._take_place(signal)
            signal.become(Status.CANCELLED)
            signal.reason, signal.detail = Reason.EXPIRED, f"{said.contract} has expired"
            yield saying.cancelled(signal, said.at, signal.bar or 0)

    def contracts(self) -> set[str]:
        """Return the contracts on which a signal still waits."""
        return {one.contract for one in [*self.places.all(), *self.waiting] if one.contract}

    def contract_of(self, symbol: str) -> str | None:
        """Return the contract that an undated symbol means now, None if nothing is fed for it."""
        try:
            return self._fronts.get(root_of(symbol))
        except UnknownSymbol:
            return None

    def _series(self, signal: Signal) -> Series:
        assert signal.contract and signal.settings
        return self._candles.of(signal.contract, signal.settings.timeframe_s)
