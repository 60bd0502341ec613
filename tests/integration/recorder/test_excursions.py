"""What recorded positions were worth at best and at worst, read from the stored ticks and candles."""

from decimal import Decimal
from typing import Any

import pytest

from apps.bus import transport
from apps.bus.domain.message import DAY, MINUTE
from apps.marketdata import store
from apps.marketdata.domain.candle import Candle
from apps.marketdata.domain.tick import Tick, made_id
from apps.recorder import excursions
from apps.recorder.models import RecordedPosition
from apps.recorder.queries import views
from apps.recorder.services import settle
from tests.cast import Actor

from .rows import BEGAN, a_broker_account, a_fill, a_recorder

pytestmark = pytest.mark.django_db
writer = store.TickWriter()


@pytest.fixture(autouse=True)
def _market_time() -> Any:
    transport.use(transport.MemoryTransport())
    transport.set_market_time(BEGAN + 2 * 60 * MINUTE, True)
    yield
    transport.use(None)


def tick(minute: float, price: str) -> None:
    moment = BEGAN + int(minute * MINUTE)
    writer.write("NQZ5", [Tick(moment, int(Decimal(price) * 4), 1, made_id(moment, 0))])


def candle(minute: int, low: str, high: str) -> None:
    low_, high_ = int(Decimal(low) * 4), int(Decimal(high) * 4)
    store.save_candles("NQZ5", 60, [Candle(BEGAN + minute * MINUTE, low_, high_, low_, high_, 1)])


def recorded(user: Any, *fills: tuple[int, str, float]) -> RecordedPosition:
    account = a_broker_account(user)
    a_recorder(user, account)
    for signed, price, minute in fills:
        a_fill(account, signed, price, minute)
    settle(account=account)
    return RecordedPosition.objects.get()


def seen(row: RecordedPosition) -> tuple[Any, Any]:
    (view,) = views([RecordedPosition.objects.get(pk=row.pk)])
    return view.mfe, view.mae


def test_a_trim_and_an_addition_are_measured_with_what_was_held(alice: Actor) -> None:
    row = recorded(alice.user, (2, "20000", 1), (-1, "20010", 2.5), (1, "20020", 4.5), (-2, "20005", 5.5))  # fmt: skip
    tick(0.9, "20100")  # before its entry
    for minute, price in ((1.2, "19995"), (1.5, "20012"), (2.6, "20008"), (4.7, "20021"), (5.2, "19990"), (5.6, "19000")):  # fmt: skip
        tick(minute, price)
    candle(3, "20001", "20040")
    assert excursions.learn() == 1
    # best: one off at +10, the other at +40 in the candle; worst: -10 closed +10 ... 20010-20000, then two held at 19990
    assert seen(row) == (Decimal("1000.0000"), Decimal("-600.0000"))


def test_a_short(alice: Actor) -> None:
    row = recorded(alice.user, (-1, "20000", 1), (1, "19998", 2))
    tick(1.3, "20007")
    tick(1.6, "19990")
    assert excursions.learn() == 1
    assert seen(row) == (Decimal("200.0000"), Decimal("-140.0000"))


def test_without_ticks_it_is_unknown_and_shown_so(alice: Actor) -> None:
    row = recorded(alice.user, (1, "20000", 1), (-1, "20010", 2))
    assert excursions.learn() == 0
    assert seen(row) == (None, None)
    page = alice.client.get(f"/recorders/{row.strategy_id}/").content.decode()
    assert "No ticks of that time are stored" in page
    tick(1.5, "20020")
    assert excursions.learn() == 1, "ticks that come later are read"
    page = alice.client.get(f"/recorders/{row.strategy_id}/").content.decode()
    assert "No ticks of that time are stored" not in page
    assert "+$400.00" in page


def test_a_minute_that_is_missing_in_the_middle_leaves_it_unknown(alice: Actor) -> None:
    row = recorded(alice.user, (1, "20000", 1), (-1, "20010", 21))
    for minute in (*range(1, 8), *range(15, 21)):
        candle(minute, "20001", "20009")
    assert excursions.learn() == 0
    assert seen(row) == (None, None)


def test_what_was_imported_long_after_its_close_is_looked_at_once(alice: Actor) -> None:
    row = recorded(alice.user, (1, "20000", 1), (-1, "20010", 2))
    transport.set_market_time(BEGAN + 30 * DAY, True)
    tick(1.5, "20020")
    assert [excursions.learn(), excursions.learn()] == [1, 0]
    assert seen(row)[0] == Decimal("400.0000")


def test_many_unknown_ones_do_not_keep_an_older_one_waiting(alice: Actor) -> None:
    row = recorded(alice.user, (1, "20000", 1), (-1, "20010", 2))
    account = row.account
    for number in range(3):
        a_fill(account, 1, "20000", 10 + number)
        a_fill(account, -1, "20001", 10.5 + number)
    settle(account=account)
    tick(1.5, "20020")
    assert [excursions.learn(limit=3), excursions.learn(limit=3)] == [0, 1]


def test_other_fills_make_it_unknown_again_and_later_fees_do_not(alice: Actor) -> None:
    row = recorded(alice.user, (1, "20000", 1), (-1, "20010", 2))
    tick(1.5, "20020")
    excursions.learn()
    fill = row.account.fills.last()
    fill.fees = Decimal("3.00")
    fill.save()
    settle(account=row.account)
    assert seen(row)[0] == Decimal("400.0000")
    a_fill(row.account, 1, "20005", 1.5)
    a_fill(row.account, -1, "20006", 1.8)
    settle(account=row.account)
    assert seen(row) == (None, None)
    excursions.learn()
    assert seen(row)[0] == Decimal("700.0000")
