"""My Recorders and a strategy's page: what they tell, what they ask, and that they are one's own."""

import re
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.brokers.models import BrokerFill, BrokerOrder
from apps.bus import transport
from apps.recorder import clock, deciding
from apps.recorder.models import RecordedPosition, Recorder, RecorderLog
from apps.recorder.services import settle
from tests.cast import Actor
from tests.factories import a_price, a_strategy, at

from .rows import BEGAN, a_broker_account, a_fill, a_recorder, an_order, recorded

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _market() -> Any:
    transport.use(transport.MemoryTransport())
    transport.set_market_time(BEGAN, True)
    a_price("20025.00", contract="NQZ5")
    yield
    transport.use(None)


@pytest.fixture
def traded(alice: Actor) -> Recorder:
    """Alice's recorder, which made $196 and holds one contract."""
    account = a_broker_account(alice.user)
    recorder = a_recorder(alice.user, account)
    a_fill(account, 1, "20000.00", 1)
    a_fill(account, -1, "20010.00", 2)
    a_fill(account, 1, "20020.00", 3)
    settle(account=account)
    return recorder


def page(actor: Actor, path: str, status: int = 200) -> str:
    answer = actor.client.get(path)
    assert answer.status_code == status, answer.content[:500]
    return answer.content.decode()


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split()).replace(" ,", ",")


def test_the_list_tells_state_open_today_and_the_last_event(alice: Actor, traded: Recorder) -> None:
    a_strategy(alice.user, "Alerts only")
    shown = page(alice, "/recorders/")
    for words in (
        "NQ Fade",
        "recording",
        "DEMO1001",
        "LONG 1",
        "+$100.00",
        "+$196.00",
        "100",
        "Alerts only",
        "no recorder",
    ):
        assert words in shown, words
    assert "Opened long 1 NQZ5 at 20,020.00." in shown


def test_what_is_held_stands_at_its_own_price_once_the_first_contract_is_gone(
    alice: Actor, traded: Recorder
) -> None:
    """Open is what is left of one bought at 20,020.00 and one at 20,026.00: the second, as the open P&L counts it."""
    assert traded.account is not None
    a_fill(traded.account, 1, "20026.00", 4)
    a_fill(traded.account, -1, "20021.00", 5)
    settle(account=traded.account)
    shown = words(page(alice, f"/recorders/{traded.strategy_id}/region/now/"))
    assert "LONG 1 NQZ5 at 20,026.00, now" in shown, shown


def test_a_strategys_page_has_figures_calendar_fills_and_log(
    alice: Actor, traded: Recorder
) -> None:
    shown = page(alice, f"/recorders/{traded.strategy_id}/")
    for words in (
        "Profit factor",
        "December 2025",
        "the only recorder",
        "+$196.00",
        "Closed 1 long NQZ5",
        "20,010.00",
        f"th{traded.strategy_id}",
    ):
        assert words in shown, words
    curve = alice.client.get(f"/recorders/{traded.strategy_id}/curve/").json()
    assert (curve["days"], curve["equity"]) == (["2025-12-02"], ["196.00"])
    assert "Nothing ended on this day" in page(
        alice, f"/recorders/{traded.strategy_id}/?day=2025-12-01"
    )


def test_a_recorder_is_made_changed_started_stopped_copied_and_reset(alice: Actor) -> None:
    account = a_broker_account(alice.user)
    given = {
        "name": "ES Fade", "symbol": "ES1!", "account": account.pk, "root": "MES", "size": "2",
        "position_add": "0", "trim": "0", "unit": "points", "stop_loss": "5", "take_profit": "",
        "ways": "both",
    }  # fmt: skip
    answer = alice.client.post("/recorders/new/", given)
    assert "/webhook/" in answer.content.decode()
    recorder = Recorder.objects.get()
    assert (recorder.root, recorder.size, recorder.is_recording) == ("MES", 2, False)
    base = f"/recorders/{recorder.strategy_id}/"
    assert "Record ES Fade in DEMO1001?" in page(alice, f"{base}start/")
    alice.client.post(f"{base}start/", {"since": "day"})
    recorder.refresh_from_db()
    assert recorder.is_recording
    assert recorder.spans.get().started_ns < BEGAN
    assert alice.client.post(f"{base}change/", given | {"size": "0"}).status_code == 422
    assert alice.client.post(f"{base}change/", given | {"size": "3"}).status_code == 302
    alice.client.post(f"{base}stop/")
    alice.client.post(f"{base}clone/")
    recorder.refresh_from_db()
    assert (recorder.size, recorder.is_recording, Recorder.objects.count()) == (3, False, 2)
    alice.client.post(f"{base}reset/")
    assert "Take the reset back" in page(alice, base)
    alice.client.post(f"{base}undo-reset/")
    assert "Take the reset back" not in page(alice, base)


