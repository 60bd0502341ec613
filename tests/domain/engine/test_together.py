"""Two contracts of one market: what becomes of a signal in one and its orders in the other is the same however often
the market says its time, and whenever somebody was away."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import cache

from hypothesis import example, given, settings
from hypothesis import strategies as st

from apps.brokers.domain.messages import ListAccount, ListRoute
from apps.brokers.tradovate.simulator.market import GeneratedMarket
from apps.brokers.tradovate.simulator.standin import Chart
from apps.bus.domain.message import MINUTE, SECOND, Fact, Message, to_instant, told
from apps.engine.domain.engine import build_engine
from apps.engine.domain.order import InOrder
from apps.marketdata.domain.instrument import instrument
from apps.marketdata.domain.messages import ClockTicked, ContractListed
from apps.marketdata.domain.tick import Tick
from apps.signals.domain.messages import Alert
from apps.signals.domain.settings import settings_for

BEGIN = to_instant(datetime(2026, 11, 25, 14, 30, tzinfo=UTC))
END = BEGIN + 25 * MINUTE
PLAIN = settings_for(instrument("NQ")).plain()
SEEDS = (44, 17, 21)  # candles end for want of a tick just when an order is due
PAPER = {"slippage_ticks": [0, 2], "latency_ms": [50, 250]}


class Both:
    """An engine that hears NQ and MNQ of one generated market, with a route from the one to the other."""

    def __init__(self, seed: int) -> None:
        self.market = GeneratedMarket(seed, BEGIN, ("NQ", "MNQ"))
        self.names = {root: self.market.front(root, BEGIN) for root in ("NQ", "MNQ")}
        self.facts: list[str] = []
        self.engine = build_engine()
        self.order = InOrder(self.engine, self._alerts(), since=BEGIN)
        for root, name in self.names.items():
            self._take(self.engine.handle(ContractListed(name, root, None)))
        account = {
            "name": "A", "kind": "paper", "start_balance": "50000", "fees": {"MNQ": "0.99"}, "paper": PAPER,
            "tz": "America/Chicago", "reset": "17:00",
        }  # fmt: skip
        route = {"mode": "automatic", "quantity": "2", "root": "MNQ", "targets": [{"r": "2"}]}
        for wish in (
            ListAccount(id="w1", user=1, account=1, config=account),
            ListRoute(id="w2", user=1, account=1, strategy=0, config=route),
        ):
            self._take(self.engine.handle(wish))

    def _alerts(self) -> Iterable[Alert]:
        chart = Chart(self.names["NQ"], BEGIN)
        for at in range(BEGIN, END, MINUTE):
            turned = chart.feed(at, list(self.market.ticks(self.names["NQ"], at, at + MINUTE)))
            if turned is not None:
                yield Alert(
                    id=str(at), symbol="NQ1!", direction=turned, time=at, received_at=at + MINUTE, settings=PLAIN,
                )  # fmt: skip

    def hear(self, cuts: Sequence[int]) -> list[str]:
        """Hear the market in pieces that end at these instants; return all facts."""
        ticks = _ticks(self.market, tuple(self.names.values()))
        edges = [*sorted(cuts), END]
        start = 0
        for until in edges:
            end = next(
                (place for place in range(start, len(ticks)) if ticks[place][1].at > until),
                len(ticks),
            )
            self._take(self.order.together(ticks[start:end], until))
            start = end
        return self.facts

    def _take(self, messages: Iterable[Message]) -> None:
        self.facts += [
            json.dumps(told(said), sort_keys=True) for said in messages if isinstance(said, Fact)
        ]


def _ticks(market: GeneratedMarket, names: Iterable[str]) -> list[tuple[str, Tick]]:
    both = [(name, tick) for name in sorted(names) for tick in market.ticks(name, BEGIN, END)]
    return sorted(both, key=lambda one: one[1].at)


@cache
def in_one_piece(seed: int) -> list[str]:
    return Both(seed).hear(())


def test_the_market_of_this_law_has_orders_that_fill_and_end() -> None:
    names = [json.loads(fact)["fact"] for seed in SEEDS for fact in in_one_piece(seed)]
    assert names.count("order.sent") > 5
    assert "position.closed" in names


@settings(deadline=None)  # the first of each market plays it whole
@given(
    st.sampled_from(SEEDS),
    st.lists(st.integers(BEGIN, END).map(lambda at: at // 1_000_000 * 1_000_000)),
)
@example(17, list(range(BEGIN + SECOND // 5, END, 3 * SECOND)))
@example(21, list(range(BEGIN + SECOND // 5, END, 3 * SECOND)))
@example(44, list(range(BEGIN + 6 * SECOND // 5, END, 3 * SECOND)))
def test_nothing_depends_on_how_often_the_market_says_its_time(seed: int, cuts: list[int]) -> None:
    assert Both(seed).hear(cuts) == in_one_piece(seed)


def test_a_clock_that_came_by_itself_is_not_told_once_more() -> None:
    """A real market was live for days; now missed ticks are heard together: from where it was, not from the start."""
    both = Both(44)
    told: list[Message] = []
    handle = both.engine.handle

    def watched(said: Message) -> Iterable[Message]:
        told.append(said)
        return handle(said)

    both.engine.handle = watched  # type: ignore[method-assign, assignment]
    days_later = BEGIN + 5 * 24 * 60 * MINUTE
    both.order.heard(days_later)
    both.order.alerts.clear()
    list(both.order.together((), days_later + 3 * SECOND))
    clock = [said.at for said in told if isinstance(said, ClockTicked)]
    assert clock == [days_later + n * SECOND for n in (1, 2, 3)]
