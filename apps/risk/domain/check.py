"""The pre-trade check: what an order could cost if every stop of the account were hit, and what the rules say to that.

Pure and quick, so that a page may ask it at every keystroke. The worst case: every holding goes to its stops, every
entry still working fills and goes to its stop, and the new order goes to its own; `SLIPPAGE` ticks and the fees are
paid on each side. What no stop bounds is not counted, it is pointed out.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from apps.brokers.domain.messages import (
    AccountBooked,
    Holding,
    OrderProposed,
    Pending,
)
from apps.brokers.domain.order import Order, Origin, Role
from apps.bus.domain.message import MINUTE
from apps.marketdata.domain.calendar import CALENDAR, Calendar
from apps.marketdata.domain.contract import root_of
from apps.marketdata.domain.instrument import instrument
from apps.risk.domain.hours import firm_day, news_at
from apps.risk.domain.limits import DANGER_AT, WARNING_AT, Limit, LimitName, used
from apps.risk.domain.rules import Policy
from apps.risk.domain.spoken import in_dollars, when
from apps.risk.domain.standing import LockKind, Standing, limits_of

SLIPPAGE: Final = 2  # ticks on each side
ZERO: Final = Decimal(0)


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
    worst = _WorstCase(proposal, view, {**standing.lasts, **lasts})
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


# ---- the worst case ----


class _WorstCase:
    """Equity now, and once everything has gone to its stop."""

    def __init__(
        self, proposal: OrderProposed, view: AccountBooked, lasts: Mapping[str, int]
    ) -> None:
        self._view, self._lasts = view, lasts
        self.open_ended: set[str] = set()
        order = proposal.order
        self.now = self.after = view.balance
        for held in view.holdings:
            last = lasts.get(held.contract)
            open_now = ZERO if last is None else held.unrealized(last)
            self.now += open_now
            leaves = bool(order.after) and (held.contract, held.strategy) == order.place[1:]
            self.after += open_now if leaves else self._at_stops(held, open_now)
        for one in view.pending:
            if one.order != order.id:
                self.after -= self._entry(one)
        self.is_unbounded = False
        self.loss = self._own(proposal)
        self.after -= self.loss

    def _at_stops(self, held: Holding, open_now: Decimal) -> Decimal:
        """Return the profit of a holding whose stops are hit, the worst ones first if they cover more than it is."""
        sign, left = (1 if held.quantity > 0 else -1), abs(held.quantity)
        stops = sorted(
            (
                (one.stop * sign, one.quantity)
                for one in self._view.protections
                if (one.contract, one.strategy) == (held.contract, held.strategy)
            ),
        )
        ticks, fees, fee = -held.cost, ZERO, self._fee(held.root)
        for stop, quantity in stops:
            covered = min(left, abs(quantity))
            ticks += covered * (stop - SLIPPAGE)
            fees += covered * fee
            left -= covered
        if left:
            self.open_ended.add(held.contract)
            last = self._lasts.get(held.contract)
            if last is None:
                return open_now
            ticks += sign * left * last
        return ticks * held.tick_value - fees

    def _entry(self, one: Pending) -> Decimal:
        price = one.price if one.price is not None else self._lasts.get(one.contract)
        if one.stop is None or price is None:
            self.open_ended.add(one.contract)
            return self._loss(one.contract, abs(one.quantity), 0)
        sign = 1 if one.quantity > 0 else -1
        return self._loss(one.contract, abs(one.quantity), (price - one.stop) * sign)

    def _own(self, proposal: OrderProposed) -> Decimal:
        """Return what the new order loses at its stops; what they don't cover costs slippage and fees only."""
        order, entry = proposal.order, proposal.entry
        if order.is_exit:
            return ZERO
        sign, left, loss = order.side.sign, order.remaining, ZERO
        distances = sorted(
            (
                ((entry - stop) * sign, leg.quantity)
                for leg in proposal.legs
                if leg.role is Role.STOP and (stop := _stop_of(leg, entry, sign)) is not None
            ),
            reverse=True,
        )
        for distance, quantity in distances:
            covered = min(left, quantity)
            loss += self._loss(order.contract, covered, distance)
            left -= covered
        if left:
            self.open_ended.add(order.contract)
            self.is_unbounded = True
            loss += self._loss(order.contract, left, 0)
        return loss

    def _loss(self, contract: str, quantity: int, distance: int) -> Decimal:
        product = instrument(root_of(contract))
        ticks = max(0, distance) + 2 * SLIPPAGE
        return quantity * (ticks * product.tick_value + 2 * self._fee(product.root))

    def _fee(self, root: str) -> Decimal:
        return self._view.fee_a_side.get(root, ZERO)


def _stop_of(leg: Order, entry: int, sign: int) -> int | None:
    if leg.stop is not None:
        return leg.stop
    return None if leg.trail is None else entry - sign * leg.trail


def minis_after(order: Order | None, view: AccountBooked, standing: Standing) -> Decimal:
    """Return how many minis an account could hold once its entries, and this order, have filled.

    Of each contract the larger side counts: what is long and what is short may be closed apart from each other.
    """
    size = standing.rules.size if standing.rules else None
    ratio = size.micro_ratio if size else 10
    sides: dict[str, list[int]] = {}
    asked = [(one.contract, one.quantity) for one in view.holdings]
    if order is not None and order.after:
        asked = [
            (one.contract, one.quantity)
            for one in view.holdings
            if (one.contract, one.strategy) != order.place[1:]
        ]
    known = order.id if order is not None else ""
    asked += [(one.contract, one.quantity) for one in view.pending if one.order != known]
    if order is not None and not order.is_exit:
        asked.append((order.contract, order.side.sign * order.remaining))
    for contract, quantity in asked:
        sides.setdefault(contract, [0, 0])[quantity < 0] += abs(quantity)
    total = ZERO
    for contract, both in sides.items():
        is_micro = instrument(root_of(contract)).is_micro
        total += Decimal(max(both)) / (ratio if is_micro else 1)
    return total


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


def _use(limit: Limit, worst: _WorstCase) -> LimitUse:
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


__all__ = ["Alarm", "Decision", "LimitUse", "Verdict", "check", "minis_after"]
