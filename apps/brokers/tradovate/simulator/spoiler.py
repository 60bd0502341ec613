"""Ticks told wrongly: twice, late, out of order, or far from the market. The market itself stays as it is."""

from collections import deque
from dataclasses import dataclass, field

from apps.bus.domain.message import MINUTE, SECOND
from apps.marketdata.domain.tick import Tick

RECENT = 500


@dataclass(slots=True)
class Late:
    """Ticks that are held back, and how many have passed since."""

    after: int
    held: list[Tick] = field(default_factory=list)
    passed: int = 0


class Spoiler:
    """What is to be done to the next ticks of the tick charts. Each number is used up as it is done."""

    def __init__(self) -> None:
        self.duplicate = 0
        self.shuffle = 0
        self.late = 0
        self.after = 3
        self.spike = 0  # whole ticks away from the market
        self._recent: dict[str, deque[Tick]] = {}
        self._held: dict[str, Late] = {}

    def bend(self, contract: str, ticks: list[Tick], until: int) -> list[Tick]:
        """Return the ticks of a step, which ends before `until`, as the charts are to tell them."""
        bent = self._hold_back(contract, ticks, until)
        if not ticks:
            return bent
        recent = self._recent.setdefault(contract, deque(maxlen=RECENT))
        if self.duplicate:
            bent = [*list(recent)[-self.duplicate :], *bent]
            self.duplicate = 0
        if self.shuffle:
            bent = [*reversed(bent[: self.shuffle]), *bent[self.shuffle :]]
            self.shuffle = 0
        if self.spike:
            last = ticks[-1]
            bent.append(Tick(last.at, last.price + self.spike, 1, last.id + 1, last.quote))
            self.spike = 0
        recent.extend(ticks)
        return bent

    def _hold_back(self, contract: str, ticks: list[Tick], until: int) -> list[Tick]:
        """Return the ticks without those held back, and with those whose time has come."""
        told: list[Tick] = []
        for tick in ticks:
            late = self._held.get(contract)
            if late is not None and tick.at // MINUTE != late.held[0].at // MINUTE:
                told.extend(self._held.pop(contract).held)
                late = None
            if self.late and tick.at % MINUTE < 45 * SECOND:  # so that others follow in its minute
                self.late -= 1
                late = self._held.setdefault(contract, Late(self.after))
                late.held.append(tick)
                continue
            told.append(tick)
            if late is not None:
                late.passed += 1
                if late.passed >= late.after:
                    told.extend(self._held.pop(contract).held)
        if contract in self._held and until % MINUTE == 0:
            told.extend(self._held.pop(contract).held)
        return told
