"""An order alert leaves a trace where its trader looks: on Strategies, account by account, and as a notice if it was skipped."""

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from django.test import Client

from apps.brokers.models import Account
from apps.notifications.domain.kinds import ABOUT, Channel, Kind, groups
from apps.notifications.domain.wording import Context, word
from apps.notifications.models import Notice
from apps.signals import services
from apps.signals.models import Strategy
from tests.cast import Actor
from tests.factories import a_signal, a_strategy
from tests.integration.notifications.told import hear
from tests.integration.papertrading.rows import Desk, send, trading

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def desk() -> Iterator[Desk]:
    with trading() as made:
        yield made


def words(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def on_strategies(actor: Actor) -> str:
    return words(actor.client.get("/strategies/").content.decode())


def three_accounts(alice: Actor, desk: Desk) -> tuple[int, str]:
    """Return a strategy and its address: it acts in Alpha, asks in Beta, has no mode in Gamma."""
    strategy, token = services.create_strategy(user=alice.user, name="JADNQ", symbol="NQ1!")
    members = []
    for name, mode in (("Alpha", "automatic"), ("Beta", "approve"), ("Gamma", "")):
        opened = send(alice, "post", "paper-trading/open-account/", {"name": name})
        members.append({"account": opened.json()["id"], "multiplier": "1"})
        if mode:
            body = {"account": opened.json()["id"], "mode": mode}
            send(alice, "put", f"strategies/{strategy.pk}/routes/", body)
    send(alice, "post", "accounts/groups/", {"name": "all", "members": members})
    desk.wait()
    return strategy.pk, f"/webhook/{token}/"


def posted(desk: Desk, url: str, **body: Any) -> None:
    usual = {"symbol": "NQ1!", "action": "buy", "quantity": 1, "account_group": "all"}
    assert Client().post(url, usual | body, content_type="application/json").status_code == 200
    desk.trades("20005.25", "20005.50")


def test_strategies_says_what_became_of_it_in_each_account(alice: Actor, desk: Desk) -> None:
    hear()
    strategy, url = three_accounts(alice, desk)
    assert "none yet" in on_strategies(alice)
    posted(desk, url)
    text = on_strategies(alice)
    assert "none yet" not in text and "order: buy NQ1!" in text
    assert "sent Alpha: Buy 1 NQ, filled." in text
    assert "held Beta: Buy 1 NQ waits for your yes." in text
    why = "The strategy has no mode in this account yet: say approve or automatic."
    assert f"skipped Gamma: {why} Its route into Gamma" in text
    gamma = Account.objects.get(name="Gamma").pk
    page = alice.client.get("/strategies/").content.decode()
    assert f'<a href="/strategies/{strategy}/routes/{gamma}/">' in page
    hear()
    (row,) = Notice.objects.filter(kind=Kind.SKIPPED)
    assert (row.title, row.body) == ("Order alert buy NQ1! skipped in Gamma", why)
    assert row.path == f"/strategies/#s{strategy}"
    posted(desk, url, account_group="nobodys")
    assert "refused You have no group 'nobodys'; make it in Settings." in on_strategies(alice)
    hear()
    last = Notice.objects.filter(kind=Kind.SKIPPED).latest("id")
    assert last.title == "Order alert buy NQ1! reaches no account"
    assert last.body == "You have no group 'nobodys'; make it in Settings."


def test_an_exit_with_nothing_to_close_is_no_notice_but_stands_there(
    alice: Actor, bob: Actor, desk: Desk
) -> None:
    hear()
    _, url = three_accounts(alice, desk)
    posted(desk, url, action="close")
    assert "skipped Gamma: Nothing is held here for this strategy." in on_strategies(alice)
    hear()
    assert not Notice.objects.filter(kind=Kind.SKIPPED).exists()
    a_strategy(bob.user, "His")
    assert "Gamma" not in on_strategies(bob) and "none yet" in on_strategies(bob)


def test_a_strategy_that_reaches_no_account_leads_to_its_routes(alice: Actor) -> None:
    strategy = a_strategy(alice.user, "Alone")
    page = alice.client.get("/strategies/").content.decode()
    assert f'href="/strategies/{strategy.pk}/routes/">send it to one by its routes</a>' in page


def test_a_signal_hides_no_order_alert(alice: Actor, desk: Desk) -> None:
    strategy, url = three_accounts(alice, desk)
    posted(desk, url)
    a_signal(alice.user, strategy=Strategy.objects.get(pk=strategy))
    text = on_strategies(alice)
    assert "Last alert bullish NQ, pending" in text
    assert "Last order alert order: buy NQ1!" in text


def test_the_reason_is_plain_and_what_is_as_wished_is_no_news() -> None:
    skipped = {
        "signal": "s1", "strategy": 3, "account": 1, "reason": "NO_STOP",
        "detail": "bracket: no entry leaves for a broker without its stop; give it one",
    }  # fmt: skip
    told = word("route.skipped", [skipped], Context("Alpha", action="buy", symbol="NQ1!"))
    assert told is not None
    assert told.title == "Order alert buy NQ1! skipped in Alpha"
    assert told.body == "No entry leaves for a broker without its stop; give it one."
    signal = word("route.skipped", [skipped], Context("Alpha"))
    assert signal is not None
    assert (signal.title, signal.path) == ("Signal skipped in Alpha", "/signals/s1/")
    for reason in ("ALREADY", "FLAT", "OBSERVE"):
        quiet = word("route.skipped", [skipped | {"reason": reason}], Context("A", action="buy"))
        assert quiet is None, reason
    assert word("route.skipped", [skipped], Context("A", action="close_long")) is None


def test_skipped_alerts_are_a_kind_to_choose() -> None:
    assert Kind.SKIPPED in groups()["Orders"]
    assert ABOUT[Kind.SKIPPED].usual == {Channel.TOAST, Channel.DISCORD}


def test_signal_lab_says_where_order_alerts_are(alice: Actor) -> None:
    assert "Order alerts (buy, sell, close) are listed under Strategies" in words(
        alice.client.get("/signals/").content.decode()
    )
    a_signal(alice.user)
    assert "what became of them stands under Strategies" in words(
        alice.client.get("/signals/").content.decode()
    )
