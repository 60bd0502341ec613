"""The made-up market: the same from every side, and as rough or calm as a real one."""

from itertools import pairwise

import pytest

from apps.brokers.tradovate.simulator.market import GeneratedMarket, default_start
from apps.brokers.tradovate.simulator.skeleton import Skeleton, day_start, trade_day
from apps.bus.domain.message import DAY, HOUR, MINUTE, SECOND, iso
from apps.marketdata.domain.calendar import is_open
from apps.marketdata.domain.tick import Tick

FRIDAY_0830 = 1_795_181_400 * SECOND  # 2026-11-20 13:30 UTC
SATURDAY = 1_795_255_200 * SECOND  # 2026-11-21 10:00 UTC


def market(seed: int = 7) -> GeneratedMarket:
    return GeneratedMarket(seed, FRIDAY_0830)


def ticks(of: GeneratedMarket, contract: str, since: int, until: int) -> list[Tick]:
    return list(of.ticks(contract, since, until))


def test_same_seed_gives_the_same_ticks() -> None:
    until = FRIDAY_0830 + HOUR
    assert ticks(market(), "NQZ6", FRIDAY_0830, until) == ticks(
        market(), "NQZ6", FRIDAY_0830, until
    )


def test_another_seed_gives_another_market() -> None:
    until = FRIDAY_0830 + MINUTE
    assert ticks(market(1), "NQZ6", FRIDAY_0830, until) != ticks(
        market(2), "NQZ6", FRIDAY_0830, until
    )


def test_any_part_can_be_had_alone_and_backwards() -> None:
    whole = ticks(market(), "NQZ6", FRIDAY_0830, FRIDAY_0830 + 30 * MINUTE)
    backwards = market()
    parts: list[Tick] = []
    for start in reversed(range(FRIDAY_0830, FRIDAY_0830 + 30 * MINUTE, 7 * SECOND)):
        end = min(start + 7 * SECOND, FRIDAY_0830 + 30 * MINUTE)
        parts = ticks(backwards, "NQZ6", start, end) + parts
    assert parts == whole


def test_minutes_back_are_the_tape_reversed() -> None:
    of = market()
    before = FRIDAY_0830 + 10 * MINUTE + 30 * SECOND
    minutes = [
        minute for minute, _ in zip(of.minutes_back("NQZ6", before), range(11), strict=False)
    ]
    told = [tick for minute in reversed(minutes) for tick in minute]
    assert told == ticks(of, "NQZ6", FRIDAY_0830, FRIDAY_0830 + 11 * MINUTE)


def test_ids_grow_with_time_and_stay_whole_in_javascript() -> None:
    day = ticks(market(), "NQZ6", FRIDAY_0830 - 14 * HOUR, FRIDAY_0830 + 8 * HOUR)
    assert all(one.id < other.id and one.at <= other.at for one, other in pairwise(day))
    assert day[-1].id < 2**53


@pytest.mark.parametrize(("root", "jump"), [("NQ", 50.0), ("ES", 12.5), ("YM", 100), ("RTY", 12.0)])
def test_neighbours_never_jump(root: str, jump: float) -> None:
    of = market()
    contract = of.front(root, FRIDAY_0830)
    size = {"NQ": 0.25, "ES": 0.25, "YM": 1.0, "RTY": 0.1}[root]
    day = ticks(of, contract, FRIDAY_0830 - 14 * HOUR, FRIDAY_0830 + 8 * HOUR)
    assert max(abs(one.price - other.price) for one, other in pairwise(day)) * size < jump


