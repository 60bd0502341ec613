"""What we believe of an account against what its broker says: where they differ, in plain words."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from apps.brokers.domain.abroad import Line, Stage
from apps.brokers.domain.account import CENT, cents
from apps.brokers.domain.order import OrderType, Side, side_of
from apps.brokers.domain.seen import BrokerStatus, OrderSeen, PositionSeen

MONEY: Final = "Cash"  # what a difference of balances is about
LESS: Final = "a payout, fees that are higher than the desk's, or a fill that the desk has missed"
MORE: Final = "a deposit, fees that are lower than the desk's, or a fill that the desk has missed"
STOPS: Final = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP})


class Differs(StrEnum):
    """How both sides differ."""

    POSITION = "position"
    ORPHAN = "orphan"
    MISSING = "missing"
    UNPROTECTED = "unprotected"
    UNDECIDED = "undecided"
    CASH = "cash"


@dataclass(frozen=True, slots=True)
class Found:
    """One difference. `subject` names what it is about: a contract, or the broker's number of an order, or our mark."""

    kind: Differs
    subject: str
    words: str
    detail: dict[str, Any] = field(default_factory=dict)


def compare(
    held: dict[str, int],
    lines: Iterable[Line],
    orders: Iterable[OrderSeen],
    positions: Iterable[PositionSeen],
) -> list[Found]:
    """Return every difference of one account.

    held: signed contracts by contract, as the desk has them; orders: those at work at the broker
    """
    mine = {line.tag: line for line in lines if line.stage not in (Stage.HERE, Stage.OVER)}
    theirs = {one.contract: one.net for one in positions}
    at_work = [one for one in orders if not one.is_over]
    found = [*_positions(held, theirs), *_orders(mine, at_work)]
    for contract, net in sorted(theirs.items()):
        if net:
            found += _unprotected(contract, net, at_work)
    return found


def _positions(held: dict[str, int], theirs: dict[str, int]) -> Iterator[Found]:
    for contract in sorted({*held, *theirs}):
        ours, there = held.get(contract, 0), theirs.get(contract, 0)
        if ours != there:
            words = f"{contract}: the broker holds {in_words(there)}, the desk believes {in_words(ours)}."
            yield Found(Differs.POSITION, contract, words, {"ours": ours, "theirs": there})


def _orders(mine: dict[str, Line], at_work: list[OrderSeen]) -> Iterator[Found]:
    there = {one.tag for one in at_work}
    for one in at_work:
        if one.tag not in mine:
            whose = "an order of ours that is over here" if one.tag.startswith("th") else "not ours"
            words = f"{one.contract}: {one.side} {one.quantity} {_kind(one.type)} works at the broker, {whose}."
            detail = {"remote": one.remote, "tag": one.tag, "contract": one.contract}
            yield Found(Differs.ORPHAN, one.remote, words, detail)
    for tag, line in sorted(mine.items()):
        if tag in there or not (line.ending or line.stage in (Stage.WORKING, Stage.ASLEEP)):
            continue
        what = f"{line.side} {line.quantity} {_kind(line.type)} ({line.role})"
        owed = line.told - line.filled if line.ending else 0
        if owed > 0:
            words = f"{line.contract}: {what} is over at the broker, which has not told {owed} of its fills yet."
        else:
            words = f"{line.contract}: the desk believes that {what} works at the broker, which does not have it."
        told = {"owed": owed} if owed > 0 else {}
        yield Found(Differs.MISSING, tag, words, {"tag": tag, "contract": line.contract, **told})


def _unprotected(contract: str, net: int, at_work: list[OrderSeen]) -> Iterator[Found]:
    out = side_of(net).opposite
    covered = sum(
        one.quantity - one.filled
        for one in at_work
        if (one.contract, one.side) == (contract, out) and one.type in STOPS
        and one.status is not BrokerStatus.SUSPENDED
    )  # fmt: skip
    if covered < abs(net):
        stops = f"working stops close {covered} of it" if covered else "no working stop closes it"
        words = f"{contract}: {in_words(net)} at the broker, {stops}."
        detail = {"net": net, "covered": covered, "side": out.value}
        yield Found(Differs.UNPROTECTED, contract, words, detail)


def undecided(tag: str, contract: str, what: str, alike: list[str]) -> Found:
    """Return that nobody but a person can tell whether an order was sent. `alike`: the broker's numbers of such orders."""
    words = f"{contract}: nobody knows whether {what} reached the broker before its session ended."
    if alike:
        words += f" An order like it works there: {', '.join(alike)}."
    else:
        words += " It tells of no such order now; if it was filled, the position differs, too."
    detail = {"tag": tag, "contract": contract, "remote": alike[0] if len(alike) == 1 else ""}
    return Found(Differs.UNDECIDED, tag, words, detail)


def cash(ours: Decimal, theirs: Decimal) -> Found | None:
    """Return what the balances of a flat account differ by; None: not by more than a cent."""
    by = theirs - ours
    if abs(by) <= CENT:
        return None
    way, why = ("less", LESS) if by < 0 else ("more", MORE)
    words = (
        f"The broker's balance is {dollars(theirs)}, the desk's {dollars(ours)}: "
        f"{dollars(abs(by))} {way} at the broker. Likely {why}."
    )
    detail = {"ours": f"{ours:f}", "theirs": f"{theirs:f}", "amount": f"{cents(by):f}"}
    return Found(Differs.CASH, MONEY, words, detail)


def dollars(value: Decimal) -> str:
    """Return money as people write it: -$1,500.00."""
    return f"{'-' if value < 0 else ''}${abs(cents(value)):,f}"


def in_words(net: int) -> str:
    """Return a holding as people say it: long 2, short 1, nothing."""
    if not net:
        return "nothing"
    return f"{'long' if side_of(net) is Side.BUY else 'short'} {abs(net)}"


def _kind(kind: OrderType) -> str:
    return kind.value.replace("_", " ")
