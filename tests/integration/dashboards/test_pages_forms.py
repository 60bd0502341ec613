"""What traders send from pages: entries, closing, strategies and their secrets, how pages look."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from apps.bus import transport
from apps.signals.models import Strategy
from apps.trades.models import Trade
from tests.cast import Actor
from tests.factories import NOW, a_price, a_signal, a_strategy, a_trade, at

pytestmark = pytest.mark.django_db
ENTRY = {"symbol": "NQ", "direction": "bullish", "stop": "19969.00", "request_id": "0" * 16}


@pytest.fixture(autouse=True)
def _own_transport() -> Iterator[None]:
    transport.use(transport.MemoryTransport())
    yield
    transport.use(None)


def sent(actor: Actor, path: str, status: int = 200, **values: Any) -> str:
    answer = actor.client.post(path, values)
    assert answer.status_code == status, answer.content[:2000]
    return answer.content.decode()


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"stop": "19969.10"}, "Not on a tick of NQ. Nearest: 19969.00."),
        ({"stop": "here"}, "This is no price. Write it like 20005.25."),
        ({"stop": ""}, "A trade needs a stop: R is measured from it."),
        ({"stop": "NaN"}, "This is no price."),
        ({"direction": ""}, "Say long or short."),
        ({"direction": "sideways"}, "Say long or short."),
        ({"symbol": "PORK"}, "PORK"),
        ({"plan_target_r": "0"}, "A target lies above 0 R."),
        ({"plan_target_r": "two"}, "Enter a number."),
        ({}, "There is no live market to enter at."),
    ],
)
def test_an_entry_that_can_not_be_is_answered_on_its_own_form(
    alice: Actor, changed: dict[str, str], said: str
) -> None:
    a_price("20014.00")
    transport.set_market_time(at(NOW), live=False)
    html = sent(alice, "/trades/enter/", 422, **ENTRY | changed)
    assert said in words(html)
    assert Trade.objects.count() == 0


def test_what_was_typed_stays_on_the_form(alice: Actor) -> None:
    html = sent(alice, "/trades/enter/", 422, **ENTRY, note="Second push")
    assert 'value="19969.00"' in html
    assert "Second push" in html
    assert 'value="bullish" checked' in html
    assert "0" * 16 not in html, "what is sent next is another wish"


def test_closing_asks_once_and_says_what_will_happen(alice: Actor) -> None:
    a_price("20036.50")
    trade = a_trade(alice.user)
    asked = alice.client.get(f"/trades/{trade.pk}/close/", headers={"X-Requested-With": "dialog"})
    text = words(asked.content.decode())
    assert "Close NQZ5 long?" in text
    assert "20,036.50 , about +0.50 R" in text
    assert "Close now" in text
    trade.refresh_from_db()
    assert trade.state == "active"


def test_a_trade_that_has_ended_is_not_closed_again(alice: Actor) -> None:
    trade = a_trade(alice.user, prices=("19969.00",))
    answer = alice.client.post(f"/trades/{trade.pk}/close/", follow=True)
    assert "has ended already" in words(answer.content.decode())


def test_a_secret_is_shown_once(alice: Actor) -> None:
    made = sent(alice, "/strategies/", name="NQ FVG", symbol="NQ1!")
    address = re.search(r"http://testserver/webhook/([\w-]{20,})/", made)
    assert address
    assert address[1] not in alice.client.get("/strategies/").content.decode()
    kept = Strategy.objects.of(alice.user).get()
    assert address[1] not in (kept.token_hash, kept.name)


def test_rotating_asks_first_and_kills_the_old_secret(alice: Actor) -> None:
    strategy = a_strategy(alice.user)
    before = strategy.token_hash
    asked = alice.client.get(f"/strategies/{strategy.pk}/rotate/")
    assert "die at once" in words(asked.content.decode())
    strategy.refresh_from_db()
    assert strategy.token_hash == before
    html = sent(alice, f"/strategies/{strategy.pk}/rotate/")
    strategy.refresh_from_db()
    assert strategy.token_hash != before
    assert re.search(r"/webhook/[\w-]{20,}/", html)


@pytest.mark.parametrize("name", ["", "senders/", "rotate/", "try/"])
def test_bob_can_not_touch_alices_strategy(alice: Actor, bob: Actor, name: str) -> None:
    strategy = a_strategy(alice.user)
    before = strategy.token_hash
    sent(bob, f"/strategies/{strategy.pk}/{name}", 404, body="{}")
    strategy.refresh_from_db()
    assert (strategy.token_hash, strategy.is_active) == (before, True)


def test_the_same_name_twice_is_refused(alice: Actor) -> None:
    a_strategy(alice.user, "NQ FVG")
    html = sent(alice, "/strategies/", 422, name="NQ FVG", symbol="NQ1!")
    assert "You have a strategy of this name already." in words(html)


def test_a_market_without_defaults_is_refused_in_words(alice: Actor) -> None:
    html = sent(alice, "/strategies/", 422, name="Silver", symbol="SI1!")
    assert "There are no defaults for it yet: buffer" in words(html)
    assert Strategy.objects.count() == 0


def test_a_symbol_that_is_not_traded_is_refused(alice: Actor) -> None:
    html = sent(alice, "/strategies/", 422, name="Pork", symbol="PORK1!")
    assert "PORK1!" in words(html)
    assert Strategy.objects.count() == 0


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            '{"signal_type": "Bullish", "price": 25035.75, "symbol": "NQ1!"}',
            "Understood as: a signal",
        ),
        ("SIGNAL:Bearish:25035.75:85:ALIGNED:FVG:1763130420000", "Understood as: a signal"),
        ('{"signal_type": "Sideways"}', "BAD_DIRECTION"),
        ('{"signal_type": "Bullish", "symbol": "PORK"}', "UNKNOWN_SYMBOL"),
        ("{", "BAD_JSON"),
        ("", "EMPTY_BODY"),
    ],
)
def test_a_payload_is_tried_without_trading(alice: Actor, body: str, said: str) -> None:
    strategy = a_strategy(alice.user)
    assert said in words(sent(alice, f"/strategies/{strategy.pk}/try/", body=body))
    assert strategy.signals.count() == strategy.refusals.count() == 0


def test_who_may_send_is_kept(alice: Actor) -> None:
    strategy = a_strategy(alice.user)
    sent(alice, f"/strategies/{strategy.pk}/senders/", 302, only_tradingview="on")
    strategy.refresh_from_db()
    assert (strategy.is_active, strategy.only_tradingview) == (False, True)


def test_what_a_trader_writes_is_never_markup(alice: Actor) -> None:
    attack = "<script>alert(1)</script>"
    strategy = a_strategy(alice.user, attack)
    signal = a_signal(alice.user, strategy=strategy, alert={"note": attack}, detail=attack)
    trade = a_trade(alice.user, signal=signal, note=attack)
    a_price("20014.00")
    for path in ("/", "/signals/", f"/signals/{trade.key}/", "/strategies/"):
        assert attack not in alice.client.get(path).content.decode(), path


def test_the_theme_is_kept_and_the_trader_stays_where_he_was(alice: Actor) -> None:
    answer = alice.client.post("/desk/preferences/", {"theme": "light", "next": "/signals/"})
    assert answer["Location"] == "/signals/"
    assert 'data-theme="light"' in alice.client.get("/signals/").content.decode()


def test_nobody_is_led_to_another_house(alice: Actor) -> None:
    answer = alice.client.post("/desk/preferences/", {"nav": "open", "next": "//evil.example/"})
    assert answer["Location"] == "/"
