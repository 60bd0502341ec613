"""The pre-trade check: what the rules say to an order and to what it could cost at worst.

Pure and quick, so that a page may ask it at every keystroke.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from apps.brokers.domain.messages import AccountBooked, OrderProposed
from apps.brokers.domain.order import Order, Origin
from apps.bus.domain.message import MINUTE
from apps.marketdata.domain.calendar import CALENDAR, Calendar
from apps.risk.domain.hours import firm_day, news_at
from apps.risk.domain.limits import DANGER_AT, WARNING_AT, Limit, LimitName, used
from apps.risk.domain.rules import Policy
from apps.risk.domain.spoken import in_dollars, when
from apps.risk.domain.standing import LockKind, Standing, limits_of
from apps.risk.domain.worst_case import WorstCase, minis_after


class Decision(StrEnum):
    """What becomes of an order."""

    ALLOWED = "allowed"
    CONFIRM = "confirm"
    BLOCKED = "blocked"


class Alarm(StrEnum):
    """How grave it would be."""

    NONE = "none"
    CAUTION = "caution"
    DANGER = "danger"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class LimitUse:
    """One limit: used now, and used once everything has gone to its stop. Parts of the whole, dollars."""

    name: str
    amount: Decimal
    used_now: Decimal
    used_after: Decimal
    left_after: Decimal


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules say to an order.

    reasons:    (code, sentence) each; those that block come first
    worst_loss: what the order itself loses at its stop, None = no stop bounds it
    minis, allowed_minis: held once it has filled, and how many may be; None = any number
    """

    decision: Decision
    level: Alarm
    reasons: tuple[tuple[str, str], ...]
    limits: tuple[LimitUse, ...]
    worst_loss: Decimal | None
    minis: Decimal
    allowed_minis: int | None

    def plain(self) -> dict[str, Any]:
        """Return the verdict as JSON values."""
        return {
            "decision": self.decision.value,
            "level": self.level.value,
            "reasons": [list(reason) for reason in self.reasons],
            "limits": [
                {
                    "name": str(one.name),
                    "amount": _money(one.amount),
                    "used_now_pct": _percent(one.used_now),
                    "used_after_pct": _percent(one.used_after),
                    "left_after": _money(one.left_after),
                }
                for one in self.limits
            ],
            "worst_loss": None if self.worst_loss is None else _money(self.worst_loss),
            "minis": f"{self.minis.normalize():f}",
            "allowed_minis": self.allowed_minis,
        }


def check(
    proposal: OrderProposed,
    view: AccountBooked,
    standing: Standing,
    lasts: Mapping[str, int],
    at: int,
    *,
    calendar: Calendar = CALENDAR,
) -> Verdict:
    """Return whether an order may go, needs a person's yes, or is blocked. An exit may always go.

    lasts: last prices in ticks by contract; at: market time, ns UTC
    """
    worst = WorstCase(proposal, view, {**standing.lasts, **lasts})
    minis = minis_after(proposal.order, view, standing)
    limits = limits_of(view, standing)
    uses = tuple(_use(one, worst) for one in limits)
    loss = None if worst.is_unbounded else worst.loss
    if proposal.order.is_exit:
        return Verdict(Decision.ALLOWED, Alarm.NONE, (), uses, loss, minis, standing.minis)
    blocks = [
        *_blocked_by_state(standing),
        *_blocked_by_policy(proposal.order, standing),
        *_blocked_by_time(standing, at, calendar),
        *_blocked_by_count(proposal.order, view, standing, minis),
    ]
    asks: list[tuple[str, str]] = []
    alarm = Alarm.NONE
    for limit, use in zip(limits, uses, strict=True):
        gravity = _gravity(limit, use, standing)
        if gravity is Alarm.NONE:
            continue
        (blocks if gravity is Alarm.BLOCKED else asks).append(_limit_reason(limit, use, gravity))
        alarm = _graver(alarm, gravity)
    if limits and worst.open_ended:
        names = ", ".join(sorted(worst.open_ended))
        asks.append(
            (
                "NO_STOP",
                f"No stop bounds the loss of {names}, so it is not counted here. Give it a stop.",
            )
        )
        alarm = _graver(alarm, Alarm.CAUTION)
    asks.extend(_asks_a_person(proposal.order, standing))
    if blocks:
        decision, alarm = Decision.BLOCKED, Alarm.BLOCKED
    else:
        decision = Decision.CONFIRM if asks and not proposal.confirmed else Decision.ALLOWED
    return Verdict(decision, alarm, (*blocks, *asks), uses, loss, minis, standing.minis)


# ---- what blocks ----


def _blocked_by_state(standing: Standing) -> Iterator[tuple[str, str]]:
    if standing.failed_at is not None:
        yield (
            "FAILED",
            f"The account failed at {when(standing.failed_at)} ({standing.failed_why}). Reset it to begin anew.",
        )
    for lock in standing.locks:
        if lock.kind is LockKind.LOCKOUT or standing.failed_at is not None:
            continue
        end = "until a person lifts it in a later session"
        if lock.kind is not LockKind.MAX_LOSS:
            end = f"until {when(lock.until)}" if lock.until is not None else "until the next reset"
        yield "LOCKED", f"Locked since {when(lock.since)}: {lock.reason}. It stays so {end}."


