"""Orders at a broker together: what exits cover, and what is remembered of a bracket."""

from apps.brokers.domain.abroad import Stage
from apps.brokers.domain.order import Role
from tests.domain.brokers.bracket import PLACE, Bracket


def test_of_two_exits_that_are_tied_the_larger_counts() -> None:
    bracket = Bracket(targets=2).filled(80_000, 80_000)
    assert bracket.lines.cover(PLACE) == 2


def test_what_sleeps_at_the_broker_covers_no_more_than_its_entry_has_got() -> None:
    bracket = Bracket(targets=2).filled(80_000)
    assert bracket.lines.cover(PLACE) == 1


def test_a_bracket_is_remembered_until_nothing_of_it_lives() -> None:
    bracket = Bracket().filled(80_000)
    bracket.lines.sweep(PLACE)
    assert len(bracket.lines) == 3
    bracket.of(Role.STOP).filled = 1
    for line in bracket.lines.values():
        line.stage = Stage.OVER
        bracket.lines.note(line)
    tags = set(bracket.lines)
    bracket.lines.sweep(PLACE)
    assert (dict(bracket.lines), bracket.lines.changed, bracket.lines.ended) == ({}, {}, tags)


def test_a_bracket_whose_exits_are_over_is_kept_while_it_holds_something() -> None:
    bracket = Bracket().filled(80_000)
    for line in bracket.lines.values():
        line.stage = Stage.OVER
    bracket.lines.sweep(PLACE)
    assert len(bracket.lines) == 3
