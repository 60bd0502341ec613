"""Who sleeps between which prices, and the extremes since anybody's start: checked against plain lists."""

from hypothesis import given
from hypothesis import strategies as st

from apps.marketdata.domain.messages import NEVER
from apps.marketdata.domain.sleepers import Extremes, Sleepers

LEGS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=40)
NAMES = st.sampled_from("abcdef")
ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), NAMES, st.integers(-20, 20), st.integers(0, 20)),
        st.tuples(st.just("leave"), NAMES, st.just(0), st.just(0)),
        st.tuples(st.just("reach"), st.just(""), st.integers(-25, 25), st.integers(0, 4)),
    ),
    max_size=80,
)


@given(LEGS)
def test_extremes_since_any_mark_are_those_of_the_legs_from_it_on(legs: list[tuple[int, int]]):
    extremes = Extremes()
    closed = [(max(pair), min(pair)) for pair in legs]
    for high, low in closed:
        extremes.append(high, low)
    assert extremes.since(len(closed)) is None
    for mark in range(len(closed)):
        highs, lows = zip(*closed[mark:], strict=True)
        assert extremes.since(mark) == (max(highs), min(lows))


@given(ACTS)
def test_a_price_wakes_exactly_those_whose_span_it_has_left(acts: list[tuple[str, str, int, int]]):
    sleepers, spans = Sleepers(), {}
    for act, of, price, width in acts:
        if act == "wait":
            spans[of] = (price - width, price + width)
            sleepers.wait(of, *spans[of], 0)
        elif act == "leave":
            spans.pop(of, None)
            sleepers.leave(of)
        else:
            left = {
                of
                for of, (below, above) in spans.items()
                if price <= below or price + width >= above
            }
            assert sorted(sleepers.reached(price, price + width)) == sorted(left)
            for name in left:
                del spans[name]
        assert sleepers.spans == spans
        below = max((span[0] for span in spans.values()), default=-NEVER)
        above = min((span[1] for span in spans.values()), default=NEVER)
        assert sleepers.edges() == (below, above)


def test_nearest_edge_wakes_first_and_the_longest_waiting_before_others_at_one_price():
    sleepers = Sleepers()
    for of, above in (("far", 30), ("near", 10), ("same", 10)):
        sleepers.wait(of, -NEVER, above, 0)
    assert sleepers.reached(40, 40) == ["near", "same", "far"]


def test_a_woken_sleeper_keeps_the_mark_with_which_it_began_to_wait():
    sleepers = Sleepers()
    sleepers.wait("a", 0, 10, 3)
    assert sleepers.reached(10, 10) == ["a"]
    sleepers.wait("a", 5, 15, 9)
    assert sleepers.since == {"a": 3}


def test_a_moved_span_leaves_nothing_behind_however_often_it_moves():
    sleepers = Sleepers()
    for above in range(1000):
        sleepers.wait("a", -1000, above + 5, 0)
        sleepers.wait("b", -1000 + above, 2000, 0)
    assert sleepers.edges() == (-1, 1004)
    assert len(sleepers._up) + len(sleepers._down) < 200
    assert sleepers.reached(1004, 1004) == ["a"]
