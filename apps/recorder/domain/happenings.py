"""What a position's fills did, each told once: an order that is filled in parts is one happening, not many."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

from apps.bus.domain.message import in_r
from apps.marketdata.domain.instrument import INSTRUMENTS
from apps.recorder.domain.ledger import MONEY, NOTHING, Part, Position, by_order, kind_of_exit
from apps.recorder.domain.messages import (
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
    PositionOpened.name: LogKind.OPENED,
    PositionAdded.name: LogKind.ADDED,
    PositionReduced.name: LogKind.REDUCED,
    PositionClosed.name: LogKind.CLOSED,
    StopHit.name: LogKind.STOP_HIT,
    TargetHit.name: LogKind.TARGET_HIT,
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


def happenings(position: Position, whose: Whose, known: Known) -> Iterator[Recorded]:
    """Yield what a position's fills did, in their order."""
    net, entered, left = NOTHING, set[str](), set[str]()
    for parts in by_order(position.parts):
        first, last = parts[0], parts[-1]
        net += sum((part.realized or NOTHING) - (part.fees or NOTHING) for part in parts)
        many = sum(part.quantity for part in parts)
        order = first.fill.order or first.fill.remote
        if first.opens:
            if order in entered:
                continue
            kind: type[Recorded] = PositionAdded if entered else PositionOpened
            entered.add(order)
            yield _told(kind, position, whose, parts, many, IN, None)
            continue
        flat = last.left == 0
        if order in left and not flat:
            continue
        left.add(order)
        exit = kind_of_exit(position, last.fill, known)
        kind = _EXITS.get(exit, PositionClosed if flat else PositionReduced)
        yield _told(kind, position, whose, parts, many, FLAT if flat else OUT, net)


_EXITS: Final[Mapping[PositionStatus, type[Recorded]]] = {
    PositionStatus.STOPPED_OUT: StopHit,
    PositionStatus.TARGET_HIT: TargetHit,
}


def _told(
    kind: type[Recorded],
    position: Position,
    whose: Whose,
    parts: list[Part],
    many: int,
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
        quantity=many,
        left=last.left,
        price=_average(parts),
        net=net.quantize(MONEY) if valued and net is not None else None,
        r=Decimal(in_r(Fraction(net) / Fraction(risk)))
        if valued and net is not None and risk
        else None,
        position=key_of(position, whose.account),
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
