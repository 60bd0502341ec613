"""What a broker said, as a row can hold it, and rows in the broker's words again."""

from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from apps.brokers.domain.order import OrderType, Side, TimeInForce
from apps.brokers.domain.seen import (
    BrokerStatus,
    CashSeen,
    FillSeen,
    OrderSeen,
    PositionSeen,
    Seen,
)
from apps.brokers.models.remote import BrokerFill, BrokerOrder, BrokerPosition

PRICE: Final = Decimal("0.0000001")
MONEY: Final = Decimal("0.0001")


def fitted(row: Seen) -> Seen:
    """Return a row as the database can hold it: what is kept has to equal what is told the next time."""
    match row:
        case OrderSeen():
            return replace(
                row,
                tag=row.tag[:64],
                text=row.text[:64],
                reason=row.reason[:200],
                limit=_rounded(row.limit, PRICE),
                stop=_rounded(row.stop, PRICE),
            )
        case FillSeen():
            price = row.price.quantize(PRICE)
            return replace(row, price=price, fees=_rounded(row.fees, MONEY))
        case PositionSeen():
            return replace(row, price=_rounded(row.price, PRICE))
        case CashSeen():
            balance, realized = row.balance.quantize(MONEY), row.realized.quantize(MONEY)
            return replace(row, balance=balance, realized=realized)
        case _:
            return row


def _rounded(value: Decimal | None, grid: Decimal) -> Decimal | None:
    return None if value is None else value.quantize(grid)


_ORDER_FIELDS = ("contract", "quantity", "filled", "limit", "stop", "tag", "text", "parent", "oco")


def order_fields(order: OrderSeen) -> dict[str, Any]:
    """Return what a row keeps of an order."""
    return {name: getattr(order, name) for name in _ORDER_FIELDS} | {
        "side": order.side,
        "type": order.type,
        "tif": order.tif,
        "status": order.status,
        "reason": order.reason[:200],
        "at_ns": order.at,
    }


def order_of(row: BrokerOrder | None) -> OrderSeen | None:
    """Return a kept order as it was told, None for none; its account has to be fetched with it."""
    return None if row is None else order_seen(row, row.account.remote)


def order_seen(row: BrokerOrder, account: str) -> OrderSeen:
    """Return a kept order as it was told of an account of this number."""
    return OrderSeen(
        account=account,
        remote=row.remote,
        side=Side(row.side),
        type=OrderType(row.type),
        tif=TimeInForce(row.tif),
        status=BrokerStatus(row.status),
        reason=row.reason,
        at=row.at_ns,
        **{name: getattr(row, name) for name in _ORDER_FIELDS},
    )


_FILL_FIELDS = ("order", "contract", "quantity", "price", "trade_date", "fees", "is_active")


def fill_fields(fill: FillSeen) -> dict[str, Any]:
    """Return what a row keeps of a fill."""
    return {name: getattr(fill, name) for name in _FILL_FIELDS} | {
        "side": fill.side,
        "at_ns": fill.at,
    }


def fill_of(row: BrokerFill | None) -> FillSeen | None:
    """Return a kept fill as it was told."""
    if row is None:
        return None
    return FillSeen(
        account=row.account.remote,
        remote=row.remote,
        side=Side(row.side),
        at=row.at_ns,
        **{name: getattr(row, name) for name in _FILL_FIELDS},
    )


def position_of(row: BrokerPosition | None) -> PositionSeen | None:
    """Return a kept position as it was told."""
    if row is None:
        return None
    return PositionSeen(row.account.remote, row.contract, row.net, row.at_ns, row.price)
