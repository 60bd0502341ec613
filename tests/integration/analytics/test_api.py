"""The API of analytics: shapes, filters, and that another's strategy or account is not there."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.signals.models import Strategy
from tests.cast import Actor
from tests.factories import a_price, a_signal, a_strategy, a_trade
from tests.integration.papertrading.rows import a_position, an_account

pytestmark = pytest.mark.django_db


@pytest.fixture
def strategy(alice: Actor) -> Strategy:
    """Alice's strategy with three closed positions in two accounts, and one by hand."""
    made = a_strategy(alice.user)
    for name, closed, realized in (
        ("Alpha", "2025-11-28T16:00:00Z", "200"), ("Alpha", "2025-12-01T16:00:00Z", "-100"),
        ("Beta", "2025-12-02T16:00:00Z", "15.625"),
    ):  # fmt: skip
        a_position(
            an_account(alice.user, name), closed=closed, realized=Decimal(realized), strategy=made,
            place=made.pk, risk=Decimal(100),
        )  # fmt: skip
    a_position(an_account(alice.user), closed="2025-12-02T17:00:00Z", realized=Decimal(7))
    return made


def paths(strategy: Strategy) -> list[str]:
    return [
        f"/api/strategies/{strategy.pk}/analytics/",
        "/api/strategy/performance/",
        "/api/dashboard/summary/",
        f"/api/dashboard/analytics/{strategy.pk}/",
    ]


def got(actor: Actor, path: str, status: int = 200, **query: Any) -> Any:
    answer = actor.client.get(path, query)
    assert answer.status_code == status, answer.content
    return answer.json()


def test_a_strategy_in_figures(alice: Actor, strategy: Strategy) -> None:
    signal = a_signal(alice.user, strategy=strategy)
    a_trade(alice.user, signal=signal, prices=("20060.00",))
    body = got(alice, paths(strategy)[0])
    assert (body["strategy"], body["name"]) == (strategy.pk, "NQ FVG")
    figures = body["positions"]
    assert (figures["trades"], figures["wins"], figures["losses"]) == (3, 2, 1)
    assert (figures["gross"], figures["fees"], figures["net"]) == ("115.6250", "23.40", "92.2250")
    assert (figures["win_rate"], figures["profit_factor"]) == ("0.6667", "1.8555")
    assert figures["expectancy"] == "30.74"
    assert figures["drawdown"] == {
        "depth": "107.80", "peak_on": "2025-11-28", "deepest_on": "2025-12-01", "recovered_on": None,
    }  # fmt: skip
    assert body["books"] == "desk"
    assert [(one["start"], one["net"]) for one in body["days"]] == [
        ("2025-11-28", "192.20"), ("2025-12-01", "-107.80"), ("2025-12-02", "7.8250"),
    ]  # fmt: skip
    assert body["days"] == got(alice, paths(strategy)[3])["days"]
    assert [(one["start"], one["net"]) for one in body["weeks"]] == [
        ("2025-11-24", "192.20"), ("2025-12-01", "-99.9750"),
    ]  # fmt: skip
    assert [one["start"] for one in body["months"]] == ["2025-11-01", "2025-12-01"]
    assert [one["name"] for one in body["breakdowns"]["by_direction"]] == ["Long"]
    assert body["breakdowns"]["by_direction"][0]["is_few"] is True
    lab = body["signal_lab"]
    assert (lab["trades"], lab["net"], lab["expectancy_r"]) == (1, "1.0000", "1.0000")
    with_fee = got(alice, paths(strategy)[0], fee_r="0.05", target="2", variant="be")
    assert with_fee["signal_lab"]["trades"] == 0


def test_all_strategies_side_by_side(alice: Actor, strategy: Strategy) -> None:
    a_strategy(alice.user, "Unused")
    body = got(alice, "/api/strategy/performance/")
    assert (body["all"]["trades"], body["all"]["net"]) == (4, "91.4250")
    told = [(one["name"], one["figures"]["trades"]) for one in body["strategies"]]
    assert told == [("NQ FVG", 3), ("Unused", 0), ("By hand", 1)]
    assert [one["strategy"] for one in body["strategies"]][-1] is None


def test_the_books_at_a_glance(alice: Actor, strategy: Strategy) -> None:
    a_price("20005.25")  # it is 2 December, a Tuesday
    a_position(an_account(alice.user))
    body = got(alice, "/api/dashboard/summary/")
    assert (body["trade_date"], body["open_positions"]) == ("2025-12-02", 1)
    trades = [body[name]["trades"] for name in ("today", "week", "month", "all")]
    assert trades == [2, 3, 3, 4]
    beta = an_account(alice.user, "Beta")
    assert got(alice, "/api/dashboard/summary/", account=beta.pk)["open_positions"] == 0


def test_a_strategy_as_it_is_drawn(alice: Actor, strategy: Strategy) -> None:
    body = got(alice, paths(strategy)[3])
    assert [(one["day"], one["equity"], one["drawdown"]) for one in body["curve"]] == [
        ("2025-11-28", "192.20", "0.00"), ("2025-12-01", "84.40", "107.80"),
        ("2025-12-02", "92.2250", "99.9750"),
    ]  # fmt: skip
    assert body["net"] == "92.2250"
    assert sum(one["trades"] for one in body["breakdowns"]["by_hour"]) == 3


@pytest.mark.parametrize("n", range(4))
def test_account_since_and_until_narrow_each_answer(
    alice: Actor, strategy: Strategy, n: int
) -> None:
    path = paths(strategy)[n]

    def trades(**query: Any) -> int:
        body = got(alice, path, **query)
        figures = body.get("positions") or body.get("all") or body
        return int(figures["trades"])

    beta = an_account(alice.user, "Beta")
    assert trades(account=beta.pk) == 1
    assert trades(since="2025-12-01", until="2025-12-01") == 1
    assert trades(until="2025-11-27") == 0


@pytest.mark.parametrize("n", range(4))
def test_anothers_rows_are_not_there(alice: Actor, bob: Actor, strategy: Strategy, n: int) -> None:
    path = paths(strategy)[n]
    if str(strategy.pk) in path:
        got(bob, path, 404)
    else:
        body = got(bob, path)
        assert body["all"]["trades"] == 0
    got(bob, path, 404, account=an_account(alice.user).pk)
    stranger = Client().get(path, headers={"accept": "application/json"})
    assert stranger.status_code == 401


@pytest.mark.parametrize("n", range(4))
@pytest.mark.parametrize(
    "query",
    [
        {"since": "yesterday"}, {"since": "0001-01-01"}, {"until": "2100-01-01"}, {"account": "x"},
        {"account": "-1"}, {"account": "9" * 30}, {"since": "2025-12-02", "until": "2025-12-01"},
    ],
    ids=str,
)  # fmt: skip
def test_a_wrong_filter_is_refused_with_its_field(
    alice: Actor, strategy: Strategy, n: int, query: dict[str, str]
) -> None:
    answer = alice.client.get(paths(strategy)[n], query)
    assert answer.status_code == 400, answer.content
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("n", range(4))
def test_an_answer_costs_the_same_however_much_there_is(
    alice: Actor, strategy: Strategy, n: int
) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as asked:
            got(alice, paths(strategy)[n])
        return len(asked)

    few = cost()
    for minute in range(8):
        a_position(
            an_account(alice.user, f"Account {minute}"), strategy=strategy, place=strategy.pk,
            closed=f"2025-12-02T18:{minute:02d}:00Z", realized=Decimal(5),
        )  # fmt: skip
    assert cost() == few <= 8
