"""A trade: two tracks over one price, their MFE, MAE and R, and the trader's own plan.

Source: methodology, 10 to 12. Distances are whole ticks, positive in the trade's favour.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import Final, NamedTuple

from apps.marketdata.domain.candle import Candle
from apps.marketdata.domain.instrument import Instrument
from apps.marketdata.domain.messages import NEVER
from apps.signals.domain.indicator import Direction
from apps.signals.domain.settings import SignalSettings

EXPIRED: Final = "EXPIRED"  # why a trade ended with its contract


class TrackStatus(StrEnum):
    """Where a track stands."""

    OPEN = "OPEN"
    STOPPED = "STOPPED"
    BREAK_EVEN = "BREAK_EVEN"


class State(StrEnum):
    """Where the trader's own trade stands, by his plan."""

    ACTIVE = "active"
    STOPPED_OUT = "stopped_out"
    BREAK_EVEN_HIT = "break_even_hit"
    TARGET_HIT = "target_hit"
    CLOSED = "closed"


TRANSITIONS: dict[tuple[State, State], str] = {
    (State.ACTIVE, State.STOPPED_OUT): "the plan's track met the original stop",
    (State.ACTIVE, State.BREAK_EVEN_HIT): "the plan's track came back to the entry",
    (State.ACTIVE, State.TARGET_HIT): "the plan's track reached the plan's target",
    (State.ACTIVE, State.CLOSED): "by hand, or the contract expired",
}  # what is not in the table cannot happen


class Exit(NamedTuple):
    """How a track ended. `level` is the stop, `hit` the traded price; whole ticks."""

    bar: int
    at: int
    level: int
    hit: int


@dataclass(slots=True)
class Track:
    """One way of managing the stop. `best` is its best distance so far."""

    name: str
    status: TrackStatus = TrackStatus.OPEN
    best: int = 0
    exit: Exit | None = None
    hits: dict[Fraction, int] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        """Return whether its stop has not been hit yet."""
        return self.status is TrackStatus.OPEN

    @property
    def result_r(self) -> Fraction | None:
        """Return what it made: -1 or 0 R, None while it is open."""
        if self.is_open:
            return None
        return Fraction(-1 if self.status is TrackStatus.STOPPED else 0)


class Happened(NamedTuple):
    """Something that one price did: target, armed, ended (a track) or plan (the trader's own end)."""

    what: str
    at: int
    track: Track | None = None
    target: Fraction | None = None
    tracks: tuple[str, ...] = ()


