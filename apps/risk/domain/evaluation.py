"""A trader's own past trades against any rule set: passed or failed, when, why, and how likely it was to pass.

What is told rests on the trades: their closes, and how far each was ahead and behind while it was open. Where those
excursions are known the walk assumes the worse order (ahead first, then behind); where they are not, only closes
are checked and the answer is an estimate. Trades count on the trading day on which they were closed.
Source: reference/prop-firm-rules.md, 2 and 11; product-spec.md, 4.6.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from apps.brokers.domain.account import day_of
from apps.bus.domain.message import to_instant
from apps.risk.domain.best_day import needed_profit
from apps.risk.domain.hours import firm_day
from apps.risk.domain.rules import Basis, Rules
from apps.risk.domain.walk import FAR_BELOW, AimedAt, Terms, Walker, Why, money, terms_of, units

NOON: Final = 12


@dataclass(frozen=True, slots=True)
class PastTrade:
    """A closed trade. ns UTC; money in dollars, `net` after fees.

    best_open, worst_open: the most that it was ahead and behind while it was open (behind is negative), None = not known
    """

    opened_at: int
    closed_at: int
    net: Decimal
    best_open: Decimal | None = None
    worst_open: Decimal | None = None


class Verdict(StrEnum):
    """How it ended; OPEN: neither passed nor failed when the trades were over."""

    PASSED = "passed"
    FAILED = "failed"
    OPEN = "open"


class RestsOn(StrEnum):
    """What an answer rests on. From closed trades alone it is an estimate."""

    TICKS = "ticks"
    CLOSED_TRADES = "closed trades"


@dataclass(frozen=True, slots=True)
class DayRow:
    """One trading day. floor: at its end, before the close moves it; next_floor: from the next day on.

    skipped: trades that were not taken because the daily limit had locked the day
    """

    trade_date: date
    net: Decimal
    balance: Decimal
    floor: Decimal | None
    next_floor: Decimal | None
    trades: int
    skipped: int
    is_locked: bool


@dataclass(frozen=True, slots=True)
class ClosestCall:
    """How near it came to a limit, and in which trade."""

    trade: int
    at: int
    left: Decimal


@dataclass(frozen=True, slots=True)
class BestDayShare:
    """The consistency rule at the end. share: None without profit; needed: profit that the best day asks for."""

    best_day: Decimal
    share: Decimal | None
    allowed: Decimal
    is_met: bool
    needed: Decimal


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What would have become of an account.

    trade:      number of the deciding trade, from 1, in the order of the closes; at: when that one was closed
    floor, equity: what met what, where a limit was broken
    is_certain: False where it failed only if its last trade was first ahead and then behind: ticks would tell
    rests_on:   see `RestsOn`; unknown: trades without excursions; overlapping: trades that were open together
    held_late:  trades that were held past the firm's flat-by time; not_tested: rules that past trades cannot answer
    """

    verdict: Verdict
    aimed_at: AimedAt
    at: int | None
    trade: int | None
    why: Why | None
    reason: str
    floor: Decimal | None
    equity: Decimal | None
    is_certain: bool
    profit: Decimal
    balance: Decimal
    days: int
    days_needed: int
    winning_days: int
    winning_days_needed: int
    consistency: BestDayShare | None
    rows: tuple[DayRow, ...]
    closest: ClosestCall | None
    rests_on: RestsOn
    unknown: int
    overlapping: int
    held_late: tuple[int, ...]
    not_tested: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TradingDay:
    """The trades of one day as the walk takes them: (net, best, worst) in ten-thousandths of a dollar."""

    trade_date: date
    first: int
    trades: tuple[tuple[int, int, int], ...]
    closed: tuple[int, ...]


def evaluate(
    trades: Sequence[PastTrade],
    rules: Rules,
    *,
    start: Decimal | None = None,
    began_at: int | None = None,
) -> Evaluation:
    """Return what these trades would have made of an account under these rules.

    start: its first balance, None = the rule set's; began_at: trades opened before are left out, and a time limit
    counts from here, None = from the first trade
    """
    taken = in_order(trades, began_at)
    return _Evaluation(taken, rules, terms_of(rules, start), began_at).run()


