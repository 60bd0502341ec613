"""The end of a session at the simulator, which forgets its day then: the sweep after the close against its roll-over."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.utils.dateparse import parse_datetime

from apps.brokers.models import BrokerAccount, BrokerFill, Connection
from apps.brokers.reading import poll
from apps.bus import bus, transport
from apps.bus.domain.message import HOUR, MINUTE, to_datetime
from apps.bus.models import FactRow
from apps.recorder import days
from apps.recorder.models import AccountDayMark, RecordedPosition
from apps.recorder.subscribers import NAME
from apps.recorder.tasks import hear, sweep
from tests.cast import Actor
from tests.factories import at
from tests.integration.brokers.playground import CONTRACT, START, ScriptedSimulator
from tests.integration.brokers.shared import a_connection, desk_market
from tests.integration.recorder.imported import imported

from .told_story import Story, Wall

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]
LATE = START + 7 * HOUR + 10 * MINUTE  # Thursday 2026-11-19, 16:40 New York
WEDNESDAY, THURSDAY, FRIDAY = date(2026, 11, 18), date(2026, 11, 19), date(2026, 11, 20)
AFTER = {day: at(f"{day}T22:05:00Z") for day in (WEDNESDAY, THURSDAY, FRIDAY)}


@pytest.fixture(autouse=True)
def _home(settings: Any, tmp_path: Any) -> None:
    settings.HOME = tmp_path


@pytest.fixture
def market() -> Iterator[ScriptedSimulator]:
    transport.use(transport.MemoryTransport())
    transport.set_market_time(LATE, True)
    with desk_market(LATE, wall=Wall()) as sim:
        sim.streams.board(CONTRACT)
        sim.run(sim.move(5))
        yield sim
    transport.use(None)


@pytest.fixture
def story(market: ScriptedSimulator, alice: Actor) -> Story:
    """A trader whose account was swept on Wednesday, flat; he trades on Thursday, twenty minutes before the close."""
    row = a_connection(alice.user)
    poll(row.pk)
    bus.catch_up(NAME)
    BrokerAccount.objects.update(created_at=parse_datetime("2026-11-17T12:00:00Z"))
    days.look(AFTER[WEDNESDAY], swept(AFTER[WEDNESDAY]))
    wall: Any = market.plan.wall
    return Story(market, wall, row)


def swept(now: int) -> days.Poll:
    """Return the real reading of the broker's lists, as the worker does it, made at this instant."""

    def read(connection: Connection) -> None:
        if poll(connection.pk) is not None:
            Connection.objects.filter(pk=connection.pk).update(polled_at=to_datetime(now))

    return read


def state(day: date) -> str:
    return str(AccountDayMark.objects.get(trade_date=day).state)


def test_the_sweep_alone_saves_a_day_of_which_no_poll_was_made(story: Story) -> None:
    story.trades("Buy")
    story.trades("Sell")
    days.look(AFTER[THURSDAY], swept(AFTER[THURSDAY]))
    hear()
    story.goes_wrong({"do": "rollover"})
    story.holds()
    mark = AccountDayMark.objects.get(trade_date=THURSDAY)
    assert (mark.state, mark.fills) == ("complete", 2) and "and to its cash" in mark.why
    for _again in range(2):  # the broker's lists are empty now: that says nothing against the day
        story.reads()
        sweep()
        days.look(AFTER[THURSDAY] + 30 * MINUTE, swept(AFTER[THURSDAY] + 30 * MINUTE))
    story.holds()
    assert state(THURSDAY) == "complete"
    assert not FactRow.objects.filter(name="recorder.gap").exists()


def test_a_position_held_over_the_roll_over_is_closed_once_on_the_next_day(story: Story) -> None:
    story.trades("Buy", 2)
    days.look(AFTER[THURSDAY], swept(AFTER[THURSDAY]))
    hear()
    assert (story.told(), state(THURSDAY)) == (["opened"], "complete")
    story.goes_wrong({"do": "rollover"})
    story.market.run(story.market.move(25 * 60))  # over the break, into Friday's session
    story.reads()
    assert RecordedPosition.objects.get().size == 2, "it is not listed, and is held all the same"
    story.trades("Sell", 2)
    days.look(AFTER[FRIDAY], swept(AFTER[FRIDAY]))
    hear()
    row = RecordedPosition.objects.get()
    assert (row.size, row.entered, row.exited, row.trade_date) == (0, 2, 2, FRIDAY)
    assert story.told() == ["opened", "closed"]
    assert row.realized is not None and row.realized - row.fees == story.made()
    assert state(FRIDAY) == "complete"


def test_a_day_that_was_forgotten_unread_is_told_in_time_and_filled_by_a_file(
    story: Story,
) -> None:
    story.trades("Buy")
    story.trades("Sell")
    export = as_export(story.market)
    story.goes_wrong({"do": "rate_limit", "for_s": 600.0})  # the desk is not answered any more
    for now in (at("2026-11-19T21:20:00Z"), at("2026-11-19T21:31:00Z"), AFTER[THURSDAY]):
        days.look(now, swept(now))
    (gap,) = FactRow.objects.filter(name="recorder.gap")
    assert gap.payload["deadline"] == at("2026-11-19T22:00:00Z"), "while there was time to act"
    assert state(THURSDAY) == "gap"
    story.goes_wrong({"do": "rollover"})
    story.wall.ahead += 700
    story.reads(2)
    days.look(AFTER[FRIDAY], swept(AFTER[FRIDAY]))
    assert not RecordedPosition.objects.exists() and not BrokerFill.objects.exists()
    done = imported(story.row.user, export, zone="UTC")
    assert (done.counts["new"], done.bad_rows) == (2, 0)
    row = RecordedPosition.objects.get()
    assert (row.size, row.entered, row.exited, row.status) == (0, 1, 1, "closed")
    assert row.realized is not None and row.realized - row.fees == story.made()
    assert state(THURSDAY) == "filled"
    assert story.told() == [], "what a file brings is no news"


def as_export(market: ScriptedSimulator) -> str:
    """Return the day's fills as Tradovate's own page exports them."""
    lines = ["Fill ID,Account,Order ID,B/S,Quantity,Price,Contract,Timestamp,_timestamp,commission"]
    for fill in market.entities.all("fill"):
        fee = market.entities.get("fillFee", fill["id"])
        assert fee is not None
        paid = Decimal(str(fee["exchangeFee"])) + Decimal(str(fee["commission"]))
        lines.append(
            f"{fill['id']},DEMO1001,{fill['orderId']},{fill['action']},{fill['qty']},{fill['price']:.2f},"
            f"{CONTRACT},{fill['timestamp']},{fill['timestamp']},{paid}"
        )
    return "\n".join(lines) + "\n"
