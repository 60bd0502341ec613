"""From an order at the broker to a recorded position and its facts: over real HTTP, poll by poll."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal

import pytest
from django.core.cache import cache

from apps.brokers.domain.order import OrderType, Side
from apps.brokers.domain.ports import Leg, NewOrder
from apps.brokers.models import BrokerAccount, BrokerFill, Connection
from apps.brokers.reading import poll
from apps.bus import bus, transport
from apps.bus.models import FactRow
from apps.recorder import recorders
from apps.recorder.models import RecordedFill, RecordedPosition, Recorder
from apps.recorder.services import settle_facts
from apps.recorder.subscribers import NAME
from apps.recorder.tasks import hear, sweep
from tests.cast import Actor
from tests.integration.brokers.playground import CONTRACT, START, ScriptedSimulator
from tests.integration.brokers.shared import a_connection, desk_market, with_broker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]


@pytest.fixture
def market() -> Iterator[ScriptedSimulator]:
    transport.use(transport.MemoryTransport())
    transport.set_market_time(START, True)
    with desk_market() as sim:
        sim.streams.board(CONTRACT)
        sim.run(sim.move(5))
        yield sim
    transport.use(None)


@pytest.fixture
def row(market: ScriptedSimulator, alice: Actor) -> Connection:
    """Alice's login, whose accounts are known."""
    made = a_connection(alice.user)
    poll(made.pk)
    bus.catch_up(NAME)
    return made


def a_recorder(row: Connection, name: str) -> Recorder:
    account = BrokerAccount.objects.get(remote="1001")
    made, _secret = recorders.create(user=row.user, name=name, symbol="NQ1!", account=account)
    return recorders.start(recorder=made, by="alice")


def order(side: Side, quantity: int, tag: str, **more: object) -> NewOrder:
    return NewOrder("1001", CONTRACT, side, OrderType.MARKET, quantity, tag=tag, **more)  # type: ignore[arg-type]


def place(row: Connection, *orders: NewOrder) -> None:
    async def all_of_them(broker: object) -> None:
        for one in orders:
            await broker.place(one)  # type: ignore[attr-defined]

    asyncio.run(with_broker(row, all_of_them))


def a_minute_passes() -> None:
    """The calls of the last minute are counted no more: a poll comes once a minute, and a test is quicker."""
    cache.clear()


def told() -> list[str]:
    rows = FactRow.objects.filter(key__startswith="recorder:").order_by("seq")
    return [row.name.partition(".")[2] for row in rows]


def test_two_strategies_in_one_account_are_told_apart_by_tag_and_text(
    market: ScriptedSimulator, row: Connection
) -> None:
    first, _second = a_recorder(row, "NQ Fade"), a_recorder(row, "NQ FVG")
    place(
        row,
        order(Side.BUY, 2, f"th{first.strategy_id}-1"),
        order(Side.SELL, 1, "somebody-elses-1", text="NQ FVG short"),
    )
    poll(row.pk)
    assert hear() > 0
    market.run(market.move(20))
    place(row, order(Side.SELL, 2, f"th{first.strategy_id}-2"))
    poll(row.pk)
    hear()
    closed, held = RecordedPosition.objects.order_by("strategy_id")
    assert (closed.strategy.name, closed.status, closed.most) == ("NQ Fade", "closed", 2)
    assert (held.strategy.name, held.sign, held.size) == ("NQ FVG", -1, 1)
    fills = BrokerFill.objects.filter(shares__strategy=first.strategy)
    ledger = sum(
        (one.price * one.quantity * (1 if one.side == "sell" else -1) for one in fills), Decimal(0)
    )
    assert closed.realized == ledger * 20
    assert closed.fees == sum(one.fees or 0 for one in fills) > 0
    reasons = RecordedFill.objects.order_by("fill__at_ns", "fill_id").values_list(
        "reason", flat=True
    )
    assert sorted(reasons) == ["tag", "tag", "text"]
    assert sorted(told()) == ["closed", "opened", "opened"]


def test_an_hour_without_polls_loses_nothing_and_tells_each_thing_once(
    market: ScriptedSimulator, row: Connection
) -> None:
    recorder = a_recorder(row, "NQ Fade")
    for number in range(3):
        tag = f"th{recorder.strategy_id}-{number}"
        place(row, order(Side.BUY, 1, f"{tag}-in"))
        market.run(market.move(1200))
        place(row, order(Side.SELL, 1, f"{tag}-out"))
    for _again in range(3):
        a_minute_passes()
        poll(row.pk)
        hear()
        sweep()
    assert RecordedPosition.objects.filter(status="closed").count() == 3
    assert told() == ["opened", "closed"] * 3


def test_a_bracket_s_exit_is_its_strategy_s_and_named_for_what_it_was(
    market: ScriptedSimulator, row: Connection
) -> None:
    first, _other = a_recorder(row, "NQ Fade"), a_recorder(row, "NQ FVG")
    place(row, order(Side.BUY, 1, "probe"))
    poll(row.pk)
    probe = BrokerFill.objects.order_by("-at_ns").first()
    assert probe is not None
    legs = (
        Leg(OrderType.LIMIT, limit=probe.price + 5),
        Leg(OrderType.STOP, stop=probe.price - 5),
    )
    place(row, order(Side.BUY, 1, f"th{first.strategy_id}-1", legs=legs))
    for _minute in range(40):
        market.run(market.move(60))
        a_minute_passes()
        poll(row.pk)
        hear()
        ended = RecordedPosition.objects.filter(strategy=first.strategy).exclude(status="open")
        if ended.exists():
            break
    row_ended = ended.get()
    assert row_ended.status in ("stopped_out", "target_hit")
    kind = {"stopped_out": "stop_hit", "target_hit": "target_hit"}[row_ended.status]
    assert told() == ["opened", kind]
    assert row_ended.stop == probe.price - 5
    exit = RecordedFill.objects.filter(position=row_ended, opens=False).get()
    assert exit.reason == "order_parent"


def test_duplicates_at_the_session_s_end_change_nothing(
    market: ScriptedSimulator, row: Connection
) -> None:
    recorder = a_recorder(row, "NQ Fade")
    place(row, order(Side.BUY, 1, f"th{recorder.strategy_id}-1"))
    poll(row.pk)
    hear()
    before = list(RecordedPosition.objects.values())
    facts = list(FactRow.objects.filter(name__startswith="broker.").order_by("seq"))
    market.book.roll_over()  # the broker has forgotten the day
    poll(row.pk)
    hear()
    for fact in [*facts, *reversed(facts)]:
        settle_facts([fact])
    sweep()
    assert list(RecordedPosition.objects.values()) == before
    assert told() == ["opened"]
