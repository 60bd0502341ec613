"""Everything in the order of market time: alerts by the moment they were received, between the ticks."""

from bisect import bisect_right, insort
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby

from apps.bus.domain.message import SECOND, Message
from apps.engine.domain.engine import Engine
from apps.marketdata.domain.messages import ClockTicked
from apps.marketdata.domain.tick import Tick
from apps.signals.domain.messages import Alert


class InOrder:
    """Feeds an engine so that an alert received at `t` comes after the ticks up to `t` and before those after it.

    Live and replay share this, so what a signal becomes depends on market times and never on how fast we were.
    """

    def __init__(
        self,
        engine: Engine,
        alerts: Iterable[Alert] = (),
        stamp: Callable[[Alert], Alert] = lambda alert: alert,
        since: int = 0,
    ) -> None:
        """Take the alerts in order of receipt. `stamp` completes one at the moment it is heard.

        since:  up to when the engine has heard the market (ns UTC); 0: nothing yet
        """
        self.engine = engine
        self.alerts: list[Alert] = list(alerts)
        self._stamp = stamp
        self._clock = since

    def add(self, alert: Alert) -> None:
        """Queue an alert behind those that were received no later."""
        insort(self.alerts, alert, key=_at)

    def ticks(self, contract: str, ticks: Sequence[Tick]) -> Iterator[Message]:
        """Take ticks in, and the alerts on this contract that were received before and among them.

        Alerts on another contract wait for its own ticks: while missed ones are worked off, it may be far behind.
        """
        start = 0
        latest = max(tick.at for tick in ticks) if self.alerts and ticks else 0
        while (alert := self._next_on(contract)) is not None and _at(alert) < latest:
            end = start
            while end < len(ticks) and ticks[end].at <= _at(alert):
                end += 1
            yield from self.engine.run(contract, ticks[start:end])
            start = end
            yield from self._hear(alert, contract)
        yield from self.engine.run(contract, ticks[start:] if start else ticks)

    def until(self, at: int) -> Iterator[Message]:
        """Take in the alerts that were received up to an instant at which no tick came."""
        while self.alerts and _at(self.alerts[0]) <= at:
            yield from self._hear(self.alerts[0], "")

    def together(self, ticks: Sequence[tuple[str, Tick]], until: int) -> Iterator[Message]:
        """Take in the ticks of several contracts, merged by time, with clock and alerts at their own instants between.

        The clock is told at each whole second, so what ends for want of a tick ends at one instant of all contracts,
        however often a market says its time and whoever was away meanwhile.

        until:  how far the market is (ns UTC); no tick is later
        """
        self._clock = self._clock or min((tick.at for _, tick in ticks), default=until)
        start = 0
        while (instant := self._next_instant()) <= until:
            self._clock = instant
            end = bisect_right(ticks, instant, lo=start, key=_time)
            yield from self._merged(ticks[start:end])
            start = end
            if instant % SECOND == 0:
                yield from self.engine.handle(ClockTicked(instant))
            yield from self.until(instant)
        yield from self._merged(ticks[start:])

    def heard(self, at: int) -> None:
        """Note up to when clock and ticks were heard otherwise, one by one: they are not told once more."""
        self._clock = max(self._clock, at)

    def _next_instant(self) -> int:
        """Return the next instant at which something else than a tick is heard."""
        second = self._clock - self._clock % SECOND + SECOND
        return min(second, max(_at(self.alerts[0]), self._clock)) if self.alerts else second

    def _merged(self, ticks: Sequence[tuple[str, Tick]]) -> Iterator[Message]:
        for contract, run in groupby(ticks, key=lambda one: one[0]):
            yield from self.engine.run(contract, [tick for _, tick in run])

    def _next_on(self, contract: str) -> Alert | None:
        if not self.alerts:
            return None
        of = self.engine.desk.contract_of
        return next((alert for alert in self.alerts if of(alert.symbol) in (contract, None)), None)

    def _hear(self, alert: Alert, contract: str) -> Iterator[Message]:
        """Take an alert in. Its receipt tells the time: what was over by then is closed, clock or no clock."""
        self.alerts.remove(alert)
        yield from self.engine.handle(ClockTicked(_at(alert), contract))
        yield from self.engine.handle(self._stamp(alert))


def _time(one: tuple[str, Tick]) -> int:
    return one[1].at


def _at(alert: Alert) -> int:
    return alert.received_at or 0
