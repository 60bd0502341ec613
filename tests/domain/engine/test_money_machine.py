"""Whatever traders and markets do, the money adds up: random wishes against random prices, through all stages."""

from collections import defaultdict
from datetime import datetime
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from apps.brokers.domain.facts import (
    OrderFilled,
    PositionClosed,
)
from apps.brokers.domain.messages import (
    CancelAll,
    CancelOrder,
    ClosePosition,
    Flatten,
    ListAccount,
    ModifyOrder,
    PlaceOrder,
)
from apps.brokers.domain.order import OrderStatus, Role
from apps.bus.domain.message import SECOND, Fact, Message, to_instant, told
from apps.engine.domain.engine import Engine, build_engine
from apps.marketdata.domain.instrument import instrument
from apps.marketdata.domain.messages import ClockTicked, ContractListed, Resumed, TickReceived
from apps.marketdata.domain.session import NEW_YORK
from apps.marketdata.domain.tick import Quote, Tick, made_id
from apps.risk.domain.messages import LockOut, SetRules

CONTRACTS = ("NQZ5", "MNQZ5")
BEGIN = to_instant(datetime(2025, 11, 3, 9, 30, tzinfo=NEW_YORK))
ACCOUNTS = (1, 2)
START = Decimal(50_000)
FEE = {"NQ": Decimal("3.90"), "MNQ": Decimal("0.99")}
RULES = {
    "firm": "Law", "plan": "Machine", "start_balance": "50000", "automation": "allowed",
    "drawdown": {"type": "intraday_trailing", "amount": "2500"},
    "daily_loss": {"amount": "1500"}, "size": {"minis": 8},
}  # fmt: skip


class World:
    """An engine, everything it was told, and everything it said."""

    def __init__(self) -> None:
        self.engine: Engine = build_engine()
        self.told: list[Message] = []
        self.facts: list[Fact] = []
        for contract in CONTRACTS:
            self.tell(ContractListed(contract, contract[:-2]))
        self.tell(Resumed())
        self.tell(ClockTicked(BEGIN))
        for account in ACCOUNTS:
            config = {"kind": "paper", "start_balance": str(START), "fees": FEE}
            self.tell(ListAccount(id=f"a{account}", user=account, account=account, config=config))
        self.tell(SetRules(id="r2", user=2, account=2, rules=RULES))

    def tell(self, said: Message) -> None:
        """Tell the engine something, and read the turn to its end."""
        self.told.append(said)
        self.facts += [one for one in self.engine.handle(said) if isinstance(one, Fact)]


