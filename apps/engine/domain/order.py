"""Everything in the order of market time: alerts by the moment they were received, between the ticks."""

from bisect import insort
from collections.abc import Callable, Iterable, Iterator, Sequence

from apps.bus.domain.message import Message
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
    ) -> None:
        """Take the alerts in order of receipt. `stamp` completes one at the moment it is heard."""
        self.engine = engine
        self.alerts: list[Alert] = list(alerts)
        self._stamp = stamp

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


def _at(alert: Alert) -> int:
    return alert.received_at or 0
