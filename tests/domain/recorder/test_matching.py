"""Whose a fill is: by decision, tag, words, bracket, or because it can be nobody else's; else it is said not to be clear."""

from apps.brokers.domain.order import OrderType
from apps.recorder.domain.matching import match
from apps.recorder.domain.seen import Plan, Span
from apps.recorder.domain.terms import Ways

from .stage import A, B, both, fill, known, order, reasons


def test_the_only_recorder_of_a_product_has_its_fills() -> None:
    fills = [fill(1, 2, "100"), fill(2, -2, "101")]
    assert reasons(match(fills, known())) == [
        [(A, 2, "only_strategy")],
        [(A, 2, "only_strategy")],
    ]


def test_a_fill_of_another_product_is_nobodys() -> None:
    fills = [fill(1, 1, "100", contract="ESZ5")]
    assert reasons(match(fills, known())) == [[(None, 1, "unattributed")]]


def test_a_tag_names_its_strategy_in_spite_of_others_that_could_have_traded() -> None:
    orders = [order("o1", tag="th2-20260105-1"), order("o2", text="nq  fade exit")]
    fills = [fill(1, 1, "100"), fill(2, 1, "100")]
    assert reasons(match(fills, both(orders=orders))) == [[(B, 1, "tag")], [(A, 1, "text")]]


def test_our_own_order_names_its_strategy_by_its_row() -> None:
    orders = [order("o1", tag="e:77:1", owner=B)]
    assert reasons(match([fill(1, 1, "100")], both(orders=orders))) == [[(B, 1, "tag")]]


def test_a_tag_of_a_strategy_that_is_not_the_traders_says_nothing() -> None:
    orders = [order("o1", tag="th99-1")]
    (shares,) = reasons(match([fill(1, 1, "100")], both(orders=orders)))
    assert shares == [(None, 1, "ambiguous")]


def test_a_name_is_not_found_inside_a_longer_word() -> None:
    orders = [order("o1", text="NQ Fader")]
    assert reasons(match([fill(1, 1, "100")], both(orders=orders))) == [[(None, 1, "ambiguous")]]


def test_a_bracket_follows_the_order_that_it_belongs_to() -> None:
    orders = [
        order("o1", tag="th1"),
        order("o2", OrderType.STOP, parent="o1"),
        order("o3", parent="o2"),
    ]
    fills = [fill(1, 2, "100"), fill(2, -1, "99"), fill(3, -1, "98")]
    assert reasons(match(fills, both(orders=orders)))[1:] == [
        [(A, 1, "order_parent")],
        [(A, 1, "order_parent")],
    ]


def test_orders_that_are_each_others_parents_end_the_search() -> None:
    orders = [order("o1", parent="o2"), order("o2", parent="o1")]
    assert reasons(match([fill(1, 1, "100")], both(orders=orders))) == [[(None, 1, "ambiguous")]]


def test_of_several_recorders_the_one_that_recorded_then_has_it() -> None:
    told = known(Span(A, "NQ", 0, 10), Span(B, "NQ", 10))
    assert reasons(match([fill(1, 1, "100", at=5)], told)) == [[(A, 1, "window")]]
    assert reasons(match([fill(1, 1, "100", at=10)], told)) == [[(B, 1, "window")]]


def test_a_strategy_that_only_sells_short_cannot_have_bought() -> None:
    told = both(plans={A: Plan(Ways.SHORT)})
    assert reasons(match([fill(1, 1, "100")], told)) == [[(B, 1, "window")]]


def test_what_can_be_of_two_is_left_to_a_person_with_both_named() -> None:
    (one,) = match([fill(1, 1, "100")], both())
    (share,) = one.shares
    assert (share.strategy, share.reason, share.candidates) == (None, "ambiguous", (A, B))
    assert "NQ Fade or NQ FVG" in share.note


