"""Lanes: who may call when it gets tight."""

from itertools import pairwise

import pytest

from apps.brokers.tradovate.quota import Lane, Quota
from apps.brokers.tradovate.wall import WallClock
from apps.bus.domain.message import SECOND


class Clock(WallClock):
    """A clock that moves when it is waited for."""

    def __init__(self) -> None:
        self.at = 10**18

    def now(self) -> int:
        return self.at

    async def wait(self, seconds: float) -> None:
        self.at += int(seconds * SECOND)


def spent(quota: Quota, lane: Lane) -> int:
    """Let a lane call for as long as it may, without waiting."""
    calls = 0
    while quota.admits(lane) and calls < 1000:
        quota._tally.add(quota._wall.now())
        calls += 1
    return calls


LANES = [Lane.POLL, Lane.RECONCILE, Lane.ORDER]


@pytest.mark.parametrize(("lower", "higher"), list(pairwise(LANES)))
def test_what_a_poll_may_still_use_an_order_may_use_for_certain(lower: Lane, higher: Lane) -> None:
    quota = Quota(Clock())
    assert spent(quota, lower) > 0
    assert not quota.admits(lower) and quota.admits(higher)
    assert quota.admits(Lane.EXIT)


@pytest.mark.parametrize("lane", [Lane.EXIT, Lane.LOGIN])
def test_an_exit_and_the_token_that_it_needs_are_never_held_back(lane: Lane) -> None:
    quota = Quota(Clock())
    spent(quota, Lane.ORDER)
    assert not quota.admits(Lane.ORDER) and quota.admits(lane)


def test_calls_are_counted_for_the_page() -> None:
    clock = Clock()
    quota = Quota(clock)
    spent(quota, Lane.POLL)
    assert quota.used == (48, 48)
    clock.at += 61 * SECOND
    assert quota.used == (0, 48)


async def test_a_poll_goes_on_when_the_minute_is_over() -> None:
    clock = Clock()
    quota = Quota(clock)
    began = clock.at
    spent(quota, Lane.POLL)
    await quota.take(Lane.POLL)
    assert 59 * SECOND < clock.at - began < 62 * SECOND


async def test_an_hour_has_its_limit_too() -> None:
    quota = Quota(Clock(), per_minute=10_000, per_hour=10)
    assert spent(quota, Lane.POLL) == 6 and spent(quota, Lane.ORDER) == 4
