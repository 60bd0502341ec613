"""What the recorder hears: brokers' fills and orders, as they are kept."""

from typing import Final

from apps.brokers.domain.told import BrokerFillSeen, BrokerOrderSeen
from apps.bus import bus
from apps.bus.models import FactRow
from apps.recorder.services import settle_fact

NAME: Final = "recorder"


@bus.subscriber(NAME, BrokerFillSeen, BrokerOrderSeen)
def hear(row: FactRow) -> None:
    """Settle the account that a fact tells of; hearing it again changes nothing."""
    settle_fact(row)
