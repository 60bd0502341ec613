"""What a notice is made of, and what is known beside the fact that it tells."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from apps.notifications.domain.kinds import Kind, Severity
from apps.trades.domain.telling import sentence

Payload = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Context:
    """What a fact does not say by itself.

    account:   the account as the trader calls it
    opens, closes: a position began, or became flat, with this fill
    adds:      the fill went with the position that is held
    exit_role: of the fill that closed a position: stop, target, exit, entry
    was_lost:  market data, or a broker's connection, was lost already before this
    is_new_place: nobody has come in as him from there before
    zone:      his time zone
    action, symbol: of the order alert that a fact is about: buy, NQ1!
    """

    account: str = ""
    opens: bool = False
    closes: bool = False
    adds: bool = True
    exit_role: str = ""
    was_lost: bool = False
    is_new_place: bool = False
    zone: str = ""
    action: str = ""
    symbol: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """What a trader is told.

    path:   of the page that shows it
    batch:  facts of the same batch that come together are one notice; empty: this one alone
    grace_s: so long it waits for more of its batch, or for being overtaken
    """

    kind: Kind
    title: str
    body: str
    severity: Severity = Severity.INFO
    path: str = "/"
    of: str = ""
    batch: str = ""
    grace_s: int = 0


Words = Callable[[Sequence[Payload], Context], Notice | None]


def sentences(*parts: str, named: str = "") -> str:
    """Return parts as sentences, without those that are empty.

    named: the name that the first begins with, if it does: it stays as its owner writes it
    """
    said = " ".join(sentence(part) for part in parts if part)
    return f"{named}{said[len(named) :]}" if named else said


def outcome(net: Decimal) -> Severity:
    """Return whether an amount is good or bad news."""
    return Severity.GOOD if net > 0 else Severity.BAD if net < 0 else Severity.INFO
