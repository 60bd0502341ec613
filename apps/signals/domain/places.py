"""Who holds which place: each strategy has one for a pending signal per contract root.

Source: methodology, 5
"""

from apps.signals.domain.signal import Signal, Status


class Places:
    """Signals past their validation, by how far they are; each is in one of the three.

    pending:     by place; it waits for its confirmation
    provisional: by the name under which it waits at a price; an opposing signal in time may still cancel it
    confirmed:   by key; for good, and its entry is due
    """

    def __init__(self) -> None:
        self.pending: dict[tuple[int, str], Signal] = {}
        self.provisional: dict[str, Signal] = {}
        self.confirmed: dict[str, Signal] = {}

    def restore(self, signal: Signal) -> None:
        """Give a signal that was kept its place again."""
        if signal.status is Status.PENDING:
            self.pending[signal.place] = signal
        elif signal.final_at is not None:
            self.provisional[signal.waiter] = signal
        else:
            self.confirmed[signal.key] = signal

    def holds(self, signal: Signal) -> bool:
        """Return whether a signal is the pending one of its place."""
        return self.pending.get(signal.place) is signal

    def rivals(self, signal: Signal, in_time: bool) -> list[Signal]:
        """Return who holds its place: as of that close a confirmation not yet final, and the pending one.

        Both can be there, when a late signal took the place that the confirmation had left.
        """
        rivals = [
            other
            for other in self.provisional.values()
            if in_time and other.place == signal.place and other.confirmation_bar == signal.bar
        ]
        pending = self.pending.get(signal.place)
        return [*rivals, pending] if pending else rivals

    def pending_on(self, contract: str, seconds: int) -> list[Signal]:
        """Return the pending signals that a candle of this contract and frame may confirm."""
        return [
            signal
            for signal in self.pending.values()
            if signal.contract == contract
            and signal.settings
            and signal.settings.timeframe_s == seconds
        ]

    def give_up(self, signal: Signal) -> bool:
        """Take a signal's place away; return whether it waited at a price, for a confirmation to become final."""
        if self.holds(signal):
            del self.pending[signal.place]
        self.confirmed.pop(signal.key, None)
        return self.provisional.pop(signal.waiter, None) is not None

    def all(self) -> list[Signal]:
        """Return everybody who holds a place or waits for his entry."""
        return [*self.pending.values(), *self.provisional.values(), *self.confirmed.values()]
