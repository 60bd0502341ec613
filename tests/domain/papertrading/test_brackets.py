"""An entry is never left without its stop, and no exit ever turns a position round."""

from apps.brokers.domain.order import Role
from tests.domain.papertrading.paper import Paper


def quoted(paper, at, price, sizes=(50, 50), size=1):
    return paper.tick(at, price, size, price - 1, price + 1, sizes)


def entered(legs, quantity=3, **more):
    paper = Paper()
    quoted(paper, 0, 100)
    paper.place("buy", quantity, legs=legs, **more)
    paper.clock(200)
    return paper


def test_legs_sleep_until_their_entry_is_filled_and_work_in_the_same_turn():
    paper = Paper()
    quoted(paper, 0, 100)
    paper.place("buy", 3, legs=[("stop", 90), ("target", 110, 2), ("target", 120, 1)])
    assert quoted(paper, 50, 125) == []
    assert paper.clock(200) == [
        "o1 filled 3 @ 126",
        "o1-s working 3 at 90",
        "o1-t110 working 2 at 110",
        "o1-t120 working 1 at 120",
        "o1-t110 filled 2 @ 124",
        "o1-s changed 1 at 90",
        "o1-t120 filled 1 @ 124",
        "o1-s cancelled OCO",
    ]
    assert paper.held() == 0


def test_partial_entry_is_covered_at_once_and_targets_never_exceed_it():
    paper = Paper()
    quoted(paper, 0, 100, sizes=(50, 1))
    paper.place("buy", 4, legs=[("stop", 90), ("target", 120, 1), ("target", 110, 2)])
    assert quoted(paper, 200, 100, sizes=(50, 0)) == [
        "o1 filled 1 @ 101",
        "o1-s working 1 at 90",
        "o1-t110 working 1 at 110",
    ]
    assert quoted(paper, 300, 100, sizes=(50, 2)) == [
        "o1 filled 2 @ 101",
        "o1-s changed 3 at 90",
        "o1-t110 changed 2 at 110",
        "o1-t120 working 1 at 120",
    ]
    assert quoted(paper, 400, 100) == ["o1 filled 1 @ 101", "o1-s changed 4 at 90"]


def test_target_makes_the_stop_smaller():
    paper = entered([("stop", 90), ("target", 110, 1), ("target", 120, 2)])
    assert quoted(paper, 300, 111) == ["o1-t110 filled 1 @ 110", "o1-s changed 2 at 90"]
    assert quoted(paper, 400, 121) == ["o1-t120 filled 2 @ 120", "o1-s cancelled OCO"]
    assert paper.held() == 0


def test_stop_filled_in_part_makes_targets_smaller():
    paper = entered([("stop", 90), ("target", 110, 1), ("target", 120, 2)])
    assert quoted(paper, 300, 90, sizes=(1, 1)) == [
        "o1-s filled 1 @ 89",
        "o1-t120 changed 1 at 120",
    ]
    assert quoted(paper, 400, 90) == [
        "o1-s filled 2 @ 89",
        "o1-t110 cancelled OCO",
        "o1-t120 cancelled OCO",
    ]


def test_stop_comes_before_a_target_at_the_same_price():
    paper = Paper({"queue_ahead": 0})
    paper.tick(0, 100)
    paper.place("buy", 1, legs=[("stop", 90), ("target", 110, 1)])
    paper.clock(200)
    paper.change("o1-s", stop=105)
    paper.change("o1-t110", limit=105)
    assert paper.tick(400, 105)[-2:] == ["o1-s filled 1 @ 105", "o1-t110 cancelled OCO"]


def test_entry_that_ends_unfilled_takes_its_legs_with_it():
    paper = Paper()
    quoted(paper, 0, 100)
    paper.place("buy", 3, limit=90, legs=[("stop", 80), ("target", 110)])
    paper.clock(200)
    paper.cancel("o1")
    assert paper.clock(400) == [
        "o1 cancelled CANCELLED",
        "o1-s cancelled ENTRY_ENDED",
        "o1-t110 cancelled ENTRY_ENDED",
    ]
    assert paper.venue.resting == []