class Desk(RuleBasedStateMachine):
    """Two traders, one of them under a firm's rules, in two contracts that walk by themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.at = BEGIN
        self.price = dict.fromkeys(CONTRACTS, 80_000)
        self.wishes = 0
        self.was: dict[int, dict[str, int]] = {}
        self.locked: set[int] = set()

    @property
    def books(self) -> Any:
        """Return the ledger's books."""
        return self.world.engine.ledger.books

    def _wish(self, kind: Any, owner: int, **asked: Any) -> None:
        self.wishes += 1
        self.world.tell(kind(**{"id": f"w{self.wishes}", "user": owner, **asked}))

    @initialize()
    def open_the_market(self) -> None:
        for contract in CONTRACTS:
            self.tick(contract, 0, 5, 1, 100)

    @rule(
        contract=st.sampled_from(CONTRACTS),
        step=st.integers(-60, 60),
        size=st.integers(1, 9),
        spread=st.integers(-1, 3),
        passes_ms=st.integers(1, 4000),
    )
    def tick(self, contract: str, step: int, size: int, spread: int, passes_ms: int) -> None:
        self.at += passes_ms * SECOND // 1000
        self.price[contract] += step
        price = self.price[contract]
        quote = Quote(price - max(spread, 0), size, price + spread, size)
        tick = Tick(self.at, price, size, made_id(self.at, 1), quote)
        self.world.tell(TickReceived(contract, tick))

    @rule(passes_ms=st.integers(1, 20_000))
    def clock(self, passes_ms: int) -> None:
        self.at += passes_ms * SECOND // 1000
        self.world.tell(ClockTicked(self.at))

    @rule()
    def next_day(self) -> None:
        self.at += 86_400 * SECOND
        self.world.tell(ClockTicked(self.at))

    @rule(
        account=st.sampled_from(ACCOUNTS),
        contract=st.sampled_from(CONTRACTS),
        strategy=st.integers(0, 2),
        buys=st.booleans(),
        quantity=st.integers(1, 6),
        kind=st.sampled_from(("market", "limit", "stop", "stop_limit", "trailing_stop")),
        away=st.integers(1, 120),
        protect=st.sampled_from((None, 40, 120)),
        aims=st.integers(0, 2),
    )
    def place(self, account: int, contract: str, strategy: int, buys: bool, quantity: int, kind: str,
              away: int, protect: int | None, aims: int) -> None:  # fmt: skip
        product, sign = instrument(contract[:-2]), 1 if buys else -1
        last = self.price[contract]
        asked: dict[str, Any] = {}
        entry = last
        if kind == "limit":
            entry = last - sign * away
            asked["limit"] = product.text(entry)
        elif kind in ("stop", "stop_limit"):
            entry = last + sign * away
            asked["stop"] = product.text(entry)
            if kind == "stop_limit":
                entry += sign * 8
                asked["limit"] = product.text(entry)
        elif kind == "trailing_stop":
            asked["trail_points"] = product.text(away)
            entry = last + sign * away
        if protect is not None:
            asked["bracket"] = {
                "stop": product.text(entry - sign * protect),
                "targets": [{"r": str(n + 1), "quantity": 1} for n in range(min(aims, quantity))],
                "break_even_r": "1",
            }
        self._wish(
            PlaceOrder, account, account=account, symbol=contract, side="buy" if buys else "sell",
            type=kind, quantity=quantity, strategy=strategy, confirmed=True, **asked,
        )  # fmt: skip

    def _some(self, account: int, which: int) -> Any:
        mine = self.books.orders_of(account)
        return mine[which % len(mine)] if mine else None

    @rule(account=st.sampled_from(ACCOUNTS), which=st.integers(0, 20))
    def cancel(self, account: int, which: int) -> None:
        order = self._some(account, which)
        if order is not None:
            self._wish(CancelOrder, account, order=order.id)

    @rule(account=st.sampled_from(ACCOUNTS), which=st.integers(0, 20), away=st.integers(1, 80))
    def move(self, account: int, which: int, away: int) -> None:
        order = self._some(account, which)
        if order is None:
            return
        product, last = instrument(order.contract[:-2]), self.price[order.contract]
        name = "limit" if order.limit is not None else "stop"
        sign = -order.side.sign if name == "limit" else order.side.sign
        self._wish(ModifyOrder, account, order=order.id, **{name: product.text(last + sign * away)})

    @rule(account=st.sampled_from(ACCOUNTS))
    def cancel_all(self, account: int) -> None:
        self._wish(CancelAll, account, account=account)

    @rule(account=st.sampled_from(ACCOUNTS), part=st.booleans(), reverse=st.booleans())
    def close(self, account: int, part: bool, reverse: bool) -> None:
        held = self.books.held_by(account)
        if held:
            self._wish(
                ClosePosition, account, account=account, contract=held[0].contract,
                strategy=held[0].strategy, quantity=1 if part else None, reverse=reverse,
            )  # fmt: skip

    @rule(account=st.sampled_from(ACCOUNTS))
    def flatten_ends_flat(self, account: int) -> None:
        self._wish(Flatten, account, account=account)
        for _ in range(40):  # as many quotes as it takes: each shows a few contracts only
            if not self.books.held_by(account):
                break
            for contract in CONTRACTS:
                self.tick(contract, 0, 9, 1, 300)
        assert not self.books.held_by(account)
        assert not self.books.orders_of(account)

    @precondition(lambda self: 1 not in self.locked)
    @rule()
    def lock_out(self) -> None:
        self._wish(LockOut, 1, account=1, until=self.at + 3600 * SECOND)

    # ---- what always holds ----

    def _fills(self, account: int) -> list[OrderFilled]:
        return [
            one
            for one in self.world.facts
            if isinstance(one, OrderFilled) and one.account == account
        ]

    @invariant()
    def cash_reconciles_to_the_cent(self) -> None:
        for account in ACCOUNTS:
            fills = self._fills(account)
            made = sum((one.realized - one.fees for one in fills), Decimal(0))
            assert self.books.accounts[account].balance == START + made

    @invariant()
    def positions_are_the_sum_of_fills_first_in_first_out(self) -> None:
        lots: dict[tuple[int, str, int], list[int]] = defaultdict(list)
        side: dict[tuple[int, str, int], int] = {}
        for fill in (one for account in ACCOUNTS for one in self._fills(account)):
            place = (fill.account, fill.contract, fill.strategy)
            product = instrument(fill.contract[:-2])
            price, sign = product.to_ticks(fill.price), 1 if fill.side == "buy" else -1
            realized = 0
            for _ in range(fill.quantity):
                if lots[place] and side[place] != sign:
                    realized += (price - lots[place].pop(0)) * side[place]
                else:
                    lots[place].append(price)
                    side[place] = sign
            assert fill.realized == realized * product.tick_value
        held = {place: side[place] * len(prices) for place, prices in lots.items() if prices}
        assert held == {place: one.quantity for place, one in self.books.positions.items()}
        assert held == {place: size for place, size in self.world.engine.venue.open.items() if size}

    @invariant()
    def never_more_is_filled_than_was_ordered(self) -> None:
        filled: dict[str, int] = defaultdict(int)
        names: set[str] = set()
        for account in ACCOUNTS:
            for fill in self._fills(account):
                filled[fill.order] += fill.quantity
                assert fill.fill not in names, "a fill was booked twice"
                names.add(fill.fill)
        for order in self.books.orders.values():
            assert order.filled == filled[order.id] <= order.quantity

    @invariant()
    def what_a_bracket_opened_is_covered_by_its_stop(self) -> None:
        stops: dict[tuple[int, str, int], int] = defaultdict(int)
        for order in self.books.orders.values():
            if order.role is Role.STOP and order.status is OrderStatus.WORKING:
                stops[order.place] += order.remaining
        for place, held in self._bracketed().items():
            assert stops[place] >= held, f"{place}: {held} held, {stops[place]} covered"

    def _bracketed(self) -> dict[tuple[int, str, int], int]:
        """Return what of each place was opened with a bracket and is still open, as the venue counts it."""
        found: dict[tuple[int, str, int], int] = defaultdict(int)
        for order in self.world.engine.venue.resting:
            if order.has_legs:
                found[order.place] += order.held
        return found

    @invariant()
    def a_locked_account_gains_no_exposure(self) -> None:
        for account in ACCOUNTS:
            now: dict[str, int] = defaultdict(int)
            for one in self.books.held_by(account):
                now[f"{one.contract}.{one.strategy}"] += abs(one.quantity)
            if account in self.locked:
                assert all(now[name] <= self.was[account].get(name, 0) for name in now)
            standing = self.world.engine.guard.standings[account]
            if standing.locks or standing.failed_at is not None:
                self.locked.add(account)
            else:
                self.locked.discard(account)
            self.was[account] = dict(now)

    @invariant()
    def equity_is_balance_and_open_profit(self) -> None:
        for account in ACCOUNTS:
            view = self.books.booked(self.books.accounts[account])
            open_profit = sum(
                (one.unrealized(self.price[one.contract]) for one in view.holdings), Decimal(0)
            )
            watch = self.world.engine.guard.view(account)
            assert watch.balance == view.balance == self.books.accounts[account].balance
            each = sum(
                (
                    sum((self.price[one.contract] - lot.price) * lot.quantity for lot in one.lots)
                    * one.sign * one.instrument.tick_value
                    for one in self.books.held_by(account)
                ),
                Decimal(0),
            )  # fmt: skip
            assert open_profit == each

    def teardown(self) -> None:
        """The same inputs once more say the same, and each position closed once."""
        again = World()
        for said in self.world.told[len(again.told) :]:
            again.tell(said)
        assert [told(one) for one in again.facts] == [told(one) for one in self.world.facts]
        closed = [one.position for one in self.world.facts if isinstance(one, PositionClosed)]
        assert len(closed) == len(set(closed))


Desk.TestCase.settings = settings(
    max_examples=60, stateful_step_count=50,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)  # fmt: skip
TestMoney = Desk.TestCase
