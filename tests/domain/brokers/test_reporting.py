"""An order that is several at the broker is one at the desk: one size, one end."""

from apps.brokers.domain.abroad import Line, Stage
from apps.brokers.domain.messages import BrokerReported, Report
from apps.brokers.domain.order import OrderStatus, Role
from apps.brokers.domain.reporting import Reporter
from tests.domain.brokers.bracket import Bracket


def test_a_stop_covers_what_its_entries_hold_together() -> None:
    bracket = Bracket(targets=3).filled(80_000, 80_000)
    reporter = Reporter(bracket.books, bracket.lines)
    (said,) = reporter.stands(bracket.books.orders["e-s"], 1)
    assert isinstance(said, BrokerReported)
    assert (said.what, said.quantity, said.stop) == (Report.WORKING, 2, 79_960)


def test_what_stands_as_it_stood_is_not_said_again() -> None:
    bracket = Bracket(targets=2).filled(80_000, 80_000)
    stop = bracket.books.orders["e-s"]
    stop.become(OrderStatus.WORKING, 1)
    assert list(Reporter(bracket.books, bracket.lines).stands(stop, 2)) == []


def test_an_entry_ends_with_the_last_of_its_parts_and_takes_its_legs_with_it() -> None:
    bracket = Bracket(targets=2)
    reporter = Reporter(bracket.books, bracket.lines)
    first, last = bracket.of(Role.ENTRY, 0), bracket.of(Role.ENTRY, 1)

    def ended(line: Line, what: Report) -> dict[str, tuple[Report, str]]:
        told = reporter.end(line, what, 1, "LiquidationOnly")
        return {
            one.order: (one.what, one.reason) for one in told if isinstance(one, BrokerReported)
        }

    assert set(ended(first, Report.CANCELLED)) == {"e-t1"}  # the one target that was only for it
    told = ended(last, Report.REJECTED)
    assert told["e"] == (Report.REJECTED, "LiquidationOnly")
    assert told["e-s"] == told["e-t2"] == (Report.CANCELLED, "ENTRY_ENDED")
    assert all(one.stage is Stage.OVER for one in bracket.lines.values())


def test_an_order_that_is_over_does_not_end_again() -> None:
    bracket = Bracket()
    reporter = Reporter(bracket.books, bracket.lines)
    entry = bracket.of(Role.ENTRY)
    list(reporter.end(entry, Report.CANCELLED, 1, ""))
    assert list(reporter.end(entry, Report.REJECTED, 2, "")) == []
    assert entry.ending == Report.CANCELLED
