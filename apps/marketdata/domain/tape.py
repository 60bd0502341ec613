"""The running market of one contract: its last price, its open candle, its session, and who sleeps."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from apps.bus.domain.message import DAY, MINUTE
from apps.marketdata.domain.candle import Candle
from apps.marketdata.domain.messages import NEVER
from apps.marketdata.domain.session import frame_end, frame_start
from apps.marketdata.domain.sleepers import Extremes, Sleepers
from apps.marketdata.domain.tick import Quote, Tick

FRAMES = (
    300,
    900,
    3600,
    14_400,
    86_400,
)  # folded from the one-minute candles; 240 min and day from 18:00
JUMP_WINDOW = (
    60_000_000_000  # a jump counts only against a price this fresh, so never across a break
)


@dataclass
class TapeState:
    """What of a tape outlives the process. Whole ticks, ns UTC."""

    contract: str
    root: str
    jump: int | None = None
    expires_at: int | None = None
    last: int | None = None
    last_at: int = 0
    last_id: int = -1
    closed_until: int = 0
    candle: Candle | None = None
    frames: dict[int, Candle] = field(default_factory=dict)
    session_at: int = 0
    session: Candle | None = None
    gaps: list[tuple[int, int]] = field(default_factory=list)
    held: list[Tick] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    quote: Quote | None = None
    size: int = 1


class Tape:
    """One contract's market. The quiet path works on these fields directly, see `Market.sift`."""

    def __init__(self, state: TapeState, frames: tuple[int, ...] = FRAMES) -> None:
        self.contract, self.root = state.contract, state.root
        self.jump, self.expires_at = state.jump, state.expires_at
        self.last, self.last_at, self.last_id = state.last, state.last_at, state.last_id
        self.closed_until = state.closed_until
        self.frame_sizes = frames
        self.frames = dict(state.frames)
        self.session_at, self.session = state.session_at, state.session
        self.gaps = list(state.gaps)
        self.held = list(state.held)
        self.ids = list(state.ids)
        self.quote, self.size = state.quote, state.size  # beside the last tick
        self.sleepers, self.extremes = Sleepers(), Extremes()
        self.told: dict[str, tuple[int, int]] = {}
        self.bar: int | None = None
        self.closes_at = 0
        self.open = self.high = self.low = 0
        self.leg_high, self.leg_low = -NEVER, NEVER
        self.volume = self.trades = self.turnover = 0
        if state.candle is not None:
            self._continue(state.candle)
        self.below, self.above = NEVER, -NEVER
        self.refresh()

    def _continue(self, candle: Candle) -> None:
        self.bar, self.closes_at = candle.at, candle.at + MINUTE
        self.open, self.high, self.low = candle.open, candle.high, candle.low
        self.volume, self.trades, self.turnover = candle.volume, candle.trades, candle.turnover
        self.leg_high = self.leg_low = candle.close

    def state(self) -> TapeState:
        """Return all that has to be kept to go on from here."""
        return TapeState(
            contract=self.contract,
            root=self.root,
            jump=self.jump,
            expires_at=self.expires_at,
            last=self.last,
            last_at=self.last_at,
            last_id=self.last_id,
            closed_until=self.closed_until,
            candle=self.so_far(),
            frames=dict(self.frames),
            session_at=self.session_at,
            session=self.session,
            gaps=list(self.gaps),
            held=list(self.held),
            ids=list(self.ids),
            quote=self.quote,
            size=self.size,
        )

    # ---- the open candle ----

    def so_far(self) -> Candle | None:
        """Return the candle that is still open, None between candles."""
        if self.bar is None or self.last is None:
            return None
        return Candle(
            self.bar,
            self.open,
            max(self.high, self.leg_high),
            min(self.low, self.leg_low),
            self.last,
            self.volume,
            self.trades,
            self.turnover,
            self._touched(self.bar, self.bar + MINUTE),
        )

    def begin(self, tick: Tick) -> None:
        """Open the candle of this tick with it."""
        self.bar = tick.at - tick.at % MINUTE
        self.closes_at = self.bar + MINUTE
        self.open = self.high = self.low = self.leg_high = self.leg_low = tick.price
        self.volume = self.trades = self.turnover = 0
        self.ids.clear()
        self.count(tick)

    def count(self, tick: Tick) -> None:
        """Add a tick in order to the open candle; it is the last price now."""
        self.last, self.last_at, self.last_id = tick.price, tick.at, tick.id
        self.quote, self.size = tick.quote, tick.size
        self.add(tick)

    def add(self, tick: Tick) -> None:
        """Add size and extremes of a tick to the open candle; a late one adds no more than that."""
        self.leg_high, self.leg_low = max(self.leg_high, tick.price), min(self.leg_low, tick.price)
        self.volume += tick.size
        self.trades += 1
        self.turnover += tick.price * tick.size
        self.ids.append(tick.id)

    # ---- closing ----

    def due(self) -> int | None:
        """Return the end of the open interval that is over first, None if none is open."""
        if self.bar is not None:
            return self.bar + MINUTE
        ends = [frame_end(candle.at, seconds) for seconds, candle in self.frames.items()]
        return min(ends, default=None)

    def close(self, due: int) -> Iterator[tuple[int, Candle]]:
        """Close every interval that is over at `due`, shortest first."""
        candle = self.so_far()
        if candle is not None and candle.at + MINUTE == due:
            self.extremes.append(self.leg_high, self.leg_low)
            self.bar, self.closes_at = None, 0
            self.high, self.low = -NEVER, NEVER
            self.leg_high, self.leg_low = -NEVER, NEVER
            self.fold(candle, 60)
            yield 60, candle
        yield from self.close_frames(due)
        self.closed_until = max(self.closed_until, due)

    def close_frames(self, due: int) -> Iterator[tuple[int, Candle]]:
        """Close the folded frames that are over at `due`, shortest first."""
        for seconds in sorted(self.frames):
            if frame_end(self.frames[seconds].at, seconds) == due:
                yield seconds, self.frames.pop(seconds)

    def fold(self, candle: Candle, seconds: int) -> None:
        """Add a closed candle to the longer frames and to the session."""
        for size in self.frame_sizes:
            if size <= seconds:
                continue
            running = self.frames.get(size)
            start = frame_start(candle.at, size)
            self.frames[size] = joined(running, candle) if running else candle._replace(at=start)
        day = frame_start(candle.at, 86_400)
        if day != self.session_at or self.session is None:
            self.session_at, self.session = day, candle._replace(at=day)
        else:
            self.session = joined(self.session, candle)

    def frame_so_far(self, seconds: int) -> Candle | None:
        """Return the candle of a time frame that is still open, None between candles."""
        running, frame = self.so_far(), self.frames.get(seconds)
        if running is None:
            return frame
        if frame is None:
            return running._replace(at=frame_start(running.at, seconds))
        return joined(frame, running)

    def session_so_far(self) -> Candle | None:
        """Return the exchange's day so far, the open candle included."""
        running = self.so_far()
        if running is None:
            return self.session
        if self.session is None or frame_start(running.at, 86_400) != self.session_at:
            return running
        return joined(self.session, running)

    def mark_gap(self, from_at: int, to_at: int) -> None:
        """Remember a stretch without ticks, so that the candles it touches are flagged."""
        self.gaps = [gap for gap in self.gaps if gap[1] > to_at - DAY] + [(from_at, to_at)]

    def _touched(self, start: int, end: int) -> bool:
        return any(from_at < end and to_at > start for from_at, to_at in self.gaps)

    # ---- sleepers ----

    def mark(self) -> int:
        """Return the leg with which somebody begins to wait now: what was traded before is not his."""
        if self.bar is None or self.last is None:
            return self.extremes.legs
        if not self.leg_high == self.leg_low == self.last:
            self.high, self.low = max(self.high, self.leg_high), min(self.low, self.leg_low)
            self.extremes.append(self.leg_high, self.leg_low)
            self.leg_high = self.leg_low = self.last
        return self.extremes.legs

    def since(self, of: str) -> tuple[int, int] | None:
        """Return highest and lowest price since `of` began to wait, None before the first one."""
        closed = self.extremes.since(self.sleepers.since[of])
        if self.bar is None:
            return closed
        if closed is None:
            return self.leg_high, self.leg_low
        high, low = closed
        return (
            max(self.leg_high, high),
            min(self.leg_low, low),
        )

    def refresh(self) -> None:
        """Work out anew between which prices a tick is quiet."""
        if self.held or self.last is None:
            self.below, self.above = NEVER, -NEVER
            return
        below, above = self.sleepers.edges()
        if self.jump is not None:
            reach = (self.jump + 1) // 2
            below, above = max(below, self.last - reach), min(above, self.last + reach)
        self.below, self.above = below, above

    def is_jump(self, tick: Tick) -> bool:
        """Return whether a tick is too far from a fresh last price to be believed at once.

        Source: methodology, 14. The window of 60 s also keeps breaks and weekends from looking like jumps.
        """
        return (
            self.jump is not None
            and self.last is not None
            and tick.at - self.last_at <= JUMP_WINDOW
            and abs(tick.price - self.last) > self.jump
        )


def joined(first: Candle, second: Candle) -> Candle:
    """Return one candle over two that follow each other; it keeps the first one's time."""
    return Candle(
        first.at,
        first.open,
        max(first.high, second.high),
        min(first.low, second.low),
        second.close,
        first.volume + second.volume,
        first.trades + second.trades,
        first.turnover + second.turnover,
        first.incomplete or second.incomplete,
    )
