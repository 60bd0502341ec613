"""What a person may want of the rules of his account, and what is refused."""

from decimal import Decimal, InvalidOperation

from apps.brokers.domain.facts import AccountFact
from apps.bus.domain.message import DAY
from apps.risk.domain.fields import BadRule
from apps.risk.domain.messages import (
    AccountLocked,
    AccountUnlocked,
    LiftLock,
    LockOut,
    OwnLimitsChanged,
    RulesSet,
    SetOwnLimits,
    SetRules,
)
from apps.risk.domain.own_limits import own_limits
from apps.risk.domain.reading import rules_for
from apps.risk.domain.rules import Rules
from apps.risk.domain.spoken import when
from apps.risk.domain.standing import BLOCKS, Lock, LockKind
from apps.risk.domain.watch import Watch
from apps.trades.domain.messages import CommandRefused

LONGEST_LOCKOUT = 366 * DAY  # nobody can undo one, so a slip of the pen must not lock for ever

RiskWish = SetRules | SetOwnLimits | LockOut | LiftLock


class _Refusal(ValueError):
    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def grant(wish: RiskWish, watch: Watch | None, at: int) -> AccountFact | CommandRefused:
    """Do what is wanted and return the fact that tells of it, or say why not."""
    try:
        if watch is None or watch.view.user != wish.user:
            raise _Refusal("NO_ACCOUNT", f"account: {wish.account} is none of yours")
        match wish:
            case SetRules():
                return _set_rules(wish, watch, at)
            case SetOwnLimits():
                return _set_own(wish, watch, at)
            case LockOut():
                return _lock_out(wish, watch, at)
            case LiftLock():
                return _lift(wish, watch, at)
    except (BadRule, _Refusal) as problem:
        reason = problem.reason if isinstance(problem, _Refusal) else "BAD_VALUE"
        return CommandRefused(
            at=at, user=wish.user, command=wish.id, reason=reason, detail=str(problem)
        )


def _set_rules(wish: SetRules, watch: Watch, at: int) -> AccountFact:
    rules = None if wish.rules is None else rules_for(wish.rules)
    floor = None if wish.floor in (None, "") else _floor(wish.floor, rules)
    standing, view = watch.standing, watch.view
    before = standing.rules
    standing.rules, standing.version = rules, wish.version
    same = before is not None and rules is not None and before.drawdown == rules.drawdown
    if not same:
        standing.begin(
            view.start_balance, max(view.balance, watch.equity()), view.day_start_balance
        )
        standing.lifted = False
    if floor is not None:
        standing.floor = floor
    known = {limit.name for limit in watch.limits()}
    standing.levels = {name: one for name, one in standing.levels.items() if name in known}
    return RulesSet(
        at=at, user=wish.user, account=wish.account, wish=wish.id,
        firm=rules.firm if rules else "", plan=rules.plan if rules else "",
        version=wish.version, floor=standing.floor,
    )  # fmt: skip


def _floor(text: str | None, rules: Rules | None) -> Decimal:
    try:
        floor = Decimal(str(text))
    except InvalidOperation:
        raise BadRule("floor", text, 'must be an amount as text, e.g. "49200"') from None
    if not floor.is_finite() or rules is None or rules.drawdown is None:
        raise BadRule("floor", text, "needs a rule set with a drawdown, and an amount")
    return floor


def _set_own(wish: SetOwnLimits, watch: Watch, at: int) -> AccountFact:
    standing, wanted = watch.standing, own_limits(wish.limits)
    standing.own = standing.own.tightened(wanted)
    standing.own_next = wanted if wanted != standing.own else None
    return OwnLimitsChanged(
        at=at, user=wish.user, account=wish.account, wish=wish.id, now=standing.own.plain(),
        next_day=standing.own_next.plain() if standing.own_next is not None else None,
    )  # fmt: skip


def _lock_out(wish: LockOut, watch: Watch, at: int) -> AccountFact:
    standing, until = watch.standing, standing_until(watch)
    if not at < wish.until <= at + LONGEST_LOCKOUT:
        raise _Refusal("BAD_VALUE", f"until: {wish.until} must lie after now and within a year")
    if until is not None and wish.until < until:
        raise _Refusal(
            "ONLY_LONGER",
            f"until: you are locked out until {when(until)}; it can only become longer",
        )
    standing.lockout_until = wish.until
    reason = "You locked yourself out; nobody can undo it"
    lock = Lock(LockKind.LOCKOUT, at, wish.until, reason, watch.view.trade_date)
    standing.locks = [one for one in standing.locks if one.kind is not LockKind.LOCKOUT]
    standing.locks.append(lock)
    return AccountLocked(
        at=at, user=wish.user, account=wish.account, number=standing.number(), wish=wish.id,
        kind=lock.kind, until_at=lock.until, reason=reason, blocks=BLOCKS,
    )  # fmt: skip


def standing_until(watch: Watch) -> int | None:
    """Return until when a trader has locked himself out, None if he has not."""
    lock = watch.standing.lock(LockKind.LOCKOUT)
    return lock.until if lock else None


def _lift(wish: LiftLock, watch: Watch, at: int) -> AccountFact:
    standing = watch.standing
    lock = standing.lock(LockKind.MAX_LOSS)
    if standing.failed_at is not None:
        raise _Refusal(
            "FAILED", f"account: it has failed ({standing.failed_why}); only a reset begins it anew"
        )
    if lock is None:
        raise _Refusal("NOT_LOCKED", "account: no lock of the maximum loss is on it")
    if watch.view.trade_date <= lock.trade_date:
        raise _Refusal(
            "TOO_EARLY",
            f"account: locked on {lock.trade_date}; it can be lifted from the next session on",
        )
    standing.locks = [one for one in standing.locks if one is not lock]
    standing.lifted = True
    return AccountUnlocked(
        at=at, user=wish.user, account=wish.account, number=standing.number(), wish=wish.id,
        kind=lock.kind,
    )  # fmt: skip
