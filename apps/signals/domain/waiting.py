"""Signals whose candle has not closed yet, found by that candle."""

from bisect import insort
from collections import defaultdict
from collections.abc import Iterator

from apps.signals.domain.signal import Signal

Row = tuple[int, int, Signal]  # open time of the candle, order of arrival


class WaitingRoom:
    """Signals by contract and time frame, in the order of their candles and then of arrival."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, int], list[Row]] = defaultdict(list)
        self._count = 0

    def add(self, signal: Signal) -> None:
        """Let a signal wait for its candle."""
        assert signal.contract and signal.settings and signal.bar is not None
        self._count += 1
        rows = self._rows[signal.contract, signal.settings.timeframe_s]
        insort(rows, (signal.bar, self._count, signal), key=lambda row: row[:2])

    def take(self, contract: str, seconds: int, before: int) -> list[Signal]:
        """Return and forget all whose candle opens before an instant."""
        rows = self._rows.get((contract, seconds))
        if not rows or rows[0][0] >= before:
            return []
        count = next((i for i, row in enumerate(rows) if row[0] >= before), len(rows))
        taken, rows[:count] = rows[:count], []
        return [signal for _, _, signal in taken]

    def frames(self, contract: str) -> list[int]:
        """Return the time frames in which somebody waits for a candle of this contract."""
        return [
            seconds for (name, seconds), rows in self._rows.items() if name == contract and rows
        ]

    def remove(self, signal: Signal) -> None:
        """Forget one signal."""
        for rows in self._rows.values():
            rows[:] = [row for row in rows if row[2] is not signal]

    def __iter__(self) -> Iterator[Signal]:
        """Return all who wait."""
        return iter([signal for rows in self._rows.values() for _, _, signal in rows])
