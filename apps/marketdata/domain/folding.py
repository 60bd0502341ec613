"""Longer candles out of shorter ones."""

from collections.abc import Iterable, Iterator

from apps.marketdata.domain.candle import Candle
from apps.marketdata.domain.session import frame_start
from apps.marketdata.domain.tape import joined


def folded(parts: Iterable[Candle], seconds: int) -> Iterator[Candle]:
    """Yield longer candles made of shorter ones in order, the last one as far as it goes."""
    running: Candle | None = None
    for part in parts:
        start = frame_start(part.at, seconds)
        if running is not None and running.at == start:
            running = joined(running, part)
            continue
        if running is not None:
            yield running
        running = part._replace(at=start)
    if running is not None:
        yield running
