"""Where things lie on an R ladder: one scale for all rows, so that trades compare.

Positions are percentages of the width. The element in the browser moves only what the price moves.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import ClassVar, Final

from apps.trades.queries import Target, TradeView

LEAST: Final = Fraction("-1.42")  # R at the left edge: room for the label of the stop
MOST: Final = Fraction("3.3")  # R at the right edge, unless a trade has gone farther
FARTHEST: Final = Fraction(
    "6.3"
)  # beyond it the mark stays at the edge, or near things could not be told apart
_BEYOND: Final = Fraction("0.3")
_APART: Final = 19.0  # per cent of the width between two labels, or they run into each other


@dataclass(frozen=True, slots=True)
class Scale:
    """Which part of R the ladders show."""

    least: Fraction
    most: Fraction

    @property
    def unit(self) -> float:
        """Return the width of 1 R."""
        return round(float(100 / (self.most - self.least)), 4)

    @property
    def zero(self) -> float:
        """Return where the entry lies."""
        return self.x(Fraction(0))

    def x(self, r: Fraction) -> float:
        """Return where an R lies, never outside."""
        inside = min(max(r, self.least), self.most)
        return round(float(100 * (inside - self.least) / (self.most - self.least)), 2)


@dataclass(frozen=True, slots=True)
class Mark:
    """An R target on the ladder."""

    target: Target
    x: float
    is_hit: bool


@dataclass(frozen=True, slots=True)
class Label:
    """A name and a price under the rail."""

    kind: str
    name: str
    price: Decimal | str
    x: float


@dataclass(frozen=True, slots=True)
class Ladder:
    """One trade drawn on a scale."""

    view: TradeView
    scale: Scale
    pointer: ClassVar[str] = ""  # a trade has no partial exits: its R is that of the price

    @property
    def best(self) -> Fraction:
        """Return the best in R by the trader's own plan, the price of the moment included."""
        plan = self.view.trade.plan
        return max(self.view.trade.in_r(plan.best), self.view.now_r or Fraction(0))

    @property
    def worst(self) -> Fraction:
        """Return the worst in R, the price of the moment included."""
        return min(self.view.mae_r, self.view.now_r or Fraction(0))

    @property
    def gave_back(self) -> Fraction | None:
        """Return how much of the best is gone again, in R."""
        return None if self.view.now_r is None else self.best - self.view.now_r

    @property
    def is_at_entry(self) -> bool:
        """Return whether the stop of the plan was moved to the entry."""
        return self.view.stop == self.view.entry

    @property
    def marks(self) -> list[Mark]:
        """Return the targets that are on the scale."""
        hits = self.view.trade.plan.hits
        return [
            Mark(target, self.scale.x(target.r), target.r in hits)
            for target in self.view.targets
            if target.r < self.scale.most
        ]

    @property
    def labels(self) -> list[Label]:
        """Return the labels that fit: first the stop, the entry and the next target, then the others."""
        stop = Label("stop-text", "stop", self.view.stop, self.x_stop)
        entry = Label("", "entry", self.view.entry, self.scale.zero)
        if self.is_at_entry:
            stop = Label("stop-text", "stop=entry", self.view.entry, self.x_stop)
        marks = sorted(self.marks, key=lambda mark: mark.target != self.next)
        wanted = [stop, *([] if self.is_at_entry else [entry]), *map(_label, marks)]
        fitting: list[Label] = []
        for label in wanted:
            if all(abs(label.x - other.x) >= _APART for other in fitting):
                fitting.append(label)
        return fitting

    @property
    def next(self) -> Target | None:
        """Return the nearest target that the plan's track has not reached."""
        hits = self.view.trade.plan.hits
        return next((target for target in self.view.targets if target.r not in hits), None)

    @property
    def next_away(self) -> Fraction | None:
        """Return the points to that target, exact."""
        if self.next is None or self.view.distance is None:
            return None
        tick = Fraction(self.view.instrument.tick_size)
        return (self.next.r * self.view.trade.risk - self.view.distance) * tick

    # ---- the drawing ----

    @property
    def x_initial_stop(self) -> float:
        """Return where the stop lay at first."""
        return self.scale.x(Fraction(-1))

    @property
    def x_stop(self) -> float:
        """Return where the stop lies now."""
        return self.scale.zero if self.is_at_entry else self.x_initial_stop

    @property
    def x_now(self) -> float:
        """Return where the price is."""
        return self.scale.x(self.view.now_r or Fraction(0))

    @property
    def x_best(self) -> float:
        """Return the far end of the ground it has covered."""
        return self.scale.x(self.best)

    @property
    def x_worst(self) -> float:
        """Return the near end of the ground it has covered."""
        return self.scale.x(self.worst)

    @property
    def width_been(self) -> float:
        """Return how wide that ground is."""
        return round(self.x_best - self.x_worst, 2)

    @property
    def x_bar(self) -> float:
        """Return where the bar between entry and price begins."""
        return min(self.x_now, self.scale.zero)

    @property
    def width_bar(self) -> float:
        """Return how wide that bar is."""
        return round(abs(self.x_now - self.scale.zero), 2)


def _label(mark: Mark) -> Label:
    name = f"{mark.target.name}R ✓" if mark.is_hit else f"{mark.target.name}R"
    return Label("target-text" if mark.is_hit else "", name, mark.target.price, mark.x)


def ladders(views: Iterable[TradeView]) -> list[Ladder]:
    """Return trades drawn on one scale."""
    views = list(views)
    bare = [Ladder(view, Scale(LEAST, MOST)) for view in views]
    most = min(FARTHEST, max([MOST, *(one.best + _BEYOND for one in bare)]))
    least = max(-FARTHEST, min([LEAST, *(one.worst - _BEYOND for one in bare)]))
    scale = Scale(least, most)
    return [Ladder(view, scale) for view in views]
