"""The candles that signals are judged by: those that closed, the one that is open, and the bias they make."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from apps.bus.domain.message import MINUTE
from apps.marketdata.domain.candle import Candle
from apps.marketdata.domain.session import frame_end, frame_start
from apps.signals.domain.confirmation import Series
from apps.signals.domain.indicator import Bias, Direction
from apps.signals.domain.settings import FRAME_SECONDS, MOST_LEFT

KEPT = 1500  # candles behind the newest: a day of minutes, for late alerts


@dataclass
class _Tape:
    """What is known of one contract's minutes. `open`: the one that is open; `latest`: the last that began."""

    open: int | None = None
    latest: int | None = None


class KnownCandles:
    """All candles that the desk has heard of, by contract and time frame in seconds."""

    def __init__(self, candles: Mapping[tuple[str, int], list[Candle]]) -> None:
        self._series = {place: Series(known) for place, known in candles.items()}
        self._biases: dict[tuple[str, int], Bias] = {}
        self._tapes: dict[str, _Tape] = {}
        for (contract, seconds), known in candles.items():
            if seconds == 60 and known:
                self._tape(contract).latest = known[-1].at
            for candle in known if seconds in FRAME_SECONDS else ():
                self._bias(contract, seconds).close(candle)

    def contracts(self) -> set[str]:
        """Return the contracts of which a candle is known."""
        return {contract for contract, _ in self._series}

    def begin(self, contract: str, bar: int) -> None:
        """Note that a one-minute candle has opened."""
        tape = self._tape(contract)
        tape.open = tape.latest = bar

    def close(self, contract: str, candles: Iterable[tuple[int, Candle]]) -> None:
        """Take in all candles that end together: first every bias, so that each judgement sees the longer frames."""
        for seconds, candle in candles:
            if seconds == 60:
                self._tape(contract).open = None
            if seconds in FRAME_SECONDS:
                self._bias(contract, seconds).close(candle)
            self.of(contract, seconds).append(candle)

    def of(self, contract: str, seconds: int) -> Series:
        """Return the closed candles of a contract in a time frame."""
        return self._series.setdefault((contract, seconds), Series())

    def bias(self, contract: str, seconds: int) -> Direction | None:
        """Return the platform's bias of a contract in a frame; None is neutral."""
        return self._bias(contract, seconds).direction

    def is_open(self, contract: str) -> bool:
        """Return whether a one-minute candle of the contract is open."""
        return self._tape(contract).open is not None

    def last_over(self, contract: str, seconds: int, at: int) -> int | None:
        """Return the open time of the last candle that was over at an instant, closed by now or not."""
        latest = self._tape(contract).latest
        if latest is not None:
            start = frame_start(latest, seconds)
            if frame_end(start, seconds) <= at:
                return start
        return self.of(contract, seconds).last_closed_by(at, seconds)

    def may_come(self, contract: str, seconds: int, bar: int) -> bool:
        """Return whether a candle may still be traded: nothing later has begun or closed."""
        latest = self._tape(contract).latest
        if latest is not None:
            return bar >= frame_start(latest, seconds)
        times = self.of(contract, seconds).times
        return not times or bar > times[-1]

    def trim(self, contract: str, seconds: int, needed: Iterable[int]) -> None:
        """Forget what no signal can need; `needed` are the candles of those that still wait."""
        series = self.of(contract, seconds)
        oldest = min([series.times[-1] - KEPT * MINUTE * (seconds // 60), *needed])
        series.trim(oldest, keep=MOST_LEFT + 3)

    def _bias(self, contract: str, seconds: int) -> Bias:
        return self._biases.setdefault((contract, seconds), Bias())

    def _tape(self, contract: str) -> _Tape:
        return self._tapes.setdefault(contract, _Tape())
