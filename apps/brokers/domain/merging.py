"""What is known of a broker's row after it is told again: newer replaces older, and what is over stays over.

Streams repeat rows and bring them out of order, and a poll that began before an event may end after it.
"""

from dataclasses import replace
from typing import Final

from apps.brokers.domain.seen import BrokerStatus, CashSeen, FillSeen, OrderSeen, PositionSeen

_RANK: Final = {
    BrokerStatus.PENDING: 0,
    BrokerStatus.SUSPENDED: 1,
    BrokerStatus.WORKING: 2,
    BrokerStatus.EXPIRED: 3,
    BrokerStatus.REJECTED: 3,
    BrokerStatus.CANCELLED: 3,
    BrokerStatus.FILLED: 4,
}


VANISHED: Final = (
    "the broker lists it no more and does not know its number: how it ended is not known"
)


def vanished(known: OrderSeen) -> OrderSeen:
    """Return an order that is over for all we can know: its broker has forgotten it."""
    return replace(known, status=BrokerStatus.EXPIRED, reason=VANISHED)


def order_after(known: OrderSeen, told: OrderSeen) -> OrderSeen:
    """Return what is known of an order now.

    What is over never works again, but for what was only taken to be: an order that had vanished and is told of again.
    Our mark, its words and those it belongs to are sent once: a row that lacks them does not take them away.
    """
    is_word = told.reason != VANISHED and (told.is_over or told.at >= known.at)
    if known.reason == VANISHED and is_word:
        known = replace(known, status=BrokerStatus.PENDING, reason="")
    newer, older = (told, known) if _age(told) >= _age(known) else (known, told)
    return replace(
        newer,
        tag=newer.tag or older.tag,
        text=newer.text or older.text,
        parent=newer.parent or older.parent,
        oco=newer.oco or older.oco,
        reason=newer.reason or older.reason,
    )


def _age(order: OrderSeen) -> tuple[bool, int, int, int]:
    return order.is_over, order.at, _RANK[order.status], order.filled


def fill_after(known: FillSeen, told: FillSeen) -> FillSeen:
    """Return what is known of a fill now: taken back once is taken back for ever, and fees once said stay said."""
    return replace(
        told,
        is_active=known.is_active and told.is_active,
        fees=told.fees if told.fees is not None else known.fees,
    )


def position_after(known: PositionSeen, told: PositionSeen) -> PositionSeen:
    """Return the newer of two; of one moment, what was told last."""
    return told if told.at >= known.at else known


def cash_after(known: CashSeen, told: CashSeen) -> CashSeen:
    """Return the newer of two; of one moment, what was told last."""
    return told if told.at >= known.at else known
