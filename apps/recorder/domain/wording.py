"""A recorder's log, in a trader's words."""

from decimal import Decimal
from typing import Any

from apps.recorder.domain.messages import MoreFilled, Recorded
from apps.trades.domain.telling import in_words


def happened(fact: Recorded) -> str:
    """Return one sentence of what an order's fills did; of one that was told before, that there is more of it."""
    more = "More filled: " if isinstance(fact, MoreFilled) else ""
    said = _happened(fact)
    return f"{more}{said[:1].lower()}{said[1:]}" if more else said


def _happened(fact: Recorded) -> str:
    price, many = f"{fact.price:,f}", fact.quantity
    match fact.did:
        case "opened":
            return f"Opened {fact.side} {many} {fact.contract} at {price}."
        case "added":
            return f"Added {many} {fact.contract} at {price}: {fact.side} {fact.left} now."
        case "reduced":
            return f"Closed {many} of the {fact.side} {fact.contract} at {price}: {fact.left} left.{_net(fact)}"
        case "stop_hit":
            how = "Stopped out of" if not fact.left else "Stop took"
        case "target_hit":
            how = "Target closed" if not fact.left else "Target took"
        case _:
            how = "Closed"
    rest = f": {fact.left} left." if fact.left else "."
    of = " of the" if fact.left else ""
    return f"{how} {many}{of} {fact.side} {fact.contract} at {price}{rest}{_net(fact)}"


def _net(fact: Recorded) -> str:
    if fact.net is None:
        return ""
    r = f", {in_words(str(fact.r))}" if fact.r is not None else ""
    return f" Net {dollars(fact.net)}{r}."


def corrected(before: Any, after: Any) -> str:
    """Return one sentence of what a closed position was, and what it is now that its fills are known better."""
    was = f"{before.contract} {'long' if before.sign > 0 else 'short'} {before.most}"
    if after is None:
        return (
            f"{was} is no position of its own any more: its fills were taken back or are another's."
        )
    now = f"{after.contract} {'long' if after.sign > 0 else 'short'} {after.most}"
    made = [
        dollars(one.realized) if one.realized is not None else "no value" for one in (before, after)
    ]
    return f"{was}, {made[0]} before fees, is {now}, {made[1]}: its fills are known better now."


def holding(net: int) -> str:
    """Return signed contracts as people say them: long 2, short 1, nothing."""
    return f"{'long' if net > 0 else 'short'} {abs(net)}" if net else "nothing"


def dollars(amount: Decimal) -> str:
    """Return dollars with their sign: +$12.50."""
    return f"{'−' if amount < 0 else '+'}${abs(amount):,.2f}"