def _blocked_by_policy(order: Order, standing: Standing) -> Iterator[tuple[str, str]]:
    """A firm that takes orders from its own platform alone gets none from here: the order is a ticket for a person."""
    rules = standing.rules
    if not order.verdict.get("abroad") or rules is None:
        return
    if rules.automation is Policy.PLATFORM_ONLY:
        kind = order.type.value.replace("_", " ")
        yield (
            "PLACE_IT_YOURSELF",
            (
                f"{rules.firm} takes orders from its own platform alone. Ticket: {order.side} {order.quantity} "
                f"{order.contract} {kind}. Place it there; what it trades is booked here."
            ),
        )


def _blocked_by_time(standing: Standing, at: int, calendar: Calendar) -> Iterator[tuple[str, str]]:
    rules, own = standing.rules, standing.own
    if standing.lockout_until is not None and standing.lockout_until > at:
        yield (
            "LOCKED_OUT",
            f"You locked yourself out until {when(standing.lockout_until)}; nobody can undo it.",
        )
    if own.cooldown_minutes and standing.last_loss_at is not None:
        until = standing.last_loss_at + own.cooldown_minutes * MINUTE
        if at < until:
            yield (
                "COOLDOWN",
                f"You pause {own.cooldown_minutes} minutes after a loss: until {when(until)}.",
            )
    if rules is None:
        return
    if rules.hours.flat_by is not None:
        day = firm_day(rules.hours, at, calendar)
        if day.is_over_for_entries(at) and day.flat_at is not None:
            yield (
                "AFTER_FLAT_BY",
                f"The account has to be flat from {when(day.flat_at)} on; entries are possible again at {when(day.ends_at)}.",
            )
    if rules.news is not None and (moment := news_at(rules.news, at)) is not None:
        until = moment + rules.news.after_minutes * MINUTE
        yield (
            "NEWS_WINDOW",
            f"No entries around the release at {when(moment)}: wait until after {when(until)}.",
        )


def _blocked_by_count(
    order: Order, view: AccountBooked, standing: Standing, minis: Decimal
) -> Iterator[tuple[str, str]]:
    most = standing.minis
    if most is not None and minis > most:
        yield (
            "MAX_CONTRACTS",
            f"It would make {minis.normalize():f} minis with what is held and pending; {most} are allowed. Ask for fewer.",
        )
    row = standing.max_losses_in_row
    if row is not None and standing.streak >= row:
        yield (
            "LOSING_STREAK",
            f"{standing.streak} losses in a row; the day is over after {row}. Come back after the reset.",
        )
    trades = standing.own.max_trades
    if trades is not None:
        places = {(one.contract, one.strategy) for one in view.holdings}
        places |= {(one.contract, one.strategy) for one in view.pending if one.order != order.id}
        places.add((order.contract, order.strategy))
        count = view.trades_today + len(places)
        if count > trades:
            yield (
                "TOO_MANY_TRADES",
                f"It would be trade {count} of today; you allow yourself {trades}. Come back after the reset.",
            )


# ---- what asks a person ----


def _use(limit: Limit, worst: WorstCase) -> LimitUse:
    left = limit.left(worst.after)
    return LimitUse(limit.name, limit.amount, limit.used(worst.now), used(left, limit.amount), left)


def _gravity(limit: Limit, use: LimitUse, standing: Standing) -> Alarm:
    blocked_at = limit.lock_at
    if limit.name is LimitName.MAX_LOSS and standing.lifted:
        blocked_at = Decimal(1)  # a person lifted its lock: only the floor itself still stops him
    if use.used_after >= blocked_at:
        return Alarm.BLOCKED
    if use.used_after >= DANGER_AT:
        return Alarm.DANGER
    return Alarm.CAUTION if use.used_after >= WARNING_AT else Alarm.NONE


def _limit_reason(limit: Limit, use: LimitUse, gravity: Alarm) -> tuple[str, str]:
    name = limit.name.replace("_", " ")
    sentence = (
        f"After all stops {_percent(use.used_after)} % of the {name} limit of {in_dollars(limit.amount)} "
        f"would be used and {in_dollars(use.left_after)} left"
    )
    if gravity is Alarm.BLOCKED:
        sentence += (
            f"; {_percent(limit.lock_at)} % is the most. Take fewer contracts or a nearer stop."
        )
    else:
        sentence += "; from 50 % on you have to confirm it."
    return limit.name.upper(), sentence


def _asks_a_person(order: Order, standing: Standing) -> Iterator[tuple[str, str]]:
    rules = standing.rules
    if order.origin is not Origin.AUTOMATIC:
        return
    if order.verdict.get("ask"):
        yield "APPROVAL", "This route asks for your yes to every order."
    if rules is None and order.verdict.get("dear"):
        yield (
            "AUTOMATION",
            "No rule set of this account says whether a program may trade it. Confirm it by hand, or choose its rules.",
        )
    if rules is not None and rules.automation is not Policy.ALLOWED:
        words = f' It says: "{rules.policy_words}"' if rules.policy_words else ""
        policy = rules.automation.replace("_", " ")
        yield (
            "AUTOMATION",
            f"{rules.firm} on orders from a program: {policy}.{words} Confirm it by hand.",
        )


def _graver(one: Alarm, other: Alarm) -> Alarm:
    order = list(Alarm)
    return max(one, other, key=order.index)


def _percent(part: Decimal) -> str:
    return f"{(part * 100).quantize(Decimal('0.01')):f}"


def _money(amount: Decimal) -> str:
    return f"{amount.quantize(Decimal('0.01')):f}"
