"""Order alerts in several accounts: whatever comes, each holds multiplier x target, and nothing is done twice."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.brokers.domain.account import BadAccount
from apps.brokers.domain.facts import OrderSent, RouteSkipped
from apps.brokers.domain.gate import EntryGate
from apps.brokers.domain.groups import found, group_for
from apps.brokers.domain.messages import ListAccount, ListGroup, ListRoute
from apps.brokers.domain.target import Stand, planned, scaled
from apps.bus.domain.message import DAY, SECOND
from apps.engine.domain.engine import Engine, build_engine
from apps.marketdata.domain.instrument import instrument
from apps.marketdata.domain.messages import ClockTicked, ContractListed
from apps.marketdata.domain.tick import Quote, Tick
from apps.signals.domain.messages import OrderAlertRefused
from apps.signals.domain.posted import TakeOrderAlert

NQ = instrument("NQ")
START = 1_762_180_200 * SECOND  # 2025-11-03 09:30 New York
ONE = Decimal(1)


def alert(id="a", action="buy", quantity=1, user=1, strategy=1, **more):
    return TakeOrderAlert(
        id=id, user=user, strategy=strategy, symbol="NQ1!", action=action, quantity=quantity, **more
    )


class Desk:
    """An engine in which the market stands at 20,000 and every order is filled with the next tick."""

    def __init__(self, multipliers, mode="automatic", **route):
        self.engine: Engine = build_engine()
        self.facts, self.at, self.ids = [], START, 0
        self.hear(ContractListed("NQZ5", "NQ"))
        self.hear(ContractListed("MNQZ5", "MNQ"))
        paper = {"slippage_ticks": [0, 0], "latency_ms": [0, 0]}
        for number in range(1, len(multipliers) + 3):
            config = {
                "name": f"A{number}",
                "kind": "paper",
                "start_balance": "1000000",
                "paper": paper,
            }
            user = 2 if number == len(multipliers) + 2 else 1
            self.hear(ListAccount(id=f"l{number}", user=user, account=number, config=config))
            wish = {"mode": mode, **route}
            if number <= len(multipliers):
                self.hear(
                    ListRoute(id=f"r{number}", user=1, strategy=1, account=number, config=wish)
                )
        members = [{"account": i, "multiplier": one} for i, one in enumerate(multipliers, 1)]
        self.group(1, 1, {"name": "main", "members": members})
        self.tick()

    def group(self, id, user, config):
        self.hear(ListGroup(id=f"g{id}{user}", user=user, group=id, config=config))

    def hear(self, said):
        new = list(self.engine.handle(said))
        self.facts += new
        return new

    def tick(self, contract="NQZ5"):
        self.at, self.ids = self.at + SECOND, self.ids + 1
        self.hear(ClockTicked(self.at))
        price = NQ.to_ticks("20000.00")
        tick = Tick(self.at, price, 500, self.ids, Quote(price - 1, 500, price, 500))
        self.facts += self.engine.run(contract, [tick])

    def held(self, account):
        return sum(one.quantity for one in self.engine.ledger.books.held_by(account))


multipliers = st.lists(
    st.sampled_from(["1", "0.3", "0.5", "1.5", "2", "2.5", "3"]), min_size=1, max_size=4
)
targets = st.lists(
    st.tuples(st.integers(-6, 6), st.booleans(), st.booleans()), min_size=1, max_size=12
)


@settings(max_examples=60)
@given(multipliers, targets)
def test_every_account_holds_its_multiple_of_the_target_whatever_is_lost_or_repeated(sizes, script):
    desk, before, sent = Desk(sizes), 0, set()
    for number, (target, is_lost, is_repeated) in enumerate(script):
        side = "flat" if not target else "long" if target > 0 else "short"
        was = "flat" if not before else "long" if before > 0 else "short"
        said = alert(
            f"a{number}", "buy" if target > before else "sell", max(1, abs(target - before)),
            account_group="main", market_position=side, prev_market_position=was,
            market_position_size=abs(target),
        )  # fmt: skip
        before = target
        if is_lost:
            continue
        desk.hear(said)
        if is_repeated:
            assert not any(isinstance(one, OrderSent) for one in desk.hear(said))
        for _ in range(3):
            desk.tick()
        if is_repeated:
            assert not any(isinstance(one, OrderSent) for one in desk.hear(said))
        for account, size in enumerate(sizes, 1):
            wanted = scaled(abs(target), Decimal(size))
            assert desk.held(account) == (wanted if target > 0 else -wanted)
    for one in desk.facts:
        if isinstance(one, OrderSent):
            assert one.order not in sent
            sent.add(one.order)
    assert desk.held(len(sizes) + 1) == desk.held(len(sizes) + 2) == 0


@settings(max_examples=40)
@given(multipliers, st.lists(st.tuples(st.booleans(), st.integers(1, 5)), max_size=8))
def test_plain_orders_add_up_and_go_only_where_they_were_sent(sizes, orders):
    desk, wanted = Desk(sizes), dict.fromkeys(range(1, len(sizes) + 1), 0)
    for number, (buys, quantity) in enumerate(orders):
        action = "buy" if buys else "sell"
        desk.hear(alert(f"a{number}", action, quantity, account_group="main"))
        for _ in range(3):
            desk.tick()
        for account, size in enumerate(sizes, 1):
            wanted[account] += scaled(quantity, Decimal(size)) * (1 if buys else -1)
            assert desk.held(account) == wanted[account]
    assert desk.held(len(sizes) + 1) == desk.held(len(sizes) + 2) == 0


def test_another_traders_group_never_matches():
    desk = Desk(["1"])
    desk.group(2, 2, {"name": "theirs", "members": [{"account": 1}, {"account": 3}]})
    (said,) = desk.hear(alert(account_group="theirs"))
    assert isinstance(said, OrderAlertRefused)
    assert said.reason == "NO_GROUP"
    desk.hear(alert("b", user=2, strategy=2, account_group="theirs"))
    desk.tick()
    assert desk.held(1) == 0
    refused = desk.hear(ListGroup(id="x", user=1, group=2, config=None))[0]
    assert "none of yours" in refused.detail


@pytest.mark.parametrize(
    ("said", "kinds"), [("paper_main", True), ("paper", True), ("MAIN", False)]
)
def test_paper_is_asked_for_by_name(said, kinds):
    group = group_for(1, 1, {"name": "main", "members": []})
    assert found([group], 1, said) == (None if said == "paper" else group, kinds)


def test_paper_names_paper_accounts_alone():
    desk = Desk(["1"])
    config = {"name": "Demo", "kind": "demo", "start_balance": "50000"}
    desk.hear(ListAccount(id="d", user=1, account=9, config=config))
    desk.hear(ListRoute(id="rd", user=1, strategy=1, account=9, config={"mode": "automatic"}))
    desk.group(1, 1, {"name": "main", "members": [{"account": 1}, {"account": 9}]})
    said = desk.hear(alert(account_group="paper_main", quantity=2))
    assert not [one for one in said if isinstance(one, RouteSkipped)]
    desk.tick()
    assert desk.held(1) == 2
    assert {one.account for one in desk.facts if isinstance(one, OrderSent)} == {1}


def test_without_a_group_it_reaches_what_the_strategy_is_routed_to():
    desk = Desk(["1", "1"])
    desk.hear(ListRoute(id="o", user=1, strategy=1, account=2, config={"mode": "observe"}))
    desk.hear(alert(quantity=2))
    desk.tick()
    assert (desk.held(1), desk.held(2), desk.held(3)) == (2, 0, 0)


def test_a_member_without_a_mode_is_not_entered():
    desk = Desk(["1"])
    desk.group(1, 1, {"name": "main", "members": [{"account": 1}, {"account": 2}]})
    said = desk.hear(alert(account_group="main"))
    (skipped,) = [one for one in said if isinstance(one, RouteSkipped)]
    assert (skipped.account, skipped.reason, skipped.signal) == (2, "NO_ROUTE", "a")


def test_exits_pass_where_entries_do_not():
    desk = Desk(["2"], most_trades=1)
    desk.hear(alert("a1", account_group="main"))
    desk.tick()
    said = desk.hear(alert("a2", account_group="main"))
    assert [one.reason for one in said if isinstance(one, RouteSkipped)] == ["MOST_TRADES"]
    desk.hear(ListRoute(id="o", user=1, strategy=1, account=1, config={"mode": "observe"}))
    desk.hear(alert("a3", "close", account_group="main"))
    desk.tick()
    assert desk.held(1) == 0


def test_the_routes_root_is_traded_and_closed():
    desk = Desk(["1"], root="MNQ")
    desk.tick("MNQZ5")
    desk.hear(alert("a1", quantity=3, account_group="main"))
    desk.tick("MNQZ5")
    (held,) = desk.engine.ledger.books.held_by(1)
    assert (held.contract, held.quantity) == ("MNQZ5", 3)
    desk.hear(alert("a2", "sell", account_group="main", market_position="flat"))
    desk.tick("MNQZ5")
    assert desk.held(1) == 0


def test_a_bracket_and_the_risk_of_it_come_from_the_alert():
    desk = Desk(["1"])
    desk.hear(
        alert(
            account_group="main", quantity=None, risk_percent=Decimal(1), max_position_size=4,
            stop_loss=Decimal("19980.00"), take_profit=Decimal("20040.10"), comment="breakout",
        )
    )  # fmt: skip
    desk.tick()
    assert desk.held(1) == 4  # 1 % of $1,000,000 at $400 would be 25
    legs = {one.role: one for one in desk.engine.ledger.books.orders_of(1)}
    assert NQ.text(legs["stop"].stop) == "19980.00"
    assert NQ.text(legs["target"].limit) == "20040.00"
    (sent,) = [one for one in desk.facts if isinstance(one, OrderSent)]
    assert (sent.signal, sent.order) == ("a", "a.1")


@pytest.mark.parametrize(
    ("said", "stand", "close", "enter", "why"),
    [
        ({"action": "close_long"}, Stand(3), 3, 0, None),
        ({"action": "close_long"}, Stand(-3), 0, 0, "FLAT"),
        ({"action": "close_short"}, Stand(-3), 3, 0, None),
        ({"action": "close"}, Stand(3, exits=-3), 0, 0, None),
        ({"action": "sell", "market_position": "flat"}, Stand(0), 0, 0, "FLAT"),
        ({"action": "sell", "market_position": "flat"}, Stand(2), 2, 0, None),
        ({"action": "sell", "quantity": 2}, Stand(1), 1, -1, None),
        ({"action": "buy", "quantity": 3, "max_position_size": 4}, Stand(2), 0, 2, None),
        ({"action": "buy", "max_position_size": 2}, Stand(2), 0, 0, "MAX_POSITION"),
        ({"action": "buy", "market_position": "long", "prev_market_position": "flat"}, Stand(1), 0, 0, "ALREADY"),
        ({"action": "buy", "market_position": "long", "prev_market_position": "flat"}, Stand(0, 1), 0, 0, "ALREADY"),
        ({"action": "sell", "quantity": 3, "market_position": "short", "prev_market_position": "long"}, Stand(1), 1, -2, None),
        ({"action": "sell", "quantity": 3, "market_position": "short", "prev_market_position": "long"}, Stand(), 0, 0, "POSITION_DIFFERS"),
        ({"action": "sell", "market_position": "long", "prev_market_position": "long"}, Stand(3), 1, 0, None),
        ({"action": "sell", "market_position": "long", "prev_market_position": "long"}, Stand(), 0, 0, "POSITION_DIFFERS"),
    ],
)  # fmt: skip
def test_what_is_expected_is_held_against_what_is(said, stand, close, enter, why):
    plan = planned(alert(**said), stand, ONE)
    assert (plan.close, plan.enter, plan.why and plan.why[0]) == (close, enter, why)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"name": "Top Step"}, "can't be sent"),
        ({"name": "paper_x"}, "begins with paper"),
        ({"name": "x", "members": [{"account": 1, "multiplier": "0"}]}, "above 0"),
        ({"name": "x", "members": [{"account": 1, "multiplier": "NaN"}]}, "above 0"),
        ({"name": "x", "members": [{"account": 1, "multiplier": "two"}]}, "no number"),
        ({"name": "x", "members": [{"account": 1}, {"account": 1}]}, "named twice"),
    ],
)
def test_a_group_that_cannot_be_used_says_why(config, says):
    with pytest.raises(BadAccount, match=says):
        group_for(1, 1, config)


def test_the_gate_knows_hours_pause_and_number():
    gate, place = EntryGate([(1, 1, START)]), (1, 1)
    assert gate.why_not(("09:30-11:30",), 0, 0, place, START) is None
    assert gate.why_not(("10:00-11:30",), 0, 0, place, START)[0] == "WINDOW"
    assert gate.why_not(("22:00-09:31",), 0, 0, place, START) is None
    assert gate.why_not((), 60, 0, place, START + 59 * SECOND)[0] == "COOLDOWN"
    assert gate.why_not((), 60, 0, place, START + 60 * SECOND) is None
    assert gate.why_not((), 0, 1, place, START + 60 * SECOND)[0] == "MOST_TRADES"
    assert gate.why_not((), 0, 1, place, START + DAY) is None
    assert gate.why_not((), 60, 1, (1, 2), START) is None
