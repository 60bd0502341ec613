"""Where a recorded position was traded otherwise than its strategy's figures say.

A recorder does not trade: nothing is held back. It says what was done otherwise, once it is certain: too many at once, too
few when the next order or the end shows that no more came. An exit between stop and target is the trader's own and
none; nor is the slippage of a working stop, or a point of NQ (four ticks) beside any level.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from apps.marketdata.domain.instrument import INSTRUMENTS
from apps.recorder.domain.ledger import HUNDRED, Part, Position, by_order, level
from apps.recorder.domain.seen import Known, Plan, product_of
from apps.recorder.domain.terms import Unit, Ways

SLACK: Final = 4  # ticks


@dataclass(frozen=True, slots=True)
class Deviation:
    """What was done otherwise, in a sentence. `fill`: the fill that did it."""

    kind: str
    fill: str
    at: int
    text: str


def deviations(position: Position, plan: Plan, known: Known) -> list[Deviation]:
    """Return how a position differs from a strategy's figures, in the order of its fills."""
    groups = list(by_order(position.parts))
    found: list[Deviation] = []
    is_first_entry = is_first_exit = True
    for number, parts in enumerate(groups):
        is_done = number + 1 < len(groups) or position.closed_at is not None
        if parts[0].opens:
            again = any(_same(parts, one) for one in groups[:number] if one[0].opens)
            if not again:
                whole = [
                    part for one in groups if _same(parts, one) and one[0].opens for part in one
                ]
                found += _entry(position, whole, plan, is_first=is_first_entry, is_done=is_done)
            is_first_entry = False
        else:
            found += _exit(position, parts, plan, known, is_first=is_first_exit, is_done=is_done)
            is_first_exit = False
    return found


def _same(one: list[Part], other: list[Part]) -> bool:
    """Return whether two groups are of one order, which was filled in parts."""
    order = one[0].fill.order
    return one is other or bool(order and order == other[0].fill.order)


def _entry(
    position: Position, parts: list[Part], plan: Plan, *, is_first: bool, is_done: bool
) -> Iterator[Deviation]:
    fill, many = parts[0].fill, sum(part.quantity for part in parts)
    side = Ways.LONG if position.sign > 0 else Ways.SHORT
    if is_first and plan.ways not in (Ways.BOTH, side):
        yield Deviation(
            "ways",
            fill.remote,
            fill.at,
            f"{side.capitalize()}, though the strategy is {plan.ways} only.",
        )
    says = plan.size if is_first else plan.position_add
    verb, kind = ("Opened", "size") if is_first else ("Added", "add")
    if says is None or many == says or (many < says and not is_done):
        return
    if not is_first and says == 0:
        text = f"Added {many}, though the strategy never adds."
    else:
        text = f"{verb} {many}, the strategy says {says}."
    yield Deviation(kind, fill.remote, fill.at, text)


def _exit(
    position: Position,
    parts: list[Part],
    plan: Plan,
    known: Known,
    *,
    is_first: bool,
    is_done: bool,
) -> Iterator[Deviation]:
    fill, many, left = parts[0].fill, sum(part.quantity for part in parts), parts[-1].left
    ahead = (fill.price - position.opened_by.price) * position.sign > 0
    if is_first and ahead and plan.trim is not None:
        if plan.trim == 0 and left and is_done:
            yield Deviation(
                "trim",
                fill.remote,
                fill.at,
                f"Took {many} off and left {left}, though the strategy leaves all at once.",
            )
        elif plan.trim and left and (many > plan.trim or (many < plan.trim and is_done)):
            yield Deviation(
                "trim", fill.remote, fill.at, f"Trimmed {many}, the strategy says {plan.trim}."
            )
        elif plan.trim and not left and many > plan.trim and _reached(position, plan, fill.price):
            yield Deviation(
                "trim",
                fill.remote,
                fill.at,
                f"Left all {many} at once, the strategy trims {plan.trim} first.",
            )
    rest_runs = bool(plan.trim) and not is_first
    for name, way, asked in (
        ("stop loss", -1, plan.stop_loss),
        ("take profit", 1, None if rest_runs else plan.take_profit),
    ):
        order = known.orders.get(fill.order)
        is_slippage = (
            way < 0
            and order is not None
            and order.is_stop
            and not _beyond(position, plan, order.stop, way)
        )
        if asked and _beyond(position, plan, fill.price, way) and not is_slippage:
            made = in_unit(position, plan.unit, fill.price)
            text = f"Left at {made}, the {name} says {_said(asked, plan.unit)}."
            yield Deviation(name.replace(" ", "_"), fill.remote, fill.at, text)


def _reached(position: Position, plan: Plan, price: Decimal) -> bool:
    target = level(plan, position.opened_by, 1)
    return target is not None and (price - target) * position.sign >= 0


def _beyond(position: Position, plan: Plan, price: Decimal | None, way: int) -> bool:
    """Return whether a price lies more than the slack beyond a plan's stop (-1) or target (+1)."""
    said = level(plan, position.opened_by, way)
    product = INSTRUMENTS.get(product_of(position.contract))
    if said is None or price is None:
        return False
    slack = SLACK * product.tick_size if product else Decimal(0)
    return (price - said) * position.sign * way > slack


def in_unit(position: Position, unit: Unit, price: Decimal) -> str:
    """Return how far a price is from the entry, in the strategy's own unit: −45 points."""
    entry = position.opened_by.price
    points = (price - entry) * position.sign
    product = INSTRUMENTS.get(product_of(position.contract))
    if unit is Unit.PERCENT:
        return f"{_signed((points * HUNDRED / entry).quantize(Decimal('0.01')))} percent"
    if unit is Unit.TICKS and product:
        return f"{_signed(points / product.tick_size)} ticks"
    if unit is Unit.DOLLARS and product:
        return f"{_signed(points * product.point_value)} dollars a contract"
    return f"{_signed(points)} points"


def _said(distance: Decimal, unit: Unit) -> str:
    return f"{_plain(distance)} {unit}{' a contract' if unit is Unit.DOLLARS else ''}"


def _signed(number: Decimal) -> str:
    return f"{'−' if number < 0 else '+'}{_plain(abs(number))}"


def _plain(number: Decimal) -> str:
    return f"{number.normalize():,f}"
