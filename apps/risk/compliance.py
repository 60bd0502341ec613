"""The rules of an account, one by one: kept, near, or broken, in a trader's words; and what would break them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

from apps.bus.domain.message import MINUTE, SECOND, to_datetime
from apps.marketdata.domain.calendar import CHICAGO
from apps.marketdata.domain.contract import root_of
from apps.marketdata.domain.instrument import instrument
from apps.risk.domain.best_day import BestDay
from apps.risk.domain.hours import firm_day, news_at
from apps.risk.domain.limits import Level, Limit, LimitName, allowed_minis
from apps.risk.domain.planner import Plan
from apps.risk.domain.rules import Policy, Rules
from apps.risk.domain.spoken import dollars
from apps.risk.domain.standing import Lock, LockKind, Standing
from apps.risk.domain.wording import BASIS_WORDS, DRAWDOWN_WORDS, POLICY_WORDS, percent
from apps.risk.portfolio import UnderRules

OLD_DAYS: Final = 60  # a rule set read longer ago is said to be old
SOON: Final = 30 * MINUTE


class Mark(StrEnum):
    """How a rule stands."""

    KEPT = "pass"
    WARN = "warn"
    FAIL = "fail"
    OPEN = "open"  # a goal that is still to be reached


@dataclass(frozen=True, slots=True)
class Check:
    """One rule now: its mark, what it says, and how far it is used."""

    mark: Mark
    rule: str
    detail: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class Break:
    """Something that would break a rule, and where."""

    what: str
    where: str


def compliance(one: UnderRules, at: int) -> list[Check]:
    """Return every rule of an account and the trader's own, with how each stands at a market time."""
    return [
        *_state(one.standing),
        *_limits(one),
        *_contracts(one),
        *_hours(one.rules, at),
        *_goals(one.rules, one.plan),
        *_days(one, at),
        *_automation(one.rules),
        *_own(one, at),
    ]


def for_now(one: UnderRules, at: int) -> list[Check]:
    """Return only what bears on the next order: contracts, hours, news, losses in a row, pauses, automation."""
    return [
        *_contracts(one),
        *_hours(one.rules, at),
        *_days(one, at),
        *_own(one, at),
        *_automation(one.rules),
    ]


def _state(standing: Standing) -> Iterator[Check]:
    if standing.failed_at is not None:
        why = standing.failed_why.replace("_", " ").lower()
        yield Check(Mark.FAIL, "The account has failed", f"{why}, {_moment(standing.failed_at)}")
    for lock in standing.locks:
        yield Check(Mark.FAIL, f"Locked: {LOCK_WORDS[lock.kind]}", _until(lock), "lock")


LOCK_WORDS: Final = {
    LockKind.DAILY: "daily loss limit",
    LockKind.OWN: "your own daily limit",
    LockKind.MAX_LOSS: "maximum loss",
    LockKind.LOCKOUT: "your own lockout",
}


def _until(lock: Lock) -> str:
    if lock.until is not None:
        return f"until {_moment(lock.until)}"
    return "until you lift it, from the next session on"


NAMES: Final = {
    LimitName.MAX_LOSS: "Maximum loss",
    LimitName.DAILY_LOSS: "Daily loss",
    LimitName.OWN_DAILY: "Own rule: daily loss",
}
MARKS: Final = {
    Level.SAFE: Mark.KEPT,
    Level.WARNING: Mark.WARN,
    Level.DANGER: Mark.WARN,
    Level.LOCKED: Mark.FAIL,
}


def _limits(one: UnderRules) -> Iterator[Check]:
    by_name = {limit.name: limit for limit in one.limits}
    for name in (LimitName.MAX_LOSS, LimitName.DAILY_LOSS, LimitName.OWN_DAILY):
        limit = by_name.get(name)
        if limit is not None:
            yield _limit(one, limit)
    if one.rules is not None and LimitName.DAILY_LOSS not in by_name:
        yield Check(Mark.KEPT, "Daily loss", "no limit in these rules")


def _limit(one: UnderRules, limit: Limit) -> Check:
    level = limit.level(one.equity, one.standing.levels.get(limit.name, Level.SAFE))
    words = NAMES[limit.name]
    drawdown = one.rules.drawdown if one.rules else None
    if limit.name is LimitName.MAX_LOSS and drawdown is not None:
        words += f", {DRAWDOWN_WORDS[drawdown.type]}"
        if drawdown.lock_level is not None and limit.floor >= drawdown.lock_level:
            words = f"{NAMES[limit.name]}, locked at {dollars(limit.floor, sign=False)}"
    used = percent(limit.used(one.equity))
    return Check(MARKS[level], words, f"{used} of {dollars(limit.amount, sign=False)}", limit.name)


