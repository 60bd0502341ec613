"""Ticks, candles and the running market go into rows and come back unchanged."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from apps.bus.domain.message import DAY, MINUTE, SECOND
from apps.marketdata import partitions, store
from apps.marketdata.domain.candle import Candle
from apps.marketdata.domain.tape import Tape, TapeState
from apps.marketdata.domain.tick import Quote, Tick, made_id
from apps.marketdata.models import CandleRow, TickMark, TickRow

AT = 1_763_735_400 * SECOND  # 2025-11-21T14:30:00Z
pytestmark = pytest.mark.django_db


def tick(ms: int, price: int = 80_000, size: int = 1, quote: Quote | None = None) -> Tick:
    at = AT + ms * 1_000_000
    return Tick(at, price, size, made_id(at, 0), quote)


TICKS = [tick(0), tick(5, 80_001, 3, Quote(80_000, 5, 80_001, None)), tick(60_000, 79_999)]
writer = store.TickWriter()


def stored(contract: str = "NQZ5") -> list[Tick]:
    return list(store.read_ticks(contract, 0, 1 << 62))


def test_ticks_come_back_as_they_went_in() -> None:
    assert writer.write("NQZ5", TICKS) == 3
    assert stored() == TICKS
    assert stored("NQH6") == []
    assert list(store.read_ticks("NQZ5", AT + 1, AT + MINUTE)) == [TICKS[1]]
    assert writer.write("NQZ5", []) == 0


def test_a_tick_can_be_brought_twice() -> None:
    assert writer.write("NQZ5", TICKS[:2]) == 2
    assert writer.write("NQZ5", TICKS) == 1
    assert writer.write("NQZ5", TICKS) == 0
    assert writer.write("NQZ5", [TICKS[0]._replace(price=1), tick(7), tick(7)]) == 1
    assert stored() == [*TICKS[:2], tick(7), TICKS[2]]


def test_more_ticks_than_fit_into_one_short_transaction_are_all_stored() -> None:
    many = [tick(ms) for ms in range(1001)]
    assert writer.write("NQZ5", many) == 1001
    assert writer.write("NQZ5", many) == 0
    assert stored() == many


def test_ticks_are_part_of_the_transaction_around_them() -> None:
    writer.write("NQZ5", TICKS[:1])
    with transaction.atomic():
        assert writer.write("NQZ5", TICKS) == 2
        transaction.set_rollback(True)
    assert stored() == TICKS[:1]


def test_marks_say_how_a_tick_counts() -> None:
    writer.write("NQZ5", TICKS[:1])
    writer.write("NQZ5", TICKS[1:2], TickMark.LATE)
    writer.write("NQZ5", TICKS[2:], TickMark.HELD)
    assert stored() == TICKS[:2]
    writer.mark("NQZ5", TICKS[2:], TickMark.DROPPED)
    assert list(store.read_ticks("NQZ5", 0, 1 << 62, [TickMark.DROPPED])) == TICKS[2:]


class EveryTick(TestCase):
    price = st.integers(-(2**31) + 1, 2**31 - 1)
    some = st.one_of(st.none(), st.integers(0, 10_000_000))
    quote = st.one_of(st.none(), st.builds(Quote, price, some, price, some))

    @given(st.lists(st.builds(Tick, st.integers(0, 2**62), price, st.integers(1, 10**7), st.integers(0, 2**62), quote),
                    max_size=20, unique_by=lambda one: (one.at, one.id)))  # fmt: skip
    def test_any_tick_survives(self, ticks: list[Tick]) -> None:
        TickRow.objects.all().delete()
        assert writer.write("CLF6", ticks) == len(ticks)
        assert list(store.read_ticks("CLF6", 0, 2**62 + 1)) == sorted(
            ticks, key=lambda one: (one.at, one.id)
        )


# ---- candles ----


def candle(minute: int, close: int = 80_002, **more: object) -> Candle:
    at = AT + minute * MINUTE
    return Candle(at, 80_000, 80_004, 79_999, close, 12, 3, 960_012)._replace(**more)


def test_candles_come_back_as_they_went_in() -> None:
    candles = [candle(0), candle(1, incomplete=True), candle(3)]
    store.save_candles("NQZ5", 60, candles)
    store.save_candles("NQZ5", 300, [candle(0)])
    assert store.load_candles("NQZ5", 60) == candles
    assert store.load_candles("NQZ5", 60, last=2) == candles[1:]
    assert store.load_candles("NQZ5", 60, since=candles[1].at) == candles[1:]
    assert store.load_candles("NQZ5", 60, since=candles[1].at, until=candles[2].at) == candles[1:2]
    assert store.load_candles("ESZ5", 60) == []
    row = CandleRow.objects.get(seconds=300)
    assert (row.open, row.complete) == (Decimal("20000.00"), True)


def test_a_candle_that_comes_again_replaces_the_first() -> None:
    store.save_candles("NQZ5", 60, [candle(0), candle(1)])
    store.save_candles("NQZ5", 60, [candle(1, 80_003), candle(2)])
    assert store.load_candles("NQZ5", 60) == [candle(0), candle(1, 80_003), candle(2)]


def test_many_candles_are_stored_in_short_transactions() -> None:
    candles = [candle(minute) for minute in range(450)]
    store.save_candles("NQZ5", 60, candles)
    assert store.load_candles("NQZ5", 60) == candles


def test_small_ticks_keep_all_their_decimals() -> None:
    yen = Candle(AT, 13_333, 13_335, 13_331, 13_334, 7)
    store.save_candles("6JZ5", 60, [yen])
    assert CandleRow.objects.get().open == Decimal("0.0066665")
    assert store.load_candles("6JZ5", 60) == [yen]


def test_a_candle_whose_close_lies_outside_is_refused_by_the_database() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        store.save_candles("NQZ5", 60, [candle(0, 80_005)])


# ---- the running market ----


def test_the_running_market_is_kept_to_the_last_field() -> None:
    state = TapeState(
        contract="NQZ5",
        root="NQ",
        jump=200,
        expires_at=AT + 28 * DAY,
        last=80_002,
        last_at=AT,
        last_id=made_id(AT, 7),
        closed_until=AT - MINUTE,
        candle=candle(0),
        frames={300: candle(0), 86_400: candle(0, incomplete=True)},
        session_at=AT - 10 * MINUTE,
        session=candle(0),
        gaps=[(AT - 5, AT - 1)],
        held=[TICKS[1]],
        ids=[made_id(AT, 6), made_id(AT, 7)],
    )
    store.save_tapes([state, TapeState(contract="ESZ5", root="ES")])
    assert store.load_tapes() == [TapeState(contract="ESZ5", root="ES"), state]
    store.save_tapes([Tape(state).state()])
    assert len(store.load_tapes()) == 2


# ---- partitions ----


def test_a_day_gets_its_partition_and_takes_its_rows_with_it() -> None:
    day, on_postgres = partitions.day_of_tick(AT), connection.vendor == "postgresql"
    writer.write("NQZ5", TICKS)
    before = partitions.existing()
    assert day not in before
    assert partitions.make([day, day + timedelta(days=1)]) == (2 if on_postgres else 0)
    assert partitions.make([day]) == 0
    assert stored() == TICKS
    assert writer.write("NQZ5", [*TICKS, tick(9)]) == 1
    if on_postgres:
        partitions.drop(day)
        assert partitions.existing() == sorted([*before, day + timedelta(days=1)])
        assert stored() == []


def test_days_ahead_begin_with_today() -> None:
    today = partitions.day_of_tick(AT)
    assert partitions.ahead(today, 2) == [today + timedelta(days=number) for number in range(3)]
    start, end = partitions.bounds(today)
    assert start <= AT < end
    assert partitions.day_of_tick(start) == partitions.day_of_tick(end - 1) == today