def test_a_name_that_is_taken_is_said_at_its_field(alice: Actor, traded: Recorder) -> None:
    given = {
        "name": "NQ Fade",
        "symbol": "NQ1!",
        "size": "1",
        "position_add": "0",
        "trim": "0",
        "unit": "ticks",
        "ways": "both",
    }
    answer = alice.client.post("/recorders/new/", given)
    assert answer.status_code == 422
    assert "You have a strategy named NQ Fade already." in answer.content.decode()


def test_a_fill_of_two_is_settled_and_taken_back_on_the_page(alice: Actor) -> None:
    account = a_broker_account(alice.user)
    first = a_recorder(alice.user, account)
    a_recorder(alice.user, account, "NQ FVG")
    fill = a_fill(account, 1, "20000.00", 1)
    settle(account=account)
    base = f"/recorders/{first.strategy_id}/"
    shown = page(alice, base)
    assert "Whose fills are these?" in shown
    assert "NQ Fade or NQ FVG" in shown
    alice.client.post(f"{base}fills/{fill.pk}/", {"whose": ""})
    assert recorded(account) == []
    alice.client.post(f"{base}fills/{fill.pk}/", {"whose": str(first.strategy_id)})
    assert [row[0] for row in recorded(account)] == ["NQ Fade"]
    assert "settled by hand" in page(alice, base)
    alice.client.post(f"{base}fills/{fill.pk}/", {"whose": "undo"})
    assert recorded(account) == []


def test_a_contract_without_a_value_is_shown_as_such(alice: Actor) -> None:
    account = a_broker_account(alice.user)
    recorder = a_recorder(alice.user, account)
    for signed, price, minute in ((1, "100.00", 1), (-1, "101.00", 2)):
        a_fill(account, signed, price, minute, contract="XYZZ5", order="")
    settle(account=account)
    assert not RecordedPosition.objects.exists()
    page(alice, f"/recorders/{recorder.strategy_id}/")


def test_pages_are_ones_own(alice: Actor, bob: Actor, traded: Recorder) -> None:
    base = f"/recorders/{traded.strategy_id}/"
    for path in (
        "",
        "curve/",
        "region/now/",
        "region/log/",
        "region/figures/",
        "region/positions/",
        "change/",
        "start/",
        "reset/",
    ):
        assert bob.client.get(base + path).status_code == 404, path
        assert Client().get(base + path).status_code == 302, path
    for path in ("stop/", "clone/", "reset/", "fills/1/"):
        assert bob.client.post(base + path).status_code == 404, path
        assert Client().post(base + path).status_code == 302, path
    assert "NQ Fade" not in page(bob, "/recorders/")
    traded.refresh_from_db()
    assert traded.is_recording


def test_pages_cost_the_same_however_much_there_is(alice: Actor, traded: Recorder) -> None:
    assert traded.account is not None

    def cost(path: str) -> int:
        alice.client.get(path)
        with CaptureQueriesContext(connection) as queries:
            page(alice, path)
        return len(queries)

    paths = (
        "/recorders/",
        "/recorders/list/",
        f"/recorders/{traded.strategy_id}/",
        "/api/strategies/",
    )
    few = [cost(path) for path in paths]
    for number in range(3):
        a_recorder(alice.user, traded.account, f"More {number}", root="MNQ")
    for number in range(10):
        a_fill(traded.account, 1 if number % 2 else -1, "20000.00", 10 + number)
    settle(account=traded.account)
    assert [cost(path) for path in paths] == few


def test_many_fills_to_settle_are_counted_and_listed_page_by_page(alice: Actor) -> None:
    account = a_broker_account(alice.user)
    first = a_recorder(alice.user, account)
    a_recorder(alice.user, account, "NQ FVG")
    other = a_recorder(alice.user, a_broker_account(alice.user, "DEMO1002"), "Alone")
    for number in range(26):
        a_fill(account, 1 if number % 2 else -1, "20000.00", number)
    settle(account=account)
    path = f"/recorders/{first.strategy_id}/"
    page = alice.client.get(path).content.decode()
    assert "26 fills to settle" in page and page.count(">neither<") == 25
    assert alice.client.get(f"{path}?undecided=2").content.decode().count(">neither<") == 1
    assert b"to settle" not in alice.client.get(f"/recorders/{other.strategy_id}/").content
    with CaptureQueriesContext(connection) as asked:
        listed = alice.client.get("/recorders/").content.decode()
    assert listed.count("26 fills to settle") == 2
    assert not [one for one in asked if '"recorder_recordedfill"."note"' in one["sql"]]


