"""What a benchmark says, and how it measures: short rounds, the rivals in turn, the median of each."""

import gc
import math
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

Timed = Callable[[], float]  # does the work once and returns the seconds that count


@dataclass(frozen=True)
class Result:
    """One line of the table.

    paired: how many times the baseline it is, the median over the rounds; without it the values are divided
    target: what the value, or with `of_ratio` the ratio, has to reach; `at_most` turns it round. None: for information.
    noise:  half the distance between the slowest and the quickest round, as a part of the median
    """

    name: str
    value: float | None
    unit: str
    baseline: float | None = None
    baseline_name: str = ""
    paired: float | None = None
    target: float | None = None
    of_ratio: bool = False
    at_most: bool = False
    noise: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Return how many times the baseline this is."""
        if self.paired is not None:
            return self.paired
        return self.value / self.baseline if self.value is not None and self.baseline else None

    @property
    def ok(self) -> bool | None:
        """Return whether the target is met, None without one or without a number."""
        judged = self.ratio if self.of_ratio else self.value
        if self.target is None or judged is None:
            return None
        return judged <= self.target if self.at_most else judged >= self.target

    def plain(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {**asdict(self), "ratio": self.ratio, "ok": self.ok}

    @classmethod
    def missing(cls, name: str, unit: str, why: str) -> Self:
        """Return the line of something that could not be measured."""
        return cls(name, None, unit, note=f"NOT MEASURED: {why}")

    def noted(self, note: str) -> Self:
        """Return it with something to know about it."""
        return replace(self, note=note)


@dataclass(frozen=True)
class Times:
    """The seconds that one rival took in each round."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Return the middle one."""
        return statistics.median(self.seconds)

    @property
    def noise(self) -> float:
        """Return how far the rounds lie apart."""
        return (max(self.seconds) - min(self.seconds)) / 2 / self.median

    def quicker_than(self, other: "Times") -> float:
        """Return how many times as quick as another this is: a slow moment meets both of a round."""
        pairs = zip(self.seconds, other.seconds, strict=True)
        return statistics.median(theirs / ours for ours, theirs in pairs)

    def rate(self, count: int) -> float:
        """Return how many of `count` things were done in a second."""
        return count / self.median


def in_turn(rivals: Mapping[str, Timed], rounds: int) -> dict[str, Times]:
    """Let the rivals work one after the other, round by round, so that a slow moment meets them all."""
    seconds: dict[str, list[float]] = {name: [] for name in rivals}
    for _ in range(rounds):
        for name, work in rivals.items():
            gc.collect()
            seconds[name].append(work())
    return {name: Times(tuple(taken)) for name, taken in seconds.items()}


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return the processor time that a piece of pure computing takes: others on the machine count less."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def wall_seconds(work: Callable[[], object]) -> float:
    """Return the time by the clock, for work in which others take part."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def percentile(values: list[float], part: float) -> float:
    """Return the value that `part` of all do not exceed, e.g. 0.99."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]
