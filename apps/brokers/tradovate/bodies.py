"""Orders in Tradovate's words: what `order/placeorder`, `placeoso`, `placeoco` and `modifyorder` want to read."""

from decimal import Decimal
from typing import Any, Final

from apps.brokers.domain.order import OrderType, Side, TimeInForce
from apps.brokers.domain.ports import Leg, NewOrder, OrderRefused
from apps.brokers.domain.seen import OrderSeen
from apps.brokers.tradovate.rows import SIDE_WORD, TIF_WORD, TYPE_WORD

TEXT_MOST: Final = 64
TAG_MOST: Final = 50


def order_body(order: NewOrder) -> dict[str, Any]:
    """Return an order that is to be placed, without its legs.

    Raises:  OrderRefused  the broker could not take it so
    """
    if not 1 <= len(order.tag) <= TAG_MOST:
        raise OrderRefused("Tag", f"{order.tag!r} has to have 1 to {TAG_MOST} characters")
    body: dict[str, Any] = {
        "accountId": number_of(order.account, "account"),
        "action": SIDE_WORD[order.side],
        "symbol": order.contract,
        "orderQty": order.quantity,
        "orderType": _type(order.type),
        "timeInForce": TIF_WORD[order.tif],
        "clOrdId": order.tag,
        "customTag50": order.tag,
        "isAutomated": order.is_automated,
    }
    return body | _prices(order.limit, order.stop) | _text(order.text)


def leg_body(leg: Leg, side: Side, entry: NewOrder) -> dict[str, Any]:
    """Return an order of a bracket: it has neither symbol nor quantity, those are its entry's.

    It works until it is cancelled, whatever its entry: what protects a position outlives the session that opened it.

    Raises:  OrderRefused
    """
    body: dict[str, Any] = {
        "action": SIDE_WORD[side],
        "orderType": _type(leg.type),
        "timeInForce": TIF_WORD[TimeInForce.GTC],
    } | _prices(leg.limit, leg.stop)
    if leg.tag:
        body["clOrdId"] = leg.tag
    return body | _text(entry.text)


def change_body(
    order: OrderSeen,
    quantity: int | None,
    limit: Decimal | None,
    stop: Decimal | None,
    *,
    is_automated: bool,
) -> dict[str, Any]:
    """Return a change of a working order, None leaving a value: the whole intended state, as the broker wants it.

    Raises:  OrderRefused
    """
    body: dict[str, Any] = {
        "orderId": number_of(order.remote, "order"),
        "orderQty": quantity if quantity is not None else order.quantity,
        "orderType": TYPE_WORD[order.type],
        "timeInForce": TIF_WORD[order.tif],
        "isAutomated": is_automated,
    }
    limit = limit if limit is not None else order.limit
    stop = stop if stop is not None else order.stop
    return body | _prices(limit, stop) | _text(order.text)


def number_of(text: str, what: str) -> int:
    """Return one of the broker's numbers.

    Raises:  OrderRefused  it is none
    """
    if not text.isdigit():
        raise OrderRefused("Unknown", f"{text!r} is no number of an {what} at Tradovate")
    return int(text)


def _type(kind: OrderType) -> str:
    """Return the broker's word.

    Raises:  OrderRefused  a trailing stop: which way its pegDifference is signed is documented nowhere
    """
    if kind is OrderType.TRAILING_STOP:
        raise OrderRefused("Unsupported", "trailing stops are moved by tradehub, not by Tradovate")
    return TYPE_WORD[kind]


def _prices(limit: Decimal | None, stop: Decimal | None) -> dict[str, float]:
    """Return the prices as JSON's numbers; the shortest float that reads back as a price is that price."""
    named = {"price": limit, "stopPrice": stop}
    return {name: float(price) for name, price in named.items() if price is not None}


def _text(text: str) -> dict[str, str]:
    return {"text": text[:TEXT_MOST]} if text else {}
