"""Live orders: who may let them out, what the kill switch does, what differs at the broker, and the whole way round."""

import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import cache
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone

from apps.brokers import connecting, live, reports
from apps.brokers.domain.abroad import Errand
from apps.brokers.domain.messages import (
    CancelOrder,
    ClosePosition,
    Flatten,
    PlaceOrder,
    ReportBroker,
)
from apps.brokers.domain.order import OrderType, Side
from apps.brokers.domain.ports import FeedChanged, FeedState, NewOrder, TicksArrived
from apps.brokers.gateways import Gateways
from apps.brokers.models import (
    AbroadLine,
    Account,
    BrokerAccount,
    BrokerFill,
    BrokerOrder,
    BrokerPosition,
    Connection,
    Difference,
    Dispatch,
    LiveSwitch,
    Order,
    Position,
)
from apps.brokers.reading import poll
from apps.brokers.reconciling import reconcile
from apps.brokers.store import live_of
from apps.bus import bus, transport
from apps.bus.domain.message import SECOND
from apps.bus.models import FactRow, Inbox
from apps.engine.live import LiveEngine
from apps.marketdata.domain.messages import ContractListed
from apps.marketdata.domain.tick import Quote, Tick, made_id
from apps.trades.services import Refused
from tests.cast import Actor
from tests.integration.brokers.playground import CONTRACT, START, ScriptedSimulator
from tests.integration.brokers.shared import a_connection, desk_market, let_out, with_broker
from tests.integration.users.people import code_of, enter, give_second_factor, somebody
from tests.integration.users.test_strangers import private

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]

SIZES = {"per_order": 2, "per_position": 2, "per_day": 6}


@pytest.fixture(autouse=True)
def _bus() -> Iterator[None]:
    transport.use(transport.MemoryTransport())
    yield
    transport.use(None)


def adopted(user: Any, kind: str, row: Connection | None = None, **fields: Any) -> Account:
    """Return an account that trades at a broker; orders of a demo account are let out."""
    account = Account.objects.create(
        user=user, name="Alpha", kind=kind, start_balance=50_000, balance=50_000
    )
    row = row or a_connection(user)
    remote = BrokerAccount.objects.create(
        user=user, connection=row, remote="1001", name="DEMO1001", account=account, **fields
    )
    remote.created_at = timezone.now() - timedelta(minutes=1)
    remote.save()
    if kind == "demo":
        let_out(account)
    account.refresh_from_db()
    return account


def facts(name: str) -> list[dict[str, Any]]:
    return [row.payload for row in FactRow.objects.filter(name=name).order_by("seq")]


# ---- who may let them out ----


def test_the_page_lets_live_orders_out_after_a_real_second_factor_alone() -> None:
    """From the form through the code of an app and back: nothing is on before, and a wrong code changes nothing."""
    user = somebody()
    secret, _ = give_second_factor(user)
    browser = enter()
    browser.post("/accounts/2fa/authenticate/", {"code": code_of(secret)})
    account = adopted(user, "live")
    form = {"typed": "LIVE Alpha 2", **{name: str(size) for name, size in SIZES.items()}}
    asked = browser.post(f"/live/{account.pk}/switch/", form)["Location"]
    assert asked.startswith("/accounts/2fa/reauthenticate/"), "having come in with it is not enough"
    assert not LiveSwitch.objects.filter(is_on=True).exists()
    browser.post(asked, {"code": "000000"})
    assert not LiveSwitch.objects.filter(is_on=True).exists()
    browser.post(asked, {"code": code_of(secret)}, follow=True)
    switch = LiveSwitch.objects.get()
    assert (switch.is_on, switch.account, switch.per_day) == (True, account, 6)
    assert "LIVE" in browser.get("/").content.decode()


