"""What a position's fills did, each told once: an order that is filled in parts is one happening, not many.

Parts that are heard of after it was told are told as what they are: more of the same order.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from fractions import Fraction
from typing import Final, NamedTuple

from apps.bus.domain.message import in_r
from apps.marketdata.domain.instrument import INSTRUMENTS
from apps.recorder.domain.ledger import MONEY, NOTHING, Part, Position, kind_of_exit
from apps.recorder.domain.messages import (
    MoreFilled,
    PositionAdded,
    PositionClosed,
    PositionOpened,
    PositionReduced,
    Recorded,
    StopHit,
    TargetHit,
)
from apps.recorder.domain.seen import Known, product_of
from apps.recorder.domain.terms import LogKind, PositionStatus

IN, OUT, FLAT = "in", "out", "flat"
KINDS: Final[Mapping[str, LogKind]] = {
    "opened": LogKind.OPENED,
    "added": LogKind.ADDED,
    "reduced": LogKind.REDUCED,
    "closed": LogKind.CLOSED,
    "stop_hit": LogKind.STOP_HIT,
    "target_hit": LogKind.TARGET_HIT,
}


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose happenings they are."""

    user: int
    account: int
    account_name: str
    names: Mapping[int, str]


def key_of(position: Position, account: int) -> str:
    """Return the name of a position for ever: strategy, account and the fill that opened it."""
    return f"{position.strategy}:{account}:{position.opened_by.remote}"


class Happening(NamedTuple):
    """What an order's fills did to a position so far, told whole. `fills`: the names of all of them, with their times."""

    fact: Recorded
    fills: Mapping[str, int]


def happenings(position: Position, whose: Whose, known: Known) -> Iterator[Happening]:
    """Yield what a position's orders did so far, each once, in the order of their first fills; what ended it comes last."""
    orders: dict[tuple[str, bool], list[Part]] = {}
    nets: dict[int, Decimal] = {}
    net = NOTHING
    for part in position.parts:
        net += (part.realized or NOTHING) - (part.fees or NOTHING)
        nets[id(part)] = net
        orders.setdefault((order_of(part), part.opens), []).append(part)
    groups = sorted(orders.values(), key=lambda parts: parts[-1].left == 0)
    for number, parts in enumerate(groups):
        last, step = parts[-1], IN
        kind: type[Recorded] = PositionAdded if number else PositionOpened
        if not last.opens:
            step = OUT if last.left else FLAT
            exit = kind_of_exit(position, last.fill, known)
            kind = _EXITS.get(exit, PositionReduced if last.left else PositionClosed)
        fact = _told(kind, position, whose, parts, step, None if last.opens else nets[id(last)])
        yield Happening(fact, {part.fill.remote: part.fill.at for part in parts})


def order_of(part: Part) -> str:
    """Return the broker's name of a fill's order, else the fill's own."""
    return part.fill.order or part.fill.remote


def news_of(happening: Happening, told: Mapping[str, int | None]) -> Recorded | None:
    """Return what is not told yet of a happening, None: nothing. `told`: contracts by the keys that were told; None: all.

    Its first fact is named for its first fill. What follows is named for the last fill that none was named for, and tells
    it whole once more. An end is told once: what comes out otherwise later stands in the log.
    """
    fact, fills = happening
    if fact.step == FLAT:
        return None if fact.key in told else fact
    before = [told[key] for fill in fills if (key := fact.key_of(fill)) in told]
    if not before:
        return fact
    free = [fill for fill in fills if fact.key_of(fill) not in told]
    if not free or any(many is None or many >= fact.quantity for many in before):
        return None
    said = {one.name: getattr(fact, one.name) for one in fields(fact)}
    last = free[-1]
    return MoreFilled(**said | {"fill": last, "at": fills[last]}, of_what=fact.did)


_EXITS: Final[Mapping[PositionStatus, type[Recorded]]] = {
    PositionStatus.STOPPED_OUT: StopHit,
    PositionStatus.TARGET_HIT: TargetHit,
}


def _told(
    kind: type[Recorded],
    position: Position,
    whose: Whose,
    parts: list[Part],
    step: str,
    net: Decimal | None,
) -> Recorded:
    last = parts[-1]
    named = last if step == FLAT else parts[0]
    valued = net is not None and position.point_value is not None
    risk = position.risk
    return kind(
        at=named.fill.at,
        user=whose.user,
        strategy=position.strategy,
        strategy_name=whose.names.get(position.strategy, ""),
        account=whose.account,
        account_name=whose.account_name,
        contract=position.contract,
        side="long" if position.sign > 0 else "short",
        quantity=sum(part.quantity for part in parts),
        left=last.left,
        price=_average(parts),
        net=net.quantize(MONEY) if valued and net is not None else None,
        r=Decimal(in_r(Fraction(net) / Fraction(risk)))
        if valued and net is not None and risk
        else None,
        position=key_of(position, whose.account),
        order=order_of(last),
        fill=named.fill.remote,
        step=step,
    )


def _average(parts: list[Part]) -> Decimal:
    """Return the average price of contracts, with at most 7 decimals."""
    paid = sum((part.quantity * part.fill.price for part in parts), NOTHING)
    average = paid / sum(part.quantity for part in parts)
    product = INSTRUMENTS.get(product_of(parts[0].fill.contract))
    grid = Decimal(1).scaleb(-product.decimals) if product else None
    if grid is not None and average == average.quantize(grid):
        return average.quantize(grid)
    return Decimal(f"{round(average, 7).normalize():f}")
