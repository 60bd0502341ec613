"""Frames against the golden vectors of the protocol reference, chapters 9 and 17, and against garbage."""

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.brokers.tradovate.frames import (
    HEARTBEAT,
    Beat,
    ChartPacket,
    Closing,
    Event,
    Opened,
    Response,
    decode_frame,
    encode_request,
    instant_of,
    penalty_in,
)
from apps.bus.domain.message import iso
from apps.marketdata.domain.tick import Quote, Tick

FRAMES = Path(__file__).parents[2] / "frames"
BASE = 1_795_186_800_125_000_000  # 2026-11-20T15:00:00.125Z


def frame(name: str) -> bytes:
    return (FRAMES / f"{name}.txt").read_bytes().rstrip(b"\n")


def heard(data: bytes | str) -> tuple[list[object], Counter[str]]:
    dropped: Counter[str] = Counter()
    data = data.encode() if isinstance(data, str) else data
    return list(decode_frame(data, lambda reason: dropped.update([reason]))), dropped


def ticks_in(data: bytes) -> list[Tick]:
    said, _ = heard(data)
    return [tick for one in said if isinstance(one, ChartPacket) for tick in one.ticks]


def tick_frame(*ticks: object, **packet: object) -> str:
    chart = {"id": 31, "s": "db", "td": 20261120, "bp": 82001, "bt": 1795186800125, "ts": 0.25}
    charts = [chart | {"tks": list(ticks)} | packet]
    return "a" + json.dumps([{"e": "chart", "d": {"charts": charts}}], separators=(",", ":"))


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        (("contract/find", 18, "name=NQZ6"), "contract/find\n18\nname=NQZ6\n"),
        (("authorize", 0, "", "AT.sim.0001"), "authorize\n0\n\nAT.sim.0001"),
        (("md/cancelChart", 3, "", {"subscriptionId": 31}), 'md/cancelChart\n3\n\n{"subscriptionId":31}'),
    ],
)  # fmt: skip
def test_17_1_requests_are_four_lines(asked: tuple, text: str) -> None:
    assert encode_request(*asked) == text
    assert HEARTBEAT == "[]"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("o", [Opened()]),
        ("h", [Beat()]),
        ("a[]", []),
        ('a[{"s":200,"i":0}]', [Response(0, 200, msgspec.Raw(b"null"))]),
        ('a[{"s":429,"i":9}]', [Response(9, 429, msgspec.Raw(b"null"))]),
        ('c[3000,"Go away!"]', [Closing(3000, "Go away!")]),
    ],
)
def test_17_2_frames_are_told_apart_by_their_first_character(text: str, said: list) -> None:
    assert heard(text) == (said, Counter())


def test_17_2_a_clock_event_holds_json_inside_a_string() -> None:
    said, _ = heard(r'a[{"e":"clock","d":"{\"t\":\"2026-11-20T15:00:00.125Z\",\"s\":0}"}]')
    (event,) = said
    assert isinstance(event, Event)
    inner = msgspec.json.decode(msgspec.json.decode(event.data, type=str))
    assert (event.name, inner) == ("clock", {"t": "2026-11-20T15:00:00.125Z", "s": 0})


def test_17_2_an_answer_and_events_in_one_frame_keep_their_order() -> None:
    said, dropped = heard(frame("mixed"))
    assert [type(one) for one in said] == [Response, Event, ChartPacket, Event]
    assert not dropped


def test_17_3_the_tick_packet_decodes_exactly() -> None:
    ticks = ticks_in(frame("ticks_9_3"))
    assert ticks == [
        Tick(BASE, 82001, 3, 9000001, Quote(82000, 12, 82001, 7)),
        Tick(BASE + 45_000_000, 82002, 1, 9000002, Quote(82001, 5, 82002, 9)),
        Tick(BASE + 52_000_000, 81999, 2, 9000003, None),
    ]
    assert [Decimal(tick.price) * Decimal("0.25") for tick in ticks] == [
        Decimal("20500.25"),
        Decimal("20500.50"),
        Decimal("20499.75"),
    ]
    assert [iso(tick.at)[11:] for tick in ticks] == [
        "15:00:00.125Z", "15:00:00.170Z", "15:00:00.177Z",
    ]  # fmt: skip


def test_17_3_the_end_of_history_follows_its_ticks() -> None:
    said, _ = heard(frame("ticks_9_3"))
    assert [(p.chart, len(p.ticks), p.ends_history) for p in said] == [
        (32, 3, False),
        (32, 0, True),
    ]


def test_17_5_three_spellings_of_one_instant() -> None:
    texts = "2026-11-20T15:00Z", "2026-11-20T15:00:00Z", "2026-11-20T15:00:00.000Z"
    assert {instant_of(text) for text in texts} == {1_795_186_800_000_000_000}


def test_17_6_a_penalty_ticket_is_recognised() -> None:
    said, _ = heard('a[{"s":200,"i":4,"d":{"p-ticket":"pt-7c1e","p-time":2,"p-captcha":false}}]')
    penalty = penalty_in(said[0].data)
    assert penalty is not None
    assert (penalty.ticket, penalty.seconds, penalty.captcha) == ("pt-7c1e", 2, False)
    assert penalty_in(msgspec.Raw(b'{"mode":"RealTime"}')) is None


