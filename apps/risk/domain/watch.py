"""One account under watch: its equity from the last prices, what its limits say to it, and how far it may move.

Nothing here is said or asked; `RiskGuard` does that. Every method is given the prices that it reckons with.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from apps.brokers.domain.account import NO_DAY
from apps.brokers.domain.messages import (
    AccountBooked,
    DayRolled,
)
from apps.bus.domain.message import Message
from apps.marketdata.domain.contract import root_of
from apps.marketdata.domain.instrument import instrument
from apps.marketdata.domain.messages import AWAKE, NEVER
from apps.risk.domain.hours import FirmDay
from apps.risk.domain.limits import Level, Limit, LimitName, is_hard, lock_level
from apps.risk.domain.messages import (
    AccountFailed,
    AccountLocked,
    AccountUnlocked,
    LimitBroken,
    NearMiss,
    RiskLevelChanged,
)
from apps.risk.domain.rules import DrawdownType
from apps.risk.domain.standing import BLOCKS, LOCKS, Lock, LockKind, Standing, limits_of

Span = tuple[int, int]


def percent(part: Decimal) -> Decimal:
    """Return a part of the whole as per cent with 2 decimals."""
    return (part * 100).quantize(Decimal("0.01"))


class Watch:
    """One account: as the ledger booked it last, and where it stands."""

    def __init__(self, standing: Standing, view: AccountBooked) -> None:
        self.standing = standing
        self.lasts: dict[str, int] = {}
        self.day: FirmDay | None = None
        self.waits: set[str] = set()  # contracts for which it sleeps
        self.needs_extremes = False  # it sleeps across prices that may move the peak
        self.turn = 0  # counts the views: after a yield it tells whether a newer one has come
        self.take(view)

    def take(self, view: AccountBooked) -> None:
        """Reckon with a new view from now on."""
        self.view = view
        self.turn += 1
        self.costs: dict[str, Decimal] = {}
        self.slopes: dict[str, Decimal] = {}
        for held in view.holdings:
            value = held.tick_value
            self.slopes[held.contract] = self.slopes.get(held.contract, 0) + held.quantity * value
            self.costs[held.contract] = self.costs.get(held.contract, 0) + held.cost * value
        standing = self.standing
        standing.trade_date, standing.trades_today = view.trade_date, view.trades_today
        if standing.opened_on is None and view.trade_date != NO_DAY:
            standing.opened_on = view.trade_date
        rules = standing.rules
        unknown = rules is not None and rules.drawdown is not None and standing.floor is None
        if standing.start != view.start_balance or unknown:
            standing.begin(view.start_balance, view.balance, view.day_start_balance)
        kind = rules.drawdown.type if rules and rules.drawdown else None
        if kind is DrawdownType.CLOSED_BALANCE_TRAILING and standing.failed_at is None:
            standing.rise(view.balance)

    def is_same_money(self, view: AccountBooked) -> bool:
        """Return whether a view differs in nothing that equity or a limit depends on."""
        mine = self.view
        return (
            mine.balance == view.balance
            and mine.holdings == view.holdings
            and mine.day_start_balance == view.day_start_balance
            and mine.start_balance == view.start_balance
            and mine.trade_date == view.trade_date
        )

    @property
    def moving(self) -> list[str]:
        """Return the contracts whose price moves its equity."""
        return [contract for contract, slope in self.slopes.items() if slope]

    def equity(self) -> Decimal:
        """Return balance and open profit, each contract at its own last price."""
        equity = self.view.balance
        for contract, slope in self.slopes.items():
            last = self.lasts.get(contract)
            if last is not None:
                equity += slope * last - self.costs[contract]
            elif not slope:
                equity -= self.costs[contract]
        return equity

    def absorb(self, contract: str, high: int, low: int) -> None:
        """Let the floor follow the best equity since it began to sleep; with one contract that is exact."""
        if self.moving == [contract] and self._trails:
            slope = self.slopes[contract]
            kept, self.lasts[contract] = self.lasts.get(contract), high if slope > 0 else low
            self.standing.rise(self.equity())
            if kept is not None:
                self.lasts[contract] = kept

    def limits(self) -> tuple[Limit, ...]:
        """Return every money limit that binds it now."""
        return limits_of(self.view, self.standing)

    @property
    def _trails(self) -> bool:
        """Return whether open profit can still move the floor."""
        standing = self.standing
        drawdown = standing.rules.drawdown if standing.rules else None
        if drawdown is None or drawdown.type is not DrawdownType.INTRADAY_TRAILING:
            return False
        assert standing.rules is not None and standing.start is not None
        lock = lock_level(standing.rules, standing.start)
        return standing.floor is not None and (lock is None or standing.floor < lock)

    # ---- what the limits say ----

    def judge(self, at: int) -> tuple[list[Message], str]:
        """Take the prices in; return the facts that follow, and why everything has to be closed (empty: it has not)."""
        standing = self.standing
        if standing.failed_at is not None:
            return [], ""
        standing.lasts = {
            contract: self.lasts[contract] for contract in self.slopes if contract in self.lasts
        }
        equity = self.equity()
        if self._trails:
            standing.rise(equity)
        facts: list[Message] = []
        flatten = ""
        for limit in self.limits():
            facts.extend(self._level(limit, equity, at))
            reason = ""
            if limit.is_broken(equity) and limit.name not in standing.broken:
                facts.extend(self._break(limit, equity, at))
                reason = f"{limit.name.upper()}_BROKEN"
            if standing.levels.get(limit.name) is Level.LOCKED:
                locked = list(self._lock(limit, equity, at))
                facts.extend(locked)
                if locked and standing.rules is not None and standing.rules.flatten_on_lock:
                    reason = reason or f"{limit.name.upper()}_LOCK"
            flatten = flatten or reason
        return facts, flatten

    def _level(self, limit: Limit, equity: Decimal, at: int) -> Iterator[Message]:
        standing, name = self.standing, limit.name
        was = standing.levels.get(name, Level.SAFE)
        now = Level.LOCKED if limit.is_broken(equity) else limit.level(equity, was)
        part = limit.used(equity)
        if now is not Level.LOCKED and name is LimitName.MAX_LOSS:
            standing.lifted = False
        if now.rank > standing.worst.get(name, (Level.SAFE, part))[0].rank:
            standing.worst[name] = (now, part)
        if now is was:
            return
        standing.levels[name] = now
        yield RiskLevelChanged(
            at=at, user=standing.user, account=standing.account, number=standing.number(),
            limit=name, level=now, was=was, account_level=standing.level,
            used_pct=percent(part), left=limit.left(equity), equity=equity,
        )  # fmt: skip

    def _break(self, limit: Limit, equity: Decimal, at: int) -> Iterator[Message]:
        standing, name = self.standing, limit.name
        standing.broken.append(name)
        hard = name is LimitName.DAILY_LOSS and is_hard(standing.rules)
        fails = hard or name is LimitName.MAX_LOSS
        yield LimitBroken(
            at=at, user=standing.user, account=standing.account, number=standing.number(),
            limit=name, floor=limit.floor, equity=equity, fails=fails, prices=self._prices(),
        )  # fmt: skip
        if fails:
            yield self.fail(at, f"{name.upper()}_BROKEN")

    def fail(self, at: int, why: str) -> Message:
        """Take the account away."""
        standing = self.standing
        standing.failed_at, standing.failed_why = at, why
        return AccountFailed(
            at=at,
            user=standing.user,
            account=standing.account,
            number=standing.number(),
            reason=why,
        )

    def _lock(self, limit: Limit, equity: Decimal, at: int) -> Iterator[Message]:
        standing, kind = self.standing, LOCKS[limit.name]
        if standing.lock(kind) is not None or (kind is LockKind.MAX_LOSS and standing.lifted):
            return
        until = None
        if kind is not LockKind.MAX_LOSS and standing.failed_at is None and self.day is not None:
            until = self.day.ends_at
        reason = (
            f"{percent(limit.used(equity))} % of the {limit.name.replace('_', ' ')} limit is used"
        )
        standing.locks.append(Lock(kind, at, until, reason, self.view.trade_date))
        yield AccountLocked(
            at=at, user=standing.user, account=standing.account, number=standing.number(),
            kind=kind, until_at=until, reason=reason, blocks=BLOCKS,
        )  # fmt: skip

    def _prices(self) -> Mapping[str, str]:
        return {
            contract: instrument(root_of(contract)).text(last)
            for contract, last in self.lasts.items()
            if contract in self.slopes
        }

    # ---- a day is over ----

    def close_day(self, said: DayRolled) -> list[Message]:
        """Take the end of a day in: near misses are told and daily locks end; an account that failed stays locked."""
        standing, at = self.standing, said.at
        over: list[Lock] = []
        if standing.failed_at is None:
            over = [one for one in standing.locks if one.kind in (LockKind.DAILY, LockKind.OWN)]
        facts: list[Message] = [
            NearMiss(
                at=at, user=said.user, account=said.account, number=standing.number(),
                limit=name, level=worst, used_pct=percent(part), trade_date=said.closed_date,
            )
            for name, (worst, part) in standing.worst.items()
            if worst.rank >= Level.DANGER.rank and name not in standing.broken
        ]  # fmt: skip
        standing.worst = {}
        standing.locks = [one for one in standing.locks if one not in over]
        facts.extend(self.unlocked(lock.kind, at) for lock in over)
        standing.close_day(said.closed_date, said.balance, said.net, said.trades)
        zero = Decimal(0)
        self.take(
            replace(
                self.view,
                at=at,
                day_start_balance=said.balance,
                realized_today=zero,
                fees_today=zero,
                trades_today=0,
            )
        )
        days = standing.rules.time_limit_days if standing.rules else None
        if days is not None and standing.opened_on is not None and standing.passed_at is None:
            age = (said.closed_date - standing.opened_on).days + 1
            if age >= days and standing.failed_at is None:
                facts.append(self.fail(at, "TIME_LIMIT"))
        return facts

    def unlocked(self, kind: LockKind, at: int, wish: str = "") -> Message:
        """Return the fact that a lock is over."""
        standing = self.standing
        return AccountUnlocked(
            at=at, user=standing.user, account=standing.account, number=standing.number(),
            kind=kind, wish=wish,
        )  # fmt: skip

    # ---- how far it may move ----

    def spans(self) -> dict[str, Span]:
        """Return, for each contract that moves it, the prices between which nothing can happen to the account.

        With one contract these are the nearest edges themselves. With several, each gets an equal share of the way to
        the nearest edge: as long as none has used up its own, all together have not.
        """
        moving = self.moving
        self.needs_extremes = False
        if not moving or self.standing.failed_at is not None:
            return {}
        if any(contract not in self.lasts for contract in moving):
            return dict.fromkeys(moving, (AWAKE[0], AWAKE[1]))
        equity = self.equity()
        fall, rise = self._room(equity, alone=len(moving) == 1)
        return {contract: self._span(contract, fall, rise, len(moving)) for contract in moving}

    def _room(self, equity: Decimal, *, alone: bool) -> tuple[Decimal | None, Decimal | None]:
        """Return how far equity may fall (reaching it wakes) and rise (passing it wakes), None = without end."""
        standing = self.standing
        falls, rises = [], []
        for limit in self.limits():
            now = standing.levels.get(limit.name, Level.SAFE)
            below, above = limit.worse_at(now), limit.better_above(now)
            if limit.name is LimitName.MAX_LOSS and self._trails:
                top = limit.floor + limit.amount
                # While it rises, the floor rises with it: half of the way is safe whatever comes in between.
                half = (top - below) / 2
                if alone and now is Level.SAFE and equity > top - half:
                    self.needs_extremes = True
                    below, top = top - half, top + half
                rises.append(top - equity)
            if limit.name not in standing.broken or now is not Level.LOCKED:
                falls.append(equity - below)
            if above is not None:
                rises.append(above - equity)
        return min(falls, default=None), min(rises, default=None)

    def _span(self, contract: str, fall: Decimal | None, rise: Decimal | None, among: int) -> Span:
        last, slope = self.lasts[contract], self.slopes[contract]
        size = abs(slope) * among
        worse = NEVER if fall is None else max(1, _up(fall / size))
        better = NEVER if rise is None else max(1, _down(rise / size) + 1)
        below, above = (worse, better) if slope > 0 else (better, worse)
        return max(-NEVER, last - below), min(NEVER, last + above)


def _up(value: Decimal) -> int:
    return int(value.to_integral_value(ROUND_CEILING))


def _down(value: Decimal) -> int:
    return int(value.to_integral_value(ROUND_FLOOR))
