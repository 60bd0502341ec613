"""Killed at any statement and started again, the engine says and keeps the same, each once."""

from collections import Counter
from functools import cache
from random import Random

import pytest

from apps.engine.journal import Journal
from apps.engine.live import LiveEngine
from tests.integration.engine.script import Killed, Life, Truth, write_script

pytestmark = pytest.mark.django_db(transaction=True)


def agree(truth: Truth, witness: Truth) -> None:
    """Hold a troubled life's rows to an undisturbed one's, table by table."""
    assert sorted(set(truth.facts) - set(witness.facts)) == []
    assert sorted(set(witness.facts) - set(truth.facts)) == []
    assert truth.facts == witness.facts
    assert truth.signals == witness.signals
    assert truth.trades == witness.trades
    assert truth.candles == witness.candles
    assert truth.ticks == witness.ticks
    assert truth.money == witness.money
    assert truth.unhandled == witness.unhandled == 0


@cache
def witness() -> Truth:
    """Return what an undisturbed life leaves."""
    Life(write_script()).live()
    return Truth.told()


def test_the_script_has_everything_in_it() -> None:
    names = Counter(key.split(":")[0] for key, _ in witness().facts)
    for name in (
        "signal.created", "signal.rejected", "signal.cancelled", "signal.confirmation_found",
        "signal.confirmed", "trade.entered", "trade.break_even_armed", "trade.target_hit",
        "trade.stopped_out", "trade.break_even_hit", "trade.ended",
        "order.sent", "order.working", "order.filled", "order.changed", "order.cancelled",
        "position.opened", "position.closed",
    ):  # fmt: skip
        assert names[name], f"{name} does not happen: {names}"


@pytest.mark.parametrize("seed", range(3))
def test_killed_again_and_again_the_rows_are_those_of_an_undisturbed_life(seed: int) -> None:
    expected = witness()
    chance = Random(seed)
    left = chance.randint(1, 40)

    def strike(sql: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            left = chance.randint(8, 60)
            raise Killed

    life = Life(write_script(), strike, step=(0.002, 0.02, 0.2)[seed % 3]).live()
    assert life.kills > 10
    agree(Truth.told(), expected)


def test_what_is_applied_live_is_what_is_loaded_afresh() -> None:
    def compare(engine: LiveEngine) -> None:
        engine.save()
        live, loaded = engine.engine, Journal().load()
        desk = live.desk
        open_signals = [*desk.places.all(), *desk.waiting]
        assert {s.key: s for s in loaded.signals.signals} == {s.key: s for s in open_signals}
        assert {t.waiter: t for t in loaded.trades} == live.book.open
        books = live.ledger.books
        assert {one.id: one for one in loaded.ledger.accounts} == books.accounts
        assert {one.id: one for one in loaded.ledger.orders} == books.orders
        held = {(one.account, one.contract, one.strategy): one for one in loaded.ledger.positions}
        assert held == books.positions
        assert {one.account: one for one in loaded.standings} == live.guard.standings
        assert {one.id: one for one in loaded.paper.resting} == {
            one.id: one for one in live.venue.resting
        }
        assert loaded.paper.open == live.venue.open
        for state in loaded.market:
            applied = live.market.tapes[state.contract].state()
            if applied.candle is None:
                applied.ids = []  # of a candle that is over: nobody asks for them again
            state.ids.sort()
            assert state == applied

    Life(write_script(), after=compare, step=0.01).live()