def test_ticks_of_a_packet_are_sorted_by_id() -> None:
    text = tick_frame({"t": 9, "p": 1, "s": 1, "id": 12}, {"t": 1, "p": 0, "s": 1, "id": 11})
    assert [tick.id for tick in ticks_in(text.encode())] == [11, 12]


def test_a_side_without_its_size_has_no_book() -> None:
    text = tick_frame({"t": 0, "p": 0, "s": 1, "id": 1, "b": -1, "a": 1, "bs": 4})
    assert ticks_in(text.encode())[0].quote == Quote(82000, 4, None, None)


@pytest.mark.parametrize(
    "bad",
    [
        {"t": 0, "p": 0, "s": 0, "id": 1},
        {"t": 0, "p": 0, "s": -1, "id": 1},
        {"t": 0, "p": 0.5, "s": 1, "id": 1},
        {"t": "0", "p": 0, "s": 1, "id": 1},
        {"t": 0, "p": 0, "s": 1},
        {"t": 0, "p": 10**12, "s": 1, "id": 1},
        {"t": 0, "p": None, "s": 1, "id": 1},
        [0, 0, 1, 1],
        None,
    ],
)
def test_one_bad_tick_is_dropped_with_its_reason_and_the_others_stay(bad: object) -> None:
    text = tick_frame({"t": 0, "p": 0, "s": 1, "id": 1}, bad, {"t": 9, "p": 0, "s": 1, "id": 3})
    said, dropped = heard(text)
    assert [tick.id for tick in said[0].ticks] == [1, 3]
    assert dropped.total() == 1
    assert next(iter(dropped)).startswith("tick: ")


def test_a_packet_whose_base_time_is_in_seconds_is_dropped() -> None:
    said, dropped = heard(tick_frame({"t": 0, "p": 0, "s": 1, "id": 1}, bt=1795186800))
    assert (said, dropped.total()) == ([], 1)


@pytest.mark.parametrize(
    "text",
    ["", "x", "oo", "hh", "a", "a{", "a[", 'a[{"s":200', "a[1]", "a[null]", 'a[{"i":"x","s":200}]',
     "a[{}]", 'a[{"e":"chart","d":7}]', 'a[{"e":"chart","d":{"charts":[3]}}]', "a[NaN]",
     "a" + "[" * 5000, "\x00"],
)  # fmt: skip
def test_2_3e_a_malformed_frame_is_counted_and_says_nothing(text: str) -> None:
    said, dropped = heard(text)
    assert said == []
    assert dropped.total() >= 1


def test_a_good_answer_beside_a_malformed_message_is_kept() -> None:
    said, dropped = heard('a[{"i":"x","s":200},{"s":200,"i":3}]')
    assert [one.id for one in said] == [3]
    assert dropped == {"message of wrong shape": 1}


@given(st.binary(max_size=300))
def test_no_bytes_whatever_raise(data: bytes) -> None:
    for prefix in (b"", b"a", b"c", b'a[{"e":"chart","d":'):
        decode_frame(prefix + data, lambda reason: None)


@given(cut=st.integers(0, 400), position=st.integers(0, 340), byte=st.integers(0, 255))
def test_a_cut_or_flipped_tick_frame_never_raises(cut: int, position: int, byte: int) -> None:
    data = bytearray(frame("ticks_9_3"))
    data[position % len(data)] = byte
    decode_frame(bytes(data[:cut]), lambda reason: None)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 10**6), st.integers(-(10**4), 10**4), st.integers(1, 999),
            st.booleans(), st.booleans(),
        ), min_size=1, max_size=30,
    )
)  # fmt: skip
def test_both_ways_through_the_decoder_say_the_same(rows: list) -> None:
    """A frame that begins with a chart event takes the short way, any other the long one."""
    ticks: list[dict[str, int]] = []
    for number, (t, p, s, bid, ask) in enumerate(rows):
        tick = {"t": t, "p": p, "s": s, "id": number}
        ticks.append(
            tick | ({"b": p - 1, "bs": 2} if bid else {}) | ({"a": p, "as": 3} if ask else {})
        )
    short = tick_frame(*ticks)
    long = short.replace("a[{", 'a[{"s":200,"i":1},{', 1)
    worst = tick_frame(*ticks, {"t": "x"})
    assert ticks_in(short.encode()) == ticks_in(long.encode())
    assert ticks_in(short.encode()) == ticks_in(worst.encode())


def test_bars_keep_exact_prices_and_their_start() -> None:
    said, _ = heard(frame("bars_9_2"))
    (bar,) = said[0].bars
    assert (bar.open, bar.high, bar.close) == (
        Decimal("20495.0"), Decimal("20503.25"), Decimal("20500.25"),
    )  # fmt: skip
    assert (iso(bar.at), bar.volume) == ("2026-11-20T14:55:00Z", 1452)