def test_partly_filled_entry_that_ends_leaves_its_legs_for_what_was_filled():
    paper = Paper()
    quoted(paper, 0, 100, sizes=(50, 1))
    paper.place("buy", 3, limit=101, legs=[("stop", 80), ("target", 110, 1), ("target", 120, 2)])
    paper.clock(200)
    paper.cancel("o1")
    assert paper.clock(400) == ["o1 cancelled CANCELLED", "o1-t120 cancelled ENTRY_ENDED"]
    assert quoted(paper, 500, 79) == ["o1-s filled 1 @ 78", "o1-t110 cancelled OCO"]


def test_gap_through_the_rest_of_an_entry_and_its_stop_fills_both():
    paper = Paper()
    quoted(paper, 0, 100, sizes=(50, 1))
    paper.place("buy", 3, limit=101, legs=[("stop", 95)])
    paper.clock(200)
    assert quoted(paper, 300, 94) == [
        "o1 filled 2 @ 101",
        "o1-s changed 3 at 95",
        "o1-s filled 3 @ 93",
    ]


def test_stop_that_fills_while_its_entry_works_takes_the_rest_of_it_back():
    paper = Paper()
    paper.tick(0, 100, 1, 99, 101, (1, 50))
    paper.place("sell", 3, limit=99, legs=[("stop", 105)])
    assert paper.clock(200)[:2] == ["o1 filled 1 @ 99", "o1-s working 1 at 105"]
    paper.change("o1", limit=130)
    paper.clock(400)
    assert quoted(paper, 500, 106) == ["o1-s filled 1 @ 107", "o1 cancelled EXIT_FILLED"]
    assert quoted(paper, 600, 140) == []
    assert paper.held() == 0


def test_close_by_hand_ends_all_exits():
    paper = entered([("stop", 90), ("target", 110)])
    paper.close("sell", 3)
    assert paper.clock(400) == [
        "o4 filled 3 @ 99",
        "o1-s cancelled FLAT",
        "o1-t110 cancelled FLAT",
    ]
    assert quoted(paper, 500, 80) == []


def test_partial_close_trims_the_oldest_bracket_first():
    paper = entered([("stop", 90)], 2)
    paper.place("buy", 2, legs=[("stop", 92)])
    paper.clock(400)
    paper.close("sell", 3)
    assert paper.clock(600) == [
        "o5 filled 3 @ 99", "o1-s cancelled EXIT_FILLED", "o3-s changed 1 at 92"
    ]  # fmt: skip
    assert quoted(paper, 700, 80) == ["o3-s filled 1 @ 79"]
    assert paper.held() == 0


def test_close_of_what_no_bracket_covers_leaves_brackets_alone():
    paper = entered([("stop", 90)], 2)
    paper.place("buy", 2)
    paper.clock(400)
    paper.close("sell", 2)
    assert paper.clock(600) == ["o4 filled 2 @ 99"]
    assert paper.held() == 2


def test_exit_never_closes_more_than_is_open():
    paper = entered([], 2)
    paper.close("sell", 5)
    assert paper.clock(400) == ["o2 filled 2 @ 99", "o2 cancelled FLAT"]
    paper.close("sell", 1)
    assert paper.clock(600) == ["o3 cancelled FLAT"]
    assert paper.held() == 0


def test_two_closes_on_their_way_close_once():
    paper = entered([("stop", 90)], 2)
    paper.close("sell", 2)
    paper.close("sell", 2)
    assert paper.clock(400) == ["o3 filled 2 @ 99", "o1-s cancelled FLAT", "o4 cancelled FLAT"]


def test_entry_that_turns_a_position_round_ends_the_old_exits():
    paper = entered([("stop", 90), ("target", 110)], 2)
    paper.place("sell", 5, legs=[("stop", 110), ("target", 80)])
    assert paper.clock(400) == [
        "o4 filled 5 @ 99",
        "o4-s working 3 at 110",
        "o4-t80 working 3 at 80",
        "o1-s cancelled FLAT",
        "o1-t110 cancelled FLAT",
    ]
    assert paper.held() == -3