def in_order(trades: Sequence[PastTrade], began_at: int | None = None) -> list[PastTrade]:
    """Return the trades by their closes, which is when they are booked."""
    taken = [one for one in trades if began_at is None or one.opened_at >= began_at]
    return sorted(taken, key=lambda one: (one.closed_at, one.opened_at))


def trading_days(trades: Sequence[PastTrade], rules: Rules) -> list[TradingDay]:
    """Return trades that lie in order as trading days of the rule set's own clock."""
    days: dict[date, list[PastTrade]] = {}
    for one in trades:
        days.setdefault(_day(one.closed_at, rules), []).append(one)
    made, first = [], 1
    for trade_date, of_day in days.items():
        numbers = tuple(_excursions(one) for one in of_day)
        made.append(TradingDay(trade_date, first, numbers, tuple(one.closed_at for one in of_day)))
        first += len(of_day)
    return made


def rests_on(trades: Sequence[PastTrade]) -> tuple[RestsOn, int, int]:
    """Return what a walk over these trades rests on, how many lack excursions, how many overlap another."""
    unknown = sum(one.best_open is None or one.worst_open is None for one in trades)
    overlapping = latest = 0
    for one in sorted(trades, key=lambda trade: trade.opened_at):
        overlapping += one.opened_at < latest
        latest = max(latest, one.closed_at)
    exact = not unknown and not overlapping
    return RestsOn.TICKS if exact else RestsOn.CLOSED_TRADES, unknown, overlapping


def _day(at: int, rules: Rules) -> date:
    return day_of(at, rules.hours.tz, rules.hours.reset)[0]


def _excursions(one: PastTrade) -> tuple[int, int, int]:
    """Return net, best and worst; a close is an excursion too, so best is at least it and worst at most."""
    net = units(one.net)
    best = net if one.best_open is None else max(net, units(one.best_open))
    worst = net if one.worst_open is None else min(net, units(one.worst_open))
    return net, max(0, best), min(0, worst)


