"""A made-up trade date: the price at the open of each of its minutes, and how loud each minute is.

Every day is made from its own random numbers, so any day can be made alone. All days hang on one slow curve
(`_level`), so that neighbours fit together; inside a day a random walk is bent to end where the curve says.
The four index families share most of their steps, as they do in life.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Final, NamedTuple

from apps.bus.domain.message import MINUTE, to_instant
from apps.marketdata.domain.calendar import CALENDAR
from apps.marketdata.domain.instrument import EQUITY
from apps.marketdata.domain.session import NEW_YORK, day_of

OPEN_MINUTE: Final = 18 * 60  # a trade date opens at 18:00 New York


class Family(NamedTuple):
    """What sets one index apart. Units: points; `pulse` is its move for one point of NQ; `own` its own share."""

    anchor: float
    pulse: float
    own: float


FAMILIES: Final = {
    "NQ": Family(anchor=25_000, pulse=1.0, own=0.35),
    "ES": Family(anchor=6_800, pulse=0.19, own=0.35),
    "YM": Family(anchor=47_500, pulse=1.20, own=0.55),
    "RTY": Family(anchor=2_450, pulse=0.11, own=0.65),
}

# (from this minute of the New York day, points of NQ a minute, ticks a minute)
PROFILE: Final = (
    (0, 1.8, 18.0),
    (180, 2.8, 30.0),  # London opens
    (300, 2.2, 24.0),
    (420, 2.8, 34.0),
    (510, 5.5, 80.0),  # 08:30, the numbers of the day
    (540, 4.2, 60.0),
    (570, 13.0, 290.0),  # 09:30, the opening bell
    (600, 9.0, 230.0),
    (660, 7.0, 180.0),
    (720, 4.8, 120.0),
    (810, 6.0, 150.0),
    (900, 7.0, 190.0),
    (950, 9.0, 260.0),
    (960, 3.2, 40.0),
    (1020, 1.8, 16.0),
    (1080, 2.6, 28.0),  # 18:00, a new trade date
    (1140, 1.9, 20.0),
)
# (drift a minute, pull back to where it began, loudness): two trends, a range, a storm, two slow trends, a lull
WEATHERS: Final = (
    (0.35, 0.0, 1.1),
    (-0.35, 0.0, 1.1),
    (0.0, 0.12, 0.85),
    (0.0, 0.0, 1.45),
    (0.18, 0.02, 1.0),
    (-0.18, 0.02, 1.0),
    (0.0, 0.06, 0.7),
)
# (days from one knot of the slow curve to the next, points of NQ)
TIDES: Final = ((1, 55.0), (5, 140.0), (21, 380.0), (89, 800.0))


@dataclass(frozen=True, slots=True)
class Minute:
    """One minute of a day. Units: at ns UTC; points; noise: points a minute; pace: ticks a minute."""

    at: int
    opens: float
    closes: float
    noise: float
    pace: float


@dataclass(frozen=True, slots=True)
class Day:
    """One trade date: the starts of its minutes and the price at each, with the close at the end."""

    starts: tuple[int, ...]
    prices: tuple[float, ...]
    noises: tuple[float, ...]
    paces: tuple[float, ...]

    def minute(self, at: int) -> Minute | None:
        """Return the minute that starts at this instant; None where the market is closed."""
        place = bisect_right(self.starts, at) - 1
        if place < 0 or self.starts[place] != at:
            return None
        return Minute(
            at, self.prices[place], self.prices[place + 1], self.noises[place], self.paces[place]
        )


def trade_day(at: int) -> int:
    """Return the ordinal of the trade date an instant belongs to: the New York day that ends at 18:00."""
    return day_of(at).toordinal()


def day_start(ordinal: int) -> int:
    """Return the instant at which a trade date begins, 18:00 New York of the day before."""
    eve = date.fromordinal(ordinal) - timedelta(days=1)
    return to_instant(datetime.combine(eve, time(18), tzinfo=NEW_YORK))


class Skeleton:
    """All days of one made-up market, each made when somebody asks."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._days: dict[tuple[str, int], Day] = {}
        self._starts: dict[int, tuple[int, ...]] = {}

    def starts(self, ordinal: int) -> tuple[int, ...]:
        """Return the starts of the minutes in which the exchange is open on a trade date; maybe none."""
        if ordinal not in self._starts:
            hours = CALENDAR.hours(date.fromordinal(ordinal), EQUITY)
            self._starts[ordinal] = tuple(
                at for start, end in hours for at in range(start, end, MINUTE)
            )
        return self._starts[ordinal]

    def before(self, ordinal: int) -> int:
        """Return the trading day before this one."""
        ordinal -= 1
        while not self.starts(ordinal):
            ordinal -= 1
        return ordinal

    def after(self, ordinal: int) -> int:
        """Return the trading day after this one."""
        ordinal += 1
        while not self.starts(ordinal):
            ordinal += 1
        return ordinal

    def close(self, root: str, ordinal: int) -> float:
        """Return the price at which a family ends a trade date."""
        family = FAMILIES[root]
        common, own = self._level("common", ordinal), self._level(root, ordinal)
        return family.anchor + family.pulse * (common + family.own * own)

    def day(self, root: str, ordinal: int) -> Day:
        """Return one trade date of one family, the same whenever and in whatever order it is asked for."""
        key = (root, ordinal)
        if key not in self._days:
            if len(self._days) > 40:
                self._days.clear()
            self._days[key] = self._make(root, ordinal)
        return self._days[key]

    def _level(self, name: str, ordinal: int) -> float:
        level = 0.0
        for days, points in TIDES:
            knot, rest = divmod(ordinal, days)
            left = self._knot(name, days, knot)
            right = self._knot(name, days, knot + 1)
            level += points * (left + (right - left) * rest / days)
        return level

    def _knot(self, name: str, days: int, knot: int) -> float:
        return _bounded(Random(f"{self._seed}:tide:{name}:{days}:{knot}"), 2.0)

    def _make(self, root: str, ordinal: int) -> Day:
        family = FAMILIES[root]
        starts = self.starts(ordinal)
        if not starts:
            return Day((), (), (), ())
        begin = day_start(ordinal)
        clock = [(OPEN_MINUTE + (at - begin) // MINUTE) % 1440 for at in starts]
        steps, loudness = self._weather(ordinal, clock)
        chance = Random(f"{self._seed}:{root}:{ordinal}")
        noises = [
            family.pulse * points * loud
            for (points, _), loud in zip(map(_profile, clock), loudness, strict=True)
        ]
        walk = [
            family.pulse * step + family.own * noise * _bounded(chance, 3.0)
            for step, noise in zip(steps, noises, strict=True)
        ]
        opens = self.close(root, self.before(ordinal)) + self._gap(root, ordinal)
        pull = self.close(root, ordinal) - opens - sum(walk)
        total = sum(noise * noise for noise in noises)
        prices = [opens]
        for step, noise in zip(walk, noises, strict=True):
            prices.append(prices[-1] + step + pull * noise * noise / total)
        paces = [
            ticks * loud * (0.6 + 0.8 * chance.random())
            for (_, ticks), loud in zip(map(_profile, clock), loudness, strict=True)
        ]
        return Day(starts, tuple(prices), tuple(noises), tuple(paces))

    def _gap(self, root: str, ordinal: int) -> float:
        """Return what the price jumps while the exchange is closed, more over a weekend."""
        rest = ordinal - self.before(ordinal)
        points = 8.0 if rest == 1 else 30.0
        return FAMILIES[root].pulse * points * _bounded(Random(f"{self._seed}:gap:{ordinal}"), 2.5)

    def _weather(self, ordinal: int, clock: Sequence[int]) -> tuple[list[float], list[float]]:
        """Return the steps all families share, in points of NQ, and how loud each minute is.

        The weather changes every quarter of an hour or so: a trend drifts, a range pulls back to where it
        began, a storm is loud, a lull is quiet.
        """
        chance = Random(f"{self._seed}:weather:{ordinal}")
        today = 0.85 + 0.45 * chance.random()
        steps: list[float] = []
        loudness: list[float] = []
        left, drift, hold, loud, home, price = 0, 0.0, 0.0, 1.0, 0.0, 0.0
        for minute in clock:
            if left == 0:
                left, home = chance.randint(12, 70), price
                drift, hold, loud = chance.choice(WEATHERS)
            left -= 1
            noise = _profile(minute)[0] * loud * today
            step = noise * (drift + 0.9 * _bounded(chance, 3.0)) - hold * (price - home)
            price += step
            steps.append(step)
            loudness.append(loud * today)
        return steps, loudness


_PROFILE_MINUTES: Final = [row[0] for row in PROFILE]


def _profile(minute: int) -> tuple[float, float]:
    row = PROFILE[bisect_right(_PROFILE_MINUTES, minute) - 1]
    return row[1], row[2]


def _bounded(chance: Random, most: float) -> float:
    return max(-most, min(most, chance.gauss(0.0, 1.0)))
