"""Everything waits at a price: who sleeps between which prices, and the extremes since anybody's start.

A sleeper is found through two heaps of edges; the truth is `spans`, so an entry of a heap that no longer agrees
with it is stale and dropped when it surfaces. Extremes are two monotone stacks over closed legs: exact for any
start, without state per sleeper.
"""

import heapq
from bisect import bisect_left

from apps.marketdata.domain.messages import NEVER


class Sleepers:
    """Those who wait at a price of one contract, and the nearest edges around the price."""

    def __init__(self) -> None:
        self.spans: dict[str, tuple[int, int]] = {}
        self.since: dict[str, int] = {}
        self._up: list[tuple[int, int, str]] = []
        self._down: list[tuple[int, int, str]] = []
        self._turn = 0

    def wait(self, of: str, below: int, above: int, mark: int) -> None:
        """Put `of` to sleep between two prices; `mark` is the leg with which it first began to wait."""
        old = self.spans.get(of)
        self.spans[of] = (below, above)
        self.since.setdefault(of, mark)
        self._turn += 1
        if old is None or old[1] != above:
            heapq.heappush(self._up, (above, self._turn, of))
        if old is None or old[0] != below:
            heapq.heappush(self._down, (-below, self._turn, of))
        if len(self._up) > 64 + 4 * len(self.spans) or len(self._down) > 64 + 4 * len(self.spans):
            self._rebuild()

    def leave(self, of: str) -> None:
        """Forget `of`; its entries in the heaps go stale."""
        self.spans.pop(of, None)
        self.since.pop(of, None)

    def edges(self) -> tuple[int, int]:
        """Return the nearest edge below and above: strictly between them nobody is reached."""
        up, down, spans = self._up, self._down, self.spans
        while up and spans.get(up[0][2], (0, NEVER + 1))[1] != up[0][0]:
            heapq.heappop(up)
        while down and spans.get(down[0][2], (NEVER + 1, 0))[0] != -down[0][0]:
            heapq.heappop(down)
        return (-down[0][0] if down else -NEVER), (up[0][0] if up else NEVER)

    def reached(self, low: int, high: int) -> list[str]:
        """Return all whose span is left by the prices `low` to `high`, nearest edge first; they are awake now.

        A price passes the nearest edge first, and that is the order of the heaps. The woken keep the leg since
        which they wait, and must say `Waits` or `Leaves` before the turn is over.
        """
        woken: list[str] = []
        spans = self.spans
        while self._up and self._up[0][0] <= high:
            edge, _, of = heapq.heappop(self._up)
            if of in spans and spans[of][1] == edge:
                del spans[of]
                woken.append(of)
        while self._down and -self._down[0][0] >= low:
            edge, _, of = heapq.heappop(self._down)
            if of in spans and spans[of][0] == -edge:
                del spans[of]
                woken.append(of)
        return woken

    def _rebuild(self) -> None:
        self._up = [(span[1], turn, of) for turn, (of, span) in enumerate(self.spans.items())]
        self._down = [(-span[0], turn, of) for turn, (of, span) in enumerate(self.spans.items())]
        self._turn = len(self.spans)
        heapq.heapify(self._up)
        heapq.heapify(self._down)


class Extremes:
    """Highest and lowest price since any mark. A leg is a candle, or the part of it between two marks."""

    def __init__(self) -> None:
        self.legs = 0
        self._highs: list[int] = []
        self._high_at: list[int] = []
        self._lows: list[int] = []
        self._low_at: list[int] = []

    def append(self, high: int, low: int) -> None:
        """Close the running leg with its extremes."""
        while self._highs and self._highs[-1] <= high:
            self._highs.pop()
            self._high_at.pop()
        self._highs.append(high)
        self._high_at.append(self.legs)
        while self._lows and self._lows[-1] >= low:
            self._lows.pop()
            self._low_at.pop()
        self._lows.append(low)
        self._low_at.append(self.legs)
        self.legs += 1

    def since(self, mark: int) -> tuple[int, int] | None:
        """Return the highest and lowest of the closed legs from `mark` on, or None if there are none."""
        if mark >= self.legs:
            return None
        return (
            self._highs[bisect_left(self._high_at, mark)],
            self._lows[bisect_left(self._low_at, mark)],
        )
