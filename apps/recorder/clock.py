"""The recorder's clock: the time by which fills are dated."""

from django.conf import settings
from django.db.models import Max
from django.utils import timezone

from apps.brokers.models import BrokerFill
from apps.bus import transport
from apps.bus.domain.message import to_instant


def now() -> int:
    """Return the time by which fills are dated, ns UTC: the market's while its feed is live, else the wall clock's.

    A simulated market never keeps the wall's time: before it has told its own, it is just after all that was filled.
    """
    market, is_real = transport.market_time(), settings.MARKET == "tradovate"
    if market.at is not None and (market.live or not is_real):
        return market.at
    if is_real:
        return to_instant(timezone.now())
    last: int | None = BrokerFill.objects.aggregate(last=Max("at_ns"))["last"]
    return (last or 0) + 1