def test_what_was_typed_wrongly_is_said_at_its_field_before_the_factor_is_asked_for() -> None:
    """A typo costs no second factor; and what was right before the proof is looked at again after it."""
    user = somebody()
    secret, _ = give_second_factor(user)
    browser = enter()
    browser.post("/accounts/2fa/authenticate/", {"code": code_of(secret)})
    account = adopted(user, "live")
    path, form = f"/live/{account.pk}/switch/", {name: str(size) for name, size in SIZES.items()}
    for more, words in (
        ({"typed": "live alpha"}, "Type exactly: LIVE Alpha 2."),
        ({"typed": "LIVE Alpha 9", "per_order": "9"}, "9 is more than the 2 of a position"),
        ({"typed": "LIVE Alpha 2", "per_day": "0"}, "greater than or equal to 1"),
    ):
        answer = browser.post(path, form | more)
        assert answer.status_code == 400
        page = answer.content.decode()
        assert words in page and '<span class="problem">' in page
        day = more.get("per_day", "6")
        assert f'id="id_per_day-{account.pk}" name="per_day" value="{day}"' in page
    asked = browser.post(path, form | {"typed": "LIVE Alpha 2"})["Location"]
    assert asked.startswith("/accounts/2fa/reauthenticate/")
    assert b"With your password" not in browser.get(asked).content, (
        "it would lead round in a circle"
    )
    Account.objects.filter(pk=account.pk).update(name="Beta")  # meanwhile it is called otherwise
    page = browser.post(asked, {"code": code_of(secret)}).content.decode()
    assert '<span class="problem">Type exactly: LIVE Beta 2.</span>' in page
    assert not LiveSwitch.objects.exists()


@pytest.mark.parametrize(("opened", "words"), [(5, ""), (6, "used up"), (8, "over the limit")])
def test_the_contracts_of_the_day_say_when_their_limit_is_reached(
    alice: Actor, opened: int, words: str
) -> None:
    account = adopted(alice.user, "demo")
    LiveSwitch.objects.filter(account=account).update(is_on=True, **SIZES)
    Account.objects.filter(pk=account.pk).update(opened_today=opened)
    page = alice.client.get("/live/").content.decode()
    assert f"{opened} of 6" in page
    for one in ("used up", "over the limit"):
        assert (one in page) is (one == words)


def test_what_is_on_the_way_is_drawn_again_for_its_owner_alone(alice: Actor, bob: Actor) -> None:
    account = adopted(alice.user, "demo")
    row = Dispatch.objects.create(
        user=alice.user, key="k1", account=account, order="o1", errand="liquidate", tag="t1", at_ns=1,
        contract=CONTRACT, status=Dispatch.Status.QUEUED, is_exit=True,
    )  # fmt: skip
    path = f"/live/{account.pk}/orders/"
    page = alice.client.get("/live/").content.decode()
    assert f'src="{path}"' in page and "On the way" in page and "Queued" in page
    assert "Queued" in alice.client.get(path).content.decode()
    Dispatch.objects.filter(pk=row.pk).update(status=Dispatch.Status.SENT)
    again = alice.client.get(path).content.decode()
    assert "On the way" not in again and "What was sent lately" in again and "liquidate" in again
    assert "orders leave" in alice.client.get(f"{path}?part=switch").content.decode()
    live.switch_off(account=account)
    off = alice.client.get(f"{path}?part=switch").content.decode()
    assert "off: nothing but exits leaves" in off
    assert bob.client.get(path).status_code == 404
    assert Client().get(path).status_code == 302


def test_a_login_that_is_out_is_said_beside_the_orders_that_wait_for_it(alice: Actor) -> None:
    account = adopted(alice.user, "demo")
    login = account.remote.connection
    path, words = f"/live/{account.pk}/orders/", "Nothing reaches the broker now"
    for state, is_said in (("ok", False), ("displaced", True), ("lost", True), ("ok", False)):
        type(login).objects.filter(pk=login.pk).update(state=state)
        for page in ("/live/", path):
            assert (words in alice.client.get(page).content.decode()) is is_said, (state, page)


def test_a_difference_is_drawn_for_who_looks_at_the_page_already(alice: Actor, bob: Actor) -> None:
    account = adopted(alice.user, "demo")
    path = f"/live/{account.pk}/orders/?part=differences"
    page = alice.client.get("/live/").content.decode()
    assert f'src="{path}"' in page and f"user.{alice.user.pk}.reconciles" in page
    assert "The broker says otherwise" not in alice.client.get(path).content.decode()
    row = Difference.objects.create(
        user=alice.user, account=account, kind="unprotected", subject=CONTRACT,
        words="long 2, no working stop closes it", seen_at=timezone.now(),
    )  # fmt: skip
    assert "no working stop" not in alice.client.get(path).content.decode(), "not told yet"
    Difference.objects.filter(pk=row.pk).update(told_at=timezone.now())
    again = alice.client.get(path).content.decode()
    assert "no working stop closes it" in again and f'id="stop-{row.pk}"' in again
    assert "Place this stop" in again and "Close it at the broker" in again
    assert bob.client.get(path).status_code == 404


