"""RiskGuard: no order goes out that could break a rule, and who comes near one is stopped.

It sleeps between the prices at which the level of an account would change, its floor would move or a rule would
break. Each price is met by what an account held before that price filled anything.
"""

from collections.abc import Generator, Iterable, Iterator

from apps.brokers.domain.abroad import TOO_LATE
from apps.brokers.domain.facts import (
    OrderCancelled,
    OrderExpired,
    OrderRejected,
    PayoutTaken,
    PositionClosed,
)
from apps.brokers.domain.messages import (
    AccountBooked,
    DayRolled,
    EntriesForbidden,
    FlattenRequested,
    LineBack,
    OrderAllowed,
    OrderProposed,
    OrderStopped,
)
from apps.brokers.domain.order import Role
from apps.bus.domain.message import SECOND, Message
from apps.bus.domain.stage import handles
from apps.marketdata.domain.calendar import CALENDAR, Calendar
from apps.marketdata.domain.messages import (
    NEVER,
    CandleOpened,
    CandleReached,
    ClockTicked,
    ExtremesMoved,
    Leaves,
    Look,
    PriceReached,
    Recall,
    Recalled,
    Resumed,
    TimeTold,
    Waits,
)
from apps.risk.domain.check import Decision, check
from apps.risk.domain.hours import firm_day
from apps.risk.domain.messages import (
    AccountLocked,
    EvaluationPassed,
    FlattenSaid,
    LiftLock,
    LockOut,
    SetOwnLimits,
    SetRules,
)
from apps.risk.domain.rules import Hours
from apps.risk.domain.standing import LockKind, Standing, passes
from apps.risk.domain.watch import Watch
from apps.risk.domain.wishes import grant
from apps.trades.domain.messages import CommandRefused

FLAT_BY = "FLAT_BY"
LOCKED = "LOCKED"
AGAIN_S = (5, 15, 60, 300)  # an exit that came to nothing is asked for again after so long


