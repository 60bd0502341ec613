"""What strategies made, as analytics measures it. Analytics lies above this app, so it says how when the desk starts."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, Protocol


class Made(Protocol):
    """The few figures that a strategy is told by, over its closed positions that can be valued."""

    @property
    def trades(self) -> int:
        """Return how many those are."""

    @property
    def net(self) -> Decimal:
        """Return dollars after the fees that are known."""

    @property
    def net_today(self) -> Decimal:
        """Return the same of those that were closed on the day that was asked for."""

    @property
    def win_rate(self) -> Fraction | None:
        """Return wins / trades, None without trades."""

    @property
    def fees_unknown(self) -> int:
        """Return of how many the broker has not said all fees yet."""

    @property
    def fees_unknown_today(self) -> int:
        """Return the same of that day."""


Measure = Callable[[Any, Iterable[int], date], Mapping[int, Made]]
_measures: list[Measure] = []


def measure_by(measure: Measure) -> None:
    """Have figures made so from now on: the user, his strategies' numbers, the day that counts as today."""
    _measures[:] = [measure]


def of_strategies(user: Any, strategies: Iterable[int], day: date) -> Mapping[int, Made]:
    """Return each strategy's figures, those without trades too."""
    (measure,) = _measures
    return measure(user, strategies, day)