def test_a_day_of_nq_ranges_like_a_day_of_nq() -> None:
    skeleton, ranges = Skeleton(7), []
    for ordinal in range(trade_day(FRIDAY_0830) - 90, trade_day(FRIDAY_0830)):
        if len(skeleton.starts(ordinal)) > 1300:
            prices = skeleton.day("NQ", ordinal).prices
            ranges.append(max(prices) - min(prices))
    middle = sorted(ranges)[len(ranges) // 2]
    assert 200 < middle < 450
    assert min(ranges) > 100
    assert max(ranges) < 900


def test_the_bell_is_louder_than_the_night() -> None:
    def noise(start: int) -> float:
        prices = [t.price for t in ticks(market(), "NQZ6", start, start + 30 * MINUTE)]
        return max(prices) - min(prices)

    night = noise(FRIDAY_0830 - 10 * HOUR)
    bell = noise(FRIDAY_0830 + HOUR)
    assert bell > 2 * night


def test_as_many_ticks_as_the_hour_has() -> None:
    def a_minute(start: int) -> float:
        return len(ticks(market(), "NQZ6", start, start + 30 * MINUTE)) / 30

    assert 8 <= a_minute(FRIDAY_0830 - 10 * HOUR) <= 45
    assert 100 <= a_minute(FRIDAY_0830 + HOUR) <= 500


def test_every_trade_is_at_its_bid_or_ask() -> None:
    for tick in ticks(market(), "NQZ6", FRIDAY_0830, FRIDAY_0830 + 5 * MINUTE):
        assert tick.quote is not None
        assert tick.quote.bid is not None and tick.quote.ask is not None
        assert 1 <= tick.quote.ask - tick.quote.bid <= 3
        assert tick.price in {tick.quote.bid, tick.quote.ask}
        assert tick.size >= 1 and (tick.quote.bid_size or 0) >= 1


def test_a_micro_walks_the_path_of_its_mini_on_its_own_tape() -> None:
    of, since, until = market(), FRIDAY_0830, FRIDAY_0830 + 10 * MINUTE
    mini, micro = ticks(of, "NQZ6", since, until), ticks(of, "MNQZ6", since, until)
    assert [t.at for t in mini] != [t.at for t in micro]
    place = 0
    for tick in micro:
        while place + 1 < len(mini) and mini[place + 1].at <= tick.at:
            place += 1
        if abs(mini[place].at - tick.at) < SECOND:
            assert abs(mini[place].price - tick.price) <= 40  # 10 points, within a second


def test_nq_and_es_go_together() -> None:
    skeleton, day = Skeleton(7), trade_day(FRIDAY_0830)
    steps = []
    for root in ("NQ", "ES"):
        prices = skeleton.day(root, day).prices
        steps.append([b - a for a, b in pairwise(prices)])
    one, other = steps
    dot = sum(a * b for a, b in zip(one, other, strict=True))
    alike = dot / (sum(a * a for a in one) * sum(b * b for b in other)) ** 0.5
    assert 0.6 < alike < 0.99


def test_nothing_trades_while_the_exchange_is_closed() -> None:
    of = market()
    for tick in of.ticks("NQZ6", FRIDAY_0830, FRIDAY_0830 + 4 * DAY):
        assert is_open(tick.at)


def test_a_weekend_is_one_step() -> None:
    close = FRIDAY_0830 + 8 * HOUR + 30 * MINUTE
    assert iso(close) == "2026-11-20T22:00:00Z"
    assert iso(market().opens_at(close)) == "2026-11-22T23:00:00Z"
    assert market().opens_at(close - 1) == close - 1


def test_thanksgiving_stops_at_noon_chicago() -> None:
    noon = day_start(trade_day(FRIDAY_0830) + 6) + 19 * HOUR
    assert iso(noon) == "2026-11-26T18:00:00Z"
    assert not ticks(market(), "NQZ6", noon, noon + 4 * HOUR)
    assert iso(market().opens_at(noon)) == "2026-11-26T23:00:00Z"


def test_starts_at_half_past_eight_of_the_latest_trading_day() -> None:
    assert iso(default_start(SATURDAY)) == "2026-11-20T13:30:00Z"
    assert iso(default_start(SATURDAY + 3 * DAY)) == "2026-11-23T13:30:00Z"
    assert iso(default_start(SATURDAY + 2 * DAY)) == "2026-11-20T13:30:00Z"


def test_the_next_contract_costs_more_and_becomes_the_front_one() -> None:
    of = market()
    since = FRIDAY_0830
    one = next(iter(of.ticks("NQZ6", since, since + MINUTE))).price
    other = next(iter(of.ticks("NQH7", since, since + MINUTE))).price
    assert 50 * 4 < other - one < 600 * 4
    assert of.front("NQ", since + 30 * DAY) == "NQH7"