def test_what_is_open_is_shown_as_it_stands_apart_from_what_is_booked(alice: Actor) -> None:
    """Long 2 from 20,000.00 with a stop of 10 points; one sold at 20,010.00, the price is 20,025.00."""
    account = a_broker_account(alice.user)
    recorder = a_recorder(alice.user, account, stop_loss=Decimal(40))
    a_fill(account, 2, "20000.00", 1)
    a_fill(account, -1, "20010.00", 2)
    settle(account=account)
    row = RecordedPosition.objects.get()
    assert row.realized is not None and row.risk is not None
    booked = row.realized - row.fees
    shown = words(page(alice, f"/recorders/{recorder.strategy_id}/region/positions/"))
    assert f"+${booked + 500:,.2f} open; booked +${booked:,.2f}" in shown, shown
    assert f"+{(booked + 500) / row.risk:.2f} R open" in shown, shown


# ---- what protects a position ----


def test_a_plans_stop_is_not_shown_as_one_that_works(alice: Actor) -> None:
    account = a_broker_account(alice.user)
    recorder = a_recorder(alice.user, account, stop_loss=Decimal(40))
    fill = a_fill(account, 2, "20000.00", 1)
    settle(account=account)
    path = f"/recorders/{recorder.strategy_id}/region/now/"
    shown = words(page(alice, path))
    assert "no stop at the broker planned stop 19,990.00" in shown
    assert "no stop" in page(alice, "/recorders/")
    stop = an_order(
        account, "s1", "stop", side="sell", status="working", quantity=1, stop=Decimal("19985.00")
    )
    assert "stop 19,985.00 at the broker, not for 1 of 2 planned" in words(page(alice, path))
    BrokerOrder.objects.filter(pk=stop.pk).update(quantity=2, parent=fill.order)
    shown = words(page(alice, path))
    assert "stop 19,985.00 at the broker" in shown
    assert "planned" not in shown and "not for" not in shown  # its first stop was an order
    for gone in ("suspended", "cancelled", "filled"):
        BrokerOrder.objects.update(status=gone)
        assert "no stop at the broker" in page(alice, path), gone


def test_another_strategys_stop_protects_nothing_here(alice: Actor) -> None:
    account = a_broker_account(alice.user)
    first = a_recorder(alice.user, account)
    second = a_recorder(alice.user, account, "NQ FVG")
    for recorder, order in ((first, "e1"), (second, "e2")):
        an_order(account, order, tag=f"th{recorder.strategy_id}-1")
        a_fill(account, 1, "20000.00", 1, order=order)
    settle(account=account)
    usual = {"side": "sell", "status": "working", "quantity": 1, "stop": Decimal("19985.00")}
    an_order(account, "s1", "stop", tag=f"th{second.strategy_id}-2", **usual)
    an_order(account, "s2", "stop", **usual)  # it names nobody, and two hold the contract

    def now(recorder: Recorder) -> str:
        return page(alice, f"/recorders/{recorder.strategy_id}/region/now/")

    assert "no stop at the broker" in now(first)
    assert "stop 19,985.00 at the broker" in now(second)


# ---- one truth on one page ----


def test_every_figure_of_the_page_is_drawn_again_with_the_same_facts(
    alice: Actor, traded: Recorder
) -> None:
    assert traded.account is not None
    base = f"/recorders/{traded.strategy_id}/"
    topic = f"user.{alice.user.pk}.recorders"
    html = page(alice, base)
    for name in ("now", "undecided", "figures", "curve", "calendar", "positions", "log"):
        region = re.search(rf'<live-region[^>]*src="{base}region/{name}/"[^>]*>', html)
        assert region and topic in region[0], name
    assert 'follows="figures"' in html  # the curve is read again when they change
    a_fill(traded.account, -1, "20030.00", 4)
    settle(account=traded.account)
    assert "+$392.00" in words(page(alice, f"{base}region/figures/"))
    assert "2 trades" in words(page(alice, f"{base}region/calendar/"))
    assert page(alice, f"{base}region/positions/").count("data-of=") == 2
    assert "+$392.00" in words(page(alice, f"{base}region/curve/"))
    assert alice.client.get(f"{base}curve/").json()["equity"] == ["392.00"]


