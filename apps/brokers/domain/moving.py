"""Stops at a broker that we move: to what was paid (break-even), and behind the best price (trailing).

Both sleep until the market leaves a span of prices; so a tick that moves no stop costs nothing.
"""

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from apps.brokers.domain.abroad import Line, Place, Stage
from apps.brokers.domain.books import Books
from apps.brokers.domain.lines import Lines
from apps.brokers.domain.order import Role, Side
from apps.bus.domain.message import Message
from apps.marketdata.domain.messages import NEVER, Leaves, Waits

FOLLOWS: Final = (
    10  # a trailing stop is moved when it is a tenth of its distance behind: calls are counted
)


class MovingStops:
    """Wants stops elsewhere (`want_stop`); asking the broker for it is the dispatcher's business."""

    def __init__(self, books: Books, lines: Lines) -> None:
        self._books, self._lines = books, lines
        self._waits: dict[str, tuple[int, int]] = {}

    # ---- what a bracket is measured by ----

    def aim(self, entry: Line) -> None:
        """Measure what is given in R by what was paid, as soon as something was: R is from there to the stop."""
        mine = self._lines.of_bracket(entry.bracket)
        heads = [one for one in mine if one.role is Role.ENTRY]
        stops = [one for one in mine if one.role is Role.STOP]
        if not stops or stops[0].stop is None or sum(one.filled for one in heads) > entry.filled:
            return
        sign, paid = entry.side.sign, self._average(entry.bracket)
        risk = stops[0].trail or (paid - stops[0].stop) * sign
        if risk <= 0:
            return
        for leg in mine:
            order = self._books.orders.get(leg.order)
            if leg.role is Role.ENTRY or order is None or not order.r:
                continue
            r = Fraction(order.r)
            level = paid + sign * -(-r.numerator * risk // r.denominator)
            if leg.role is Role.TARGET:
                leg.want_limit = level
            elif leg.trail is None and leg.arm_at is not None:
                leg.arm_at = level
            self._lines.note(leg)

    def _average(self, bracket: str) -> int:
        """Return what an entry has cost on average, rounded to its loss."""
        heads = [one for one in self._lines.of_bracket(bracket) if one.role is Role.ENTRY]
        filled, paid = sum(one.filled for one in heads), sum(one.paid for one in heads)
        return paid // filled if heads[0].side is Side.BUY else -(-paid // filled)

    # ---- asleep ----

    def wait(self, place: Place) -> Iterator[Message]:
        """Tell the market between which prices no stop of this account and contract has to be moved."""
        account, contract, _ = place
        of = f"b:{account}:{contract}"
        below, above = -NEVER, NEVER
        for other in self._lines.places():
            for line in self._armed(other) if other[:2] == (account, contract) else []:
                edge = _edge(line)
                if line.side is Side.SELL:
                    above = min(above, edge)
                else:
                    below = max(below, edge)
        if (below, above) == (-NEVER, NEVER):
            if self._waits.pop(of, None) is not None:
                yield Leaves(of, contract)
        elif self._waits.get(of) != (below, above):
            self._waits[of] = (below, above)
            yield Waits(of, contract, below, above)

    def forget(self) -> None:
        """The market knows of nobody who waits any more."""
        self._waits.clear()

    def is_waiting(self, of: str) -> bool:
        """Return whether it is one of ours that was woken, and not awake already."""
        return of in self._waits

    # ---- awake ----

    def wake(self, of: str) -> list[Place]:
        """Return the holdings whose stops may have to be moved; each has to be moved, settled and waited for anew."""
        del self._waits[of]
        account, contract = _parts(of)
        return sorted(one for one in self._lines.places() if one[:2] == (account, contract))

    def move(self, place: Place, high: int, low: int) -> None:
        """Want each stop of a holding where these prices put it."""
        for line in self._armed(place):
            best = high if line.side is Side.SELL else low
            if line.trail is not None:
                self._follow(line, best)
            if line.arm_at is not None and (best - line.arm_at) * -line.side.sign >= 0:
                line.arm_at = None
                level = self._average(line.bracket)
                if line.stop is None or (level - line.stop) * -line.side.sign > 0:
                    line.want_stop = level
                self._lines.note(line)

    def leave(self, of: str) -> Iterator[Message]:
        """Let the market forget who was woken and has nothing to wait for any more."""
        if of not in self._waits:
            yield Leaves(of, _parts(of)[1])

    def _follow(self, line: Line, best: int) -> None:
        """Let a trailing stop follow a new best price; it never goes back."""
        assert line.trail is not None
        hold, level = -line.side.sign, best + line.side.sign * line.trail
        if line.lies is None or (level - line.lies) * hold > 0:
            line.want_stop = level
            self._lines.note(line)

    def _armed(self, place: Place) -> list[Line]:
        return [
            one
            for one in self._lines.in_place(place)
            if (one.arm_at is not None or (one.trail is not None and one.is_exit))
            and not one.is_over
            and not one.is_stuck
            and one.stage is not Stage.HERE
            and (not one.head or self._lines.open_of(self._lines[one.head]) > 0)
        ]


def _parts(of: str) -> tuple[int, str]:
    _, account, contract = of.split(":", 2)
    return int(account), contract


def _edge(line: Line) -> int:
    """Return the price at which a stop has to be moved: armed, or followed by a tenth of its distance at a time."""
    if line.trail is None:
        assert line.arm_at is not None
        return line.arm_at
    assert line.lies is not None
    return line.lies - line.side.sign * (line.trail + max(1, line.trail // FOLLOWS))
