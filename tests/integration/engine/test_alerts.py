"""Alerts in the live engine: judged by the market of their receipt, whoever still exists, whichever contract catches up."""

from collections.abc import Iterator

import pytest

from apps.brokers.domain.ports import FeedChanged, FeedState, TicksArrived
from apps.bus import bus
from apps.bus.domain.message import MINUTE, SECOND
from apps.bus.transport import MarketTime
from apps.engine.live import LiveEngine
from apps.marketdata.domain.messages import ClockTicked, ContractListed
from apps.marketdata.domain.tick import Tick
from apps.marketdata.models import CandleRow
from apps.signals.domain.messages import Alert
from apps.signals.domain.settings import settings_for
from apps.signals.models import Signal, Strategy
from tests.integration.engine.script import CONTRACT, LISTED, NQ, START, STRATEGY, USER, Hand, wipe

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def engine() -> Iterator[LiveEngine]:
    wipe()
    live = LiveEngine([LISTED], monotonic=Hand())
    live.load()
    live.put(FeedChanged(FeedState.LIVE, "", START, START))
    yield live
    live._only.release()


def trade(live: LiveEngine, at: int, price: str, contract: str = CONTRACT) -> None:
    """Let one contract trade at a price."""
    tick = Tick(at, NQ.to_ticks(price), 1, at // 1000)
    live.put(TicksArrived(contract, (tick,), live=True))


def send(key: str, at: int, price: str, bar: int = START) -> None:
    """Put an alert into the inbox, received at this market time."""
    said = Alert(
        id=key, user=USER, strategy=STRATEGY, symbol="NQ1!", direction="bullish", time=bar, price=price,
        settings=settings_for(NQ).plain(),
    )  # fmt: skip
    bus.deliver(said, user=USER, source="test", market=MarketTime(at, True))


def settle(live: LiveEngine) -> None:
    """Let the engine do what there is to do."""
    for _ in range(8):
        live.step(timeout=0)


@pytest.mark.parametrize(("said", "status"), [("20004.75", "PENDING"), ("20005.00", "REJECTED")])
def test_an_alert_is_stale_by_the_market_of_its_receipt(
    engine: LiveEngine, said: str, status: str
) -> None:
    trade(engine, START + SECOND, "20000.00")
    send("a", START + MINUTE + SECOND, said)
    trade(engine, START + MINUTE + 2 * SECOND, "20050.00")
    settle(engine)
    row = Signal.objects.get(key="a")
    assert (row.status, row.market_price) == (status, 20000)
    assert row.reason == ("STALE" if status == "REJECTED" else "")


def test_an_alert_whose_strategy_is_gone_is_put_aside(engine: LiveEngine) -> None:
    trade(engine, START + SECOND, "20000.00")
    send("a", START + 2 * SECOND, "20000.00")
    Strategy.objects.filter(pk=STRATEGY).delete()
    trade(engine, START + MINUTE + SECOND, "20001.00")
    settle(engine)
    assert not Signal.objects.exists()
    trade(engine, START + MINUTE + 2 * SECOND, "20002.00")
    settle(engine)
    assert engine.at == START + MINUTE + 2 * SECOND


def test_an_alert_does_not_close_the_candles_of_a_contract_that_is_still_behind(
    engine: LiveEngine,
) -> None:
    engine._take(engine.engine.handle(ContractListed("NQH6", "NQ", jump=200)))
    trade(engine, START + 25 * SECOND, "20100.00", "NQH6")
    send("a", START + MINUTE + 30 * SECOND, "20100.00")
    for second in (
        10,
        70,
        130,
    ):  # the old contract catches up first, far beyond the alert's receipt
        trade(engine, START + second * SECOND, "20000.00")
    trade(engine, START + 40 * SECOND, "20050.25", "NQH6")
    trade(engine, START + 55 * SECOND, "20099.00", "NQH6")
    settle(engine)
    trade(engine, START + 100 * SECOND, "20101.00", "NQH6")
    engine.put(ClockTicked(START + 140 * SECOND))
    settle(engine)
    candle = CandleRow.objects.get(contract="NQH6", seconds=60, open_at__minute=0)
    assert (candle.low, candle.trades) == (NQ.price(NQ.to_ticks("20050.25")), 3)
    assert Signal.objects.get(key="a").status == "CONFIRMED"  # late, worked off over NQH6
