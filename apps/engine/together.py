"""Ticks of several contracts that wait for each other, to be heard in the order of their times."""

from datetime import datetime
from itertools import groupby

from apps.brokers.domain.ports import TicksArrived
from apps.marketdata.domain.tick import Tick

Arrival = tuple[TicksArrived, datetime]


class Together:
    """What has arrived and waits until an instant is complete in every contract; false while nothing waits."""

    def __init__(self) -> None:
        self._arrivals: list[Arrival] = []

    def __bool__(self) -> bool:
        return bool(self._arrivals)

    def add(self, item: TicksArrived, wall: datetime) -> None:
        """Let an arrival wait; `wall` is when the feed brought it."""
        self._arrivals.append((item, wall))

    def take(self, until: int, wall: datetime) -> tuple[list[tuple[str, Tick]], list[Arrival]]:
        """Return the ticks up to an instant by their times, and all arrivals; what is later waits on from `wall`.

        At one time the contracts follow by name, so the order is the same however they arrived.
        """
        arrivals, self._arrivals = self._arrivals, []
        by_name = sorted((item for item, _ in arrivals), key=lambda item: item.contract)
        merged = [(item.contract, tick) for item in by_name for tick in item.ticks]
        merged.sort(key=lambda one: one[1].at)
        ahead = [one for one in merged if one[1].at > until]
        for contract, run in groupby(ahead, key=lambda one: one[0]):
            ticks = tuple(tick for _, tick in run)
            self._arrivals.append((TicksArrived(contract, ticks, live=True), wall))
        return merged[: len(merged) - len(ahead)], arrivals
