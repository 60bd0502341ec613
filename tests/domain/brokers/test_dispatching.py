"""What is asked of a broker: one change at a time, each end once, no refusal for ever."""

from apps.brokers.domain.abroad import Dispatch, Errand, Line, Stage
from apps.brokers.domain.dispatching import Dispatcher
from apps.brokers.domain.facts import OrderChangeRefused, OrderStuck
from apps.brokers.domain.order import Role
from tests.domain.brokers.bracket import Bracket, word


def at_work(role: Role = Role.STOP, **bracket: int) -> tuple[Dispatcher, Line]:
    made = Bracket(**bracket).filled(80_000)
    return Dispatcher(made.books, made.lines), made.of(role)


def test_what_is_wanted_while_a_change_is_on_its_way_is_asked_for_after_it() -> None:
    dispatcher, stop = at_work()
    stop.want_stop = 79_970
    (first,) = dispatcher.change(stop, 1)
    stop.want_stop = 79_980
    assert list(dispatcher.change(stop, 2)) == []
    dispatcher.take_over(stop, word(stop="19992.50", quantity=1))
    (second,) = dispatcher.change(stop, 3)
    assert isinstance(first, Dispatch) and isinstance(second, Dispatch)
    assert [one.payload["stop"] for one in (first, second)] == ["19992.50", "19995.00"]
    assert first.key != second.key


def test_what_is_so_already_is_not_asked_for() -> None:
    dispatcher, stop = at_work()
    stop.want_stop = stop.stop
    assert list(dispatcher.change(stop, 1)) == []
    assert stop.want_stop is None


def test_an_end_is_asked_for_once() -> None:
    dispatcher, stop = at_work()
    (sent,) = dispatcher.cancel(stop, 1)
    assert isinstance(sent, Dispatch) and sent.errand is Errand.CANCEL
    assert list(dispatcher.cancel(stop, 2)) == []


def test_what_was_never_sent_has_nothing_to_be_ended() -> None:
    dispatcher, stop = at_work()
    stop.stage = Stage.HERE
    assert list(dispatcher.cancel(stop, 1)) == []


def test_a_third_refusal_is_a_person_s_business() -> None:
    dispatcher, stop = at_work()
    told = []
    for at in range(5):
        list(dispatcher.cancel(stop, at))
        if stop.is_leaving:
            told += dispatcher.refused(stop, "RiskRejected", at)
    assert [type(one) for one in told] == [OrderChangeRefused, OrderChangeRefused, OrderStuck]
    assert stop.is_stuck and len(dispatcher.dispatches) == 3


def test_an_entry_whose_end_is_refused_is_taken_back_again_at_once() -> None:
    dispatcher, entry = at_work(Role.ENTRY)
    entry.stage, entry.filled = Stage.WORKING, 0
    list(dispatcher.cancel(entry, 1))
    answers = list(dispatcher.refused(entry, "RiskRejected", 2))
    assert [type(one) for one in answers] == [OrderChangeRefused, Dispatch]


def test_a_trailing_stop_leaves_as_a_stop() -> None:
    made = Bracket(trail=40)
    sent = Dispatcher(made.books, made.lines).place(made.of(Role.ENTRY), 1)
    (stop,) = [one for one in sent.payload["legs"] if one["stop"]]
    assert (stop["type"], stop["stop"], stop["trail"]) == ("stop", "19990.00", None)
