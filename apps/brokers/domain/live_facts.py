"""Facts about live orders: who let them out, what was not in order between the desk and a broker, and since when."""

from dataclasses import dataclass
from typing import ClassVar

from apps.brokers.domain.facts import AccountFact


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSwitched(AccountFact):
    """Orders may leave for the broker of an account from now on, or no more. Sizes in contracts."""

    name: ClassVar[str] = "live.switched"
    called: str
    is_on: bool
    automatic: bool
    per_order: int
    per_position: int
    per_day: int
    source: str
    reason: str = ""

    @property
    def key(self) -> str:
        """Return the account and the moment."""
        return f"{self.name}:{self.account}:{self.at}"


@dataclass(frozen=True, slots=True, kw_only=True)
class KillPressed(AccountFact):
    """Somebody wants everything out: nothing may leave, every order is to end, every position to close."""

    name: ClassVar[str] = "live.killed"
    called: str
    wish: str
    source: str

    @property
    def key(self) -> str:
        """Return the wish."""
        return f"{self.name}:{self.account}:{self.wish}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitNotSent(AccountFact):
    """An exit could not leave for its broker in time and is not sent any more. `words`: what is still open, what to do."""

    name: ClassVar[str] = "exit.not_sent"
    called: str
    dispatch: str
    contract: str
    words: str

    @property
    def key(self) -> str:
        """Return the dispatch: it ends once."""
        return f"{self.name}:{self.dispatch}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceFact(AccountFact):
    """Something about a difference between the desk and the broker."""

    called: str
    difference: int
    kind: str
    subject: str
    words: str

    @property
    def key(self) -> str:
        """Return the difference: it is told once from when it was seen until it is gone."""
        return f"{self.name}:{self.difference}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileDiffers(DifferenceFact):
    """The desk and the broker disagree."""

    name: ClassVar[str] = "reconcile.differs"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileAgrees(DifferenceFact):
    """They agree about it again."""

    name: ClassVar[str] = "reconcile.agrees"


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionUnprotected(DifferenceFact):
    """A position is held at the broker and no working stop there would close all of it."""

    name: ClassVar[str] = "position.unprotected"
