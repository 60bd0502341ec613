"""From what a trader wants otherwise of a working order to a change in ticks: every value read, checked, on the grid."""

from apps.brokers.domain.messages import ChangeRequested, ModifyOrder
from apps.brokers.domain.order import Order, Role, Side
from apps.brokers.domain.ticket import BadOrder, whole
from apps.marketdata.domain.contract import root_of
from apps.marketdata.domain.instrument import instrument


def change_for(
    wish: ModifyOrder, order: Order, last: int, at: int, *, is_bracket_at_broker: bool
) -> ChangeRequested:
    """Return what is asked for in ticks, each value on its side of the market.

    last: the market in ticks; is_bracket_at_broker: entry and legs went to a broker together, in sizes that are tied there

    Raises:  BadOrder
    """
    limit, stop, trail = _ticks(wish, order)
    if stop is not None and (stop - last) * order.side.sign <= 0:
        text = instrument(root_of(order.contract)).text
        where = "above" if order.side is Side.BUY else "below"
        cure = f"is on the wrong side: a {order.side} stop must lie {where} the last price {text(last)}"
        raise BadOrder("stop", text(stop), cure, "WRONG_SIDE")
    size = None if wish.quantity is None else whole("quantity", wish.quantity)
    if size is not None:
        _check_size(size, order, is_bracket_at_broker)
    if size is None and limit is None and stop is None and trail is None:
        raise BadOrder("order", None, "nothing to change was given")
    return ChangeRequested(order, at, size, limit, stop, trail)


def _ticks(wish: ModifyOrder, order: Order) -> tuple[int | None, int | None, int | None]:
    """Return limit, stop and trail in ticks, None where they stay."""
    product = instrument(root_of(order.contract))
    read: list[int | None] = []
    for name, value, has in (
        ("limit", wish.limit, order.limit),
        ("stop", wish.stop, order.stop if order.trail is None else None),
        ("trail_points", wish.trail_points, order.trail),
    ):
        if value in (None, ""):
            read.append(None)
            continue
        if has is None:
            raise BadOrder(name, value, f"does not go with a {order.type} order")
        try:
            read.append(product.to_ticks(value))
        except ValueError as problem:
            raise BadOrder(name, None, str(problem), "OFF_TICK") from None
    limit, stop, trail = read
    return limit, stop, trail


def _check_size(size: int, order: Order, is_bracket_at_broker: bool) -> None:
    if is_bracket_at_broker:
        cure = "can't be set: a bracket at a broker stays as it was sent; cancel the entry, or close a part"
        raise BadOrder("quantity", size, cure, "PROTECTS")
    if size > order.quantity:
        raise BadOrder("quantity", size, "can only become smaller: place another order for more")
    if order.parent and order.role is Role.STOP:
        raise BadOrder(
            "quantity", size, "can't be set: a protecting stop follows its position", "PROTECTS"
        )