def test_a_region_keeps_what_is_looked_at(alice: Actor, traded: Recorder) -> None:
    base = f"/recorders/{traded.strategy_id}/"
    html = page(alice, f"{base}?day=2025-12-01&month=2025-11")
    assert f"{base}region/positions/?month=2025-11&amp;day=2025-12-01" in html
    assert "Nothing ended on this day" in page(alice, f"{base}region/positions/?day=2025-12-01")


def test_the_first_trade_brings_the_figures(alice: Actor) -> None:
    account = a_broker_account(alice.user)
    recorder = a_recorder(alice.user, account)
    base = f"/recorders/{recorder.strategy_id}/"
    assert "Profit factor" not in page(alice, base)
    assert page(alice, f"{base}region/calendar/").strip() == ""
    a_fill(account, 1, "20000.00", 1)
    a_fill(account, -1, "20010.00", 2)
    settle(account=account)
    assert "Profit factor" in page(alice, f"{base}region/figures/")


# ---- one definition of every figure ----


def test_the_list_the_page_and_the_api_tell_the_same_of_what_can_be_valued(
    alice: Actor, traded: Recorder
) -> None:
    """A contract without a value is closed, with fees, and in no figure; break-evens count in the win rate."""
    assert traded.account is not None
    a_fill(traded.account, -1, "20020.00", 4)  # break-even, $4.00 of fees
    settle(account=traded.account)
    known = RecordedPosition.objects.get(realized=0)
    RecordedPosition.objects.create(
        user=alice.user, key="x", strategy=traded.strategy, account=traded.account,
        contract="XYZZ5", root="", sign=1, size=0, most=1, entered=1, exited=1, entry=1, exit=2,
        cost=0, realized=None, fees=Decimal("7.00"), fees_known=False, status="closed",
        opened_ns=known.opened_ns, closed_ns=known.closed_ns, trade_date=known.trade_date,
    )  # fmt: skip
    listed, own = page(alice, "/recorders/"), page(alice, f"/recorders/{traded.strategy_id}/")
    assert listed.count("+$192.00") == 2  # today, and all
    assert "50.0 %" in listed and "3 closed, 1 not valued" in listed
    assert "fees of" not in listed
    assert "+$192.00" in own and "50.0 %" in own
    told = alice.client.get(f"/api/strategies/{traded.strategy_id}/").json()
    assert (told["net"], told["net_today"], told["win_rate"]) == ("192.00", "192.00", "0.5000")
    assert (told["closed"], told["fees_unknown"]) == (3, 0)
    summary = alice.client.get("/api/dashboard/summary/?books=recorded").json()
    assert summary["all"]["net"] == told["net"]


# ---- the log ----


def test_the_log_is_in_the_markets_order_and_can_be_read_to_its_end(
    alice: Actor, traded: Recorder
) -> None:
    assert traded.account is not None
    fill = BrokerFill.objects.get(price=Decimal("20020.00"))
    deciding.assign(user=alice.user, fill=fill, shares=[(traded.strategy_id, 1)], by="alice")
    deciding.undo(fill=fill, by="alice")
    lines = RecorderLog.objects.filter(kind="assigned")
    assert [one.at_ns for one in lines] == [clock.now()] * 2  # market time, not the wall's
    RecorderLog.objects.bulk_create(
        RecorderLog(
            user=alice.user, strategy=traded.strategy, key=f"k{number}", kind="changed",
            text=f"Line {number}.", at_ns=1_733_150_000_000_000_000 + number,
        )
        for number in range(90)
    )  # fmt: skip
    base = f"/recorders/{traded.strategy_id}/"
    first, last = page(alice, base), page(alice, f"{base}?log=3")
    assert "?log=2#log" in first and "Page 1 of 3" in first
    assert "Line 0." in last and "Line 0." not in first
    assert f"{base}region/log/?log=3" in last
    assert "Line 0." in page(alice, f"{base}region/log/?log=3")
    assert "2 Dec 2024" in words(last)  # another year than the market's
    assert "2 Dec 2025" not in words(first.split('id="log"')[1])


def test_positions_tell_the_year_if_it_is_not_this_one(alice: Actor, traded: Recorder) -> None:
    base = f"/recorders/{traded.strategy_id}/region/positions/"
    assert "2 Dec 08:32" in page(alice, base)
    transport.set_market_time(at("2026-01-05T15:00:00Z"), True)
    assert "2 Dec 2025 08:32" in page(alice, base)
