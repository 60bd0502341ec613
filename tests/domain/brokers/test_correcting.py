"""Balances against a broker's: what is a difference, how it is said, and what booking it does to day, profit and floors."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.brokers.domain.account import Reason, day_of, new_account
from apps.brokers.domain.comparing import Differs, cash
from apps.brokers.domain.facts import DifferenceBooked, OrderFilled, PayoutTaken, PositionClosed
from apps.brokers.domain.messages import (
    BookDifference,
    ListAccount,
    PlaceOrder,
    ReportBroker,
    ReportFees,
)
from apps.bus.domain.message import Fact, Message
from apps.engine.domain.engine import Engine, build_engine
from apps.marketdata.domain.messages import ClockTicked, ContractListed, Resumed, TickReceived
from apps.marketdata.domain.tick import Quote, Tick, made_id
from apps.risk.domain.messages import AccountLocked, SetRules
from apps.trades.domain.messages import CommandRefused
from tests.domain.risk.road import AT

D = Decimal
START = D(50_000)


def rules(kind: str, **more: object) -> dict[str, object]:
    return {
        "firm": "Firm", "plan": "Plan", "start_balance": "50000", "automation": "allowed",
        "drawdown": {"type": kind, "amount": "2000"}, "daily_loss": {"amount": "1000"}, **more,
    }  # fmt: skip


class Road:
    """The whole engine with one account at a broker."""

    def __init__(self, set: dict[str, object] | None = None) -> None:
        self.engine: Engine = build_engine()
        self.facts: list[Fact] = []
        for said in (ContractListed("NQZ6", "NQ"), Resumed(), ClockTicked(AT)):
            self.tell(said)
        live = {"is_on": True, "per_order": 2, "per_position": 2, "per_day": 9}
        config = {"kind": "demo", "start_balance": "50000", "live": live}
        self.tell(ListAccount(id="a", user=7, account=1, config=config))
        if set is not None:
            self.tell(SetRules(id="r", user=7, account=1, rules=set))

    def tell(self, said: Message) -> list[Fact]:
        new = [one for one in self.engine.handle(said) if isinstance(one, Fact)]
        self.facts += new
        return new

    def book(self, theirs: str, reason: str, ours: str = "", user: int = 7) -> list[Fact]:
        ours = ours or f"{self.account.balance:f}"
        wish = BookDifference(
            id=f"cash.1.{ours}.{theirs}", user=user, account=1, difference=1, ours=ours,
            theirs=theirs, reason=reason,
        )  # fmt: skip
        return self.tell(wish)

    @property
    def account(self):
        return self.engine.ledger.books.accounts[1]

    @property
    def floor(self) -> Decimal | None:
        return self.engine.guard.standings[1].floor


# ---- what is a difference ----


@pytest.mark.parametrize(
    ("ours", "theirs"), [("50000", "50000"), ("50000", "50000.01"), ("49992.1950", "49992.20")]
)
def test_a_cent_is_no_difference(ours: str, theirs: str) -> None:
    assert cash(D(ours), D(theirs)) is None


LESS = "a payout, fees that are higher than the desk's, or a fill that the desk has missed"
MORE = "a deposit, fees that are lower than the desk's, or a fill that the desk has missed"


@pytest.mark.parametrize(
    ("theirs", "amount", "both", "by"),
    [
        ("48500", "-1500.00", "$48,500.00", f"$1,500.00 less at the broker. Likely {LESS}."),
        ("50000.02", "0.02", "$50,000.02", f"$0.02 more at the broker. Likely {MORE}."),
        ("-12.5", "-50012.50", "-$12.50", f"$50,012.50 less at the broker. Likely {LESS}."),
    ],
)
def test_more_than_a_cent_is_said_with_both_balances(
    theirs: str, amount: str, both: str, by: str
) -> None:
    found = cash(START, D(theirs))
    assert found is not None
    assert (found.kind, found.subject, found.detail["amount"]) == (Differs.CASH, "Cash", amount)
    assert found.words == f"The broker's balance is {both}, the desk's $50,000.00: {by}"


# ---- what booking it does ----


def test_a_payout_is_no_loss_of_the_day_and_moves_no_floor() -> None:
    road = Road(rules("intraday_trailing"))
    assert road.floor == 48_000
    said = road.book("48500", "transfer")
    assert [type(one) for one in said[:2]] == [DifferenceBooked, PayoutTaken]
    assert [(one.name, one.limit) for one in said[2:]] == [("risk.level_changed", "max_loss")]
    assert (road.account.balance, road.account.payouts) == (48_500, 1_500)
    assert (road.account.net_today, road.account.day_start_balance) == (0, 48_500)
    assert road.floor == 48_000
    assert not [one for one in road.facts if isinstance(one, AccountLocked) and one.kind == "daily"]


@pytest.mark.parametrize(
    ("kind", "floor"),
    [("static", 48_000), ("intraday_trailing", 53_000), ("closed_balance_trailing", 53_000)],
)
def test_a_deposit_is_no_profit_and_only_a_floor_that_trails_follows_it(
    kind: str, floor: int
) -> None:
    road = Road(rules(kind, target="3000", drawdown={"type": kind, "amount": "2000"}))
    road.book("55000", "transfer")
    assert (road.account.balance, road.account.payouts, road.account.net_today) == (
        55_000,
        -5_000,
        0,
    )
    assert road.floor == floor
    assert not [one for one in road.facts if one.name == "risk.passed"]


@pytest.mark.parametrize("reason", ["fees", "other"])
def test_fees_and_what_nobody_can_name_are_the_day_s(reason: str) -> None:
    road = Road(rules("static", target="3000"))
    road.book("49000", reason)
    assert (road.account.net_today, road.account.day_start_balance) == (-1_000, 50_000)
    assert [one.kind for one in road.facts if isinstance(one, AccountLocked)] == ["daily"]


def test_told_twice_it_is_booked_once_and_an_older_comparison_never() -> None:
    road = Road()
    assert isinstance(road.book("48500", "fees")[0], DifferenceBooked)
    (again,) = road.book("48500", "fees", ours="50000")
    assert isinstance(again, CommandRefused) and again.reason == "CHANGED"
    assert road.account.balance == 48_500


def test_it_is_its_owner_s_and_needs_a_reason() -> None:
    road = Road()
    for said in (road.book("48500", "fees", user=8), road.book("48500", "weather")):
        assert isinstance(said[0], CommandRefused)
    assert road.account.balance == START


def test_what_holds_something_or_has_an_order_out_is_not_corrected() -> None:
    road = Road()
    tick = Tick(AT, 80_000, 1, made_id(AT, 1), Quote(79_999, 9, 80_000, 9))
    road.tell(TickReceived("NQZ6", tick))
    placed = road.tell(
        PlaceOrder(
            id="o1", user=7, account=1, symbol="NQZ6", side="buy", type="market", quantity=1,
            confirmed=True, bracket={"stop": "19900"},
        )
    )  # fmt: skip
    assert "order.sent" in [one.name for one in placed], placed
    assert road.book("48500", "fees")[0].reason == "NOT_FLAT"
    road.tell(
        ReportBroker(
            account=1, what="fill", at=AT, fill="f1", contract="NQZ6", side="sell", quantity=2,
            price="20000.00",
        )
    )  # fmt: skip
    assert [one for one in road.facts if isinstance(one, OrderFilled)]
    assert road.book("48500", "fees")[0].reason == "NOT_FLAT"


# ---- fees by the broker's word ----


def fill(road: Road, name: str, side: str, quantity: int, fees: str | None) -> list[Fact]:
    return road.tell(
        ReportBroker(
            account=1, what="fill", at=AT, fill=name, contract="NQZ6", side=side, quantity=quantity,
            price="20000.00", fees=fees,
        )
    )  # fmt: skip


def test_a_fill_that_tells_its_fees_is_booked_by_them_and_one_that_does_not_by_the_table() -> None:
    road = Road()
    fill(road, "f1", "buy", 2, "5.55")
    assert (road.account.balance, road.account.fees_today) == (D("49994.45"), D("5.55"))
    fill(road, "f2", "sell", 2, None)
    (closed,) = [one for one in road.facts if isinstance(one, PositionClosed)]
    assert closed.fees == D("5.55") + 2 * D("3.90")


@given(st.integers(1, 7), st.integers(1, 7), st.decimals("0", "99", places=4))
def test_however_a_fill_is_split_its_fees_add_up(held: int, size: int, fees: Decimal) -> None:
    """What turns a position round is booked in two parts; both bear what they are of the whole."""
    road = Road()
    fill(road, "f1", "buy", held, "0")
    said = fill(road, "f2", "sell", size, f"{fees}")
    booked = [one for one in said if isinstance(one, OrderFilled)]
    assert sum(one.fees for one in booked) == fees
    assert road.account.balance == START - fees
    assert road.account.fees_today == fees


def test_fees_that_come_later_correct_balance_day_and_the_open_position() -> None:
    road = Road()
    fill(road, "f1", "buy", 1, None)
    (position,) = road.engine.ledger.books.positions.values()
    name = next(one.fill for one in road.facts if isinstance(one, OrderFilled))
    said = ReportFees(account=1, fill=name, position=position.key, was="3.90", fees="2.1")
    (fact,) = road.tell(said)
    assert (fact.fill, fact.was, fact.fees, fact.balance) == (
        name,
        D("3.90"),
        D("2.10"),
        D("49997.90"),
    )
    assert (road.account.fees_today, position.fees) == (D("2.1"), D("2.1"))


@given(
    st.lists(
        st.tuples(
            st.decimals("-20000", "90000", places=2, allow_nan=False), st.sampled_from(list(Reason))
        ),
        max_size=12,
    )
)
def test_whatever_is_booked_balance_day_and_profit_add_up(
    booked: list[tuple[Decimal, Reason]],
) -> None:
    account = new_account(1, 7, {"kind": "demo", "start_balance": "50000"})
    account.begin_day(AT)
    made = D(0)
    for theirs, reason in booked:
        by = theirs - account.balance
        made += by if reason is not Reason.TRANSFER else D(0)
        account.correct(by, reason)
        assert account.balance == theirs
        assert account.day_start_balance + account.net_today == account.balance
        assert account.balance + account.payouts - account.start_balance == made
    assert account.trade_date == day_of(AT, account.tz, account.reset)[0]