def test_live_orders_are_let_out_by_name_size_and_second_factor(alice: Actor) -> None:
    account = adopted(alice.user, "live")
    asked: dict[str, Any] = {"user": alice.user, "account": account, **SIZES}
    for more, reason in (
        ({"typed": "LIVE Alpha 2", "is_proved": False}, "SECOND_FACTOR"),
        ({"typed": "LIVE Alpha 3", "is_proved": True}, "NOT_TYPED"),
        ({"typed": "", "is_proved": True}, "NOT_TYPED"),
        ({"typed": "LIVE Alpha 2", "is_proved": True, "per_position": 1}, "BAD_VALUE"),
        ({"typed": "LIVE Alpha 2", "is_proved": True, "per_day": 0}, "BAD_VALUE"),
    ):
        with pytest.raises(Refused) as refused:
            live.switch_on(**(asked | more))
        assert refused.value.reason == reason
    assert not LiveSwitch.objects.exists()
    live.switch_on(**asked, typed="LIVE Alpha 2", is_proved=True)
    (told,) = facts("live.switched")
    assert (told["is_on"], told["per_order"], told["called"]) == (True, 2, "Alpha")
    assert '"is_on":true' in Inbox.objects.get(kind="account.list").payload
    live.switch_off(account=account)
    assert [one["is_on"] for one in facts("live.switched")] == [True, False]


def test_a_demo_account_s_orders_stay_until_its_owner_lets_them_out_without_a_factor(
    alice: Actor,
) -> None:
    account = adopted(alice.user, "demo")
    account.live_switch.delete()
    account = Account.objects.get(pk=account.pk)
    assert live_of(account) == {}
    shown = alice.client.get("/live/").content.decode()
    assert "off: nothing but exits leaves" in shown and "No rule set binds this account" in shown
    form = {name: str(size) for name, size in SIZES.items()}
    assert alice.client.post(f"/live/{account.pk}/switch/", form).status_code == 302
    kept = live_of(Account.objects.get(pk=account.pk))
    assert kept == {"is_on": True, "automatic": False, **SIZES}


def test_nothing_leaves_a_paper_account_or_one_without_a_broker(alice: Actor) -> None:
    for kind, reason in (("paper", "PAPER"), ("live", "NOT_CONNECTED")):
        account = Account.objects.create(
            user=alice.user, name=kind, kind=kind, start_balance=1, balance=1
        )
        with pytest.raises(Refused) as refused:
            live.switch_on(user=alice.user, account=account, typed="", is_proved=True, **SIZES)
        assert refused.value.reason == reason


def test_the_page_asks_for_a_second_factor_and_is_nobody_else_s(alice: Actor, bob: Actor) -> None:
    account = adopted(alice.user, "live")
    form = {**SIZES, "typed": "LIVE Alpha 2"}
    assert "LIVE Alpha" in alice.client.get("/live/").content.decode()
    answer = alice.client.post(f"/live/{account.pk}/switch/", form)
    assert answer.status_code == 302 and not LiveSwitch.objects.exists()
    difference = Difference.objects.create(
        user=alice.user, account=account, kind="orphan", subject="1", words="w", seen_at=timezone.now()
    )  # fmt: skip
    for path in (f"/live/{account.pk}/switch/", f"/live/{account.pk}/off/"):
        assert bob.client.post(path, form).status_code == 404
    assert bob.client.post(f"/live/differences/{difference.pk}/repair/").status_code == 404
    assert "Alpha" not in bob.client.get("/live/").content.decode()
    assert alice.client.post(f"/live/{account.pk}/off/").status_code == 302
    assert LiveSwitch.objects.get().is_on is False


@pytest.mark.parametrize(("remote", "buttons"), [("9", ["ours", "forget"]), ("", ["forget"])])
def test_what_nobody_can_tell_is_settled_on_the_page(
    alice: Actor, bob: Actor, remote: str, buttons: list[str]
) -> None:
    account = adopted(alice.user, "demo")
    row = Dispatch.objects.create(
        user=alice.user, account=account, key="k", errand=Errand.PLACE, tag="th1", at_ns=1,
        contract=CONTRACT, status=Dispatch.Status.UNKNOWN, payload={"undecided": True},
    )  # fmt: skip
    difference = Difference.objects.create(
        user=alice.user, account=account, kind="undecided", subject="th1", words="nobody knows",
        seen_at=timezone.now(), told_at=timezone.now(), detail={"remote": remote},
    )  # fmt: skip
    page = alice.client.get("/live/").content.decode()
    assert re.findall(r'name="how" value="(\w+)"', page) == buttons
    path = f"/live/differences/{difference.pk}/repair/"
    assert bob.client.post(path, {"how": buttons[0]}).status_code == 404
    alice.client.post(path, {"how": buttons[0]})
    row.refresh_from_db()
    assert row.status == ("sent" if remote else "not_sent")


