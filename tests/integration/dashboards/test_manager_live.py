"""The Trade Manager's forms, carried out by the real engine on its own thread against a market made by hand."""

import re
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from apps.brokers.models import Account, Fill, Order, Position
from apps.brokers.queries import account_views
from apps.dashboards.held import Held
from apps.risk.services import set_own_limits
from tests.cast import Actor
from tests.factories import a_signal, a_trade
from tests.integration.papertrading.rows import Desk, trading

pytestmark = pytest.mark.django_db(transaction=True)
TICKET = {
    "symbol": "NQ", "side": "buy", "type": "market", "quantity": "2", "tif": "day",
    "template": "runner", "protect": "20", "protect_unit": "points", "break_even_r": "1",
}  # fmt: skip


@pytest.fixture
def desk() -> Iterator[Desk]:
    with trading() as made:
        yield made


@pytest.fixture
def account(alice: Actor, desk: Desk) -> Account:
    """Alice's paper account, opened on the page."""
    text = sent(alice, "/manager/open-account/", name="Alpha", start_balance="50,000")
    assert "Alpha is open with $50,000.00." in text
    desk.wait()
    return Account.objects.get(user=alice.user)


def sent(actor: Actor, path: str, status: int = 200, **values: Any) -> str:
    answer = actor.client.post(path, values, follow=True)
    assert answer.status_code == status, answer.content[:2000]
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def order(actor: Actor, status: int = 200, **changed: Any) -> str:
    return sent(actor, "/manager/order/", status, **TICKET | changed)


def entered(actor: Actor, desk: Desk, **changed: Any) -> Position:
    """Buy, and let it be filled."""
    order(actor, **changed)
    desk.trades("20005.25", "20005.50", "20005.75")
    return Position.objects.get(closed_at__isnull=True)


@pytest.mark.parametrize(
    ("name", "balance", "said"),
    [
        ("", "50000", "Name is missing"),
        ("Alpha", "50000", "you have an account called Alpha already"),
        ("Bravo", "much", "is no amount, write it like 50000"),
        ("Bravo", "-1", "must lie between 0"),
    ],
)
def test_an_account_that_can_not_be_opened_says_why(
    alice: Actor, account: Account, name: str, balance: str, said: str
) -> None:
    assert said in sent(alice, "/manager/open-account/", name=name, start_balance=balance)
    assert Account.objects.count() == 1


def test_a_bracket_is_sent_filled_moved_and_flattened(
    alice: Actor, desk: Desk, account: Account
) -> None:
    position = entered(alice, desk)
    assert position.size == 2
    legs = Order.objects.filter(parent__startswith="m").order_by("key")
    assert [(one.role, one.quantity) for one in legs] == [("stop", 2), ("target", 1), ("target", 1)]

    stop = legs[0]
    off = sent(alice, f"/manager/orders/{stop.pk}/move/", 422, price="19990.10")
    assert "19990.10" in off, "what was typed stays"
    assert "is no price of NQ" in off
    wrong = sent(alice, f"/manager/orders/{stop.pk}/move/", 422, price="20100.00")
    assert "must lie below the last price" in wrong
    assert "moved to 19990.00" in sent(alice, f"/manager/orders/{stop.pk}/move/", price="19,990.00")
    desk.trades("20006.00", "20006.25")
    stop.refresh_from_db()
    assert f"{stop.stop:.2f}" == "19990.00"

    assert "this stop protects" in sent(alice, f"/manager/orders/{stop.pk}/cancel/").lower()
    assert "closing 1 of 2" in sent(alice, f"/manager/positions/{position.pk}/close/", how="half")
    desk.trades("20007.00", "20007.25")
    said = sent(alice, "/manager/flatten/", account=account.pk)
    assert "closing positions and cancelling orders" in said
    desk.trades("20008.00", "20008.25", "20008.50")
    assert not Position.objects.filter(closed_at__isnull=True).exists()
    assert not Order.objects.filter(status__in=("working", "waiting", "sent")).exists()
    assert "is flat" in sent(alice, "/desk/account/", account=account.pk)


def test_the_same_ticket_twice_is_one_order(alice: Actor, desk: Desk, account: Account) -> None:
    for _ in range(2):
        order(alice, request_id="a" * 16, again="on")
    assert Order.objects.filter(role="entry").count() == 1


