"""The live engine on its thread: wishes, answers, who may do what, lag, clocks that jump, one engine only."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from apps.brokers.domain.ports import FeedChanged, FeedState, TicksArrived
from apps.bus import bus, transport
from apps.bus.domain.message import SECOND
from apps.bus.models import FactRow, Heartbeat, Inbox
from apps.bus.only import AnotherRuns
from apps.engine.live import LiveEngine
from apps.marketdata.domain.messages import ClockTicked, ContractListed
from apps.marketdata.domain.tick import Tick
from apps.marketdata.models import TickMark, TickRow
from apps.system.domain.health import Status, examine
from apps.system.queries import signs_of_life
from apps.trades.domain.messages import CloseTrade, EnterTrade
from apps.trades.models import Trade
from apps.users.models import User
from tests.integration.engine.script import CONTRACT, LISTED, NQ, START, USER, Hand, wipe

pytestmark = pytest.mark.django_db(transaction=True)
LIVE = FeedChanged(FeedState.LIVE, "", START, 1)


@pytest.fixture(autouse=True)
def _alone() -> Iterator[None]:
    wipe()
    transport.use(transport.MemoryTransport())
    yield
    transport.use(None)


@pytest.fixture
def begin() -> Iterator[Callable[..., LiveEngine]]:
    """Make engines that are stepped by hand; all are let go in the end."""
    made: list[LiveEngine] = []

    def one(**clocks: Callable[[], float]) -> LiveEngine:
        for before in made:
            before._only.release()
        engine = LiveEngine([LISTED], **{"monotonic": Hand(), **clocks})  # type: ignore[arg-type]
        engine.load()
        made.append(engine)
        return engine

    yield one
    for engine in made:
        engine._only.release()


def ticks(*prices: str, at: int = START, first: int = 1, live: bool = True) -> TicksArrived:
    """Return ticks a second apart."""
    said = [
        Tick(at + n * SECOND, NQ.to_ticks(price), 1, (first + n) * 10)
        for n, price in enumerate(prices)
    ]
    return TicksArrived(CONTRACT, tuple(said), live)


def let(engine: LiveEngine, *items: object) -> None:
    """Put items on the queue and let the engine take them all, and what waits in the inbox."""
    for item in items:
        engine.put(item)  # type: ignore[arg-type]
    while not engine.queue.empty():
        engine.step(timeout=0)
    engine.step(timeout=0)


def enter(id: str = "m1", user: int = USER, **fields: str) -> EnterTrade:
    """Return a wish to go long with a stop at 19980."""
    usual = {"symbol": "NQ", "direction": "long", "stop": "19980.00"}
    return EnterTrade(id=id, user=user, **(usual | fields))


def answers(inbox_id: int) -> list[tuple[str, str]]:
    """Return name and reason of the facts that answer a wish."""
    rows = FactRow.objects.filter(cause=inbox_id).order_by("seq")
    return [(row.name, row.payload.get("reason", "")) for row in rows]


def test_a_wish_is_answered_by_the_engine_on_its_own_thread() -> None:
    engine = LiveEngine([LISTED])
    engine.start()
    try:
        told = threading.Event()
        stop = transport.listen(lambda said: told.set() if said.topic == "price.NQ" else None)
        engine.put(LIVE)
        engine.put(ticks("20005.25"))
        assert told.wait(50)
        stop()
        entered = bus.ask(enter(), user=USER, source="test", timeout=5)
        assert entered is not None
        assert (entered.name, entered.payload["entry_price"]) == ("trade.entered", "20005.25")
        wish = CloseTrade(id="c1", user=USER, trade="m1")
        closed = bus.ask(wish, user=USER, source="test", timeout=5)
        assert closed is not None
        assert (closed.name, closed.payload["r"]) == ("trade.ended", "0.0000")
    finally:
        engine.stop()
    assert engine.failure is None
    assert Heartbeat.objects.get(name="engine").state == "stopped"


def test_before_its_first_tick_the_market_has_no_time(begin: Callable[..., LiveEngine]) -> None:
    engine = begin()
    for state in (FeedState.CONNECTING, FeedState.CATCHING_UP):
        let(engine, FeedChanged(state, "", 0, 1))
        assert transport.market_time() == transport.MarketTime(None, False)
    let(engine, LIVE, ticks("20005.25"))
    assert transport.market_time() == transport.MarketTime(START, True)


def test_a_feeds_changes_are_told_in_the_order_of_market_time(
    begin: Callable[..., LiveEngine],
) -> None:
    """Its own clock, which ticks every second, lies behind the ticks that were missed."""
    let(
        begin(),
        LIVE,
        ticks("20005.25", "20006.00", "20007.00"),
        FeedChanged(FeedState.CATCHING_UP, "", 0, 2),
        FeedChanged(FeedState.LIVE, "", START + SECOND, 3),
    )
    told = FactRow.objects.filter(name="feed.changed").order_by("seq")
    assert [(row.payload["state"], row.at_ns - START) for row in told] == [
        ("live", 0), ("catching_up", 2 * SECOND), ("live", 2 * SECOND),
    ]  # fmt: skip


def test_a_wish_that_comes_too_late_is_refused_not_executed(
    begin: Callable[..., LiveEngine],
) -> None:
    engine = begin()
    let(engine, LIVE, ticks("20005.25", "20006.00"))
    wish = bus.submit(enter(), user=USER, source="test", expires_market_at=START + SECOND)
    let(engine)
    assert answers(wish) == [("command.refused", "EXPIRED")]
    assert not Trade.objects.exists()


def test_a_wish_waits_until_the_missed_ticks_are_worked_off(
    begin: Callable[..., LiveEngine],
) -> None:
    let(begin(), LIVE, ticks("20005.25"))
    soon = bus.submit(enter("m1"), user=USER, source="test", expires_market_at=START + 9 * SECOND)
    late = bus.submit(enter("m2"), user=USER, source="test", expires_market_at=START + 2 * SECOND)
    engine = begin()
    let(engine, FeedChanged(FeedState.CONNECTING, "", 0, 2))
    assert answers(soon) == answers(late) == []
    let(
        engine,
        FeedChanged(FeedState.CATCHING_UP, "", START, 3),
        ticks("20010.00", "20011.00", "20012.00", at=START + SECOND, first=2, live=False),
        FeedChanged(FeedState.LIVE, "", START + 3 * SECOND, 4),
    )
    assert answers(late) == [("command.refused", "EXPIRED")]
    assert answers(soon) == [("trade.entered", "")]
    assert Trade.objects.get(key="m1").entry_price == Decimal("20012.00")


def test_a_market_that_says_its_time_is_live_once_what_was_missed_is_heard() -> None:
    """Contracts of one market wait for each other. A wish is granted at the price to which they lead, not before."""
    micro = ContractListed("MNQZ5", "MNQ", jump=200)
    engine = LiveEngine([LISTED, micro], has_clock=True, monotonic=Hand())
    engine.load()
    wish = bus.submit(enter(), user=USER, source="test")
    try:
        missed = ticks("20005.25", "20012.00", live=False)
        let(engine, FeedChanged(FeedState.CATCHING_UP, "", 0, 2), missed)
        assert answers(wish) == []
        let(engine, FeedChanged(FeedState.LIVE, "", START + 5 * SECOND, 3))
        assert transport.market_time() == transport.MarketTime(START + SECOND, True)
        assert answers(wish) == [("trade.entered", "")]
        assert Trade.objects.get(key="m1").entry_price == Decimal("20012.00")
        told = list(FactRow.objects.filter(name="feed.changed").order_by("seq"))
        assert [row.payload["state"] for row in told] == ["catching_up", "live"]
    finally:
        engine._only.release()


def test_another_traders_trade_cannot_be_closed(begin: Callable[..., LiveEngine]) -> None:
    engine = begin()
    let(engine, LIVE, ticks("20005.25"))
    bus.submit(enter(), user=USER, source="test")
    let(engine)
    User.objects.create(pk=USER + 1, username="other")
    wish = CloseTrade(id="c1", user=USER + 1, trade="m1")
    asked = bus.submit(wish, user=USER + 1, source="test")
    let(engine)
    assert answers(asked) == [("command.refused", "NOT_ACTIVE")]
    assert Trade.objects.get(key="m1").state == "active"


def test_a_refusal_tells_when_it_was_made(begin: Callable[..., LiveEngine]) -> None:
    engine = begin()
    let(engine, LIVE, ticks("20005.25"))
    bus.submit(CloseTrade(id="c1", user=USER, trade="none"), user=USER, source="test")
    let(engine)
    assert FactRow.objects.get(name="command.refused").at_ns == START


def test_a_wish_that_nobody_can_read_is_put_aside(begin: Callable[..., LiveEngine]) -> None:
    engine = begin()
    asked = bus.submit(enter(), user=USER, source="test")
    Inbox.objects.filter(pk=asked).update(payload='{"id": 7}')
    let(engine, LIVE, ticks("20005.25"))
    assert not Inbox.objects.filter(handled=False).exists()
    assert not Trade.objects.exists()


def test_a_late_tick_counts_in_the_open_candle_after_a_restart_too(
    begin: Callable[..., LiveEngine],
) -> None:
    before = begin()
    let(before, LIVE, ticks("20005.00", "20006.00", "20007.00"))
    before.save()
    engine = begin()
    late = Tick(START + 500_000_000, NQ.to_ticks("20009.50"), 4, 15)
    again = Tick(START + SECOND, NQ.to_ticks("20006.00"), 1, 20)
    let(engine, LIVE, TicksArrived(CONTRACT, (late, again, late), live=True))
    candle = engine.engine.market.tapes[CONTRACT].so_far()
    assert candle is not None
    assert (candle.high, candle.close) == (NQ.to_ticks("20009.50"), NQ.to_ticks("20007.00"))
    assert (candle.volume, candle.trades) == (7, 4)


def test_a_jump_that_is_settled_after_a_restart_is_marked_as_what_it_was(
    begin: Callable[..., LiveEngine],
) -> None:
    let(begin(), LIVE, ticks("20005.00", "20095.00"))
    engine = begin()
    assert TickRow.objects.get(tick_id=20).mark == TickMark.HELD
    let(engine, LIVE, ticks("20096.00", "20096.25", at=START + 2 * SECOND, first=3))
    assert TickRow.objects.get(tick_id=20).mark == TickMark.ORDINARY
    candle = engine.engine.market.tapes[CONTRACT].so_far()
    assert candle is not None
    assert candle.trades == 4


def test_a_market_clock_that_steps_back_repeats_itself_and_doubles_nothing(
    begin: Callable[..., LiveEngine],
) -> None:
    engine = begin()
    prices = [f"{20000 + n % 7}.00" for n in range(130)]
    day = ticks(*prices)
    let(engine, LIVE, day, ClockTicked(START + 131 * SECOND))
    tape = engine.engine.market.tapes[CONTRACT]
    before, facts = tape.state(), FactRow.objects.count()
    let(engine, ClockTicked(START + 5 * SECOND), day, ClockTicked(START + 131 * SECOND))
    assert tape.state() == before
    assert FactRow.objects.count() == facts
    assert engine.at == START + 131 * SECOND


def test_a_wall_clock_that_jumps_is_no_lost_feed(begin: Callable[..., LiveEngine]) -> None:
    wall = [datetime(2025, 12, 2, 15, tzinfo=UTC)]
    engine = begin(wall=lambda: wall[0])
    let(engine, LIVE, ticks("20005.00"))
    for jump in (timedelta(hours=3), timedelta(hours=-9)):
        wall[0] += jump
        engine.save()
        detail = Heartbeat.objects.get(name="engine").detail
        assert 0 <= detail["frame_age_s"] < 5
        assert detail["market_at"] == "2025-12-02T15:00:00Z"
        assert examine(signs_of_life())["price-service"].status is Status.OK
    assert engine.at == START


def test_an_engine_that_falls_behind_says_so_and_then_that_it_has_caught_up(
    begin: Callable[..., LiveEngine],
) -> None:
    hand = Hand(0.0)
    engine = begin(monotonic=hand)
    let(engine, LIVE, ticks("20005.00"))
    burst = [ticks("20005.25", at=START + (n + 2) * 200_000, first=n + 2) for n in range(5_000)]
    for item in burst:
        engine.put(item)
    hand.now += 0.82  # a burst that took so long to come up to
    let(engine)
    engine.save()
    assert Heartbeat.objects.get(name="engine").detail["lag_ms"] == 820
    verdict = examine(signs_of_life())["engine"]
    assert (verdict.status, verdict.reason) == (
        Status.DEGRADED, "the engine is 820 ms behind its feed",
    )  # fmt: skip
    assert engine.counts["ticks"] == 5_001
    assert engine.engine.market.tapes[CONTRACT].so_far().trades == 5_001  # type: ignore[union-attr]
    let(engine, ticks("20005.50", at=START + 2 * SECOND, first=6_000))
    engine.save()
    assert examine(signs_of_life())["engine"].status is Status.OK


def test_missed_ticks_are_no_lag(begin: Callable[..., LiveEngine]) -> None:
    hand = Hand(0.0)
    engine = begin(monotonic=hand)
    engine.put(FeedChanged(FeedState.CATCHING_UP, "", START, 1))
    engine.put(ticks("20005.00", live=False))
    hand.now += 60
    let(engine)
    engine.save()
    assert Heartbeat.objects.get(name="engine").detail["lag_ms"] == 0


def test_there_is_never_a_second_engine(begin: Callable[..., LiveEngine]) -> None:
    begin()
    second = LiveEngine([LISTED])
    with pytest.raises(AnotherRuns, match="another engine holds"):
        second.start()
    assert not second.is_alive()


def test_the_lock_goes_with_the_one_who_held_it() -> None:
    for _ in range(2):
        engine = LiveEngine([LISTED])
        engine.start()
        engine.stop()
        assert engine.failure is None
