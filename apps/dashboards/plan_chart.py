"""The consistency planner as bars: the last days, today, and the window in which to stop. Percentages of a box."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from apps.risk.domain.planner import Plan

BEFORE: Final = 5  # days beside today
TOP, BOTTOM = Decimal(14), Decimal(78)  # of the box, for the figures over and under the bars
LEAST: Final = Decimal(100)  # dollars that the box spans at least
PLACES: Final = Decimal("0.1")


@dataclass(frozen=True, slots=True)
class Bar:
    """One day. All but `net` are percentages of the box."""

    name: str
    net: Decimal
    x: Decimal
    width: Decimal
    y: Decimal
    height: Decimal
    is_today: bool

    @property
    def middle(self) -> Decimal:
        """Return where its words stand."""
        return self.x + self.width / 2

    @property
    def label_y(self) -> Decimal:
        """Return where its figure stands: over a gain, under a loss."""
        return self.y - 2 if self.net >= 0 else self.y + self.height + 7


@dataclass(frozen=True, slots=True)
class PlanChart:
    """Bars, the zero line, and today's window. `low_y` None: the window has no end on that side."""

    bars: tuple[Bar, ...]
    zero: Decimal
    window_y: Decimal | None
    window_height: Decimal | None
    window_x: Decimal
    window_width: Decimal
    low: Decimal | None
    high: Decimal | None


def plan_chart(
    results: Sequence[tuple[date, Decimal]], today: Decimal, on: date, plan: Plan
) -> PlanChart | None:
    """Return the bars of the last days and of today; None where nothing was ever traded."""
    days = [*[(one, net, False) for one, net in results if one != on][-BEFORE:], (on, today, True)]
    if len(days) == 1 and not today:
        return None
    window = plan.window or (plan.best_day.window if plan.best_day else None)
    ends = [end for end in ((window.low, window.high) if window else ()) if end is not None]
    nets = [net for _, net, _ in days]
    high, low = max([Decimal(0), *nets, *ends]), min([Decimal(0), *nets, *ends])
    span = max(high - low, LEAST)

    def y(value: Decimal) -> Decimal:
        return (TOP + (high - value) / span * (BOTTOM - TOP)).quantize(PLACES)

    slot = Decimal(100) / len(days)
    bars = tuple(
        Bar(
            name="today" if is_today else f"{one:%a}",
            net=net,
            x=(slot * number + slot / 5).quantize(PLACES),
            width=(slot * 3 / 5).quantize(PLACES),
            y=y(max(net, Decimal(0))),
            height=max(Decimal("0.8"), abs(y(net) - y(Decimal(0)))),
            is_today=is_today,
        )
        for number, (one, net, is_today) in enumerate(days)
    )
    top = y(window.high if window.high is not None else high) if window else None
    bottom = y(window.low if window.low is not None else low) if window else None
    return PlanChart(
        bars=bars,
        zero=y(Decimal(0)),
        window_y=top,
        window_height=None if top is None or bottom is None else max(Decimal("0.5"), bottom - top),
        window_x=(slot * (len(days) - 1)).quantize(PLACES),
        window_width=slot.quantize(PLACES),
        low=window.low if window else None,
        high=window.high if window else None,
    )