def _contracts(one: UnderRules) -> Iterator[Check]:
    most = one.standing.minis
    if most is None:
        return
    firm = allowed_minis(one.rules, one.standing.tier)
    own = one.standing.own.max_minis
    whose = "Own rule: contracts" if own is not None and own == most != firm else "Contracts"
    tier = " at this balance" if one.rules and one.rules.scaling else ""
    mark = Mark.KEPT if one.minis <= most else Mark.FAIL
    if mark is Mark.KEPT and one.minis == most:
        mark = Mark.WARN
    used = f"{one.minis.normalize():f} of {most} minis"
    yield Check(mark, f"{whose}, {most} minis{tier}", used, "contracts")


def _hours(rules: Rules | None, at: int) -> Iterator[Check]:
    if rules is None:
        return
    day = firm_day(rules.hours, at)
    if day.flat_at is None:
        yield Check(Mark.KEPT, "Positions may stay overnight", "no flat-by time", "flat_by")
    else:
        left = day.flat_at - at
        words = f"Flat by {_clock(day.flat_at)} CT"
        if left <= 0:
            yield Check(Mark.WARN, words, f"no entries until {_moment(day.ends_at)}", "flat_by")
        else:
            mark = Mark.WARN if left <= SOON else Mark.KEPT
            yield Check(mark, words, f"in {_span(left)}", "flat_by")
    if rules.news is not None:
        moment = news_at(rules.news, at)
        around = f"{rules.news.before_minutes} min before to {rules.news.after_minutes} after"
        if moment is not None:
            yield Check(Mark.FAIL, f"News at {_clock(moment)} CT", "no entries now", "news")
        elif rules.news.moments:
            yield Check(Mark.KEPT, "News windows", around, "news")
        else:
            detail = "no releases entered: keep out by hand"
            yield Check(Mark.WARN, "News windows", detail, "news")


def _goals(rules: Rules | None, plan: Plan | None) -> Iterator[Check]:
    if rules is None or plan is None:
        return
    if rules.target is not None:
        reached = plan.target_left == 0
        detail = (
            "reached" if reached else f"{dollars(plan.target_left or Decimal(0), sign=False)} to go"
        )
        mark = Mark.KEPT if reached else Mark.OPEN
        yield Check(mark, f"Target {dollars(rules.target, sign=False)}", detail, "target")
    if plan.best_day is not None:
        yield _best_day(plan.best_day)
    if rules.winning_days is not None:
        amount = dollars(rules.winning_days.amount, sign=False)
        mark = Mark.KEPT if plan.winning_days >= plan.winning_days_needed else Mark.OPEN
        detail = f"{plan.winning_days} of {plan.winning_days_needed}"
        yield Check(mark, f"Winning days of {amount}", detail, "winning_days")
    if rules.min_days:
        mark = Mark.KEPT if plan.days >= plan.days_needed else Mark.OPEN
        yield Check(mark, "Trading days", f"{plan.days} of {plan.days_needed}", "min_days")


def _best_day(best: BestDay) -> Check:
    under = "under" if best.strict else "at most"
    words = f"Best day {under} {percent(best.allowed)} {BASIS_WORDS[best.basis]}"
    if best.net <= 0:
        return Check(Mark.KEPT, words, "no profit yet", "consistency")
    share = percent(best.share) if best.share is not None else "no profit"
    if best.is_met:
        return Check(Mark.KEPT, words, share, "consistency")
    needed = dollars(best.needed, sign=False)
    return Check(Mark.WARN, words, f"{share}, needs {needed} of profit", "consistency")


def _days(one: UnderRules, at: int) -> Iterator[Check]:
    standing, row = one.standing, one.standing.max_losses_in_row
    if row is not None:
        own = standing.own.max_losses_in_row
        firm = one.rules.max_losses_in_row if one.rules else None
        whose = "Own rule: no entry" if own == row and firm != row else "No entry"
        mark = Mark.FAIL if standing.streak >= row else Mark.KEPT
        if mark is Mark.KEPT and standing.streak == row - 1:
            mark = Mark.WARN
        yield Check(mark, f"{whose} after {row} losses", f"{standing.streak} so far", "streak")
    rules = one.rules
    if rules is not None and rules.time_limit_days is not None and standing.opened_on is not None:
        passed = (to_datetime(at).astimezone(CHICAGO).date() - standing.opened_on).days + 1
        left = rules.time_limit_days - passed
        mark = Mark.FAIL if left < 0 else (Mark.WARN if left <= 5 else Mark.KEPT)
        yield Check(mark, f"Within {rules.time_limit_days} days", f"{max(0, left)} left", "time")


