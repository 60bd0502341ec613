"""How long to wait before the next attempt."""

from random import Random

FIRST_SECONDS = 1.0
MAX_SECONDS = 30.0
JITTER = 0.1


class Backoff:
    """Waits of 1, 2, 4, 8 ... at most 30 seconds, each lengthened by up to a tenth so that clients spread out.

    Chance is handed in, so a test or a replay sees the same waits again.
    """

    def __init__(
        self, chance: Random, *, first: float = FIRST_SECONDS, most: float = MAX_SECONDS
    ) -> None:
        self._chance = chance
        self._first = first
        self._most = most
        self.attempts = 0

    def next(self, at_least: float = 0.0) -> float:
        """Return the seconds to wait now; each call is one more failed attempt.

        at_least: what the other side asked for; may exceed the maximum.
        """
        # 2.0 ** 1100 overflows, and nothing changes past the maximum
        plain = min(self._first * 2.0 ** min(self.attempts, 32), self._most)
        self.attempts += 1
        jittered = min(plain * (1 + JITTER * self._chance.random()), self._most)
        return max(jittered, at_least * (1 + JITTER * self._chance.random()))

    def reset(self) -> None:
        """Start again with the shortest wait: the attempt succeeded."""
        self.attempts = 0