def test_places_of_two_strategies_do_not_touch_each_other():
    paper = entered([("stop", 90)], 2, strategy=1)
    paper.place("buy", 1, strategy=2, legs=[("stop", 90)])
    paper.clock(400)
    paper.close("sell", 2, strategy=1)
    assert paper.clock(600) == ["o5 filled 2 @ 99", "o1-s cancelled FLAT"]
    assert (paper.held(strategy=1), paper.held(strategy=2)) == (0, 1)


def test_order_that_comes_after_another_waits_for_its_end():
    paper = entered([("stop", 90)], 2)
    paper.close("sell", 2)
    paper.place("sell", 2, after="o3", legs=[("stop", 110)])
    assert paper.clock(400) == [
        "o3 filled 2 @ 99",
        "o1-s cancelled FLAT",
        "o4 filled 2 @ 99",
        "o4-s working 2 at 110",
    ]


def test_order_after_a_close_that_did_not_close_is_not_sent():
    paper = entered([("stop", 90)], 2)
    paper.close("sell", 2, limit=150)
    paper.place("sell", 2, after="o3", legs=[("stop", 110)])
    paper.clock(400)
    paper.cancel("o3")
    assert paper.clock(600) == [
        "o3 cancelled CANCELLED",
        "o4 cancelled NOT_CLOSED",
        "o4-s cancelled ENTRY_ENDED",
    ]


def test_break_even_moves_the_stop_to_the_average_entry_rounded_to_the_loss():
    paper = Paper()
    quoted(paper, 0, 100, sizes=(50, 1))
    paper.place("buy", 3, legs=[("stop", 90, {"arm_at": 110})])
    quoted(paper, 200, 101)
    assert paper.fills("o1") == [(100, 1, 101), (200, 2, 102)]
    assert quoted(paper, 300, 110) == ["o1-s changed 3 at 101"]
    assert quoted(paper, 400, 109) == []
    assert quoted(paper, 500, 101) == ["o1-s filled 3 @ 100"]


def test_break_even_of_a_short_rounds_up():
    paper = Paper()
    quoted(paper, 0, 100, sizes=(1, 50))
    paper.place("sell", 3, legs=[("stop", 110, {"arm_at": 90})])
    quoted(paper, 200, 101)
    assert quoted(paper, 300, 90) == ["o1-s changed 3 at 100"]


def test_trailing_leg_trails_from_when_it_became_active():
    paper = Paper()
    paper.tick(0, 100)
    paper.place("buy", 1, legs=[("stop", 90, {"trail": 10})])
    assert paper.tick(150, 105) == [
        "o1 filled 1 @ 100",
        "o1-s working 1 at 90",
        "o1-s changed 1 at 95",
    ]
    assert paper.tick(200, 94) == ["o1-s filled 1 @ 94"]


def test_target_made_smaller_leaves_the_rest_to_the_stop():
    paper = entered([("stop", 90), ("target", 110, 3)])
    paper.change("o1-t110", quantity=1)
    assert paper.clock(400) == ["o1-t110 changed 1 at 110"]
    assert quoted(paper, 500, 120) == ["o1-t110 filled 1 @ 110", "o1-s changed 2 at 90"]


def test_gap_through_entry_and_stop_is_out_in_the_same_turn():
    paper = Paper()
    quoted(paper, 0, 100)
    paper.place("buy", 1, limit=95, legs=[("stop", 90)])
    paper.clock(200)
    assert quoted(paper, 300, 80) == [
        "o1 filled 1 @ 95",
        "o1-s working 1 at 90",
        "o1-s filled 1 @ 79",
    ]


def test_stop_by_hand_protects_without_a_bracket():
    paper = entered([], 2)
    paper.place("sell", 2, stop=90, role=Role.STOP)
    paper.clock(400)
    assert quoted(paper, 500, 88) == ["o2 filled 2 @ 87"]