def _automation(rules: Rules | None) -> Iterator[Check]:
    if rules is None:
        return
    mark = Mark.KEPT if rules.automation is Policy.ALLOWED else Mark.WARN
    yield Check(mark, "Automation", POLICY_WORDS[rules.automation], "automation")


def _own(one: UnderRules, at: int) -> Iterator[Check]:
    own, standing = one.standing.own, one.standing
    if own.max_trades is not None:
        count = one.row.trades_today + len(one.view.positions)
        mark = Mark.KEPT if count < own.max_trades else Mark.WARN
        words = f"Own rule: at most {own.max_trades} trades a day"
        yield Check(mark, words, f"{count} so far", "own")
    if own.cooldown_minutes is not None:
        until = (standing.last_loss_at or 0) + own.cooldown_minutes * MINUTE
        waits = standing.last_loss_at is not None and at < until
        detail = f"until {_clock(until)} CT" if waits else "not running"
        words = f"Own rule: {own.cooldown_minutes} min pause after a loss"
        yield Check(Mark.FAIL if waits else Mark.KEPT, words, detail, "own")
    if standing.own_next is not None:
        yield Check(Mark.FAIL, "Own rules: loosening waits", "until the next reset", "lock")


# ---- what would break it ----


def breaks(one: UnderRules, locked_on: date | None = None) -> list[Break]:
    """Return what would break a rule: the price of each family held, full stops in a row, the line's own rise."""
    return [*_prices(one), *_stops(one), *_rise(one, locked_on)]


def _prices(one: UnderRules) -> Iterator[Break]:
    for line in one.lines:
        held = [
            view for view in one.view.positions if root_of(line.contract) in _family(view.row.root)
        ]
        slope = sum(view.position.quantity * view.instrument.tick_value for view in held)
        way = "falls" if slope > 0 else "rises"
        size = ", ".join(
            f"{'LONG' if view.is_bullish else 'SHORT'} {view.row.size} {view.row.root}"
            for view in held
        )
        root = root_of(line.contract)
        yield Break(f"{root} {way} {line.points_left:,} pts with {size} held", f"{line.level:,}")
    if not one.lines and one.limits:
        nearest = min(one.limits, key=lambda limit: limit.left(one.equity))
        left = max(Decimal(0), nearest.left(one.equity))
        name = NAMES[nearest.name].removeprefix("Own rule: ").lower()
        yield Break(f"From flat, the {name} is reached after", dollars(-left))


def _family(root: str) -> set[str]:
    product = instrument(root)
    return {one for one in (root, product.mini, product.micro) if one}


def _stops(one: UnderRules) -> Iterator[Break]:
    """Return how many losses like the average one today's room holds."""
    losses = [-net for _, net in one.standing.results[-20:] if net < 0]
    if not losses or not one.limits:
        return
    average = sum(losses, Decimal(0)) / len(losses)
    left = min(limit.left(one.equity) for limit in one.limits)
    count = int(left // average) + 1 if left > 0 else 0
    words = f"{count} losing days like the average one, {dollars(-average.quantize(Decimal(1)))}"
    yield Break(words, dollars(-(average * count).quantize(Decimal(1))))


def _rise(one: UnderRules, locked_on: date | None) -> Iterator[Break]:
    rules, floor = one.rules, one.standing.floor
    if rules is None or rules.drawdown is None or floor is None:
        return
    lock = rules.drawdown.lock_level
    if lock is not None:
        lock += one.row.start_balance - rules.start_balance
    if lock is not None and floor >= lock:
        when = f"locked since {locked_on:%-d %b}" if locked_on else "locked"
        yield Break("The line itself can't rise any more", when)
    elif rules.drawdown.type != "static":
        most = f"up to {dollars(lock, sign=False)}" if lock is not None else "never locks"
        yield Break(f"The line {DRAWDOWN_WORDS[rules.drawdown.type]}", most)
    else:
        yield Break("The line never moves", dollars(floor, sign=False))


# ---- how old the rules are ----


def days_old(rules: Rules | None, at: int) -> int | None:
    """Return how many days ago the firm's page was read, None where nobody wrote it down."""
    if rules is None or rules.verified_on is None:
        return None
    return max(0, (to_datetime(at).date() - rules.verified_on).days)


# ---- words ----


def _local(at: int) -> datetime:
    return to_datetime(at).astimezone(CHICAGO)


def _clock(at: int) -> str:
    return f"{_local(at):%H:%M}"


def _moment(at: int) -> str:
    return f"{_local(at):%-d %b %H:%M} CT"


def _span(length: int) -> str:
    minutes, _ = divmod(length // SECOND, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"