def test_live_is_said_on_every_page_while_it_is_on(alice: Actor) -> None:
    account = adopted(alice.user, "live")
    said = "orders are on for"
    assert said not in alice.client.get("/health/").content.decode()
    live.switch_on(user=alice.user, account=account, typed="LIVE Alpha 2", is_proved=True, **SIZES)
    seen = 0
    for path in (*private(), "/api/docs/", "/nothing/"):
        if path.startswith("/api/") and path != "/api/docs/":
            continue
        answer = alice.client.get(path, follow=True)
        text = b"".join(answer).decode() if answer.streaming else answer.content.decode()
        if "<body" not in text:  # a region, a chart's figures: parts of a page that says it
            continue
        assert said in text, path
        assert "Alpha" in text, path
        seen += 1
    assert seen > 30


def test_a_page_that_breaks_says_live_too_unless_it_cannot_know(alice: Actor, bob: Actor) -> None:
    account = adopted(alice.user, "live")
    live.switch_on(user=alice.user, account=account, typed="LIVE Alpha 2", is_proved=True, **SIZES)
    alice.client.raise_request_exception = bob.client.raise_request_exception = False
    with broken("signals_signal"):
        answer = alice.client.get("/signals/")
        assert (answer.status_code, b"orders are on for Alpha" in answer.content) == (500, True)
        theirs = bob.client.get("/signals/")
        assert (theirs.status_code, b"LIVE" in theirs.content) == (500, False)
    with broken("brokers_liveswitch"):
        answer = alice.client.get("/signals/")
        assert (answer.status_code, b"LIVE" in answer.content) == (500, False)
        assert b"Something broke on this page" in answer.content


@contextmanager
def broken(table: str) -> Iterator[None]:
    """Let nobody read a table."""

    def refuse(execute: Any, sql: str, *more: Any) -> Any:
        if f'"{table}"' in sql:
            raise OperationalError("the disk is gone")
        return execute(sql, *more)

    with connection.execute_wrapper(refuse):
        yield


# ---- the kill switch ----


def test_the_kill_switch_goes_to_the_broker_without_the_engine(
    alice: Actor, bob: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "ANSWER_S", 0.0)
    account = adopted(alice.user, "live")
    others = adopted(bob.user, "live")
    for owner in (account, others):
        LiveSwitch.objects.create(user=owner.user, account=owner, is_on=True)
        BrokerPosition.objects.create(
            user=owner.user, account=owner.remote, contract=CONTRACT, net=2, at_ns=1
        )
    path = "/api/risk/kill-switch/"
    answer = alice.client.post(
        path, {}, content_type="application/json", headers={"idempotency-key": "k"}
    )
    assert answer.status_code == 200, answer.content
    assert answer.json()["sent_directly"] == 1 and not answer.json()["engine_answered"]
    again = alice.client.post(
        path, {}, content_type="application/json", headers={"idempotency-key": "k"}
    )
    assert again.status_code == 200
    (row,) = Dispatch.objects.all()
    assert (row.errand, row.account, row.contract) == (Errand.LIQUIDATE, account, CONTRACT)
    assert dict(LiveSwitch.objects.values_list("account_id", "is_on")) == {
        account.pk: False, others.pk: True,
    }  # fmt: skip
    assert [one["called"] for one in facts("live.killed")] == ["Alpha"]


def test_the_kill_switch_names_the_accounts_that_it_cannot_reach(
    alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "ANSWER_S", 0.0)
    account = adopted(alice.user, "live")
    Connection.objects.update(is_on=False)
    (named,) = alice.client.post("/api/risk/kill-switch/", {}).json()["unreachable"]
    assert (named["account"], named["called"], named["login"]) == (account.pk, "Alpha", "Mine")
    page = alice.client.post("/live/kill/", {}, follow=True).content.decode()
    assert "Nothing can reach Alpha now" in page


