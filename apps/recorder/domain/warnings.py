"""Facts that want a person's hand: fills that wait for a decision, a position that is not what the broker holds."""

from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from apps.bus.domain.message import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class FillsUndecided(Fact):
    """Fills of an account wait for a person to say whose they are. Told once per account and day. `at` is the wall clock's.

    fills:    how many wait at this moment, entries and exits, counted as the page lists them
    strategy: of which most of them can be; its page settles them
    names:    of all strategies that they can be of
    newest:   the last of them, so that the same ones are not told again another day
    """

    name: ClassVar[str] = "recorder.undecided"
    account: int
    account_name: str
    trade_date: date
    fills: int
    strategy: int
    names: tuple[str, ...]
    newest: int

    @property
    def key(self) -> str:
        """Return the account and the day."""
        return f"{self.name}:{self.account}:{self.trade_date.isoformat()}"

    @property
    def of(self) -> str:
        """Return the broker account's number."""
        return str(self.account)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedDiffers(Fact):
    """What strategies hold of a contract by their fills is not what the broker holds, and stays so.

    Told once until it agrees again. `at` is the wall clock's.

    recorded, at_broker: signed contracts
    since: when it was first seen so, ns UTC
    """

    name: ClassVar[str] = "recorder.differs"
    account: int
    account_name: str
    contract: str
    recorded: int
    at_broker: int
    strategy: int
    strategy_name: str
    since: int

    @property
    def key(self) -> str:
        """Return the account, the contract, and since when."""
        return f"{self.name}:{self.account}:{self.contract}:{self.since}"

    @property
    def of(self) -> str:
        """Return the strategy's number."""
        return str(self.strategy)
