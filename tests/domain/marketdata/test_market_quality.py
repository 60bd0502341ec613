"""Which ticks are believed: the market's quarantine against the rule written straight down."""

from hypothesis import given, settings
from hypothesis import strategies as st

from apps.bus.domain.message import MINUTE, SECOND
from apps.marketdata.domain.candle import Candle
from apps.marketdata.domain.market import Market
from apps.marketdata.domain.messages import (
    CandlesClosed,
    ClockTicked,
    ContractListed,
    QuarantineEnded,
    TickQuarantined,
    TickReceived,
    TickRefused,
    Waits,
)
from apps.marketdata.domain.tick import Tick

START = 1762180200 * SECOND
JUMP = 50
STEPS = st.lists(
    st.tuples(
        st.integers(0, 14),  # seconds since the tick before
        st.sampled_from([0, 0, 0, 1, -1, 30, -30, 51, -51, 70, -70, 120, -120]),
    ),
    min_size=1,
    max_size=60,
)


def believed(ticks: list[Tick]) -> list[Tick]:
    """Return the ticks that count, in their order."""
    taken: list[Tick] = []
    queue, held = list(ticks), list[Tick]()
    while queue or held:
        if not held:
            tick = queue.pop(0)
            fresh = bool(taken) and tick.at - taken[-1].at <= 60 * SECOND
            if fresh and abs(tick.price - taken[-1].price) > JUMP:
                held = [tick]
            else:
                taken.append(tick)
            continue
        if not queue:  # time goes on without ticks
            queue, held = held[1:], []
            continue
        tick, first = queue.pop(0), held[0]
        agrees = abs(tick.price - first.price) <= JUMP
        nearer = abs(tick.price - taken[-1].price) < abs(tick.price - first.price)
        if tick.at - first.at > 10 * SECOND or nearer or not agrees:
            queue = [*held[1:], tick, *queue]
            held = []
        elif len(held) == 2:
            taken += [*held, tick]
            held = []
        else:
            held.append(tick)
    return taken


def tape(steps: list[tuple[int, int]]) -> list[Tick]:
    ticks, at, price = [], START, 80_000
    for id, (seconds, away) in enumerate(steps, 1):
        at += seconds * SECOND
        if abs(away) <= 30:
            price += away
        ticks.append(Tick(at, price + (away if abs(away) > 30 else 0), 1, id))
    return ticks


def closed_by(market: Market, ticks: list[Tick]) -> list[Candle]:
    candles: list[Candle] = []
    for tick in ticks:
        candles += minutes(market.hear(TickReceived("NQZ5", tick)))
    return candles + minutes(market.tick_clock(ClockTicked(ticks[-1].at + 3 * MINUTE)))


def minutes(said: object) -> list[Candle]:
    return [
        candle
        for message in said  # type: ignore[attr-defined]
        if isinstance(message, CandlesClosed)
        for seconds, candle in message.candles
        if seconds == 60
    ]


def market(jump: int | None = JUMP) -> Market:
    stage = Market()
    list(stage.list_contract(ContractListed("NQZ5", "NQ", jump)))
    return stage


@given(STEPS)
@settings(max_examples=400)
def test_only_believed_ticks_make_the_candles(steps: list[tuple[int, int]]):
    ticks = tape(steps)
    assert closed_by(market(), ticks) == closed_by(market(None), believed(ticks))


@given(STEPS)
@settings(max_examples=200)
def test_every_hold_ends_once_and_a_refused_tick_has_its_reason(steps: list[tuple[int, int]]):
    stage, said = market(), []
    ticks = tape(steps)
    for tick in ticks:
        said += list(stage.hear(TickReceived("NQZ5", tick)))
    for later in (11, 22, 33):
        said += list(stage.tick_clock(ClockTicked(ticks[-1].at + later * SECOND)))
    begun = [one.tick_id for one in said if isinstance(one, TickQuarantined)]
    ended = [one.tick_id for one in said if isinstance(one, QuarantineEnded)]
    assert begun == ended
    assert len(set(begun)) == len(begun)
    refused = {one.tick.id for one in said if isinstance(one, TickRefused)}
    assert refused == set(begun)


def test_without_a_limit_nothing_is_suspicious():
    stage = market(None)
    said = [
        message
        for price in (80_000, 1, 90_000)
        for message in stage.hear(TickReceived("NQZ5", Tick(START, price, 1, price)))
    ]
    assert not [one for one in said if isinstance(one, TickQuarantined)]


def test_a_sleeper_is_told_the_extremes_since_it_began_and_none_from_before():
    stage = market(None)
    said = []
    for at, price in ((1, 100), (2, 150), (3, 90), (4, 110)):
        list(stage.hear(TickReceived("NQZ5", Tick(START + at * SECOND, price, 1, at))))
    list(stage.let_wait(Waits("a", "NQZ5", 80, 130)))
    for at, price in ((5, 125), (6, 105)):
        list(stage.hear(TickReceived("NQZ5", Tick(START + at * SECOND, price, 1, at))))
    tick = TickReceived("NQZ5", Tick(START + 7 * SECOND, 131, 1, 7))
    for message in stage.hear(tick):
        said.append(message)
        if type(message).__name__ == "PriceReached":
            list(stage.let_wait(Waits("a", "NQZ5", 0, 200)))
    assert [(one.high, one.low) for one in said if type(one).__name__ == "PriceReached"] == [
        (131, 105)
    ]