class RiskGuard:
    """Every account that the ledger has told of. `changed` is what the journal has still to write."""

    def __init__(
        self, state: Iterable[Standing] | None = None, calendar: Calendar = CALENDAR
    ) -> None:
        self.standings = {one.account: one for one in state or ()}
        self.changed: dict[int, Standing] = {}
        self._calendar = calendar
        self._watches: dict[int, Watch] = {}
        self._at = 0
        self._next = NEVER  # the first instant at which time alone changes something

    @handles(Resumed)
    def resume(self, said: Resumed) -> Iterator[Message]:
        """Nothing to say: the ledger hears a start first, books each account again, and with that its sleep began."""
        return iter(())

    def view(self, account: int) -> AccountBooked | None:
        """Return an account as it was booked last."""
        watch = self._watches.get(account)
        return watch.view if watch else None

    # ---- an account changes ----

    @handles(AccountBooked)
    def hear_booked(self, said: AccountBooked) -> Iterator[Message]:
        """Meet the price with what was held before, then go on with what is held now."""
        watch = self._watches.get(said.account)
        if watch is None or said.is_new:
            watch = yield from self._begin(said, watch)
        elif watch.is_same_money(said):
            watch.take(said)
            self._mark(watch)
            yield from self._after_booking(watch)
            return
        else:
            turn = watch.turn
            grew = _size(said) > _size(watch.view)
            if watch.moving:
                yield from self._meet(watch, said.at)
            if watch.turn != turn:
                return  # what that led to has been booked, and heard, already
            watch.take(said)
            if grew and watch.standing.flattening:
                watch.standing.flattening = ""  # something was filled after all
        turn = watch.turn
        yield from self._recall(watch)
        yield from self._judge(watch, said.at)
        if watch.turn == turn:
            yield from self._sleep(watch, anew=True)
            yield from self._after_booking(watch)

    def _begin(self, said: AccountBooked, known: Watch | None) -> Generator[Message, None, Watch]:
        """Watch an account from now on. One that begins anew keeps only its rules and its trader's own limits."""
        if known is not None:
            yield from self._wake_up(known)
        standing = self.standings.get(said.account)
        if standing is None:
            standing = Standing(said.account, said.user)
        elif said.is_new:
            standing = Standing(
                said.account, said.user, rules=standing.rules, version=standing.version,
                own=standing.own, own_next=standing.own_next,
                lockout_until=standing.lockout_until, said=standing.said,
                locks=[one for one in standing.locks if one.kind is LockKind.LOCKOUT],
            )  # fmt: skip
        self.standings[said.account] = standing
        watch = self._watches[said.account] = Watch(standing, said)
        self._note_day(watch, max(said.at, self._at))
        self._mark(watch)
        return watch

    def _after_booking(self, watch: Watch) -> Iterator[Message]:
        """See whether an account is flat as it should be, and whether it has passed."""
        view, standing = watch.view, watch.standing
        at = view.at or self._at
        if not _is_busy(view):
            standing.flattening, standing.again_at, standing.tries = "", 0, 0
        elif not standing.flattening and view.holdings:
            flat_at = standing.flat_said
            if watch.day and flat_at == watch.day.flat_at and flat_at <= at < watch.day.ends_at:
                yield from self._flatten(watch, at, FLAT_BY)
            elif standing.failed_at is not None:
                yield from self._flatten(watch, at, standing.failed_why)
        if standing.passed_at is None and (passed := passes(watch.view, standing)):
            profit, days = passed
            assert standing.rules is not None and standing.rules.target is not None
            standing.passed_at = at
            standing.passed_why = (
                f"{profit} made in {days} days, {standing.rules.target} were asked"
            )
            self._mark(watch)
            yield EvaluationPassed(
                at=at, user=standing.user, account=standing.account, number=standing.number(),
                profit=profit, target=standing.rules.target, days=days,
            )  # fmt: skip

    @handles(PayoutTaken)
    def hear_payout(self, said: PayoutTaken) -> Iterator[Message]:
        """A payout lowers the balance, never the floor; a plan may put the floor at the start with the first one."""
        standing = self.standings.get(said.account)
        if standing is not None:
            standing.pay_out(said.amount)
            self.changed[said.account] = standing
        return iter(())

    @handles(PositionClosed)
    def hear_closed(self, said: PositionClosed) -> Iterator[Message]:
        """Count losses in a row, before fees: a win ends the row, a break-even trade changes nothing."""
        standing = self.standings.get(said.account)
        if standing is not None and said.realized:
            standing.streak = standing.streak + 1 if said.realized < 0 else 0
            if said.realized < 0:
                standing.last_loss_at = said.at
            self.changed[said.account] = standing
        return iter(())

    @handles(OrderRejected, OrderCancelled, OrderExpired)
    def hear_ended(self, said: OrderRejected | OrderCancelled | OrderExpired) -> Iterator[Message]:
        """An exit came to nothing while everything is being closed: what is held then is closed once more, a little later."""
        standing = self.standings.get(said.account)
        if standing is not None and standing.flattening and said.role == Role.EXIT:
            if (
                said.reason == TOO_LATE
            ):  # asked again now it would lie there until it finds another position
                standing.again_at = NEVER
                self.changed[said.account] = standing
            else:
                self._ask_again(standing)
        return iter(())

    @handles(LineBack)
    def hear_line_back(self, said: LineBack) -> Iterator[Message]:
        """What could not be closed while nothing left is closed once more, if it is still held a little later."""
        standing = self.standings.get(said.account)
        if standing is not None and standing.again_at == NEVER:
            self._ask_again(standing)
        return iter(())

    def _ask_again(self, standing: Standing) -> None:
        wait = AGAIN_S[min(standing.tries, len(AGAIN_S) - 1)]
        standing.again_at = self._at + wait * SECOND
        self.changed[standing.account] = standing
        self._set_alarm()

    # ---- the price comes ----

    @handles(PriceReached)
    def hear_price(self, said: PriceReached) -> Iterator[Message]:
        """A price left the span of an account: reckon anew, then sleep again."""
        watch, contract = self._waiter(said.of)
        if watch is None or contract not in watch.waits:
            return
        watch.absorb(contract, said.high, said.low)
        yield from self._recall(watch, but=contract)
        watch.lasts[contract] = said.price
        yield from self._judge(watch, said.at)
        yield from self._sleep(watch)

    @handles(CandleReached)
    def hear_candle(self, said: CandleReached) -> Iterator[Message]:
        """Where ticks are not known a candle stands for four prices; the worse extreme comes first."""
        watch, contract = self._waiter(said.of)
        if watch is None or contract not in watch.waits:
            return
        if said.high is not None and said.low is not None:
            watch.absorb(contract, said.high, said.low)
        candle = said.candle
        extremes = [candle.low, candle.high]
        if watch.slopes.get(contract, 0) < 0:
            extremes.reverse()
        yield from self._recall(watch, but=contract)
        for price in (candle.open, *extremes, candle.close):
            watch.lasts[contract] = price
            yield from self._judge(watch, candle.at)
        yield from self._sleep(watch, anew=True)

    @handles(ExtremesMoved)
    def hear_extremes(self, said: ExtremesMoved) -> Iterator[Message]:
        """Somebody looked: the best equity since it fell asleep may have moved the floor. It says nothing of it."""
        watch, contract = self._waiter(said.of)
        if watch is not None and contract in watch.waits:
            watch.absorb(contract, said.high, said.low)
            self._mark(watch)
        return iter(())

    @handles(Recalled)
    def hear_recalled(self, said: Recalled) -> Iterator[Message]:
        """Keep the price that was asked for."""
        watch, contract = self._waiter(said.of)
        if watch is not None and said.last is not None:
            watch.lasts[contract] = said.last
        return iter(())

    def _waiter(self, of: str) -> tuple[Watch | None, str]:
        if not of.startswith("r:"):
            return None, ""
        _, account, contract = of.split(":", 2)
        return self._watches.get(int(account)), contract

    def _recall(self, watch: Watch, but: str = "") -> Iterator[Message]:
        """Ask for the last price of every contract that moves an account."""
        for contract in watch.moving:
            if contract != but:
                yield Recall(_name(watch, contract), contract)

    def _meet(self, watch: Watch, at: int) -> Iterator[Message]:
        """Reckon at the prices of this moment with what was held until now."""
        if watch.needs_extremes:
            yield Look()
        yield from self._recall(watch)
        yield from self._judge(watch, at)

    def _judge(self, watch: Watch, at: int) -> Iterator[Message]:
        at = at or self._at
        facts, reason = watch.judge(at)
        if facts:
            self._mark(watch)
        yield from facts
        if reason:
            yield from self._flatten(watch, at, reason)
        elif any(isinstance(fact, AccountLocked) for fact in facts):
            yield EntriesForbidden(watch.standing.account, at, LOCKED)

    def _flatten(self, watch: Watch, at: int, reason: str) -> Iterator[Message]:
        """Want an account flat, once: what is on its way needs not be said again."""
        standing = watch.standing
        if standing.flattening or not _is_busy(watch.view):
            return
        standing.flattening = reason
        self._mark(watch)
        yield FlattenSaid(
            at=at, user=standing.user, account=standing.account, number=standing.number(),
            reason=reason,
        )  # fmt: skip
        yield FlattenRequested(standing.account, at, reason)

    def _sleep(self, watch: Watch, *, anew: bool = False) -> Iterator[Message]:
        """Wait until something can happen. `anew`: extremes from before are not its own any more."""
        spans = watch.spans()
        turn = watch.turn
        for contract in sorted(watch.waits) if anew else sorted(watch.waits - set(spans)):
            watch.waits.discard(contract)
            yield Leaves(_name(watch, contract), contract)
        for contract, (below, above) in spans.items():
            if watch.turn != turn:
                return
            watch.waits.add(contract)
            yield Waits(_name(watch, contract), contract, below, above)

    def _wake_up(self, watch: Watch) -> Iterator[Message]:
        for contract in sorted(watch.waits):
            watch.waits.discard(contract)
            yield Leaves(_name(watch, contract), contract)

    # ---- orders ----

    @handles(OrderProposed)
    def hear_proposed(self, said: OrderProposed) -> Iterator[Message]:
        """Let an order go, hold it until a person has seen what it can lose, or stop it. An exit always goes."""
        order = said.order
        if order.is_exit:
            yield OrderAllowed(order, said.legs, order.at)
            return
        watch = self._watches.get(order.account)
        assert watch is not None, f"order {order.id}: nobody told of account {order.account}"
        yield from self._recall(watch)
        watch.lasts[order.contract] = said.last
        verdict = check(
            said, watch.view, watch.standing, watch.lasts, order.at, calendar=self._calendar
        )
        if verdict.decision is Decision.ALLOWED:
            yield OrderAllowed(order, said.legs, order.at, verdict.plain())
            return
        is_held = verdict.decision is Decision.CONFIRM
        yield OrderStopped(order, said.legs, order.at, is_held, verdict.reasons, verdict.plain())

    # ---- days and time ----

    @handles(DayRolled)
    def hear_day(self, said: DayRolled) -> Iterator[Message]:
        """A day is over: near misses are told, locks of the day end, floor and tier follow, own limits get looser."""
        watch = self._watches.get(said.account)
        if watch is None:
            return
        yield from self._meet(watch, said.at)
        facts = watch.close_day(said)
        self._note_day(watch, said.at)
        self._mark(watch)
        yield from facts
        yield from self._again(watch, said.at)

    def _again(self, watch: Watch, at: int) -> Iterator[Message]:
        """Reckon anew because a limit has moved, and sleep by what it says now."""
        turn = watch.turn
        yield from self._recall(watch)
        yield from self._judge(watch, at)
        if watch.turn == turn:
            yield from self._sleep(watch, anew=True)

    @handles(ClockTicked, CandleOpened, TimeTold)
    def tick_clock(self, said: ClockTicked | CandleOpened | TimeTold) -> Iterator[Message]:
        """Do what time alone brings: flat by, the end of a lockout. Dated with the instant that was waited for."""
        if said.at <= self._at:
            return
        self._at = said.at
        if said.at < self._next:
            return
        for watch in list(self._watches.values()):
            if watch.day is None or watch.day.ends_at <= said.at:
                yield from self._pass_time(watch, said.at)
                self._note_day(watch, said.at)
            yield from self._pass_time(watch, said.at)
        self._set_alarm()

    def _pass_time(self, watch: Watch, at: int) -> Iterator[Message]:
        standing = watch.standing
        lockout = standing.lock(LockKind.LOCKOUT)
        if lockout is not None and lockout.until is not None and lockout.until <= at:
            standing.locks = [one for one in standing.locks if one is not lockout]
            self._mark(watch)
            yield watch.unlocked(LockKind.LOCKOUT, lockout.until)
        if 0 < standing.again_at <= at:
            reason, standing.flattening, standing.again_at = standing.flattening, "", 0
            self._mark(watch)
            if reason and watch.view.holdings:
                standing.tries += 1
                yield from self._flatten(watch, at, reason)
        flat_at = watch.day.flat_at if watch.day else None
        if flat_at is not None and standing.flat_said < flat_at <= at:
            standing.flat_said = flat_at
            self._mark(watch)
            yield from self._flatten(watch, flat_at, FLAT_BY)

    def _note_day(self, watch: Watch, at: int) -> None:
        if at and (watch.day is None or watch.day.ends_at <= at):
            rules = watch.standing.rules
            watch.day = firm_day(rules.hours if rules else Hours(), at, self._calendar)
        self._set_alarm()

    def _set_alarm(self) -> None:
        self._next = min((self._due(watch) for watch in self._watches.values()), default=NEVER)

    def _due(self, watch: Watch) -> int:
        if watch.day is None:
            return 0
        due = [watch.day.ends_at]
        if watch.standing.again_at:
            due.append(watch.standing.again_at)
        lockout = watch.standing.lock(LockKind.LOCKOUT)
        if lockout is not None and lockout.until is not None:
            due.append(lockout.until)
        if watch.day.flat_at is not None and watch.day.flat_at > watch.standing.flat_said:
            due.append(watch.day.flat_at)
        return min(due)

    def _mark(self, watch: Watch) -> None:
        self.changed[watch.standing.account] = watch.standing

    # ---- wishes ----

    @handles(SetRules, SetOwnLimits, LockOut, LiftLock)
    def hear_wish(self, wish: SetRules | SetOwnLimits | LockOut | LiftLock) -> Iterator[Message]:
        """Grant or refuse what a person wants of his rules, then reckon anew."""
        watch = self._watches.get(wish.account)
        if watch is not None and watch.moving and watch.view.user == wish.user:
            yield from self._meet(watch, self._at)
        answer = grant(wish, watch, self._at)
        if watch is None or isinstance(answer, CommandRefused):
            yield answer
            return
        watch.day = None
        self._note_day(watch, self._at)
        self._mark(watch)
        yield answer
        if isinstance(answer, AccountLocked):
            yield EntriesForbidden(wish.account, self._at, LOCKED)
        yield from self._again(watch, self._at)
        yield from self._after_booking(watch)


def _name(watch: Watch, contract: str) -> str:
    return f"r:{watch.standing.account}:{contract}"


def _is_busy(view: AccountBooked) -> bool:
    return bool(view.holdings or view.pending)


def _size(view: AccountBooked) -> int:
    return sum(abs(one.quantity) for one in view.holdings)