def test_a_login_is_not_switched_off_while_something_is_open_through_it(alice: Actor) -> None:
    account = adopted(alice.user, "demo")
    row = account.remote.connection
    held = BrokerPosition.objects.create(
        user=alice.user, account=account.remote, contract=CONTRACT, net=2, at_ns=1
    )
    with pytest.raises(Refused, match="close it first"):
        connecting.switch(connection=row, on=False)
    assert Connection.objects.get().is_on
    held.net = 0
    held.save()
    assert not connecting.switch(connection=row, on=False).is_on


def test_nobody_kills_without_a_name(client: Any) -> None:
    assert client.post("/api/risk/kill-switch/", {}).status_code in (401, 403)
    assert client.get("/live/").status_code == 302


# ---- where both sides differ ----


def test_a_difference_is_told_once_it_has_stood_and_once_when_it_is_gone(alice: Actor) -> None:
    account = adopted(alice.user, "demo")
    position = BrokerPosition.objects.create(
        user=alice.user, account=account.remote, contract=CONTRACT, net=2, at_ns=1
    )
    now = timezone.now()
    for seconds in (0, 3):
        reconcile(account.remote, now + timedelta(seconds=seconds))
    assert facts("reconcile.differs") == [] == facts("position.unprotected")
    for seconds in (11, 20):
        reconcile(account.remote, now + timedelta(seconds=seconds))
    assert [one["kind"] for one in facts("reconcile.differs")] == ["position"]
    (alarm,) = facts("position.unprotected")
    assert "long 2" in alarm["words"]
    position.net = 0
    position.save()
    reconcile(account.remote, now + timedelta(seconds=30))
    assert len(facts("reconcile.agrees")) == 2
    assert not Difference.objects.filter(gone_at__isnull=True).exists()


def test_a_stop_that_works_at_the_broker_is_no_alarm_and_one_of_nobody_s_is_an_orphan(
    alice: Actor,
) -> None:
    account = adopted(alice.user, "demo")
    usual = {"user": alice.user, "account": account.remote, "contract": CONTRACT, "at_ns": 1}
    BrokerPosition.objects.create(net=2, **usual)
    BrokerOrder.objects.create(
        remote="9", side="sell", type="stop", tif="gtc", status="working", quantity=2, **usual
    )
    found = {one.kind: one for one in reconcile(account.remote)}
    assert set(found) == {"position", "orphan"}
    live.repair(user=alice.user, difference=found["orphan"], how="cancel")
    live.repair(user=alice.user, difference=found["position"], how="close")
    sent = Dispatch.objects.order_by("id").values_list("errand", "is_exit")
    assert list(sent) == [(Errand.CANCEL, True), (Errand.LIQUIDATE, True)]
    with pytest.raises(Refused):
        live.repair(user=alice.user, difference=found["orphan"], how="take_over")


@pytest.mark.parametrize(("told", "booked"), [("20001.25", "20001.25"), ("20123.37", "20123.25")])
def test_a_fill_between_two_ticks_is_booked_at_the_nearest(
    alice: Actor, told: str, booked: str
) -> None:
    account = adopted(alice.user, "demo")
    BrokerFill.objects.create(
        user=alice.user, account=account.remote, remote="f1", contract=CONTRACT, side="sell",
        quantity=1, price=Decimal(told), at_ns=START, trade_date=timezone.now().date(), source="poll",
    )  # fmt: skip
    BrokerFill.objects.update(seen_at=timezone.now() + timedelta(seconds=-4))
    Account.objects.update(created_at=timezone.now() - timedelta(minutes=1))
    assert reports.sweep(BrokerAccount.objects.get()) == 1
    assert json.loads(Inbox.objects.get().payload)["price"] == booked


def test_a_stop_is_placed_for_the_strategy_whose_position_has_none(alice: Actor) -> None:
    account = adopted(alice.user, "demo")
    mine = {"user": alice.user, "account": account, "contract": CONTRACT, "root": "NQ"}
    for place, size in ((0, 1), (5, 2), (6, 1)):
        Position.objects.create(
            key=f"p{place}", place=place, sign=1, size=size, most=size, entered=size, entered_paid=0,
            high=1, low=1, opened_at=timezone.now(), opened_ns=START, **mine,
        )  # fmt: skip
    for place in (5, 6):
        Order.objects.create(
            key=f"s{place}", side="sell", type="stop", role="stop", status="working", quantity=1,
            place=place, at=timezone.now(), at_ns=START, **mine,
        )  # fmt: skip
    assert live.places_without_stop(account, CONTRACT, "sell") == [(0, 1), (5, 1)]
    assert live.places_without_stop(account, CONTRACT, "buy") == []