def ticks_of(r: Fraction, risk: int) -> int:
    """Return the first whole distance in ticks that is at least so many R."""
    return -(-r.numerator * risk // r.denominator)


@dataclass(slots=True)
class Trade:
    """One trade of one user. Prices are whole ticks, instants ns UTC."""

    key: str
    user: int
    strategy: int
    contract: str
    instrument: Instrument
    settings: SignalSettings
    trade_id: str
    direction: Direction
    session: str
    entry: int
    stop: int
    entry_bar: int
    entry_at: int
    is_manual: bool = False
    note: str = ""
    incomplete: bool = False
    late: bool = False
    no_be: Track = field(default_factory=lambda: Track("no_be"))
    be: Track = field(default_factory=lambda: Track("be"))
    worst: int = 0
    armed: tuple[int, int] | None = None  # bar, at
    state: State = State.ACTIVE
    reason: str = ""
    ended: tuple[int, int] | None = None  # at, price of the plan's end
    is_expired: bool = False  # with its contract; its open tracks stay undecided
    first: tuple[int, int] | None = (
        None  # best and worst of the part of its entry candle that was its own
    )
    # What follows from key, entry, stop and settings, which never change: worked out once, so that a price
    # costs comparisons of whole numbers and not of fractions.
    waiter: str = field(init=False, repr=False, compare=False)
    sign: int = field(init=False, repr=False, compare=False)
    risk: int = field(init=False, repr=False, compare=False)
    targets: tuple[Fraction, ...] = field(init=False, repr=False, compare=False)
    marks: tuple[int, ...] = field(init=False, repr=False, compare=False)
    trigger: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Work out what a price is compared with.

        waiter:   the name under which it waits at a price
        risk:     from entry to the original stop; moving the stop does not shrink it
        targets:  every R multiple that is watched, in ascending order, in which they are also reached
        marks:    the distance from which each target counts as reached
        trigger:  the distance from which the break-even stop is armed
        """
        self.waiter = f"t:{self.key}"
        self.sign = self.direction.sign
        self.risk = (self.entry - self.stop) * self.sign
        watched, wished = self.settings.targets, self.settings.plan_target_r
        if wished and wished not in watched:
            watched = tuple(sorted((*watched, wished)))
        self.targets = watched
        self.marks = tuple([ticks_of(n, self.risk) for n in self.targets])
        self.trigger = ticks_of(self.settings.be_trigger_r, self.risk)

    @property
    def plan(self) -> Track:
        """Return the track that the trader's own plan follows."""
        return self.be if self.settings.plan_break_even else self.no_be

    @property
    def is_completed(self) -> bool:
        """Return whether both tracks have ended."""
        return not self.no_be.is_open

    def distance(self, price: int) -> int:
        """Return how far a price is in the trade's favour, in ticks."""
        return (price - self.entry) * self.sign

    def price_at(self, distance: int) -> int:
        """Return the price at a distance; the inverse of `distance`."""
        return self.entry + distance * self.sign

    def in_r(self, distance: int) -> Fraction:
        """Return a distance in R, exact."""
        return Fraction(distance, self.risk)

    def current_stop(self) -> int:
        """Return where the plan's stop lies now."""
        return self.entry if self.plan is self.be and self.armed else self.stop

    # ---- what a price does ----

    def span(self) -> tuple[int, int]:
        """Return the nearest prices, below and above, at which `meet` would say something."""
        worse = 0 if self.armed and self.be.is_open else -self.risk
        reached = len(self.no_be.hits)
        better = self.marks[reached] if reached < len(self.marks) else NEVER
        if not self.armed and self.be.is_open:
            better = min(better, self.trigger)
        if self.sign > 0:
            return self.entry + worse, (NEVER if better == NEVER else self.entry + better)
        return (-NEVER if better == NEVER else self.entry - better), self.entry - worse

    def meet(self, price: int, at: int, bar: int, high: int, low: int) -> Iterator[Happened]:
        """Take one traded price in; `high` and `low` are the extremes since the trade was last told, it included."""
        self.learn(high, low)
        return self._step((price - self.entry) * self.sign, at, bar, jumped=True)

    def walk(self, candle: Candle) -> Iterator[Happened]:
        """Take a candle in whose ticks are not known: open, adverse extreme, favourable extreme, close.

        Source: methodology, 11. Only the open may jump; from there on every price in between was traded.
        """
        adverse, favourable = sorted((self.distance(candle.low), self.distance(candle.high)))
        yield from self._step(self.distance(candle.open), candle.at, candle.at, jumped=True)
        for distance in (adverse, favourable, self.distance(candle.close)):
            yield from self._step(distance, candle.at, candle.at, jumped=False)

    def learn(self, high: int, low: int) -> bool:
        """Take in the extremes of prices at which nothing happened; return whether a best or worst changed."""
        worse, better = self.distance(low), self.distance(high)
        if worse > better:
            worse, better = better, worse
        changed = False
        for track in (self.no_be, self.be):
            if track.status is TrackStatus.OPEN and better > track.best:
                track.best, changed = better, True
        if worse < self.worst and self.no_be.status is TrackStatus.OPEN:
            self.worst, changed = worse, True
        return changed

    def _step(self, x: int, at: int, bar: int, *, jumped: bool) -> Iterator[Happened]:
        """Apply the three rules of chapter 10 to one price, for each open track."""
        reached: dict[Fraction, list[str]] = {}
        for track in (self.no_be, self.be):
            if track.status is not TrackStatus.OPEN:
                continue
            is_armed = track is self.be and self.armed is not None
            stop = 0 if is_armed else -self.risk
            if x <= stop:
                hit = x if jumped else stop
                if track is self.no_be:
                    self.worst = min(self.worst, hit)
                track.status = TrackStatus.BREAK_EVEN if is_armed else TrackStatus.STOPPED
                track.exit = Exit(bar, at, self.price_at(stop), self.price_at(hit))
                yield Happened("ended", at, track)
                continue
            if x > track.best:
                track.best = x
            if x < self.worst and track is self.no_be:
                self.worst = x
            for n in self.targets[len(track.hits) :]:
                if x < self.marks[len(track.hits)]:
                    break
                track.hits[n] = at
                reached.setdefault(n, []).append(track.name)
            if track is self.be and self.armed is None and x >= self.trigger:
                self.armed = (bar, at)
                yield Happened("armed", at)
        for n, names in reached.items():
            yield Happened("target", at, target=n, tracks=tuple(names))
        if self.state is State.ACTIVE and self._follow_plan(at):
            yield Happened("plan", at)

    def _follow_plan(self, at: int) -> bool:
        """End the trader's own trade if his plan says so, and return whether it does."""
        wished = self.settings.plan_target_r
        if wished is not None and wished in self.plan.hits:
            self.end(State.TARGET_HIT, at, self.price_at(ticks_of(wished, self.risk)))
        elif self.plan.exit is not None:
            stopped = self.plan.status is TrackStatus.STOPPED
            state = State.STOPPED_OUT if stopped else State.BREAK_EVEN_HIT
            self.end(state, at, self.plan.exit.level)
        return self.state is not State.ACTIVE

    def end(self, state: State, at: int, price: int, reason: str = "") -> None:
        """End the trader's own trade, once."""
        if (self.state, state) not in TRANSITIONS:
            raise AssertionError(f"{self.key}: {self.state} cannot become {state}")
        self.state, self.reason, self.ended = state, reason, (at, price)

    def result_r(self) -> Fraction | None:
        """Return what the trader's own trade made, None while it is active."""
        match self.state:
            case State.TARGET_HIT:
                return self.settings.plan_target_r
            case State.BREAK_EVEN_HIT:
                return Fraction(0)
            case State.STOPPED_OUT:
                return Fraction(-1)
            case State.CLOSED:
                return self.in_r(self.distance(self.ended[1])) if self.ended else None
            case _:
                return None


class PathPoint(NamedTuple):
    """MFE of both tracks and MAE after one candle, in ticks."""

    bar: int
    no_be: int
    be: int
    worst: int


def path(trade: Trade, candles: list[Candle], seconds: int = 60) -> list[PathPoint]:
    """Return MFE and MAE after each candle from the entry candle on, while the trade runs.

    Derived from the candles and from where the tracks ended, so that nothing is kept per trade and minute.
    """
    points: list[PathPoint] = []
    best = worst = 0
    length = seconds * 1_000_000_000
    fixed, even = trade.no_be.exit, trade.be.exit
    for candle in candles:
        end = candle.at + length
        if end <= trade.entry_bar:
            continue
        if fixed is not None and fixed.bar < candle.at:
            break
        if trade.reason == EXPIRED and trade.ended is not None and trade.ended[0] <= candle.at:
            break
        if not points and trade.first is not None:
            best, worst = trade.first
        else:
            adverse, favourable = sorted((trade.distance(candle.low), trade.distance(candle.high)))
            best, worst = max(best, favourable), min(worst, adverse)
        is_last = fixed is not None and fixed.bar < end
        points.append(
            PathPoint(
                candle.at,
                trade.no_be.best if is_last else best,
                trade.be.best if even is not None and even.bar < end else best,
                trade.worst if is_last else worst,
            )
        )
    return points