def test_an_identical_order_within_10_s_asks_first(
    alice: Actor, desk: Desk, account: Account
) -> None:
    order(alice)
    assert "The same order again?" in order(alice, 409)
    assert Order.objects.filter(role="entry").count() == 1
    order(alice, quantity="1")
    order(alice, again="on")
    assert Order.objects.filter(role="entry").count() == 3


def test_what_needs_a_yes_waits_for_it(alice: Actor, desk: Desk, account: Account) -> None:
    set_own_limits(account=account, limits={"max_daily_loss": "1500"})
    text = order(alice)
    assert "waits for your yes" in text
    assert "send it all the same?" in text
    held = Order.objects.get(status="held")
    assert "not sent" in sent(alice, f"/manager/orders/{held.pk}/answer/", answer="no")
    order(alice, again="on")
    held = Order.objects.get(status="held")
    assert "Buy 2 NQZ5 sent." in sent(alice, f"/manager/orders/{held.pk}/answer/", answer="yes")
    late = sent(alice, f"/manager/orders/{held.pk}/answer/", answer="yes")
    assert "does not wait for an answer" in late or "no open order of yours" in late


def test_what_a_rule_blocks_says_so_and_is_kept(alice: Actor, desk: Desk, account: Account) -> None:
    set_own_limits(account=account, limits={"max_daily_loss": "500"})
    text = order(alice)
    assert "was blocked" in text
    assert "Take fewer contracts or a nearer stop." in text
    assert Order.objects.get(role="entry").status == "blocked"
    assert Fill.objects.count() == 0


def test_risk_decides_the_size(alice: Actor, desk: Desk, account: Account) -> None:
    order(alice, by_risk="on", quantity="", protect="5")
    assert Order.objects.get(role="entry").quantity == 2  # $250 of $50,000 at $100 each
    assert "more than 0.5 %" in order(alice, 422, by_risk="on", protect="60")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"type": "limit", "limit": "20000.10"}, "the nearest price is 20000.00"),
        ({"type": "stop", "stop": "19990.00"}, "must lie above the last price"),
        ({"type": "stop_limit", "stop": "20010.00", "limit": "20009.00"}, "could not fill"),
        ({"protect": "20100", "protect_unit": "price"}, "must lie below its entry"),
        ({"protect": "0.10"}, "is off the grid"),
        ({"break_even_r": "soon"}, "is no multiple of R"),
        ({"template": "target", "target": "-1"}, "must be above 0"),
        ({"template": "own", "target_1": "1", "size_1": "9"}, "more than the 2"),
    ],
)
def test_what_the_engine_refuses_stands_beside_its_field(
    alice: Actor, desk: Desk, account: Account, changed: dict[str, str], said: str
) -> None:
    text = order(alice, 422, **changed)
    assert said in text
    assert "Allowed" not in text
    assert Order.objects.count() == 0


def test_the_stop_goes_to_the_entry(alice: Actor, desk: Desk, account: Account) -> None:
    position = entered(alice, desk, template="stop", quantity="1")
    desk.trades("20015.00", "20016.00")
    entry = position.entered_paid / 4
    said = sent(alice, f"/manager/positions/{position.pk}/stop-to-entry/")
    assert f"stop on its way to {entry:,.2f}" in said
    desk.trades("20016.25", "20016.50")
    assert float(Order.objects.get(role="stop").stop or 0) == entry


def test_a_stop_is_moved_away_only_after_a_yes_to_what_it_can_cost(
    alice: Actor, desk: Desk, account: Account
) -> None:
    entered(alice, desk, template="stop", quantity="1")
    stop = Order.objects.get(role="stop")
    level = Decimal(stop.stop)
    path, away = f"/manager/orders/{stop.pk}/move/", str(level - 10)
    asked = alice.client.post(path, {"price": away})
    assert asked.status_code == 422
    html = asked.content.decode()
    assert "the worst case grows from $" in html
    assert f'name="confirmed" value="{away}"' in html
    other = alice.client.post(path, {"price": str(level - 20), "confirmed": away})
    assert other.status_code == 422  # a yes to another price is none
    assert "moved to" in sent(alice, path, price=str(level + 1))  # nearer: nobody asks
    desk.trades("20006.00", "20006.25")
    assert "moved to" in sent(alice, path, price=away, confirmed=away)
    desk.trades("20006.00", "20006.25")
    stop.refresh_from_db()
    assert Decimal(stop.stop) == level - 10


