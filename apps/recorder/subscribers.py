"""What the recorder hears: brokers' fills and orders, as they are kept."""

from collections.abc import Sequence
from typing import Final

from apps.brokers.domain.told import BrokerFillSeen, BrokerOrderSeen
from apps.bus import bus
from apps.bus.models import FactRow
from apps.recorder.services import settle_facts

NAME: Final = "recorder"


@bus.subscriber_of_many(NAME, BrokerFillSeen, BrokerOrderSeen)
def hear(rows: Sequence[FactRow]) -> None:
    """Settle the accounts that facts tell of, each once; hearing them again changes nothing."""
    settle_facts(rows)
