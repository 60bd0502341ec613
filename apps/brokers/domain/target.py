"""What an order alert means for one account that holds this much: what to close, what to open, or why nothing.

All sizes are contracts of the account; signed ones are positive for long.
"""

from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal

from apps.signals.domain.posted import TakeOrderAlert

Why = tuple[str, str]
_SIGNS = {"long": 1, "short": -1}
_ACTIONS = {"buy": 1, "sell": -1}
_CLOSES = {"close": 0, "close_long": 1, "close_short": -1}


@dataclass(frozen=True, slots=True)
class Stand:
    """What an account holds for a strategy, and which of its entries and exits are still on their way; signed.

    unwanted: entries that are taken back, of which what is filled all the same is closed: nothing of them is expected
    """

    held: int = 0
    entries: int = 0
    exits: int = 0
    unwanted: int = 0

    @property
    def base(self) -> int:
        """Return what will be held when the exits are done."""
        return self.held + self.exits

    @property
    def expected(self) -> int:
        """Return what will be held when everything is done."""
        return self.base + self.entries


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done: entries taken back, so many contracts closed, then so many opened.

    enter: signed; by_risk: instead of a size, the side (+1, -1) of an entry that is measured by its risk
    """

    close: int = 0
    enter: int = 0
    by_risk: int = 0
    clears: bool = False
    why: Why | None = None

    @property
    def side(self) -> int:
        """Return the side on which something is opened, +1 or -1, 0: nothing is."""
        return self.by_risk or (self.enter > 0) - (self.enter < 0)


def scaled(size: int, multiplier: Decimal) -> int:
    """Return an alert's quantity in an account, never rounded up."""
    return int((size * multiplier).to_integral_value(ROUND_FLOOR))


def planned(
    alert: TakeOrderAlert,
    stand: Stand,
    multiplier: Decimal,
    usual: int = 1,
    *,
    by_risk: bool = False,
) -> Plan:
    """Return what an alert means here. `usual`: the quantity of an alert that says none."""
    said = (alert.market_position or "").lower()
    size = scaled(usual if alert.quantity is None else alert.quantity, multiplier)
    if said == "flat" or (alert.action in _CLOSES and said not in _SIGNS):
        return _closed(stand, _CLOSES.get(alert.action, 0))
    most = None
    if alert.max_position_size is not None:
        most = scaled(alert.max_position_size, multiplier)
    if said not in _SIGNS:
        return _ordered(_ACTIONS[alert.action], size, stand, most, by_risk=by_risk)
    sign = _SIGNS[said]
    if by_risk:
        return _by_risk(sign, stand, most, adds=False)
    wanted = _wanted(alert, sign, size, stand, multiplier)
    if not isinstance(wanted, int):
        return Plan(why=wanted)
    wanted = wanted if most is None else min(wanted, most)
    if not wanted and not stand.expected and not stand.held:
        return Plan(why=_zero(multiplier))
    return _reached(sign * wanted, stand)


def _closed(stand: Stand, only: int) -> Plan:
    held, expected = stand.held * (only or 1), (stand.expected + stand.unwanted) * (only or 1)
    there = (held > 0 or expected > 0) if only else (stand.held or stand.entries or stand.unwanted)
    if not there:
        what = {0: "nothing", 1: "nothing long", -1: "nothing short"}[only]
        return Plan(why=("FLAT", f"{what} is held here for this strategy"))
    closes = abs(stand.base) if not only or stand.base * only > 0 else 0
    return Plan(close=closes, clears=True)


def _wanted(
    alert: TakeOrderAlert, sign: int, size: int, stand: Stand, multiplier: Decimal
) -> int | Why:
    """Return how many contracts shall be held on the side that the sender is on."""
    if alert.market_position_size is not None:
        return scaled(alert.market_position_size, multiplier)
    before = (alert.prev_market_position or "").lower()
    if before not in _SIGNS:
        return size
    cure = "send market_position_size, and a lost alert heals itself"
    if _SIGNS[before] != sign:
        if stand.base * sign < 0:  # the order closes what was held and opens the rest
            return max(0, size - abs(stand.base))
        return (
            "POSITION_DIFFERS",
            f"the sender was {before} and turned round, this account was not; {cure}",
        )
    if stand.expected * sign <= 0:
        return "POSITION_DIFFERS", f"the sender was {before} already, this account is not; {cure}"
    adds = _ACTIONS.get(alert.action) == sign
    return max(0, abs(stand.expected) + (size if adds else -size))


def _reached(target: int, stand: Stand) -> Plan:
    """Return the way from what is to what shall be, never beyond it."""
    sign = 1 if target > 0 else -1
    if stand.expected == target:
        return Plan(
            why=("ALREADY", "the account holds what the alert wants, or is on its way there")
        )
    if target and min(stand.base * sign, stand.entries * sign) >= 0:
        more = abs(target) - abs(stand.expected)
        if more > 0:
            return Plan(enter=sign * more)
    base = stand.base
    if not target or base * sign < 0:
        return Plan(close=abs(base), enter=target, clears=True)
    if abs(base) > abs(target):
        return Plan(close=abs(base) - abs(target), clears=True)
    return Plan(enter=target - base, clears=True)


def _ordered(sign: int, size: int, stand: Stand, most: int | None, *, by_risk: bool) -> Plan:
    """Return a plain buy or sell: it closes the opposite first, and opens the rest."""
    if by_risk:
        return _by_risk(sign, stand, most, adds=True)
    if size < 1:
        return Plan(why=("SIZE_ZERO", "quantity x multiplier is less than one contract here"))
    close = min(size, max(0, -stand.base * sign))
    enter = size - close
    if most is not None:
        enter = min(enter, max(0, most - max(0, stand.expected * sign)))
    if not close and not enter:
        return Plan(why=_full(most))
    return Plan(close=close, enter=sign * enter)


def _by_risk(sign: int, stand: Stand, most: int | None, *, adds: bool) -> Plan:
    along = stand.expected * sign
    if along > 0 and not adds:
        return Plan(why=("ALREADY", "the account is on this side already, or on its way there"))
    if most is not None and max(0, along) >= most:
        return Plan(why=_full(most))
    against = stand.base * sign < 0
    return Plan(close=abs(stand.base) if against else 0, by_risk=sign, clears=along < 0)


def _zero(multiplier: Decimal) -> Why:
    return "SIZE_ZERO", f"the alert's size x {multiplier.normalize():f} is less than one contract"


def _full(most: int | None) -> Why:
    return "MAX_POSITION", f"max_position_size allows {most} here, and no more fits"