def test_a_position_is_turned_round(alice: Actor, desk: Desk, account: Account) -> None:
    position = entered(alice, desk, template="stop", quantity="1")
    assert "turning round" in sent(alice, f"/manager/positions/{position.pk}/close/", how="reverse")
    desk.trades("20006.00", "20006.25", "20006.50", "20006.75", "20007.00")
    assert Position.objects.get(closed_at__isnull=True).sign == -1


def test_a_turned_position_has_a_stop_as_far_away_as_the_first_ones(
    alice: Actor, desk: Desk, account: Account
) -> None:
    position = entered(alice, desk, template="stop", quantity="1")
    path = f"/manager/positions/{position.pk}/close/"
    asked = alice.client.get(path, {"how": "reverse"}).content.decode()
    found = re.search(r'name="stop_points"[^>]* value="([0-9.]+)"', asked)
    assert found is not None
    wrong = sent(alice, path, how="reverse", stop_points="0.10")
    assert "Stop_points" in wrong or "off" in wrong or "grid" in wrong
    assert Order.objects.filter(role="exit").count() == 0
    sent(alice, path, how="reverse", stop_points=found[1])
    desk.trades("20006.00", "20006.25", "20006.50", "20006.75", "20007.00")
    turned = Position.objects.get(closed_at__isnull=True)
    stop = Order.objects.get(role="stop", status="working")
    assert turned.sign == -1 and stop.side == "buy"
    assert float(found[1]) <= float(stop.stop or 0) - turned.entered_paid / 4 <= float(found[1]) + 1


def test_orders_are_cancelled_one_by_one_and_all(
    alice: Actor, desk: Desk, account: Account
) -> None:
    limit = {"type": "limit", "template": "stop", "quantity": "1"}
    order(alice, limit="19990.00", **limit)
    order(alice, limit="19991.00", **limit)
    desk.trades("20005.25", "20005.50")
    first, second = Order.objects.filter(role="entry").order_by("id")
    assert "cancelling buy 1" in sent(alice, f"/manager/orders/{first.pk}/cancel/")
    assert "cancelling" in sent(alice, "/manager/cancel-all/")
    desk.trades("20005.75", "20006.00")
    for one in (first, second):
        one.refresh_from_db()
        assert one.status == "cancelled"


def test_a_confirmed_signal_is_executed_with_one_click(
    alice: Actor, desk: Desk, account: Account
) -> None:
    signal = a_signal(alice.user, status="ENTERED", stop_price="19985.25")
    a_trade(alice.user, signal=signal)
    said = sent(alice, f"/manager/execute/{signal.key}/", size="1", root="NQ")
    assert f"Buy 1 NQZ5 for {signal.trade_id}: sent." in said
    desk.trades("20005.25", "20005.50")
    assert Position.objects.get().signal == signal.key
    pending = a_signal(alice.user)
    assert "only a confirmed signal" in sent(alice, f"/manager/execute/{pending.key}/", size="1")


def test_flatten_that_nobody_answers_is_stored(
    alice: Actor, desk: Desk, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.trades.services.PATIENCE_S", 0.05)
    desk.engine.stop()
    said = sent(alice, "/manager/flatten/", account="all")
    assert "Your wish is stored and is carried out as soon as the engine is back" in said


def test_after_an_exit_the_ladder_names_its_r_as_the_prices(
    alice: Actor, desk: Desk, account: Account
) -> None:
    position = entered(alice, desk, template="stop", quantity="2")
    named = re.compile(r'class="now-text" y="9">price <tspan data-show="r">')
    page = "/desk/region/position/"
    assert not named.search(alice.client.get(page).content.decode())
    sent(alice, f"/manager/positions/{position.pk}/close/", how="half")
    desk.trades("20016.00", "20016.25", "20016.50")
    assert named.search(alice.client.get(page).content.decode())
    (one,) = account_views(alice.user)[0].positions
    assert one.r_now == Fraction(one.row.realized + (one.unrealized or 0)) / Fraction(one.row.risk)
    assert one.r_now != Held(one).now_r


def test_every_place_of_the_open_profit_is_painted_from_one_sum(
    alice: Actor, desk: Desk, account: Account
) -> None:
    entered(alice, desk, template="stop", quantity="2")
    desk.trades("20016.00", "20016.25")
    panel = alice.client.get("/desk/region/gauges/").content.decode()
    row = alice.client.get("/desk/region/position/").content.decode()
    assert 'data-part="open-money"' in panel and 'data-part="open-money"' in row
    assert "data-balance=" in panel and "data-open=" in row
