"""What keeps an entry from leaving for a broker. Exits are never asked."""

from apps.brokers.domain.account import Account, Kind
from apps.brokers.domain.books import ON_ITS_WAY, Books
from apps.brokers.domain.order import Order, Role


def bars(
    account: Account, order: Order, legs: tuple[Order, ...], books: Books
) -> tuple[str, str] | None:
    """Return code and sentence of what keeps an entry here, None if it may leave."""
    passage, size = account.passage, order.quantity
    if not passage.is_on:
        if account.kind is Kind.LIVE:
            return "LIVE_OFF", "account: live orders are switched off for it; see Live orders"
        return "NOT_CONNECTED", "account: no broker's account is adopted for it; see Accounts"
    if not any(leg.role is Role.STOP for leg in legs):
        return "NO_STOP", "bracket: no entry leaves for a broker without its stop; give it one"
    if size > passage.per_order:
        return (
            "SIZE_LIMIT",
            f"quantity: {size} is more than {passage.per_order}, your limit of an order",
        )
    pending = [
        one
        for one in books.orders_of(account.id)
        if not one.is_exit
        and one.status in ON_ITS_WAY
        and one.contract == order.contract
        and not (order.after and one.strategy == order.strategy and one.id in books.leaving)
    ]
    others = [
        one
        for one in books.held_by(account.id)
        if one.contract == order.contract and not (order.after and one.strategy == order.strategy)
    ]  # what it comes after closes its own place first
    signs = {one.sign for one in others} | {one.side.sign for one in pending}
    if -order.side.sign in signs:
        return "HEDGED", (
            f"side: {order.contract} is held or ordered the other way in this account, and a broker nets both; "
            "close that first"
        )
    coming = sum(one.remaining for one in pending) + size
    then = sum(one.size for one in others) + coming
    if then > passage.per_position:
        return "SIZE_LIMIT", (
            f"quantity: the position would be {then}, more than {passage.per_position}, your limit of a position"
        )
    opened = (
        account.opened_today
        + sum(
            one.remaining
            for one in books.orders_of(account.id)
            if not one.is_exit and one.status in ON_ITS_WAY
        )
        + size
    )
    if opened > passage.per_day:
        return "SIZE_LIMIT", (
            f"quantity: {opened} contracts would be opened today, more than {passage.per_day}, your limit of a day"
        )
    return None