# ---- the whole way round ----


class Desk:
    """The engine, the gateways and the reader of one demo account at the simulator."""

    def __init__(self, alice: Actor, market: ScriptedSimulator) -> None:
        self.market, self.user = market, alice.user
        self.row = a_connection(alice.user)
        self.account = adopted(alice.user, "demo", self.row)
        self.engine = LiveEngine([ContractListed(CONTRACT, "NQ")])
        self.engine.load()
        board = market.streams.board(CONTRACT)
        self.last, self.at = board.last.price, START + 3600 * SECOND
        self.price(self.last)
        self.engine.put(FeedChanged(FeedState.LIVE, "", self.at, 1))
        self.step()

    def step(self) -> None:
        """Let the engine take in all that waits."""
        for _ in range(3):
            self.engine._inbox_seen = 0.0
            self.engine.step(timeout=0)
            while not self.engine.queue.empty():
                self.engine.step(timeout=0)

    def price(self, price: int) -> None:
        """Let the desk hear a price."""
        self.at += SECOND
        tick = Tick(self.at, price, 1, made_id(self.at, 1), Quote(price, 9, price + 1, 9))
        self.engine.put(TicksArrived(CONTRACT, (tick,), True))
        self.step()

    def round(self) -> None:
        """Send what is to be sent, read the broker whole, and let the engine hear of it."""

        async def send() -> None:
            gateways = Gateways()
            try:
                await gateways.step()
                await gateways.settled()
            finally:
                await gateways.stop()

        asyncio.run(send())
        cache.clear()  # a minute of calls is over: the broker's limit is not what is tried here
        assert poll(self.row.pk) is not None
        self.step()

    def wish(self, kind: Any, **asked: Any) -> None:
        """Ask the engine for something."""
        given = {"id": f"w{Inbox.objects.count()}", "user": self.user.pk, **asked}
        bus.submit(kind(**given), user=self.user.pk, source="test")
        self.step()

    def wish_of_broker(self, **said: Any) -> None:
        """Let the engine hear what a broker says."""
        told = ReportBroker(account=self.account.pk, **said)
        bus.submit(told, user=self.user.pk, source="test")
        self.step()


@pytest.fixture
def desk(alice: Actor) -> Iterator[Desk]:
    with desk_market() as market:
        market.streams.board(CONTRACT)
        market.run(market.move(5))
        made = Desk(alice, market)
        yield made
        made.engine._only.release()


def test_what_our_own_order_trades_is_no_history_however_soon_it_comes(desk: Desk) -> None:
    """What an account's first snapshot brings was traded before; an order of this desk was not."""
    BrokerAccount.objects.update(created_at=timezone.now())
    desk.wish(
        PlaceOrder, account=desk.account.pk, symbol=CONTRACT, side="buy", type="market", quantity=1,
        bracket={"stop": f"{(desk.last - 400) / 4:.2f}"}, confirmed=True,
    )  # fmt: skip
    desk.round()
    desk.round()
    assert Position.objects.get().size == 1


def test_an_order_goes_to_the_broker_and_comes_back_as_a_position_with_its_stop(desk: Desk) -> None:
    stop = f"{(desk.last - 400) / 4:.2f}"
    desk.wish(
        PlaceOrder, account=desk.account.pk, symbol=CONTRACT, side="buy", type="market", quantity=2,
        bracket={"stop": stop, "targets": [{"r": "3", "quantity": 1}]}, confirmed=True,
    )  # fmt: skip
    assert Dispatch.objects.count() == 2, facts("command.refused")
    desk.round()
    desk.round()
    (position,) = Position.objects.all()
    assert (position.size, position.closed_at) == (2, None)
    stops = Order.objects.get(role="stop")
    assert (stops.status, stops.quantity, stops.stop) == ("working", 2, Decimal(stop))
    assert reconcile(desk.account.remote) == []
    # the desk dies and comes back: nothing is sent again
    desk.engine._only.release()
    desk.engine = LiveEngine([ContractListed(CONTRACT, "NQ")])
    desk.engine.load()
    desk.engine.put(FeedChanged(FeedState.LIVE, "", desk.at, 1))
    desk.step()
    sent = Dispatch.objects.count()
    desk.round()
    assert Dispatch.objects.count() == sent
    # out: stops and targets make room, then the market order goes
    services_id = {"account": desk.account.pk, "contract": CONTRACT}

    desk.wish(ClosePosition, **services_id)
    for _ in range(4):
        desk.round()
    position.refresh_from_db()
    assert position.closed_at is not None
    assert (
        not AbroadLine.objects.exists() and not Order.objects.filter(ended_at__isnull=True).exists()
    )
    assert reconcile(desk.account.remote) == []
    assert BrokerPosition.objects.get().net == 0


