"""Fills and orders, written in a line each."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from apps.brokers.domain.order import OrderType
from apps.recorder.domain.ledger import Position, positions
from apps.recorder.domain.matching import Attributed, match
from apps.recorder.domain.seen import Fill, Known, Order, Plan, Span, decided_orders

A, B = 1, 2
NAMES = {A: "NQ Fade", B: "NQ FVG"}


def fill(number: int, signed: int, price: str, at: int | None = None, **other: Any) -> Fill:
    """Return a fill: +2 bought, -2 sold; its order has its number unless another is given."""
    return Fill(
        id=number,
        remote=str(other.pop("remote", number)),
        order=str(other.pop("order", f"o{number}")),
        contract=other.pop("contract", "NQZ5"),
        sign=1 if signed > 0 else -1,
        quantity=abs(signed),
        price=Decimal(price),
        at=number if at is None else at,
        fees=Decimal(other.pop("fees", "0")),
        **other,
    )


def order(remote: str, type: OrderType = OrderType.MARKET, **other: Any) -> Order:
    return Order(remote, type, **other)


def known(
    *spans: Span,
    plans: Mapping[int, Plan] | None = None,
    orders: Iterable[Order] = (),
    decisions: Mapping[int, tuple[tuple[int | None, int], ...]] | None = None,
    fills: Iterable[Fill] = (),
) -> Known:
    """Return what is known beside fills; without spans A records for ever."""
    spans = spans or (Span(A, "NQ", 0),)
    return Known(
        NAMES,
        {span.strategy: Plan() for span in spans} | dict(plans or {}),
        tuple(spans),
        {one.remote: one for one in orders},
        decisions or {},
        decided_orders(fills, decisions or {}),
    )


def both(**more: Any) -> Known:
    return known(Span(A, "NQ", 0), Span(B, "NQ", 0), **more)


def reasons(attributed: Iterable[Attributed]) -> list[list[tuple[int | None, int, str]]]:
    return [
        [(one.strategy, one.quantity, str(one.reason)) for one in row.shares] for row in attributed
    ]


def booked(fills: Iterable[Fill], known: Known) -> list[Position]:
    return positions(list(match(fills, known)), known)
