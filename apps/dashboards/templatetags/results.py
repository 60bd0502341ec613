"""A trade's result as its trader wants to read it: R, points, ticks or dollars; `{% with it=view|result_in:user.units %}`."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import singledispatch
from typing import Any, Final

from django import template

from apps.brokers.queries import PositionView
from apps.dashboards.templatetags.desk import Shown, result, sign, unit_of
from apps.marketdata.domain.instrument import Instrument
from apps.recorder.queries import RecordedView
from apps.trades.queries import TradeView

register = template.Library()

HEADS: Final = {"points": "Points", "ticks": "Ticks"}


@dataclass(frozen=True, slots=True)
class Result:
    """One result: what is known of it in each unit, and in which it is wanted."""

    known: Mapping[str, Shown]
    wanted: str

    @property
    def unit(self) -> str:
        """Return in what it is written: as wanted where that is known, else in dollars, else in R."""
        return unit_of(self.known, self.wanted)

    @property
    def is_known(self) -> bool:
        """Return whether anything is known of it."""
        return self.known.get(self.unit) is not None

    @property
    def text(self) -> str:
        """Return it as it is written."""
        return result(self.known, self.wanted)

    @property
    def sign(self) -> str:
        """Return the sign that colours it."""
        return sign(self.known.get(self.unit))


@register.filter
def result_in(view: Any, units: str) -> Result:
    """Return what an open trade or position makes now, or what an ended one made."""
    return Result(_known(view), units)


@register.filter
def result_beside(view: Any, units: str) -> Result:
    """Return the same for a column beside one of dollars: never in dollars, R instead."""
    return Result({**_known(view), "money": None}, units)


@register.filter
def result_head(units: str) -> str:
    """Return the head of such a column."""
    return HEADS.get(units, "R")


@singledispatch
def _known(view: Any) -> dict[str, Shown]:
    """Return what is known of a result, by unit."""
    raise TypeError(f"{view!r} has no result")


@_known.register
def _of_trade(view: TradeView) -> dict[str, Shown]:
    """Of a signal's trade no size is known, so no dollars."""
    is_over = view.result_r is not None
    r = view.result_r if is_over else view.now_r
    points = None if r is None else _even(r * Fraction(view.risk))
    return {"r": r, **_moves(points, view.instrument)}


@_known.register
def _of_position(view: PositionView) -> dict[str, Shown]:
    """R counts what exits have realised; points and dollars are of what is held."""
    return {"r": view.r_now, **_moves(view.points, view.instrument), "money": view.unrealized}


@_known.register
def _of_recorded(view: RecordedView) -> dict[str, Shown]:
    apart = None
    if view.is_open:
        r, money = view.r_so_far, view.unrealized
        if view.last is not None and view.row.size:
            apart = view.last - view.row.cost / view.row.size
    else:
        r, money = view.r, view.net
        apart = None if view.row.exit is None else view.row.exit - view.row.entry
    points = None if apart is None else apart * view.row.sign
    return {"r": r, **_moves(points, view.instrument), "money": money}


def _moves(points: Decimal | None, product: Instrument | None) -> dict[str, Shown]:
    if points is None or product is None:
        return {}
    return {"points": points, "ticks": points / product.tick_size}


def _even(points: Fraction) -> Decimal:
    return Decimal(points.numerator) / Decimal(points.denominator)
