"""Which topics there are, and who may listen to them.

A private topic carries its owner's id in its name, so nothing has to be filtered at the door.
"""

import re
from typing import Any, Final

from apps.marketdata.domain.contract import UnknownSymbol, root_of

PUBLIC: Final = frozenset({"feed", "feeds", "ticks"})
PRIVATE: Final = frozenset(
    {
        "signals",
        "alerts",
        "trades",
        "commands",
        "orders",
        "positions",
        "accounts",
        "risks",
        "routes",
        "notices",
        "connections",
        "brokers",
        "recorders",
        "reconciles",
    }
)
AT_MOST: Final = 64  # topics of one connection
_MARKET: Final = re.compile(r"(?:price|candles)\.([A-Z0-9]{1,12})")
_OWN: Final = re.compile(r"user\.(\d{1,18})\.([a-z]{1,20})")


def refusal(user: Any, topic: object) -> str | None:
    """Return why this user may not listen to a topic, None if he may."""
    if not isinstance(topic, str):
        return "a topic is a text"
    if topic in PUBLIC:
        return None
    if market := _MARKET.fullmatch(topic):
        try:
            root_of(market[1])
        except UnknownSymbol as unknown:
            return str(unknown)
        return None
    if own := _OWN.fullmatch(topic):
        if int(own[1]) != user.pk:
            return "it is somebody else's"
        if own[2] in PRIVATE:
            return None
    private = ", ".join(sorted(f"user.{user.pk}.{area}" for area in PRIVATE))
    return f"no such topic; use {', '.join(sorted(PUBLIC))}, price.NQ, price.NQZ6, candles.NQZ6, {private}"


def has_facts(topic: str) -> bool:
    """Return whether facts are told there, so that they are counted."""
    return topic != "feed" and not _MARKET.fullmatch(topic)