def test_a_hand_trade_in_a_contract_that_the_desk_does_not_follow_leaves_the_engine_alive(
    desk: Desk,
) -> None:
    followed: list[tuple[str, ...]] = []
    desk.engine._on_roll = followed.append
    said = ReportBroker(
        account=desk.account.pk, what="fill", at=desk.at, fill="h1", contract="ESZ5", side="buy",
        quantity=1, price="6000.25",
    )  # fmt: skip
    bus.submit(said, user=desk.user.pk, source="gateway", key="h1")
    desk.step()
    (position,) = Position.objects.all()
    assert (position.contract, position.size) == ("ESZ5", 1)
    assert followed == [("ESZ5", CONTRACT)]
    assert not Inbox.objects.filter(handled=False).exists()
    desk.engine._only.release()
    desk.engine = LiveEngine([ContractListed(CONTRACT, "NQ")])
    desk.engine.load()
    desk.engine.put(FeedChanged(FeedState.LIVE, "", desk.at, 1))
    tick = Tick(desk.at, 24_000, 1, made_id(desk.at, 1), Quote(24_000, 9, 24_001, 9))
    desk.engine.put(TicksArrived("ESZ5", (tick,), True))
    desk.price(desk.last)
    assert desk.engine.engine.contracts() == {"ESZ5"}
    assert desk.engine.engine.market.tapes["ESZ5"].last == 24_000


def test_whoever_wants_out_at_a_broker_waits_for_no_feed(desk: Desk) -> None:
    far = f"{(desk.last - 800) / 4:.2f}"
    bracket = {"stop": f"{(desk.last - 1200) / 4:.2f}"}
    limit = {"type": "limit", "limit": far, "tif": "gtc", "quantity": 1, "bracket": bracket}
    desk.wish(
        PlaceOrder, account=desk.account.pk, symbol=CONTRACT, side="buy", confirmed=True, **limit
    )
    entry = Order.objects.get(role="entry")
    traded = {"what": "fill", "fill": "h1", "contract": CONTRACT, "side": "buy", "quantity": 1}
    desk.engine.put(FeedChanged(FeedState.LOST, "", desk.at, 1))
    desk.wish_of_broker(price=far, at=desk.at, **traded)
    desk.wish(CancelOrder, order=entry.key)
    desk.wish(ClosePosition, account=desk.account.pk, contract=CONTRACT)
    sent = Dispatch.objects.order_by("id").values_list("errand", "is_exit")
    assert list(sent) == [(Errand.PLACE, False), (Errand.CANCEL, True), (Errand.PLACE, True)]
    # what enters waits for the market
    desk.wish(
        PlaceOrder, account=desk.account.pk, symbol=CONTRACT, side="buy", confirmed=True, **limit
    )
    desk.wish(ClosePosition, account=desk.account.pk, contract=CONTRACT, reverse=True)
    assert Inbox.objects.filter(handled=False).count() == 2


@pytest.mark.parametrize("press", ["kill", "flatten", "close"])
@pytest.mark.parametrize("seconds", [100, 600])
def test_a_press_that_waited_for_the_engine_too_long_finds_no_later_position(
    desk: Desk, press: str, seconds: int
) -> None:
    """The engine was away, he got out in the broker's own program and trades on: his press is not carried out on that."""
    traded = {"what": "fill", "contract": CONTRACT, "price": f"{desk.last / 4:.2f}", "at": desk.at}
    desk.wish_of_broker(fill="h1", side="buy", quantity=1, **traded)
    BrokerPosition.objects.create(
        user=desk.user, account=desk.account.remote, contract=CONTRACT, net=2, at_ns=1
    )
    account = desk.account.pk
    wish = {
        "kill": Flatten(id="p", user=desk.user.pk, is_kill=True),
        "flatten": Flatten(id="p", user=desk.user.pk, account=account),
        "close": ClosePosition(id="p", user=desk.user.pk, account=account, contract=CONTRACT),
    }[press]
    row = bus.submit(wish, user=desk.user.pk, source="page")
    pressed = timezone.now() - timedelta(seconds=seconds)
    Inbox.objects.filter(pk=row).update(received_at=pressed)
    desk.step()
    assert Inbox.objects.get(pk=row).handled
    is_late = seconds > 130
    assert Dispatch.objects.filter(errand__in=(Errand.LIQUIDATE, Errand.PLACE)).count() == (
        0 if is_late else 1
    )
    alarms = facts("exit.not_sent")
    assert len(alarms) == is_late
    if is_late:
        assert alarms[0]["called"] == "Alpha" and "10 minutes" in alarms[0]["words"]
        assert f"long 2 is open in {CONTRACT}" in alarms[0]["words"]


