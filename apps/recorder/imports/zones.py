"""In which zone a file's clock runs: the one in which its times fall on the trade dates that it tells beside them."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from apps.bus.domain.message import SECOND
from apps.marketdata.domain.calendar import is_open, trade_date

ZONES: Final = ("America/Chicago", "America/New_York", "UTC", "Europe/London", "Europe/Berlin")


class Stretch(NamedTuple):
    """The first and the last fill, ns UTC, of a trade date that a file tells."""

    day: date
    first: int
    last: int


def agreeing(told: Sequence[Stretch], read_in: str, among: Iterable[str]) -> list[str]:
    """Return the zones, in the order given, in which every fill falls on the day that the file tells of it.

    Times that were read in one zone are put on the clock of another. A later time never has an earlier trade date, so
    the first and the last fill speak for all of a day; and nobody trades while the market is closed.
    """
    here = ZoneInfo(read_in)
    return [
        name
        for name in among
        if all(
            trade_date(at) == one.day and is_open(at)
            for one in told
            for at in (_moved(one.first, here, name), _moved(one.last, here, name))
        )
    ]


def _moved(at: int, here: ZoneInfo, name: str) -> int:
    """Return the instant at which the clock of another zone shows what this one's shows."""
    seconds, below = divmod(at, SECOND)
    clock = datetime.fromtimestamp(seconds, here).replace(tzinfo=ZoneInfo(name), fold=0)
    return int(clock.astimezone(UTC).timestamp()) * SECOND + below
