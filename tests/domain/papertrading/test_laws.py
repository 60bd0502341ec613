"""Laws that hold for every flow of orders in every market."""

from collections import defaultdict
from itertools import count
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from apps.brokers.domain.messages import (
    BrokerReported,
    CancelRequested,
    ChangeRequested,
    OrderAllowed,
    Report,
)
from apps.brokers.domain.order import Order, OrderStatus, OrderType, Role, Side
from tests.domain.papertrading.paper import MS, NQ, START, Paper

ENDS = (Report.CANCELLED, Report.EXPIRED, Report.REJECTED)
SETTINGS = [
    {"slippage_ticks": [0, 2], "latency_ms": [50, 200], "queue_ahead": 2},
    {"slippage_ticks": [0, 2], "latency_ms": [0, 0], "queue_ahead": 0},
    {"slippage_ticks": [1, 3], "latency_ms": [0, 900], "limit_fill": "through"},
]
sides = st.sampled_from(["buy", "sell"])
accounts, strategies = st.integers(1, 2), st.integers(0, 1)
steps = st.sampled_from([0, 1, 1, 50, 100, 100, 250, 700, 700, 15_000])
QUOTES = ["none", "good", "good", "good", "wide", "crossed", "no ask", "no bid"]


class AnyFlow(RuleBasedStateMachine):
    """Three desks hear the same: one is restarted now and then, one is never, one is never told the time."""

    @initialize(given=st.sampled_from(SETTINGS))
    def begin(self, given):
        self.paper, self.steady, self.timeless = (Paper(given, accounts=(1, 2)) for _ in range(3))
        self.number, self.price = count(1), 1000
        self.orders: dict[str, Order] = {}
        self.limits: dict[str, Any] = {}
        self.filled: dict[str, int] = defaultdict(int)
        self.held: dict[Any, int] = defaultdict(int)
        self.is_pure: dict[Any, bool] = defaultdict(lambda: True)
        self.over: set[str] = set()
        self.fills: set[str] = set()
        self.heard, self.has_waited = 0, False
        self._tick(0, 0, 3, "good", (3, 3), False)

    # ---- what may happen ----

    def _each(self, do) -> None:
        for desk in (self.paper, self.steady, self.timeless):
            do(desk)

    def _tick(self, step, move, size, quote, sizes, late):
        late = late and not self.has_waited  # the clock is held until every tick before it is there
        self.has_waited = False
        self.price += move
        price, at = self.price, self.paper.now + (0 if late else step)
        bid, ask = {
            "none": (None, None),
            "good": (price - 1, price),
            "wide": (price - 3, price + 2),
            "crossed": (price + 1, price - 1),
            "no ask": (price, None),
            "no bid": (None, price),
        }[quote]
        self._each(lambda desk: desk.tick(at, price, size, bid, ask, sizes, late=late))

    @rule(
        step=steps,
        move=st.sampled_from([-12, -3, -2, -1, -1, 0, 1, 1, 2, 3, 12]),
        size=st.integers(1, 5),
        quote=st.sampled_from(QUOTES),
        sizes=st.tuples(*[st.sampled_from([None, 0, 1, 2, 5, 20])] * 2),
        late=st.sampled_from([False] * 6 + [True]),
    )
    def tick(self, step, move, size, quote, sizes, late):
        self._tick(step, move, size, quote, sizes, late)

    @rule(step=steps)
    def clock(self, step):
        at = self.paper.now + step
        self.has_waited = True
        self.paper.clock(at)
        self.steady.clock(at)
        self.timeless.clock(at, hidden=True)

    @rule()
    def restart(self):
        self.paper = self.paper.again()

    def _place(self, order: Order, legs: tuple[Order, ...] = ()) -> None:
        for one in (order, *legs):
            self.orders[one.id] = one
            self.limits[one.id] = one.limit
        self._each(lambda desk: desk.say(OrderAllowed(order, legs, order.at)))

    def _order(self, side, size, **more) -> Order:
        return self.paper.order(side, size, id=f"o{next(self.number)}", **more)

    def _prices(self, side, kind, away):
        sign = Side(side).sign
        return {
            "market": {},
            "limit": {"limit": self.price - sign * away},
            "marketable": {"limit": self.price + sign * away},
            "stop": {"stop": self.price + sign * away},
            "stop limit": {
                "stop": self.price + sign * away,
                "limit": self.price + sign * (away + 1),
            },
            "trailing": {"stop": self.price + sign * away, "trail": away},
        }[kind]

    kinds = st.sampled_from(
        ["market", "market", "limit", "marketable", "stop", "stop limit", "trailing"]
    )

    @rule(
        side=sides,
        size=st.integers(1, 5),
        account=accounts,
        strategy=strategies,
        kind=kinds,
        away=st.integers(1, 8),
        bracket=st.sampled_from(["", "stop", "trail", "even"]),
        parts=st.lists(st.integers(1, 3), max_size=3),
        day=st.sampled_from([None, None, 300, 2000]),
    )
    def enter(self, side, size, account, strategy, kind, away, bracket, parts, day):
        sign = Side(side).sign
        prices = self._prices(side, kind, away)
        mine: dict[str, Any] = {"account": account, "strategy": strategy}
        if day is not None:
            mine["expires_at"] = START + (self.paper.now + day) * MS
        entry = self._order(side, size, reference=self.price, **prices, **mine)
        legs, opposite = [], Side(side).opposite
        base = prices.get("limit", prices.get("stop", self.price))
        told = {
            "parent": entry.id,
            "status": OrderStatus.WAITING,
            "account": account,
            "strategy": strategy,
        }
        if bracket:
            more: dict[str, Any] = {"trail": {"trail": 4}, "even": {"arm_at": base + 3 * sign}}.get(
                bracket, {}
            )
            legs.append(
                self._order(opposite, size, stop=base - 4 * sign, role=Role.STOP, **told, **more)
            )
            left = size
            for number, part in enumerate(parts, 1):
                part = min(part, left)
                left -= part
                if part:
                    price = base + 3 * number * sign
                    legs.append(self._order(opposite, part, limit=price, role=Role.TARGET, **told))
        self._place(entry, tuple(legs))

    @rule(
        account=accounts,
        strategy=strategies,
        size=st.integers(1, 6),
        kind=kinds,
        away=st.integers(1, 8),
        turn=st.booleans(),
    )
    def leave(self, account, strategy, size, kind, away, turn):
        held = self.held[account, NQ, strategy]
        if held:
            side = "sell" if held > 0 else "buy"
            mine = {"account": account, "strategy": strategy}
            role = Role.STOP if kind == "stop" else Role.EXIT
            first = self._order(side, size, role=role, **self._prices(side, kind, away), **mine)
            self._place(first)
            if turn:
                self._place(self._order(side, size, after=first.id, **mine))

    def _one(self, pick) -> Order | None:
        alive = [one for one in self.orders.values() if one.id not in self.over]
        return alive[pick % len(alive)] if alive else None

    @precondition(lambda self: self.orders)
    @rule(pick=st.integers(0, 50), at_once=st.booleans())
    def cancel(self, pick, at_once):
        order = self._one(pick)
        if order is not None and not (order.parent and order.role is Role.STOP):
            said = CancelRequested(order, START + self.paper.now * MS, "CANCELLED", at_once)
            self._each(lambda desk: desk.say(said))

    @precondition(lambda self: self.orders)
    @rule(
        pick=st.integers(0, 50),
        size=st.integers(1, 4),
        move=st.integers(-4, 4),
        what=st.sampled_from(["quantity", "price"]),
    )
    def change(self, pick, size, move, what):
        order = self._one(pick)
        if order is None:
            return
        wished: dict[str, Any] = {}
        if what == "quantity":
            wished["quantity"] = min(size, order.quantity)
        elif order.trail is not None:
            wished["trail"] = order.trail + abs(move)
        elif order.limit is not None:
            wished["limit"] = order.limit + move
        elif order.stop is not None:
            wished["stop"] = order.stop + move
        if wished:
            said = ChangeRequested(order, START + self.paper.now * MS, **wished)
            self._each(lambda desk: desk.say(said))

    # ---- what holds ----

    @invariant()
    def everything_holds(self):
        if hasattr(self, "orders"):
            self.reports_tell_possible_lives()
            self.open_brackets_are_covered()
            self.liquidity_is_used_once()
            self.agree(self.steady, "a restart")

    def reports_tell_possible_lives(self):
        for said in self.paper.reports[self.heard :]:
            self._hear(said)
        self.heard = len(self.paper.reports)
        assert {place: held for place, held in self.held.items() if held} == self.paper.venue.open

    def _hear(self, said: BrokerReported) -> None:
        assert said.order not in self.over, f"{said} after its end"
        order = self.orders[said.order]
        if said.what in ENDS:
            self.over.add(said.order)
        if said.what is not Report.FILLED:
            self.limits[order.id] = order.limit if said.limit is None else said.limit
            return
        assert said.fill not in self.fills and said.quantity > 0
        self.fills.add(said.fill)
        self.filled[said.order] += said.quantity
        assert self.filled[said.order] <= order.quantity
        if self.filled[said.order] == order.quantity:
            self.over.add(said.order)
        if order.type is OrderType.LIMIT:
            assert (self.limits[order.id] - said.price) * order.side.sign >= 0
        before = self.held[order.place]
        after = before + said.quantity * order.side.sign
        if order.is_exit:
            assert before * order.side.sign < 0 and before * after >= 0, "an exit turned a position"
        if not after:
            self.is_pure[order.place] = True
        elif not order.is_exit and not self._legs(order):
            self.is_pure[order.place] = False
        self.held[order.place] = after

    def _legs(self, order: Order) -> list[Order]:
        return [one for one in self.orders.values() if one.parent == order.id]

    def open_brackets_are_covered(self):
        stops: dict[Any, int] = defaultdict(int)
        targets: dict[str, int] = defaultdict(int)
        covered: dict[str, int] = defaultdict(int)
        for one in self.paper.venue.resting:
            if one.parent and one.is_working:
                if one.role is Role.STOP:
                    stops[one.place] += one.remaining
                    covered[one.parent] += one.remaining
                else:
                    targets[one.parent] += one.remaining
        for place, size in stops.items():
            assert size <= abs(self.held[place])
        for parent, size in targets.items():
            assert size <= covered[parent]
        for place, held in self.held.items():
            if held and self.is_pure[place]:
                assert stops[place] == abs(held), "a bracket without its stop"

    def liquidity_is_used_once(self):
        for slate in self.paper.venue._slates.values():
            seen = slate.seen
            if seen is None:
                continue
            sizes = {"printed": seen.size}
            if seen.quote is not None:
                sizes |= {"buy": seen.quote.ask_size, "sell": seen.quote.bid_size}
            for pool, used in seen.used.items():
                assert sizes[pool] is None or used <= max(sizes[pool], 0)

    def teardown(self):
        if not hasattr(self, "orders"):
            return
        at = self.paper.now + 20_000
        self._each(lambda desk: desk.clock(at))
        self._tick(20_100, 0, 5, "good", (50, 50), False)
        self.reports_tell_possible_lives()
        self.agree(self.timeless, "the clock")

    def agree(self, other: Paper, what: str) -> None:
        """Accounts know nothing of each other: who of two is woken first at a price is all one."""
        for account in (1, 2):
            told, also = (
                [one for one in desk.reports if one.account == account]
                for desk in (self.paper, other)
            )
            different = [pair for pair in zip(told, also, strict=False) if pair[0] != pair[1]]
            assert told == also, f"{what} changed a result: {different[:1]}"