def test_what_is_bought_in_the_broker_s_program_is_booked_and_alarmed(desk: Desk) -> None:

    bought = NewOrder("1001", CONTRACT, Side.BUY, OrderType.MARKET, 1, tag="elsewhere")
    asyncio.run(with_broker(desk.row, lambda broker: broker.place(bought)))
    desk.round()
    (position,) = Position.objects.all()
    assert (position.size, position.place) == (1, 0)
    assert [one.kind for one in reconcile(desk.account.remote)] == ["unprotected"]
    desk.wish(
        PlaceOrder, account=desk.account.pk, symbol=CONTRACT, side="sell", type="stop", quantity=1,
        stop=f"{(desk.last - 400) / 4:.2f}", tif="gtc", confirmed=True,
    )  # fmt: skip
    desk.round()
    assert reconcile(desk.account.remote) == []


def test_what_only_the_broker_knows_of_is_liquidated_though_the_engine_answers(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "ANSWER_S", 0.0)
    assert live.kill(user=desk.user, key="k")["sent_directly"] == 0
    desk.step()
    usual = {"user": desk.user, "account": desk.account.remote, "contract": CONTRACT, "at_ns": 1}
    BrokerOrder.objects.create(
        remote="9", side="sell", type="stop", tif="gtc", status="working", quantity=2, **usual
    )
    done = live.kill(user=desk.user, key="k")
    assert (done["engine_answered"], done["sent_directly"], done["unreachable"]) == (True, 1, [])
    (row,) = Dispatch.objects.all()
    assert (row.errand, row.contract, row.is_exit) == (Errand.LIQUIDATE, CONTRACT, True)
    assert live.kill(user=desk.user, key="k")["sent_directly"] == 0  # it is on its way
    assert Dispatch.objects.count() == 1


def test_two_presses_are_two_though_their_keys_begin_alike(
    alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "ANSWER_S", 0.0)
    for number in (1, 2, 2):
        live.kill(user=alice.user, key=f"{'k' * 79}{number}")
    asked = [json.loads(row.payload)["id"] for row in Inbox.objects.filter(kind="account.flatten")]
    assert len(set(asked)) == len(asked) == 2


def test_an_exit_that_lay_while_a_person_closed_a_part_ends_flat_on_both_sides(desk: Desk) -> None:
    desk.wish(
        PlaceOrder, account=desk.account.pk, symbol=CONTRACT, side="buy", type="market", quantity=2,
        bracket={"stop": f"{(desk.last - 400) / 4:.2f}", "targets": []}, confirmed=True,
    )  # fmt: skip
    for _ in range(2):
        desk.round()
    assert [one.net for one in BrokerPosition.objects.all()] == [2], facts("command.refused")
    desk.wish(ClosePosition, account=desk.account.pk, contract=CONTRACT)
    desk.round()  # its stop makes room
    lay = Dispatch.objects.filter(status=Dispatch.Status.QUEUED)
    assert lay.update(created_at=timezone.now() - timedelta(minutes=1)) == 1
    by_hand = NewOrder("1001", CONTRACT, Side.SELL, OrderType.MARKET, 1, tag="elsewhere")
    asyncio.run(with_broker(desk.row, lambda broker: broker.place(by_hand)))
    for _ in range(3):
        desk.round()  # what the engine asks for before it hears of the person is looked at, too
        Dispatch.objects.update(next_at=None)
    Dispatch.objects.update(done_at=timezone.now() - timedelta(seconds=10))
    for _ in range(2):
        desk.round()
    assert BrokerPosition.objects.get().net == 0
    assert not Position.objects.filter(closed_at__isnull=True).exists()
    assert not AbroadLine.objects.exists()
    assert not Order.objects.filter(ended_at__isnull=True).exists()
    assert reconcile(desk.account.remote) == []
