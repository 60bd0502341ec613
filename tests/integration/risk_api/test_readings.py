"""Where accounts stand, over the API: shapes, figures, whose they are, what they cost, what is refused."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from apps.brokers.models import Account, LiveSwitch
from apps.bus import transport
from apps.risk import models
from apps.risk.domain.limits import Level, LimitName
from apps.risk.domain.messages import NearMiss
from apps.risk.domain.presets import PRESETS
from apps.risk.domain.reading import rules_for
from apps.risk.domain.standing import Lock, LockKind, Standing
from tests.cast import Actor
from tests.factories import NOW, a_fact, a_price, at
from tests.integration.brokers.shared import let_out
from tests.integration.papertrading.rows import a_position, an_account, an_order, send

pytestmark = pytest.mark.django_db
RULES = {
    "firm": "Topstep", "plan": "Combine 50K", "stage": "evaluation", "start_balance": "50000",
    "drawdown": {"type": "eod_trailing", "amount": "2000", "lock_level": "50000"},
    "daily_loss": {"amount": "1000"}, "size": {"minis": 5}, "target": "3000",
    "consistency": {"share": "0.5"}, "hours": {"flat_by": "15:10"}, "automation": "allowed",
    "verified_on": "2025-11-20",
}  # fmt: skip
LISTS = (
    "realtime/risk-status", "realtime/daily-pnl", "realtime/exposure", "risk/rule-compliance",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _own_transport() -> Iterator[None]:
    transport.use(transport.MemoryTransport())
    yield
    transport.use(None)


def ruled(account: Account, **more: Any) -> Standing:
    """Put an account under the rules as the engine would have written it."""
    standing = Standing(account.pk, account.user_id, rules_for(RULES), 1)
    standing.begin(Decimal(50_000), account.balance, account.day_start_balance)
    for name, value in more.items():
        setattr(standing, name, value)
    models.Standing.objects.create(account=account, level=standing.level, plain=standing.plain())
    return standing


def results(actor: Actor, path: str) -> list[dict[str, Any]]:
    answer = actor.client.get(f"/api/{path}")
    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert set(body) == {"count", "next", "previous", "results"}
    return list(body["results"])


def test_risk_status_says_what_is_left_and_where_it_breaks(alice: Actor) -> None:
    a_price("19980.00")  # two long from 20000: 800 dollars lost
    account = an_account(alice.user)
    a_position(account)
    ruled(account)
    (item,) = results(alice, "realtime/risk-status/")
    assert {
        "account": account.pk, "name": "Alpha", "kind": "paper", "state": "open",
        "level": "danger", "balance": "50000.00", "equity": "49200.00", "locks": [],
        "lockout_until": None, "failed_at": None, "minis": "2", "allowed_minis": 5,
        "own_limits": {}, "own_limits_next_day": None,
    }.items() <= item.items()  # fmt: skip
    assert item["rules"] == {
        "firm": "Topstep", "plan": "Combine 50K", "stage": "evaluation", "automation": "allowed",
        "verified_on": "2025-11-20",
    }  # fmt: skip
    daily, most = item["limits"]
    assert daily == {
        "name": "daily_loss", "level": "danger", "amount": "1000.00", "floor": "49000.00",
        "inclusive": True, "left": "200.00", "used_pct": "80.00",
    }  # fmt: skip
    assert (most["name"], most["level"], most["left"]) == ("max_loss", "safe", "1200.00")
    (line,) = item["lines"]  # 200 dollars are 5 points of two contracts
    assert line == {
        "family": "NQ", "contract": "NQZ5", "price": "19975.00", "points_left": "5.00",
        "limit": "daily_loss", "floor": "49000.00",
    }  # fmt: skip


def test_without_a_price_nothing_is_made_up(alice: Actor) -> None:
    account = an_account(alice.user)
    a_position(account)
    ruled(account, levels={LimitName.DAILY_LOSS: Level.WARNING})
    (item,) = results(alice, "realtime/risk-status/")
    assert (item["equity"], item["level"], item["lines"]) == (None, "warning", [])
    assert (item["limits"][0]["left"], item["limits"][0]["used_pct"]) == (None, None)
    (day,) = results(alice, "realtime/daily-pnl/")
    assert (day["unrealized_pnl"], day["total_pnl"]) == (None, None)
    (held,) = results(alice, "realtime/exposure/")[0]["contracts"]
    assert (held["last"], held["notional"], held["at_stops"]) == (None, None, None)


def test_an_account_without_rules_has_no_limits(alice: Actor) -> None:
    an_account(alice.user)
    (item,) = results(alice, "realtime/risk-status/")
    assert (item["level"], item["limits"], item["rules"]) == ("safe", [], None)
    (rules,) = results(alice, "risk/rule-compliance/")
    assert (rules["rules"], rules["incidents"]) == (None, [])


def test_locks_say_what_they_block(alice: Actor) -> None:
    account = an_account(alice.user)
    lock = Lock(LockKind.DAILY, at(NOW), at("2025-12-02T23:00:00Z"), "90 % used", date(2025, 12, 2))
    ruled(account, locks=[lock], lockout_until=at("2025-12-03T12:00:00Z"))
    a_price("20000.00")
    (item,) = results(alice, "realtime/risk-status/")
    assert (item["level"], item["lockout_until"]) == ("locked", "2025-12-03T12:00:00Z")
    (told,) = item["locks"]
    assert (told["kind"], told["until"]) == ("daily", "2025-12-02T23:00:00Z")
    assert "Exits, cancels and flatten always pass" in told["blocks"]


def test_the_day_counts_what_is_open(alice: Actor) -> None:
    a_price("20010.00")
    account = an_account(
        alice.user, balance="50100", realized_today=Decimal("107.80"), fees_today=Decimal("7.80"),
        trades_today=1, wins_today=1,
    )  # fmt: skip
    a_position(account)
    (item,) = results(alice, "realtime/daily-pnl/")
    assert item == {
        "account": account.pk, "name": "Alpha", "kind": "paper", "trade_date": "2025-12-02",
        "ends_at": "2025-12-02T23:00:00Z", "start_balance": "50100.00", "realized_pnl": "107.80",
        "fees": "7.80", "net_pnl": "100.00", "unrealized_pnl": "400.00", "total_pnl": "500.00",
        "trades": 1, "wins": 1, "losses": 0,
    }  # fmt: skip


def test_exposure_nets_what_is_long_and_short(alice: Actor) -> None:
    a_price("20010.00")
    account = an_account(alice.user)
    a_position(account)
    a_position(account, size=1, sign=-1, place=7)
    an_order(account, type="stop", role="stop", side="sell", stop="19990.00", quantity=1)
    ruled(account)
    (item,) = results(alice, "realtime/exposure/")
    assert (item["margin"], item["allowed_minis"]) == ("1000.00", 5)
    assert item["contracts"] == [
        {
            "contract": "NQZ5", "symbol": "NQ", "long": 2, "short": 1, "net": 1,
            "last": "20010.00", "notional": "400200.00", "unrealized_pnl": "200.00",
            "at_stops": "400.00", "uncovered": 2,
        }
    ]  # fmt: skip


def test_compliance_tells_each_rule_what_breaks_it_and_what_happened(alice: Actor) -> None:
    a_price("19980.00")
    account = an_account(alice.user)
    a_position(account)
    ruled(account)
    a_fact(
        NearMiss(
            at=at(NOW), user=alice.user.pk, account=account.pk, number=3, limit="daily_loss",
            level="danger", used_pct=Decimal("80.00"), trade_date=date(2025, 12, 2),
        )
    )  # fmt: skip
    (item,) = results(alice, "risk/rule-compliance/")
    marks = {one["code"]: one["mark"] for one in item["checks"]}
    assert (marks["daily_loss"], marks["max_loss"], marks["contracts"]) == ("warn", "pass", "pass")
    assert {"flat_by", "target", "consistency", "automation"} <= set(marks)
    assert any("NQ falls 5.00 pts" in one["what"] for one in item["breaks"])
    (incident,) = item["incidents"]
    assert (incident["fact"], incident["at"]) == ("risk.near_miss", NOW)
    assert incident["told"]["used_pct"] == "80.00"


def test_one_account_can_be_asked_for_even_if_it_is_closed(alice: Actor) -> None:
    first, second = an_account(alice.user), an_account(alice.user, "Beta", is_open=False)
    for path in LISTS:
        assert [one["account"] for one in results(alice, f"{path}/")] == [first.pk]
        (one,) = results(alice, f"{path}/?account={second.pk}")
        assert one["name"] == "Beta"


# ---- whose, and what is refused ----


@pytest.mark.parametrize("path", LISTS)
def test_bob_does_not_see_what_is_alices(path: str, alice: Actor, bob: Actor) -> None:
    account = an_account(alice.user)
    ruled(account)
    assert len(results(alice, f"{path}/")) == 1
    assert results(bob, f"{path}/") == []
    answer = bob.client.get(f"/api/{path}/?account={account.pk}")
    assert (answer.status_code, answer["content-type"]) == (404, "application/problem+json")


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("account", ["x", "-1", "1.5", "NaN", "9" * 30, "%00", "١"])
def test_a_wrong_filter_is_a_problem_that_names_it(path: str, account: str, alice: Actor) -> None:
    answer = alice.client.get(f"/api/{path}/?account={account}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "account"


@pytest.mark.parametrize("path", LISTS)
def test_nobody_is_told_nothing(path: str) -> None:
    assert Client().get(f"/api/{path}/").status_code == 401


@pytest.mark.parametrize("path", ["check", "own-limits", "lockout", "lift-lock"])
def test_nobody_changes_nothing(path: str) -> None:
    assert Client().post(f"/api/risk/{path}/").status_code in (401, 403)


@pytest.mark.parametrize("path", ["check", "own-limits", "lockout", "lift-lock"])
def test_bob_asks_for_nothing_in_alices_account(path: str, alice: Actor, bob: Actor) -> None:
    account = an_account(alice.user)
    order = {"symbol": "NQ", "side": "buy", "type": "market", "quantity": 1}
    more = {"check": order, "lockout": {"minutes": 5}}.get(path, {})
    answer = send(bob, "post", f"risk/{path}/", {"account": account.pk} | more)
    assert answer.status_code == 404, answer.content


@pytest.mark.parametrize("path", LISTS)
def test_a_list_costs_the_same_queries_however_long_it_is(
    path: str, alice: Actor, django_assert_max_num_queries: Any
) -> None:
    a_price("20000.00")
    for number in range(12):
        account = an_account(alice.user, f"A{number}")
        a_position(account)
        ruled(account)
    with django_assert_max_num_queries(12):
        assert len(results(alice, f"{path}/")) == 12


# ---- the check before an order ----


def check(actor: Actor, account: Account, **body: Any) -> Any:
    order = {"account": account.pk, "symbol": "NQ", "side": "buy", "type": "market"}
    return send(actor, "post", "risk/check/", order | {"quantity": 1} | body)


def test_the_check_tells_what_an_order_could_cost(alice: Actor) -> None:
    a_price("20000.00")
    account = an_account(alice.user)
    ruled(account)
    small = check(alice, account, bracket={"stop_points": "10"})
    assert small.status_code == 200, small.content
    body = small.json()
    assert (body["decision"], body["level"], body["reasons"]) == ("allowed", "none", [])
    assert (body["worst_loss"], body["quantity"], body["minis"]) == ("227.80", 1, "1")
    half = check(alice, account, quantity=3, bracket={"stop_points": "10"}).json()
    assert (half["decision"], half["level"]) == ("confirm", "caution")
    sure = check(alice, account, quantity=3, bracket={"stop_points": "10"}, confirmed=True).json()
    assert (sure["decision"], sure["level"]) == ("allowed", "caution")
    large = check(alice, account, quantity=6, bracket={"stop_points": "10"}).json()
    assert large["decision"] == "blocked"
    assert {one["code"] for one in large["reasons"]} >= {"MAX_CONTRACTS", "DAILY_LOSS"}
    naked = check(alice, account).json()
    assert (naked["decision"], naked["reasons"][0]["code"]) == ("confirm", "NO_STOP")


def test_a_check_says_which_limit_of_live_orders_an_order_breaks(alice: Actor) -> None:
    a_price("20000.00")
    account = an_account(alice.user, "Bravo", kind="demo")
    let_out(account)
    LiveSwitch.objects.update(per_order=3, per_position=3, per_day=9)
    a_position(account)
    fits = check(alice, account, quantity=1, bracket={"stop_points": "10"}).json()
    assert fits["decision"] != "blocked"
    assert [(one["name"], one["then"], one["most"]) for one in fits["sizes"]] == [
        ("order", 1, 3), ("position", 3, 3), ("day", 1, 9),
    ]  # fmt: skip
    large = check(alice, account, quantity=2, bracket={"stop_points": "10"}).json()
    assert (large["decision"], large["reasons"][0]) == (
        "blocked",
        {
            "code": "SIZE_LIMIT",
            "detail": "The position would be 4, more than 3, your limit of a position.",
        },
    )


def test_an_order_that_only_closes_is_not_judged(alice: Actor) -> None:
    a_price("20000.00")
    account = an_account(alice.user)
    a_position(account)
    body = check(alice, account, side="sell", quantity=2).json()
    assert (body["decision"], body["closes"], body["quantity"]) == ("allowed", 2, 2)
    turned = check(alice, account, side="sell", quantity=3).json()
    assert (turned["closes"], turned["quantity"]) == (2, 3)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"quantity": 0}, "quantity"),
        ({"quantity": "two"}, "quantity"),
        ({"type": "limit", "limit": "19990.10"}, "limit"),
        ({"type": "stop", "stop": "19990.00"}, "stop"),
        ({"bracket": {"stop": "20010.00"}}, "bracket.stop"),
        ({"symbol": "ES"}, "symbol"),
        ({"symbol": "nonsense"}, "symbol"),
        ({"stoploss": "1"}, "stoploss"),
    ],
)
def test_what_can_not_be_checked_is_refused_by_field(
    change: dict[str, Any], field: str, alice: Actor
) -> None:
    a_price("20000.00")
    answer = check(alice, an_account(alice.user), **change)
    assert answer.status_code == 400, answer.content
    assert answer.json()["errors"][0]["field"] == field


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("own-limits", {"max_daily_loss": "-1"}, "max_daily_loss"),
        ("own-limits", {"max_daily_loss": "lots"}, "max_daily_loss"),
        ("own-limits", {"max_trades": -1}, "max_trades"),
        ("own-limits", {"cooldown_minutes": 0}, "cooldown_minutes"),
        ("own-limits", {"max_losses": 2}, "max_losses"),
        ("lockout", {}, "until"),
        ("lockout", {"minutes": 5, "until": "2025-12-03T12:00:00Z"}, "until"),
        ("lockout", {"minutes": 0}, "minutes"),
        ("lockout", {"minutes": 10**9}, "minutes"),
        ("lockout", {"until": "tomorrow"}, "until"),
        ("lockout", {"until": "9999-01-01T00:00:00Z"}, "until"),
    ],
)
def test_what_can_not_be_set_is_refused_by_field(
    path: str, body: dict[str, Any], field: str, alice: Actor
) -> None:
    account = an_account(alice.user)
    answer = send(alice, "post", f"risk/{path}/", {"account": account.pk} | body)
    assert answer.status_code == 400, answer.content
    assert answer.json()["errors"][0]["field"] == field


def test_the_presets_can_all_be_shown(alice: Actor) -> None:
    a_price("20000.00")
    for slug, plain in PRESETS.items():
        account = an_account(alice.user, slug[:40])
        standing = Standing(account.pk, account.user_id, rules_for(plain), 1)
        standing.begin(Decimal(50_000), Decimal(50_000), Decimal(50_000))
        models.Standing.objects.create(account=account, plain=standing.plain())
    for path in LISTS:
        assert len(results(alice, f"{path}/?page_size=500")) == len(PRESETS)
