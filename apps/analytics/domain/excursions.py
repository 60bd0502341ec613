"""How far trades went for and against their owner, and how much of that was taken.

Source:  "methodology 13" is reference/methodology.md, 13; "spec" is product-spec.md, 7.4
"""

from collections.abc import Sequence
from fractions import Fraction

from apps.analytics.domain.amounts import MAE, MFE, mean_in_r, mean_of, sum_of
from apps.analytics.domain.profit import gross
from apps.analytics.domain.result import Outcome, Result, of, with_risk


def average_mfe(results: Sequence[Result]) -> Fraction | None:
    """Return the mean MFE, the most that a trade was ahead, of the trades that have one.

    No such trade: None. No wins: still 0 or above. Source: methodology 13, spec 7.4.
    """
    return mean_of([one for one in results if one.mfe_parts is not None], MFE)


def average_mae(results: Sequence[Result]) -> Fraction | None:
    """Return the mean MAE, the most that a trade was behind (0 or below), of the trades that have one.

    No such trade: None. No losses: still 0 or below. Source: methodology 13, spec 7.4.
    """
    return mean_of([one for one in results if one.mae_parts is not None], MAE)


def average_mfe_r(results: Sequence[Result]) -> Fraction | None:
    """Return the mean MFE in R, each over its own risk, of the trades that have one and had a stop.

    No such trade: None. Source: methodology 13, spec 7.4.
    """
    return mean_in_r([one for one in with_risk(results) if one.mfe_parts is not None], MFE)


def average_mae_r(results: Sequence[Result]) -> Fraction | None:
    """Return the mean MAE in R, 0 or below, of the trades that have one and had a stop.

    No such trade: None. Source: methodology 13, spec 7.4.
    """
    return mean_in_r([one for one in with_risk(results) if one.mae_parts is not None], MAE)


def efficiency(results: Sequence[Result]) -> Fraction | None:
    """Return what was captured / what was available: gains before fees / MFE, both summed over all trades.

    A loss captured nothing, and no trade captures more than its MFE, so it lies between 0 and 1 by definition.
    No trades, no MFE known, or nothing was available: None. Losses alone: 0. Source: spec 7.4.
    """
    known = [one for one in results if one.mfe_parts is not None]
    whole = sum_of(known, MFE)
    return gross(of(known, Outcome.WIN)) / whole if whole else None
