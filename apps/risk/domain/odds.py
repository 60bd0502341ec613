"""How likely a trader was to pass: his own days, drawn again in blocks, walked under the rules.

Whole days are drawn, so that what happens within a day stays together, and blocks of consecutive days, so that good
and bad weeks do. The interval speaks of the number of paths alone: that the past was short is said by `enough`.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from random import Random
from statistics import median_low
from typing import Final

from apps.risk.domain.evaluation import (
    PastTrade,
    RestsOn,
    TradingDay,
    in_order,
    rests_on,
    trading_days,
)
from apps.risk.domain.rules import Rules
from apps.risk.domain.walk import AimedAt, Walker, Why, terms_of

LEAST_DAYS: Final = 20
LEAST_TRADES: Final = 30
MOST_DAYS: Final = 60
_Z: Final = Decimal("1.959963984540054")  # 95 %
_PLACES: Final = Decimal("0.0001")
_CALENDAR: Final = Fraction(7, 5)  # calendar days for a trading day, at least

Progress = Callable[[int, int], None]
IsCancelled = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Odds:
    """The share of paths that passed before they failed, within `most_days` trading days.

    probability: None without a trade or without anything to pass; low, high: 95 % by Wilson, of the paths alone
    median_days: of the paths that passed; reasons: shares of the failed paths; enough: whether the past is long enough
    """

    probability: Decimal | None
    low: Decimal | None
    high: Decimal | None
    paths: int
    passed: int
    failed: int
    undecided: int
    median_days: int | None
    reasons: Mapping[Why, Decimal]
    aimed_at: AimedAt
    days_known: int
    trades_known: int
    enough: bool
    why_not_enough: str
    rests_on: RestsOn
    most_days: int
    is_cancelled: bool = False


@dataclass(slots=True)
class _Count:
    done: int = 0
    passed_on: list[int] = field(default_factory=list)
    failed: Counter[Why] = field(default_factory=Counter)


def pass_probability(
    trades: Sequence[PastTrade],
    rules: Rules,
    *,
    seed: int | str,
    paths: int = 2000,
    block_days: int = 5,
    most_days: int = MOST_DAYS,
    start: Decimal | None = None,
    progress: Progress | None = None,
    is_cancelled: IsCancelled | None = None,
) -> Odds:
    """Return how likely these trades were to pass, by circular block bootstrap over whole trading days.

    Path k draws by `Random(f"{seed}:{k}")`: the same seed says the same, more paths leave the first ones as they
    were, and two rule sets on the same days are walked over the same draws.
    progress: is told (paths done, paths) about a hundred times; is_cancelled: asked as often, what is done is returned
    """
    if paths < 1 or block_days < 1 or most_days < 1:
        raise ValueError("paths, block_days and most_days are at least 1")
    taken = in_order(trades)
    days, walker = trading_days(taken, rules), Walker(terms_of(rules, start))
    last = _last_day(days, rules)
    within = most_days if last is None else min(most_days, last)
    count, cancelled = _Count(), False
    step = max(1, paths // 100)
    for path in range(paths if days and walker.terms.aimed_at is not AimedAt.NOTHING else 0):
        if path % step == 0:
            if progress is not None:
                progress(path, paths)
            if is_cancelled is not None and is_cancelled():
                cancelled = True
                break
        _one_path(walker, days, Random(f"{seed}:{path}"), block_days, within)
        count.done += 1
        if walker.end is Why.PASSED:
            count.passed_on.append(walker.days)
        elif walker.end is not None:
            count.failed[walker.end] += 1
        elif last is not None and last <= most_days:
            count.failed[Why.TIME_LIMIT] += 1
    if progress is not None and not cancelled:
        progress(paths, paths)
    return _odds(count, taken, days, walker.terms.aimed_at, most_days, cancelled)


def _one_path(
    walker: Walker, days: list[TradingDay], chance: Random, block_days: int, most_days: int
) -> None:
    """Walk blocks of consecutive days until the account has passed or failed, or the days are over."""
    walker.begin()
    known, left = len(days), most_days
    while left > 0:
        first = chance.randrange(known)
        for number in range(first, first + min(block_days, left)):
            walker.open_day()
            for net, best, worst in days[number % known].trades:
                walker.take(net, best, worst)
                if walker.end is not None or walker.is_locked:
                    break
            walker.close_day()
            if walker.end is not None:
                return
        left -= block_days


def _last_day(days: list[TradingDay], rules: Rules) -> int | None:
    """Return how many trading days the time limit leaves at the trader's own pace, None without a limit."""
    if rules.time_limit_days is None:
        return None
    pace = _CALENDAR
    if len(days) > 1:
        span = (days[-1].trade_date - days[0].trade_date).days
        pace = max(pace, Fraction(span, len(days) - 1))
    return int((rules.time_limit_days - 1) / pace) + 1


def _odds(
    count: _Count,
    trades: list[PastTrade],
    days: list[TradingDay],
    aimed_at: AimedAt,
    most_days: int,
    is_cancelled: bool,
) -> Odds:
    passed, failed = len(count.passed_on), count.failed.total()
    low, high = wilson(passed, count.done) if count.done else (None, None)
    why = _too_few(len(days), len(trades), aimed_at)
    return Odds(
        probability=_share(passed, count.done) if count.done else None,
        low=low,
        high=high,
        paths=count.done,
        passed=passed,
        failed=failed,
        undecided=count.done - passed - failed,
        median_days=median_low(count.passed_on) if passed else None,
        reasons={why: _share(many, failed) for why, many in sorted(count.failed.items())},
        aimed_at=aimed_at,
        days_known=len(days),
        trades_known=len(trades),
        enough=not why,
        why_not_enough=why,
        rests_on=rests_on(trades)[0],
        most_days=most_days,
        is_cancelled=is_cancelled,
    )


def _too_few(days: int, trades: int, aimed_at: AimedAt) -> str:
    """Return why the past is too short to say anything, empty if it is long enough."""
    if aimed_at is AimedAt.NOTHING:
        return "These rules have neither a target nor a payout: there is nothing to pass."
    if days < LEAST_DAYS or trades < LEAST_TRADES:
        least = f"at least {LEAST_DAYS} trading days and {LEAST_TRADES} trades"
        return f"Too few: {days} trading days and {trades} trades, where {least} are needed."
    return ""


def _share(part: int, whole: int) -> Decimal:
    return (Decimal(part) / whole).quantize(_PLACES)


def wilson(passed: int, paths: int) -> tuple[Decimal, Decimal]:
    """Return the 95 % interval of a share by Wilson's formula, rounded to four decimals, within 0 and 1."""
    n, p, z2 = Decimal(paths), Decimal(passed) / paths, _Z * _Z
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z * (p * (1 - p) / n + z2 / (4 * n * n)).sqrt() / (1 + z2 / n)
    low = Decimal(0) if passed == 0 else middle - half
    high = Decimal(1) if passed == paths else middle + half
    return max(Decimal(0), low).quantize(_PLACES), min(Decimal(1), high).quantize(_PLACES)
