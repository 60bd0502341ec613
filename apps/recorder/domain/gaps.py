"""The alarm that a day is about to be forgotten."""

from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from apps.bus.domain.message import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderGap(Fact):
    """A broker cannot be read, and will forget the fills of the day at `deadline` (ns UTC), its session's end.

    Told once per account and day. `at` is the wall clock's: the market's may be out of reach, too.
    """

    name: ClassVar[str] = "recorder.gap"
    account: int
    account_name: str
    trade_date: date
    reason: str
    deadline: int

    @property
    def key(self) -> str:
        """Return the account and the day."""
        return f"{self.name}:{self.account}:{self.trade_date.isoformat()}"

    @property
    def of(self) -> str:
        """Return the broker account's number."""
        return str(self.account)
