"""An open position drawn on its R ladder, with the forms' words around it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import cached_property
from typing import Final

from apps.brokers.models import Order
from apps.brokers.queries import PositionView
from apps.bus.domain.message import SECOND, in_r
from apps.dashboards.ladder import FARTHEST, LEAST, MOST, Label, Scale
from apps.marketdata import price

LETTER: Final = 1.6  # per cent of the width that a letter takes, about
BEYOND: Final = Fraction("0.3")
NEAR_POINTS: Final = Decimal(10)


@dataclass(frozen=True, slots=True)
class Goal:
    """A target on the ladder. None is ever hit here: a target that was reached is no order any more."""

    order: Order
    r: Fraction
    x: float
    is_hit: bool = False


@dataclass(frozen=True)
class Held:
    """One position. R on the ladder is that of a price: how far it lies from the average entry.

    The position's own R, everywhere else, is `PositionView.r_now`: it counts what exits have realised as well. Once
    part of it was closed the two differ, so the ladder then names its pointer as the price's.
    """

    view: PositionView

    @cached_property
    def entry(self) -> Fraction:
        """Return the average price of all entries, in ticks."""
        return Fraction(self.view.row.entered_paid, self.view.row.entered)

    @cached_property
    def unit(self) -> Fraction | None:
        """Return 1 R in ticks, None where it was entered without a stop."""
        if not self.view.row.risk:
            return None
        value = Fraction(self.view.instrument.tick_value) * self.view.row.entered
        return Fraction(self.view.row.risk) / value

    @property
    def stop_points(self) -> Decimal | None:
        """Return how far its stop lay at first, on the grid: so far away a turned position's may lie. None without one."""
        if self.unit is None:
            return None
        whole = -(-self.unit.numerator // self.unit.denominator)
        return self.view.instrument.points(max(1, whole))

    @property
    def unit_points(self) -> str:
        """Return 1 R in points for a script, empty where it is not known."""
        return (
            "" if self.unit is None else in_r(self.unit * Fraction(self.view.instrument.tick_size))
        )

    def r_of(self, ticks: int) -> Fraction:
        """Return a price as R; 0 where R is not known."""
        if self.unit is None:
            return Fraction(0)
        return (ticks - self.entry) * self.view.row.sign / self.unit

    @property
    def now_r(self) -> Fraction | None:
        """Return where the price is, in R."""
        if self.unit is None or self.view.last_ticks is None:
            return None
        return self.r_of(self.view.last_ticks)

    @property
    def pointer(self) -> str:
        """Return what the ladder's pointer is called: nothing while its R is that of the whole position."""
        return "price " if self.view.row.exited else ""

    @property
    def stop(self) -> Decimal | None:
        """Return the nearest stop on the grid."""
        stop = self.view.stop
        return None if stop is None else self.view.instrument.snap(stop)

    @property
    def stop_order(self) -> Order | None:
        """Return the order of the nearest stop."""
        return next((one for one in self.view.protections if one.stop == self.view.stop), None)

    @property
    def average(self) -> Decimal:
        """Return the average entry of what is open, two decimals at least."""
        exact = self.view.entry
        on_grid = self.view.instrument.snap(exact)
        return on_grid if on_grid == exact else exact.quantize(Decimal("0.01"), ROUND_HALF_UP)

    @property
    def is_at_entry(self) -> bool:
        """Return whether the stop lies at the entry."""
        return self.stop is not None and self.stop == self.view.instrument.snap(self.view.entry)

    @property
    def best(self) -> Fraction:
        """Return the best price so far, in R."""
        row = self.view.row
        known = [self.r_of(row.high if row.sign > 0 else row.low), self.now_r or Fraction(0)]
        return max(Fraction(0), *known)

    @property
    def worst(self) -> Fraction:
        """Return the worst price so far, in R."""
        row = self.view.row
        known = [self.r_of(row.low if row.sign > 0 else row.high), self.now_r or Fraction(0)]
        return min(Fraction(0), *known)

    @property
    def seconds(self) -> int:
        """Return how long it has been held, in market time."""
        return max(0, price.now() - self.view.row.opened_ns) // SECOND

    @property
    def half(self) -> int:
        """Return how many contracts are half of it, 0 where it can't be halved."""
        return self.view.row.size // 2

    @property
    def near(self) -> Decimal:
        """Return from how many points on a stop is near."""
        defaults = self.view.instrument.defaults
        return defaults.near_stop if defaults else NEAR_POINTS

    @property
    def nearness(self) -> str:
        """Return safe, warning or danger: how much lies between the price and the stop."""
        away = self.view.stop_away
        if away is None:
            return "danger" if self.view.uncovered else "safe"
        if away <= self.near:
            return "danger"
        unit = (self.unit or Fraction(0)) * Fraction(self.view.instrument.tick_size)
        half = Fraction(away) * 2 <= unit
        return "warning" if half else "safe"

    # ---- what the script needs, exact ----

    @property
    def cost(self) -> int:
        """Return the sum of signed contracts x price in ticks."""
        return self.view.position.cost

    @property
    def signed(self) -> int:
        """Return the open contracts with their sign."""
        return self.view.position.quantity

    # ---- the drawing ----

    @cached_property
    def scale(self) -> Scale:
        """Return which part of R is shown."""
        goals = [self._r(one.limit) for one in self.view.targets]
        most = min(FARTHEST, max([MOST, self.best + BEYOND, *(r + BEYOND for r in goals)]))
        least = max(-FARTHEST, min(LEAST, self.worst - BEYOND))
        return Scale(least, most)

    @property
    def goals(self) -> list[Goal]:
        """Return the targets that are on the scale."""
        found = [(one, self._r(one.limit)) for one in self.view.targets]
        found.sort(key=lambda each: each[1])
        return [Goal(one, r, self.scale.x(r)) for one, r in found if r < self.scale.most]

    @property
    def marks(self) -> list[Goal]:
        """Return the same under the name that the ladder's template knows."""
        return self.goals

    @property
    def next(self) -> Order | None:
        """Return the nearest target."""
        goals = self.goals
        return goals[0].order if goals else None

    @property
    def next_away(self) -> Decimal | None:
        """Return the points to it."""
        if self.next is None or self.view.now is None or self.next.limit is None:
            return None
        away: Decimal = (self.next.limit - self.view.now.last) * self.view.row.sign
        return away

    @property
    def labels(self) -> list[Label]:
        """Return the labels that fit: the stop, the entry, then the targets, without their price where it is tight."""
        wanted = []
        if self.stop is not None:
            name = "stop=entry" if self.is_at_entry else "stop"
            wanted.append(Label("stop-text", name, self.stop, self.x_stop))
        if not self.is_at_entry:
            wanted.append(Label("", "", self.average, self.scale.zero))
        for goal in self.goals:
            limit = self.view.instrument.snap(goal.order.limit or Decimal(0))
            wanted.append(Label("target-text", _multiple(goal.r), limit, goal.x))
        fitting: list[Label] = []
        for label in wanted:
            bare = replace(label, price="") if label.name else label
            fits = next((one for one in (label, bare) if _fits(one, fitting)), None)
            if fits is not None:
                fitting.append(fits)
        return fitting

    @property
    def x_initial_stop(self) -> float:
        """Return where the stop lay at first."""
        return self.scale.x(Fraction(-1))

    @property
    def x_stop(self) -> float:
        """Return where the stop lies now, at the left edge where there is none."""
        return self.scale.x(self._r(self.view.stop)) if self.stop is not None else 0.0

    @property
    def x_now(self) -> float:
        """Return where the price is."""
        return self.scale.x(self.now_r or Fraction(0))

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

    def _r(self, level: Decimal | None) -> Fraction:
        if level is None:
            return Fraction(0)
        return self.r_of(self.view.instrument.to_ticks(self.view.instrument.snap(level)))


def held(views: Iterable[PositionView]) -> list[Held]:
    """Return positions to be drawn, the newest first."""
    return [Held(one) for one in sorted(views, key=lambda one: -one.row.opened_ns)]


def _fits(label: Label, others: Iterable[Label]) -> bool:
    return all(abs(label.x - one.x) >= (_width(label) + _width(one)) / 2 for one in others)


def _width(label: Label) -> float:
    """Return about how wide a label is, in per cent of the ladder."""
    price = f" {label.price:,}" if label.price else ""
    return LETTER * (len(label.name) + len(price) + 1)


def _multiple(r: Fraction) -> str:
    text = f"{Decimal(r.numerator) / Decimal(r.denominator):.2f}".rstrip("0").rstrip(".")
    return f"{text}R"
