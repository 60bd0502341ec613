"""Stops at a broker that we move: where they wait, where they are wanted, and that they never go back."""

from hypothesis import given
from hypothesis import strategies as st

from apps.brokers.domain.abroad import Stage
from apps.brokers.domain.moving import MovingStops
from apps.brokers.domain.order import Role
from apps.marketdata.domain.messages import NEVER, Leaves, Waits
from tests.domain.brokers.bracket import NQ, PLACE, Bracket

OF = f"b:1:{NQ}"


def test_a_break_even_waits_at_its_level_alone() -> None:
    bracket = Bracket(arm_at=80_040).filled(80_000)
    assert list(MovingStops(bracket.books, bracket.lines).wait(PLACE)) == [
        Waits(OF, NQ, -NEVER, 80_040)
    ]


def test_a_trailing_stop_waits_until_it_is_a_tenth_of_its_distance_behind() -> None:
    bracket = Bracket(trail=40).filled(80_000)
    assert list(MovingStops(bracket.books, bracket.lines).wait(PLACE)) == [
        Waits(OF, NQ, -NEVER, 80_004)
    ]


def test_what_waits_is_said_once_and_taken_back_once() -> None:
    bracket = Bracket(arm_at=80_040).filled(80_000)
    stops = MovingStops(bracket.books, bracket.lines)
    list(stops.wait(PLACE))
    assert list(stops.wait(PLACE)) == []
    bracket.of(Role.STOP).stage = Stage.OVER
    assert list(stops.wait(PLACE)) == [Leaves(OF, NQ)]
    assert list(stops.wait(PLACE)) == []


def test_a_stop_whose_entry_has_got_nothing_waits_for_no_price() -> None:
    bracket = Bracket(arm_at=80_040).filled()
    assert list(MovingStops(bracket.books, bracket.lines).wait(PLACE)) == []


def test_break_even_is_what_was_paid_on_average_rounded_to_the_loss() -> None:
    bracket = Bracket(targets=2, arm_at=80_040).filled(80_000, 80_001)
    MovingStops(bracket.books, bracket.lines).move(PLACE, 80_040, 80_040)
    assert bracket.of(Role.STOP).want_stop == 80_000


def test_break_even_moves_no_stop_back() -> None:
    bracket = Bracket(arm_at=80_040).filled(80_000)
    stop = bracket.of(Role.STOP)
    stop.stop = 80_010
    MovingStops(bracket.books, bracket.lines).move(PLACE, 80_040, 80_040)
    assert (stop.want_stop, stop.arm_at) == (None, None)


def test_r_is_from_what_was_paid_to_the_stop() -> None:
    bracket = Bracket(arm_at=80_040).filled(80_004)
    for order in bracket.books.orders.values():
        order.r = "2" if order.role is Role.TARGET else "1"
    MovingStops(bracket.books, bracket.lines).aim(bracket.of(Role.ENTRY))
    assert bracket.of(Role.TARGET).want_limit == 80_004 + 2 * 44
    assert bracket.of(Role.STOP).arm_at == 80_004 + 44


@given(st.lists(st.integers(79_900, 80_400), min_size=1, max_size=40))
def test_a_trailing_stop_follows_the_best_price_and_never_goes_back(prices: list[int]) -> None:
    bracket = Bracket(trail=40).filled(80_000)
    stops, stop = MovingStops(bracket.books, bracket.lines), bracket.of(Role.STOP)
    best = 80_000
    for price in prices:
        before, best = stop.lies, max(best, price)
        stops.move(PLACE, price, price)
        assert before is not None and stop.lies is not None
        assert stop.lies >= before
        assert stop.lies == best - 40
