"""What the recorder hears: brokers' fills and orders as they are kept, what logins list, and whether they are read."""

from collections.abc import Sequence
from typing import Final

from apps.brokers.domain.told import (
    BrokerAccountChanged,
    BrokerFillSeen,
    BrokerOrderSeen,
    ConnectionChanged,
)
from apps.bus import bus
from apps.bus.models import FactRow
from apps.recorder import joining, outages
from apps.recorder.services import settle_facts

NAME: Final = "recorder"


_READING: Final = frozenset({ConnectionChanged.name, BrokerAccountChanged.name})


@bus.subscriber_of_many(
    NAME, BrokerFillSeen, BrokerOrderSeen, ConnectionChanged, BrokerAccountChanged
)
def hear(rows: Sequence[FactRow]) -> None:
    """Settle the accounts that facts tell of, each once; join what a login lists now; hearing them again changes nothing."""
    settle_facts([row for row in rows if row.name not in _READING])
    if any(row.name in _READING for row in rows):
        joining.look()
        outages.look()
