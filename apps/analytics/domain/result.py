"""A closed trade as figures need it: how it is classed, what it made, what was at risk, how far it went.

A trade is a win, a loss or a break-even by its result *before* fees, and is shown *after* fees everywhere. So fees turn
no break-even into a loss, and the net of a small win may lie below zero.

Units:   amounts are exact fractions: of dollars for positions, of R for Signal Lab trades, whose risk is 1
Source:  reference/methodology.md, 13
"""

from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from fractions import Fraction
from math import lcm


class Outcome(StrEnum):
    """How a trade is classed, before fees."""

    WIN = "win"
    LOSS = "loss"
    BREAK_EVEN = "break_even"


_WIN, _LOSS, _EVEN = (
    Outcome.WIN,
    Outcome.LOSS,
    Outcome.BREAK_EVEN,
)  # looked up once, not for each result


class Result:
    """One closed trade. Instants are ns UTC; nobody changes it.

    closed_at:   None where it was not kept; then it has no time in trade
    day:         the trade date on which it counts
    gross, fees: before fees, and the fees
    fees_known:  all of them are said; else its net is too high by what is missing
    risk:        what was at risk when it was entered; None: without a stop, so it has no R
    best, worst: the most that it was ahead (0 or more) and behind (0 or less); None: not known
    over:        of how many parts a unit has; then all amounts are given in whole parts. None: as fractions

    Amounts are kept in whole parts (`net_parts` and so on), because there are thousands of results and adding fractions
    is slow; asked for by their own names they are fractions. All parts of one result are over the same number.
    """

    __slots__ = (
        "best_parts",
        "closed_at",
        "day",
        "fees_known",
        "fees_parts",
        "gross_parts",
        "is_bullish",
        "mae_parts",
        "mfe_parts",
        "net_parts",
        "opened_at",
        "outcome",
        "over",
        "risk_parts",
        "worst_parts",
    )  # fmt: skip

    def __init__(
        self,
        *,
        opened_at: int,
        closed_at: int | None,
        day: date,
        is_bullish: bool,
        gross: Fraction | int,
        fees: Fraction | int = 0,
        risk: Fraction | int | None = None,
        best: Fraction | int | None = None,
        worst: Fraction | int | None = None,
        over: int | None = None,
        fees_known: bool = True,
    ) -> None:
        """Work out once what nearly every figure asks for.

        net:      after fees
        outcome:  above, below or exactly 0 before fees
        mfe, mae: the best is never below 0 nor below what was made, because the exit was a price, too; the worst
                  likewise
        """
        if over is None:
            known = [one for one in (gross, fees, risk, best, worst) if one is not None]
            over = lcm(*(one.denominator for one in known))
            gross, fees = int(gross * over), int(fees * over)
            risk, best, worst = (
                None if one is None else int(one * over) for one in (risk, best, worst)
            )
        self.opened_at, self.closed_at, self.day = opened_at, closed_at, day
        self.is_bullish, self.over, self.fees_known = is_bullish, over, fees_known
        self.gross_parts, self.fees_parts = made, paid = int(gross), int(fees)
        self.net_parts = made - paid
        self.risk_parts = int(risk) if risk else None
        self.best_parts = self.mfe_parts = None if best is None else int(best)
        self.worst_parts = self.mae_parts = None if worst is None else int(worst)
        if self.mfe_parts is not None and self.mfe_parts < (least := max(0, made)):
            self.mfe_parts = least
        if self.mae_parts is not None and self.mae_parts > (most := min(0, made)):
            self.mae_parts = most
        self.outcome = _WIN if made > 0 else _LOSS if made else _EVEN

    @property
    def gross(self) -> Fraction:
        """Return what it made before fees."""
        return Fraction(self.gross_parts, self.over)

    @property
    def fees(self) -> Fraction:
        """Return its fees."""
        return Fraction(self.fees_parts, self.over)

    @property
    def net(self) -> Fraction:
        """Return what it made after fees."""
        return Fraction(self.net_parts, self.over)

    @property
    def risk(self) -> Fraction | None:
        """Return what was at risk, None without a stop."""
        return self._exact(self.risk_parts)

    @property
    def net_r(self) -> Fraction | None:
        """Return its net in R, None without a stop."""
        return Fraction(self.net_parts, self.risk_parts) if self.risk_parts else None

    @property
    def mfe(self) -> Fraction | None:
        """Return its MFE, None where it is not known."""
        return self._exact(self.mfe_parts)

    @property
    def mae(self) -> Fraction | None:
        """Return its MAE, 0 or below, None where it is not known."""
        return self._exact(self.mae_parts)

    @property
    def best(self) -> Fraction | None:
        """Return the most that it was ahead, as it was given."""
        return self._exact(self.best_parts)

    @property
    def worst(self) -> Fraction | None:
        """Return the most that it was behind, as it was given."""
        return self._exact(self.worst_parts)

    def _exact(self, parts: int | None) -> Fraction | None:
        return None if parts is None else Fraction(parts, self.over)


def of(results: Sequence[Result], outcome: Outcome) -> list[Result]:
    """Return the results that are classed so, in their order."""
    return [one for one in results if one.outcome is outcome]


def with_risk(results: Sequence[Result]) -> list[Result]:
    """Return the trades that were entered with a stop, in their order; figures in R rest on these.

    No trades, or none with a stop: empty. Source: methodology 13.
    """
    return [one for one in results if one.risk_parts]
