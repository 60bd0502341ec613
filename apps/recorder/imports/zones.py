"""In which zone a file's clock runs: the one in which its times fall into open hours, and on the trade dates told beside them."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from apps.bus.domain.message import MINUTE, SECOND
from apps.marketdata.domain.calendar import is_open, trade_date

ZONES: Final = ("America/Chicago", "America/New_York", "UTC", "Europe/London", "Europe/Berlin")
PIECE: Final = 5 * MINUTE  # every opening and close of every zone lies on its edge
_NEAR: Final = MINUTE  # a platform's clock is not the exchange's


class Stretch(NamedTuple):
    """The first and the last fill, ns UTC, of a trade date that a file tells."""

    day: date
    first: int
    last: int


class Piece(NamedTuple):
    """Five minutes of a contract's hours in which a file has fills: the first and the last of them, ns UTC."""

    group: str
    first: int
    last: int
    fills: int

    @property
    def is_closed(self) -> bool:
        """Return whether nobody can have traded then: closed, and not just at an edge."""
        return not (
            is_open(self.last - _NEAR, self.group) or is_open(self.first + _NEAR, self.group)
        )


def agreeing(
    told: Sequence[Stretch], pieces: Sequence[Piece], read_in: str, among: Iterable[str]
) -> list[str]:
    """Return the zones, in the order given, in which every fill lies in open hours and on the day that the file tells of it.

    Times that were read in one zone are put on the clock of another. A later time never has an earlier trade date, so
    the first and the last fill speak for all of a day.
    """
    here = ZoneInfo(read_in)
    return [
        name
        for name in among
        if all(
            trade_date(_moved(at, here, name)) == one.day
            for one in told
            for at in (one.first, one.last)
        )
        and not any(_put(one, here, name).is_closed for one in pieces)
    ]


def _put(piece: Piece, here: ZoneInfo, name: str) -> Piece:
    return piece._replace(
        first=_moved(piece.first, here, name), last=_moved(piece.last, here, name)
    )


def _moved(at: int, here: ZoneInfo, name: str) -> int:
    """Return the instant at which the clock of another zone shows what this one's shows."""
    seconds, below = divmod(at, SECOND)
    clock = datetime.fromtimestamp(seconds, here).replace(tzinfo=ZoneInfo(name), fold=0)
    return int(clock.astimezone(UTC).timestamp()) * SECOND + below