class _Evaluation:
    def __init__(
        self, trades: list[PastTrade], rules: Rules, terms: Terms, began_at: int | None
    ) -> None:
        self.trades, self.rules, self.walker = trades, rules, Walker(terms)
        self.rows: list[DayRow] = []
        self.closest: ClosestCall | None = None
        self.decided: tuple[int | None, int] | None = None  # number of the trade, instant
        self.days = trading_days(trades, rules)
        first = self.days[0].trade_date if self.days else None
        self.first_day = first if began_at is None else _day(began_at, rules)

    def run(self) -> Evaluation:
        walker, last = self.walker, self._last_day()
        for day in self.days:
            if last is not None and day.trade_date > last:
                walker.end, self.decided = Why.TIME_LIMIT, (None, self._end_of(last))
                break
            self._walk(day)
            if walker.end is not None:
                break
        return self._told()

    def _walk(self, day: TradingDay) -> None:
        walker, taken = self.walker, 0
        walker.open_day()
        for number, (one, closed_at) in enumerate(
            zip(day.trades, day.closed, strict=True), day.first
        ):
            nearest = walker.closest
            walker.take(*one)
            taken += 1
            if walker.closest < nearest:
                self.closest = ClosestCall(number, closed_at, money(walker.closest))
            if walker.end is not None:
                self.decided = (number, closed_at)
            if walker.end is not None or walker.is_locked:
                break
        floor, net, is_locked = walker.floor, walker.day_net, walker.is_locked
        walker.close_day()
        skipped = len(day.trades) - taken if is_locked else 0
        self.rows.append(
            DayRow(
                day.trade_date,
                money(net),
                money(walker.balance),
                _floor(floor),
                _floor(walker.floor),
                taken,
                skipped,
                is_locked,
            )
        )

    def _last_day(self) -> date | None:
        limit = self.rules.time_limit_days
        if limit is None or self.first_day is None:
            return None
        return self.first_day + timedelta(days=limit - 1)

    def _end_of(self, day: date) -> int:
        hours = self.rules.hours
        end = day + timedelta(days=1) if hours.reset.hour < NOON else day
        return to_instant(datetime.combine(end, hours.reset, hours.zone))

    def _told(self) -> Evaluation:
        walker, rules = self.walker, self.rules
        is_broken = walker.end in (Why.MAX_LOSS, Why.DAILY_LOSS)
        floor = money(walker.line) if is_broken else None
        equity = money(walker.equity) if is_broken else None
        known, unknown, overlapping = rests_on(self.trades)
        trade, at = self.decided or (None, None)
        return Evaluation(
            verdict=_verdict(walker.end),
            aimed_at=walker.terms.aimed_at,
            at=at,
            trade=trade,
            why=walker.end,
            reason=_reason(walker, trade, floor, equity, rules),
            floor=floor,
            equity=equity,
            is_certain=walker.is_certain,
            profit=money(walker.profit),
            balance=money(walker.balance),
            days=walker.days,
            days_needed=rules.min_days,
            winning_days=walker.winning_days if rules.winning_days else 0,
            winning_days_needed=rules.winning_days.count if rules.winning_days else 0,
            consistency=self._consistency(),
            rows=tuple(self.rows),
            closest=self.closest,
            rests_on=known,
            unknown=unknown,
            overlapping=overlapping,
            held_late=self._held_late(),
            not_tested=_not_tested(rules),
        )

    def _consistency(self) -> BestDayShare | None:
        walker, rule = self.walker, self.rules.consistency
        if rule is None:
            return None
        walker.open_day()  # the last day is closed and counted
        match rule.basis:
            case Basis.POSITIVE_DAYS:
                whole = walker.positive
            case Basis.TARGET:
                whole = walker.terms.target
            case _:
                whole = walker.profit
        best = money(walker.best_day)
        share = best / money(whole) if whole > 0 else None
        return BestDayShare(
            best, share, rule.share, walker.is_consistent(), needed_profit(best, rule)
        )

    def _held_late(self) -> tuple[int, ...]:
        if self.rules.hours.flat_by is None:
            return ()
        late = []
        for number, one in enumerate(self.trades, 1):
            flat_at = firm_day(self.rules.hours, one.opened_at).flat_at
            if flat_at is not None and one.closed_at > flat_at:
                late.append(number)
        return tuple(late)


def _floor(floor: int) -> Decimal | None:
    return None if floor == FAR_BELOW else money(floor)


def _verdict(end: Why | None) -> Verdict:
    if end is None:
        return Verdict.OPEN
    return Verdict.PASSED if end is Why.PASSED else Verdict.FAILED


def _not_tested(rules: Rules) -> tuple[str, ...]:
    """Return the rules that a list of results cannot answer."""
    given = {
        "size": rules.size,
        "scaling": rules.scaling,
        "news": rules.news,
        "max_losses_in_row": rules.max_losses_in_row,
    }
    return tuple(name for name, rule in given.items() if rule)


def _reason(
    walker: Walker, trade: int | None, floor: Decimal | None, equity: Decimal | None, rules: Rules
) -> str:
    """Return the verdict in one sentence."""
    match walker.end:
        case Why.MAX_LOSS | Why.DAILY_LOSS:
            limit = "maximum loss" if walker.end is Why.MAX_LOSS else "daily loss"
            return f"Equity of {equity:,.2f} met the floor of the {limit}, {floor:,.2f}, in trade {trade}."
        case Why.TIME_LIMIT:
            return f"{rules.time_limit_days} days were over before it had passed."
        case Why.PASSED:
            what = "The target" if walker.terms.aimed_at is AimedAt.TARGET else "The first payout"
            return f"{what} and every other rule were reached with trade {trade}."
    return "The trades ended before it had passed or failed."
