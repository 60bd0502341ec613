"""Waits between attempts."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from apps.brokers.domain.backoff import Backoff


class Unlucky(Random):
    def random(self) -> float:
        return 0.0


def test_waits_double_from_one_second_to_thirty() -> None:
    backoff = Backoff(Unlucky())
    assert [backoff.next() for _ in range(8)] == [1, 2, 4, 8, 16, 30, 30, 30]


def test_success_starts_again_with_one_second() -> None:
    backoff = Backoff(Unlucky())
    for _ in range(5):
        backoff.next()
    backoff.reset()
    assert backoff.next() == 1


def test_what_the_server_asks_for_wins_over_the_maximum() -> None:
    assert Backoff(Unlucky()).next(at_least=60) == 60


@given(seed=st.integers(), attempts=st.integers(1, 1200))
def test_jitter_lengthens_by_at_most_a_tenth_and_never_beyond_thirty(
    seed: int, attempts: int
) -> None:
    jittered, plain = Backoff(Random(seed)), Backoff(Unlucky())
    for _ in range(attempts):
        wait, base = jittered.next(), plain.next()
    assert base <= wait <= min(base * 1.1, 30)


def test_same_chance_same_waits() -> None:
    one, two = Backoff(Random(7)), Backoff(Random(7))
    assert [one.next() for _ in range(9)] == [two.next() for _ in range(9)]