def test_a_decision_holds_for_the_whole_order_and_for_its_bracket() -> None:
    orders = [order("o9", OrderType.STOP, parent="o1")]
    fills = [
        fill(1, 1, "100", order="o1"),
        fill(2, 1, "100", order="o1"),
        fill(3, -2, "99", order="o9"),
    ]
    told = both(orders=orders, decisions={1: ((A, 1),)}, fills=fills)
    assert reasons(match(fills, told)) == [
        [(A, 1, "by_hand")],
        [(A, 1, "by_hand")],
        [(A, 2, "order_parent")],
    ]


def test_a_decision_may_divide_a_fill() -> None:
    told = both(decisions={1: ((A, 1), (None, 2))})
    assert reasons(match([fill(1, 3, "100")], told)) == [[(A, 1, "by_hand"), (None, 2, "by_hand")]]


def test_a_stopped_recorder_still_hears_what_closes_its_position_and_no_more() -> None:
    told = known(Span(A, "NQ", 0, 2), orders=[order("o3", tag="th1")])
    fills = [fill(1, 2, "100"), fill(3, -3, "101")]
    assert reasons(match(fills, told))[1] == [(A, 2, "tag"), (None, 1, "unattributed")]


def test_what_was_held_before_the_recorder_began_is_closed_first() -> None:
    fills = [fill(1, 2, "100"), fill(11, -3, "101"), fill(12, 1, "99")]
    assert reasons(match(fills, known(Span(A, "NQ", 10)))) == [
        [(None, 2, "unattributed")],
        [(None, 2, "unattributed"), (A, 1, "only_strategy")],
        [(A, 1, "only_strategy")],
    ]


def test_what_closes_the_undecided_is_undecided_too() -> None:
    told = known(Span(A, "NQ", 0), Span(B, "NQ", 0, 2))
    fills = [fill(1, 1, "100"), fill(3, -1, "101"), fill(4, 1, "101")]
    assert reasons(match(fills, told)) == [
        [(None, 1, "ambiguous")],
        [(None, 1, "ambiguous")],
        [(A, 1, "window")],
    ]


def test_flat_is_told_when_nobody_holds_any_of_it() -> None:
    fills = [fill(1, 1, "100"), fill(2, 1, "100"), fill(3, -2, "101")]
    assert [one.flat_after for one in match(fills, known())] == [False, False, True]


def test_a_stopped_recorder_closes_by_a_fill_that_names_nobody_and_opens_nothing_the_other_way() -> (
    None
):
    stopped = known(Span(A, "NQ", 0, 2))
    fills = [fill(1, 1, "100"), fill(2, -3, "101")]
    assert reasons(match(fills, stopped)) == [
        [(A, 1, "only_strategy")],
        [(A, 1, "only_strategy"), (None, 2, "unattributed")],
    ]


def test_a_long_only_strategy_is_not_turned_short_by_a_fill_that_names_nobody() -> None:
    longs = {A: Plan(ways=Ways.LONG), B: Plan(ways=Ways.SHORT)}
    alone = known(plans={A: Plan(ways=Ways.LONG)})
    fills = [fill(1, 1, "100"), fill(2, -3, "101")]
    assert reasons(match(fills, alone))[1] == [(A, 1, "only_strategy"), (None, 2, "unattributed")]
    assert reasons(match(fills, both(plans=longs)))[1] == [(None, 3, "ambiguous")]


def test_a_decision_gives_nobody_more_or_fewer_contracts_than_the_fill_has_by_now() -> None:
    """A file tells a fill pair by pair: a later one may tell more of it, and an undone one less."""
    whole = both(decisions={1: ((A, 2),)})
    assert reasons(match([fill(1, 5, "100")], whole)) == [[(A, 5, "by_hand")]]
    assert reasons(match([fill(1, 1, "100")], whole)) == [[(A, 1, "by_hand")]]
    divided = both(decisions={1: ((A, 1), (None, 1))})
    for many in (1, 3):
        (one,) = match([fill(1, many, "100")], divided)
        assert reasons([one]) == [[(None, many, "ambiguous")]]
        assert one.shares[0].candidates == (A,)