class AnyCandles(AnyFlow):
    """The same where only candles are known: each price is a candle's close."""

    def _tick(self, step, move, size, quote, sizes, late):
        opens, self.price = self.price, self.price + move
        low, high = min(opens, self.price) - size, max(opens, self.price) + len(quote) % 4
        minute = self.paper.now // 60_000 + 1
        self._each(lambda desk: desk.candle(minute, opens, high, low, self.price))


TestAnyFlow, TestAnyCandles = AnyFlow.TestCase, AnyCandles.TestCase
TestAnyFlow.settings = TestAnyCandles.settings = settings(
    max_examples=150,
    stateful_step_count=40,
    suppress_health_check=list(HealthCheck),
)


def test_other_orders_never_change_the_fills_of_one():
    def fills(others):
        paper = Paper({"slippage_ticks": [0, 2], "latency_ms": [50, 200]}, accounts=(1, 2))
        paper.tick(0, 1000, 5, 999, 1001)
        paper.place("buy", 3, id="mine", legs=[("stop", 990), ("target", 1010, 1)])
        for number in range(others):
            account = 1 + number % 2
            paper.place("sell", 1, id=f"x{number}", strategy=9, account=account, limit=1200)
            paper.place("buy", 1, id=f"y{number}", strategy=9, account=2)
        for step in range(1, 60):
            price = 1000 + (step * 7) % 13 - step // 3
            paper.tick(step * 90, price, 1 + step % 3, price - 1, price + 1)
        return [one for one in paper.reports if one.order.startswith("mine")]

    alone = fills(0)
    assert len([one for one in alone if one.what is Report.FILLED]) >= 2
    assert fills(1) == alone
    assert fills(40) == alone
