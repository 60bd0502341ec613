"""The Trade Manager: what it shows and to whom, each form's good and bad input, what the engine makes of them."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from apps.brokers.models import Account, LiveSwitch, Order, Position
from apps.bus import transport
from apps.risk.models import Standing
from tests.cast import Actor
from tests.factories import NOW, a_price, a_signal, a_trade, at
from tests.integration.brokers.shared import let_out
from tests.integration.papertrading.rows import a_fill, a_position, an_account, an_order

pytestmark = pytest.mark.django_db
REGIONS = (
    "position", "orders", "fills", "ladder", "queue", "gauges", "asked", "way-out", "risk", "lock",
    "accounts", "strip",
)  # fmt: skip
TICKET = {
    "symbol": "NQ", "side": "buy", "type": "market", "quantity": "2", "tif": "day",
    "template": "stop", "protect": "20", "protect_unit": "points", "break_even_r": "1",
    "request_id": "0" * 16,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _market() -> Iterator[None]:
    transport.use(transport.MemoryTransport())
    a_price("20005.25", ask="20005.50", ask_size=4)
    yield
    transport.use(None)


def shown(actor: Actor, path: str, status: int = 200) -> str:
    answer = actor.client.get(path)
    assert answer.status_code == status, answer.content[:2000]
    return answer.content.decode()


def sent(actor: Actor, path: str, status: int = 200, **values: Any) -> str:
    answer = actor.client.post(path, values, follow=True)
    assert answer.status_code == status, answer.content[:2000]
    return answer.content.decode()


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def under_limit(account: Account, *, daily: str = "500", **plain: Any) -> Standing:
    """Put an account under a daily loss limit."""
    rules = {
        "firm": "Own", "plan": "careful", "start_balance": "50000",
        "daily_loss": {"amount": daily, "action": "soft"},
    }  # fmt: skip
    given = {"account": account.pk, "user": account.user_id, "rules": rules, "start": "50000"}
    level = plain.pop("level", "safe")
    return Standing.objects.create(account=account, level=level, plain=given | plain)


def holding(account: Account, **fields: Any) -> tuple[Position, Order]:
    """Let an account hold two with a stop and a target."""
    position = a_position(account, risk=Decimal(800), **fields)
    stop = an_order(
        account, side="sell", type="stop", role="stop", stop="19980.00", parent="e1", quantity=2,
        contract=position.contract, root=position.root,
    )  # fmt: skip
    an_order(
        account, side="sell", role="target", limit="20040.00", parent="e1", quantity=2,
        contract=position.contract, root=position.root,
    )  # fmt: skip
    return position, stop


# ---- what is shown, and to whom ----


@pytest.mark.parametrize(
    "path", ["/manager/", "/manager/verdict/", "/manager/flatten/", "/manager/cancel-all/"]
)
def test_strangers_are_sent_to_the_door(path: str) -> None:
    answer = Client().get(path)
    assert (answer.status_code, answer["Location"]) == (302, f"/accounts/login/?next={path}")


def test_without_an_account_it_offers_one(alice: Actor) -> None:
    text = words(shown(alice, "/manager/"))
    assert "You have no account yet" in text
    assert "Open the account" in text
    assert "Flatten" not in text
    for name in REGIONS[8:]:
        shown(alice, f"/desk/region/{name}/")


def test_the_page_says_everything_of_the_account(alice: Actor) -> None:
    account = an_account(alice.user)
    holding(account)
    order = an_order(account, side="sell", limit="20300.00")
    a_fill(order)
    under_limit(account)
    text = words(shown(alice, "/manager/"))
    assert "LONG 2 NQZ5 @ 20,000.00" in text
    assert "+0.26 R" in text  # 21 ticks of $5, twice: $210 of the $800 at risk
    assert "+$210.00" in text
    assert "OCO A protects 2" in text
    assert "sell 1 lmt 20,300.00" in text, "an order out of the ladder's view is named"
    assert "cancel 3 orders" in text
    assert "Daily loss" in text
    assert "None" not in text


def test_each_exit_of_a_position_has_a_field_with_a_name_of_its_own(alice: Actor) -> None:
    account = an_account(alice.user)
    position, _stop = holding(account)

    def named() -> tuple[list[str], list[str]]:
        row = shown(alice, "/desk/region/position/")
        fields = re.findall(r'<label for="move-\d+">([^<]+)</label>', row)
        return fields, re.findall(r'aria-label="(Move [^"]+)"', row)

    assert named()[0] == ["Stop", "Target 2"]
    at = {"contract": position.contract, "root": position.root, "side": "sell", "parent": "e2"}
    an_order(account, type="stop", role="stop", stop="19985.00", quantity=1, **at)
    assert named()[0] == ["Stop of 2", "Target 2", "Stop of 1"]
    an_order(account, role="target", limit="20050.00", quantity=2, **at)
    fields, buttons = named()
    assert fields == ["Stop of 2", "Target 2 (1)", "Stop of 1", "Target 2 (2)"]
    assert buttons[0] == "Move stop of 2, OCO A protects 2"
    assert len(set(buttons)) == len(set(fields)) == 4


@pytest.mark.parametrize("name", REGIONS)
def test_a_region_is_drawn_alone(alice: Actor, name: str) -> None:
    holding(an_account(alice.user))
    assert "None" not in words(shown(alice, f"/desk/region/{name}/"))


@pytest.mark.parametrize("tab", ["working", "fills", "history", "nonsense"])
def test_the_tabs_show_what_their_names_say(alice: Actor, tab: str) -> None:
    account = an_account(alice.user)
    a_fill(an_order(account), realized=Decimal(-45))
    an_order(
        account, status="blocked", ended_ns=at(NOW), reason="LOCKED",
        verdict={"reasons": [["LOCKED", "Locked since 2025-12-02T15:00:00.000Z: too much."]]},
    )  # fmt: skip
    text = words(shown(alice, f"/desk/region/orders/?tab={tab}"))
    said = {"fills": "−$45.00", "history": "Locked since 09:00 CT: too much."}
    assert said.get(tab, "BUY 1 Limit NQ 19,990.00") in text


def test_nothing_of_bobs_is_shown(alice: Actor, bob: Actor) -> None:
    theirs = an_account(bob.user, "Bobs own")
    holding(theirs)
    an_account(alice.user)
    text = words(shown(alice, "/manager/"))
    assert "Bobs own" not in text
    assert "LONG" not in text


@pytest.mark.parametrize(
    "path",
    [
        "/manager/orders/{order}/move/", "/manager/orders/{order}/cancel/",
        "/manager/orders/{order}/answer/", "/manager/positions/{position}/close/",
        "/manager/positions/{position}/stop-to-entry/", "/manager/execute/{signal}/",
    ],
)  # fmt: skip
def test_what_is_bobs_can_not_be_touched(alice: Actor, bob: Actor, path: str) -> None:
    an_account(alice.user)
    position, order = holding(an_account(bob.user))
    signal = a_signal(bob.user)
    where = path.format(order=order.pk, position=position.pk, signal=signal.key)
    sent(alice, where, 404, price="19990.00")


def test_bobs_account_can_not_be_chosen_or_flattened(alice: Actor, bob: Actor) -> None:
    an_account(alice.user)
    theirs = an_account(bob.user)
    sent(alice, "/desk/account/", 404, account=theirs.pk)
    sent(alice, "/manager/flatten/", 404, account=theirs.pk)
    sent(alice, "/manager/flatten/", 404, account="x")


def test_the_chosen_account_stays_chosen(alice: Actor) -> None:
    an_account(alice.user)
    bravo = an_account(alice.user, "Bravo", kind="live")
    html = sent(alice, "/desk/account/", account=bravo.pk)
    assert 'data-env="live"' in html
    assert "Bravo is real money. Its orders are switched off: only exits leave." in words(html)
    let_out(bravo)
    assert "Orders from this page reach Bravo with real money" in words(shown(alice, "/signals/"))
    assert 'data-env="live"' in shown(alice, "/signals/")


def test_the_admin_says_too_that_live_orders_are_on(carol: Actor) -> None:
    bravo = an_account(carol.user, "Bravo", kind="live")
    assert "LIVE orders are on" not in shown(carol, "/admin/")
    let_out(bravo)
    assert "LIVE orders are on: Bravo" in words(shown(carol, "/admin/"))


def test_the_strip_says_that_a_followed_trade_is_a_signals_alone(alice: Actor) -> None:
    """On a LIVE account that is flat, LONG alone would be read as its position."""
    a_trade(alice.user)
    an_account(alice.user, "Bravo", kind="live")
    assert "Bravo holds nothing" in shown(alice, "/desk/region/strip/")


def test_the_strip_shows_the_position_before_the_followed_trade(alice: Actor) -> None:
    account = an_account(alice.user)
    a_trade(alice.user)
    holding(account)
    text = words(shown(alice, "/desk/region/strip/"))
    assert "LONG 2 NQZ5" in text
    assert "+1 more" in text


def test_a_lock_is_named_on_every_page_and_exits_stay(alice: Actor) -> None:
    account = an_account(alice.user)
    position, _ = holding(account)
    lock = {
        "kind": "daily", "since": at(NOW), "until": at("2025-12-02T23:00:00Z"),
        "reason": "91.00 % of the daily loss limit is used", "trade_date": "2025-12-02",
        "blocks": "New entries.",
    }  # fmt: skip
    under_limit(account, locks=[lock], level="locked")
    for path in ("/", "/signals/", "/manager/"):
        text = words(shown(alice, path))
        assert "New entries in Alpha are locked until 17:00 CT." in text, path
        assert "Flatten" in text, path
    assert "Close now" in words(shown(alice, f"/manager/positions/{position.pk}/close/"))


# ---- the verdict ----


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, "Allowed"),
        ({"quantity": "1", "by_risk": "on", "protect": "10"}, "buy 1"),
        ({"quantity": "0"}, "must be a whole number of contracts"),
        ({"type": "limit"}, "Limit price is missing"),
        ({"type": "limit", "limit": "20000.10"}, "the nearest price is 20000.00"),
        ({"protect": ""}, "an entry is never left without one"),
        ({"template": "none"}, "No stop bounds the loss"),
        ({"protect": "60"}, "Blocked"),
        ({"symbol": "PORK"}, "Select a valid choice"),
        ({"template": "own", "target_1": "1", "size_1": "5"}, "more than the 2 of the order"),
    ],
)
def test_the_verdict_says_what_an_order_can_lose(
    alice: Actor, changed: dict[str, str], said: str
) -> None:
    under_limit(an_account(alice.user), daily="2000")
    answer = alice.client.get("/manager/verdict/", TICKET | changed)
    assert answer.status_code == 200
    assert said in words(answer.content.decode()), words(answer.content.decode())


def test_the_verdict_names_loss_and_what_is_left(alice: Actor) -> None:
    under_limit(an_account(alice.user), daily="2000")
    text = words(alice.client.get("/manager/verdict/", TICKET).content.decode())
    # 80 ticks and 2 of slippage on each side at $5, twice, and fees of $3.90 a side
    assert "This order can lose −$855.60" in text
    assert "43 % of $2,000 used" in text
    assert "Left after that $1,144.40" in text


def test_the_verdict_of_a_brokers_account_knows_its_switch_and_its_size(alice: Actor) -> None:
    """It said Allowed, in green, of an order that the desk then refused."""
    bravo = an_account(alice.user, "Bravo", kind="live")

    def verdict(quantity: int) -> str:
        asked = TICKET | {"quantity": str(quantity)}
        return words(alice.client.get("/manager/verdict/", asked).content.decode())

    off = verdict(2)
    assert "Blocked" in off and "Orders of Bravo are switched off: no entry leaves." in off
    let_out(bravo)
    assert "switched off" not in verdict(2) and "Blocked" not in verdict(2)
    assert "Blocked" in verdict(11) and "11 is more than 10, your limit of an order." in verdict(11)


def test_the_verdict_of_a_brokers_account_says_which_of_its_limits_an_order_breaks(
    alice: Actor,
) -> None:
    """Of a position with what is held and on its way, of a day with what was opened: as the desk reckons it."""
    bravo = an_account(alice.user, "Bravo", kind="live")
    let_out(bravo)
    LiveSwitch.objects.update(per_order=3, per_position=4, per_day=9)
    a_position(bravo)  # two are held
    an_order(bravo, role="entry", status="working")  # and one is on its way
    Account.objects.update(opened_today=5)

    def verdict(quantity: int) -> str:
        asked = TICKET | {"quantity": str(quantity)}
        return words(alice.client.get("/manager/verdict/", asked).content.decode())

    one = verdict(1)
    assert "Contracts held with it 4 of 4" in one and "Opened today with it 7 of 9" in one
    assert "Blocked" not in one
    two = verdict(2)
    assert "Blocked" in two
    assert "The position would be 5, more than 4, your limit of a position." in two
    Account.objects.update(opened_today=8)
    assert "10 contracts would be opened today, more than 9, your limit of a day." in verdict(1)
    other = TICKET | {"side": "sell", "quantity": "3"}
    turned = words(alice.client.get("/manager/verdict/", other).content.decode())
    assert "held or ordered the other way" in turned


# ---- what is refused before the engine hears of it ----


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"quantity": "1.5"}, "must be a whole number of contracts"),
        ({"quantity": "-1"}, "must be a whole number of contracts"),
        ({"quantity": "100000"}, "must be a whole number of contracts"),
        ({"side": ""}, "Say buy or sell."),
        ({"side": "up"}, "Select a valid choice"),
        ({"type": "iceberg"}, "Select a valid choice"),
        ({"symbol": "ES"}, "Select a valid choice"),
        ({"type": "stop"}, "Stop price is missing"),
        ({"by_risk": "on", "template": "none"}, "needs a stop to measure the risk with"),
    ],
)
def test_a_ticket_that_can_not_be_comes_back_with_its_reason(
    alice: Actor, changed: dict[str, str], said: str
) -> None:
    an_account(alice.user)
    html = sent(alice, "/manager/order/", 422, **TICKET | changed)
    assert said in words(html)
    assert 'value="20"' in html, "nothing else is lost"
    assert Order.objects.count() == 0


def test_a_script_gets_the_ticket_alone(alice: Actor) -> None:
    an_account(alice.user)
    answer = alice.client.post(
        "/manager/order/", TICKET | {"quantity": "0"}, headers={"X-Requested-With": "ticket"}
    )
    assert answer.status_code == 422
    html = answer.content.decode()
    assert "<html" not in html
    assert 'id="order-form"' in html


def test_without_a_live_market_nothing_is_sent(alice: Actor) -> None:
    an_account(alice.user)
    transport.set_market_time(at(NOW), live=False)
    html = sent(alice, "/manager/order/", 422, **TICKET)
    assert "There is no live market to trade at." in words(html)


def test_flatten_names_account_positions_and_orders(alice: Actor) -> None:
    account = an_account(alice.user)
    holding(account)
    asked = words(shown(alice, "/manager/flatten/"))
    assert "PAPER Flatten Alpha?" in asked
    assert "LONG 2 NQZ5, +$210.00" in asked
    assert "Cancel 2 orders" in asked


def test_closing_half_of_one_is_closing_it(alice: Actor) -> None:
    position = a_position(an_account(alice.user), size=1)
    text = words(shown(alice, f"/manager/positions/{position.pk}/close/?how=half"))
    assert "Close 1 NQZ5?" in text


def test_the_keys_are_off_until_they_are_switched_on(alice: Actor) -> None:
    an_account(alice.user)
    assert "data-keys" not in shown(alice, "/manager/")
    sent(alice, "/desk/preferences/", keys="on", next="/manager/")
    html = shown(alice, "/manager/")
    assert re.search(r'class="desk"[^>]* data-keys', html)
    assert "Keys on" in words(html)


def test_a_confirmed_signal_can_be_executed_and_leaves_when_it_was(alice: Actor) -> None:
    account = an_account(alice.user)
    signal = a_signal(alice.user, status="ENTERED", stop_price="19969.00")
    a_trade(alice.user, signal=signal)
    assert "Execute" in words(shown(alice, "/desk/region/queue/"))
    an_order(account, signal=signal.key, status="filled")
    assert "Execute" not in words(shown(alice, "/desk/region/queue/"))


def test_the_chart_has_the_accounts_orders_fills_and_liquidation(alice: Actor) -> None:
    account = an_account(alice.user)
    holding(account)
    under_limit(account)
    drawn = alice.client.get("/desk/chart/NQZ5/?seconds=60").json()
    assert [one["role"] for one in drawn["orders"]] == ["stop", "target"]
    assert drawn["positions"][0]["average"] == 20000.0
    assert drawn["liquidation"]["is_below"] is True
    assert "pts left with 2 NQ" in drawn["liquidation"]["text"]


@pytest.mark.parametrize(("step", "rows"), [("1", 29), ("4", 29), ("10", 29), ("7", 29), ("x", 29)])
def test_the_ladder_keeps_its_rows_and_its_centre(alice: Actor, step: str, rows: int) -> None:
    an_account(alice.user)
    html = shown(alice, f"/desk/region/ladder/?symbol=NQ&step={step}&centre=20030.25")
    assert html.count("data-ticks=") == rows
    assert ("last price is below" in html) == (step in ("1", "4"))  # ten ticks a row show 72 points


def test_a_ladder_without_a_price_says_so(alice: Actor) -> None:
    transport.use(transport.MemoryTransport())
    an_account(alice.user)
    assert "No price of" in words(shown(alice, "/manager/"))


def test_a_resting_order_has_no_latency_and_a_closed_position_its_size(alice: Actor) -> None:
    account = an_account(alice.user)
    a_fill(an_order(account, type="market", status="filled"), latency_ms=120)
    a_fill(an_order(account, status="filled"), latency_ms=976193)
    a_position(account, size=3, closed=NOW)
    text = alice.client.get("/manager/?tab=fills").content.decode()
    assert "120 ms" in text and "976193" not in text
    assert "The last position, long 3 NQZ5, closed" in text
