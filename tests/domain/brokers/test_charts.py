"""The tape of a contract: no tick twice, none lost, holes told."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from apps.brokers.domain.ports import Cursor
from apps.brokers.tradovate.charts import REMEMBERED, TickTape
from apps.brokers.tradovate.frames import ChartPacket
from apps.marketdata.domain.tick import Quote, Tick

QUARTER = Decimal("0.25")
MS = 1_000_000


def tick(number: int) -> Tick:
    return Tick(number * 100 * MS, 80_000 + number, 1, number)


def packet(*numbers: int, tick_size: float = 0.25) -> ChartPacket:
    return ChartPacket(1, [tick(number) for number in sorted(numbers)], tick_size)


def tape(cursor: int | None = None) -> TickTape:
    return TickTape(QUARTER, None if cursor is None else Cursor(cursor, cursor * 100 * MS), None)


def ids(ticks: list[Tick]) -> list[int]:
    return [one.id for one in ticks]


def test_history_and_what_came_meanwhile_are_one_run() -> None:
    made = tape(5)
    made.begin()
    made.collect(packet(5, 6, 7), historical=True)
    made.collect(packet(7, 8), historical=False)
    run = made.finish()
    assert (ids(run.ticks), run.gap) == ([6, 7, 8], None)
    assert made.cursor == Cursor(8, 800 * MS)


def test_an_answer_without_the_last_known_tick_leaves_a_gap() -> None:
    made = tape(5)
    made.begin()
    made.collect(packet(9, 10), historical=True)
    assert made.finish().gap == (500 * MS, 900 * MS)


def test_an_empty_answer_leaves_the_question_to_the_first_live_tick() -> None:
    made = tape(5)
    made.begin()
    assert made.finish().gap is None
    assert made.live(packet(9)).gap == (500 * MS, 900 * MS)
    assert made.live(packet(12)).gap is None


def test_a_first_start_has_no_gap() -> None:
    made = tape()
    made.begin()
    made.collect(packet(9), historical=True)
    assert made.finish().gap is None


def test_pages_are_asked_for_until_the_known_tick_is_reached() -> None:
    made = tape(5)
    made.begin()
    made.collect(packet(9, 10), historical=True)
    older = made.older_range()
    assert older is not None
    assert older["closestTickId"] == 9
    made.collect(packet(5, 6, 7, 8, 9), historical=True)
    assert made.older_range() is None
    assert ids(made.finish().ticks) == [6, 7, 8, 9, 10]


def test_a_late_tick_passes_once_and_a_repeated_one_never() -> None:
    made = tape(1)
    made.begin()
    made.collect(packet(1), historical=True)
    made.finish()
    assert ids(made.live(packet(4, 5)).ticks) == [4, 5]
    assert ids(made.live(packet(3, 4)).ticks) == [3]
    assert ids(made.live(packet(1, 3, 5)).ticks) == []
    assert made.dropped == {"duplicate": 4 + 1}
    assert made.cursor == Cursor(5, 500 * MS)


def test_what_was_forgotten_counts_as_seen() -> None:
    made = tape()
    made.begin()
    made.finish()
    made.live(packet(*range(REMEMBERED + 10)))
    assert made.live(packet(3)).ticks == []


def test_a_packet_in_other_ticks_is_converted_exactly() -> None:
    made = tape()
    made.begin()
    made.finish()
    half = ChartPacket(1, [Tick(MS, 101, 1, 1, Quote(100, 2, 102, 3))], 0.5)
    (got,) = made.live(half).ticks
    assert (got.price, got.quote) == (202, Quote(200, 2, 204, 3))
    eighth = ChartPacket(1, [Tick(MS, 102, 1, 2), Tick(MS, 103, 1, 3)], 0.125)
    assert [one.price for one in made.live(eighth).ticks] == [51]
    assert made.dropped["price between two ticks"] == 1


def test_a_packet_without_a_tick_size_is_dropped() -> None:
    made = tape()
    made.begin()
    made.finish()
    assert made.live(packet(1, tick_size=0.0)).ticks == []


@given(
    cursor=st.integers(0, 40),
    cuts=st.lists(st.integers(0, 60), max_size=6),
    overlap=st.integers(0, 10),
)
def test_any_number_of_reconnects_gives_each_tick_once(
    cursor: int, cuts: list[int], overlap: int
) -> None:
    """Sockets end anywhere; each next one is asked from the cursor and may repeat what is known."""
    made, got, last = tape(cursor), [], 60
    for cut in [*sorted(cuts), last]:
        known = made.cursor.id
        reach = max(cut, known)
        middle = (known + reach) // 2
        made.begin()
        made.collect(packet(*range(max(known - overlap, 0), middle + 1)), historical=True)
        made.collect(packet(*range(middle, min(middle + 2, reach) + 1)), historical=False)
        run = made.finish()
        assert run.gap is None
        got += ids(run.ticks)
        got += ids(made.live(packet(*range(middle, reach + 1))).ticks)
    assert got == list(range(cursor + 1, max(last, cursor) + 1))
