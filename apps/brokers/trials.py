"""How many logins of people may fail within an hour: fewer than lock the address at the broker.

Tradovate locks an address, and with it every login of this desk, after five failed logins in an hour. Kept logins that
have to log in by themselves need what is left of them, and are never held back here. Source: protocol 5.2.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from django.core.cache import cache
from django.utils import timezone

from apps.brokers.models.tokens import place_of
from apps.trades.services import Refused

MOST: Final = 3
HOUR_S: Final = 3600
TRYING_S: Final = 180  # longer than a trial with all its penalty tickets; a process may die in it


@dataclass
class Trial:
    """One login that is being tried."""

    has_failed: bool = False


@contextmanager
def trial(environment: str) -> Iterator[Trial]:
    """Let one login be tried. Whoever tries it says whether the broker refused it. The desk's own market counts for itself.

    Raises:  Refused  too many were refused within the hour; it says when the next one may be tried
    """
    place = _take(place_of(environment))
    one = Trial()
    try:
        yield one
    finally:
        if one.has_failed:
            cache.set(place, _now() + HOUR_S, HOUR_S)
        else:
            cache.delete(place)


def _take(where: str) -> str:
    """Return a free place, taken: each process sees the same ones."""
    places = [f"broker-trial:{where}:{number}" for number in range(MOST)]
    for place in places:
        if cache.add(place, _now() + TRYING_S, TRYING_S):
            return place
    free_at = min(cache.get_many(places).values(), default=_now())
    minutes = max(-(-(free_at - _now()) // 60), 1)
    detail = (
        f"{MOST} logins were refused within an hour. The broker locks every login of this desk after 5, "
        f"so the next one may be tried in {minutes} min"
    )
    raise Refused("TOO_MANY", detail)


def _now() -> int:
    return int(timezone.now().timestamp())
