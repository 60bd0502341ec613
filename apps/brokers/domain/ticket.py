"""From what a trader asked for to an order and its legs: every field read, checked against the market, put on the grid."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, Final

from apps.brokers.domain.messages import (
    PlaceOrder,
)
from apps.brokers.domain.order import (
    Order,
    OrderStatus,
    OrderType,
    Origin,
    Role,
    Side,
    TimeInForce,
)
from apps.marketdata.domain.instrument import Instrument, OffTick

MOST_CONTRACTS: Final = 500
MOST_TARGETS: Final = 5


class BadOrder(ValueError):
    """A field that can't be used. The text begins with the field and says value and cure."""

    def __init__(self, field: str, value: object, cure: str, code: str = "BAD_VALUE") -> None:
        super().__init__(f"{field}: {value} {cure}" if value is not None else f"{field}: {cure}")
        self.field, self.code = field, code


@dataclass(frozen=True, slots=True)
class Setting:
    """Where an order is placed.

    last: ticks; balance: dollars; held: signed contracts of its place; after: the order that has to be over first
    """

    contract: str
    instrument: Instrument
    last: int
    at: int
    day_ends: int
    balance: Decimal
    held: int
    after: str = ""


def orders_for(
    wish: PlaceOrder, setting: Setting, origin: Origin
) -> list[tuple[Order, tuple[Order, ...]]]:
    """Return the orders that carry out a wish, each with its legs.

    Mostly one. One that would turn a position round is two: an exit of what is held, which no rule blocks, and an entry
    of the rest, which the rules judge.

    Raises:  BadOrder
    """
    read = _Ticket(wish, setting)
    side, kind = read.choice("side", Side), read.choice("type", OrderType)
    limit, stop, trail = read.prices(side, kind)
    entry = limit if limit is not None else (stop if stop is not None else setting.last)
    legs = read.legs(side, entry)
    quantity = read.quantity(side, entry, legs)
    against = setting.held * side.sign < 0 and not legs
    closing = min(quantity, abs(setting.held)) if against else 0
    made: list[tuple[Order, tuple[Order, ...]]] = []
    for id, role, size in (
        (f"{wish.id}-x" if closing < quantity else wish.id, Role.EXIT, closing),
        (wish.id, Role.ENTRY, quantity - closing),
    ):
        if not size:
            continue
        tif = read.choice("tif", TimeInForce)
        order = Order(
            id=id, user=wish.user, account=wish.account, contract=setting.contract, side=side,
            type=kind, quantity=size, strategy=wish.strategy, limit=limit, stop=stop, trail=trail,
            tif=tif, role=role, origin=origin, signal=wish.signal,
            reference=setting.last, at=setting.at,
            expires_at=setting.day_ends if tif is TimeInForce.DAY else None,
            after=made[0][0].id if made else setting.after,
        )  # fmt: skip
        made.append((order, tuple(_legs(order, legs)) if role is Role.ENTRY else ()))
    return made


@dataclass(frozen=True, slots=True)
class _Bracket:
    stop: int | None
    trail: int | None
    targets: tuple[
        tuple[int, int | None, str], ...
    ]  # price, contracts (None: the rest), R if so given
    arm_at: int | None
    arm_r: str


class _Ticket:
    def __init__(self, wish: PlaceOrder, setting: Setting) -> None:
        self.wish, self.set = wish, setting

    def choice(self, name: str, kind: Any) -> Any:
        """Return one of a closed set."""
        value = getattr(self.wish, name)
        try:
            return kind(str(value).lower())
        except ValueError:
            raise BadOrder(name, repr(value), f"is none of {', '.join(kind)}") from None

    def ticks(self, name: str, value: object) -> int:
        """Return a price on the grid."""
        product = self.set.instrument
        try:
            price = Decimal(str(value))
        except InvalidOperation:
            raise BadOrder(name, repr(value), "is no price") from None
        if not price.is_finite() or not 0 < price < 10_000_000:
            raise BadOrder(name, repr(value), "is no possible price")
        try:
            return product.to_ticks(product.snap(price) if self.wish.snap else price)
        except OffTick:
            near = product.snap(price)
            cure = f"is off the grid of {product.tick_size}: the nearest price is {near}"
            raise BadOrder(name, value, cure, "OFF_TICK") from None

    def prices(self, side: Side, kind: OrderType) -> tuple[int | None, int | None, int | None]:
        """Return limit, stop and trail as the type needs them, each on its side of the market."""
        wish, last, product = self.wish, self.set.last, self.set.instrument
        needs = {
            OrderType.MARKET: (),
            OrderType.LIMIT: ("limit",),
            OrderType.STOP: ("stop",),
            OrderType.STOP_LIMIT: ("limit", "stop"),
            OrderType.TRAILING_STOP: ("trail_points",),
        }[kind]
        for name in ("limit", "stop", "trail_points"):
            given = getattr(wish, name) not in (None, "")
            if given and name not in needs:
                raise BadOrder(
                    name, getattr(wish, name), f"does not go with a {kind} order: leave it out"
                )
            if not given and name in needs:
                raise BadOrder(name, None, f"a {kind} order needs one")
        limit = self.ticks("limit", wish.limit) if "limit" in needs else None
        stop = self.ticks("stop", wish.stop) if "stop" in needs else None
        if stop is not None and (stop - last) * side.sign <= 0:
            where = "above" if side is Side.BUY else "below"
            cure = f"is on the wrong side: a {side} stop must lie {where} the last price {product.text(last)}; use a limit order instead"
            raise BadOrder("stop", product.text(stop), cure, "WRONG_SIDE")
        if limit is not None and stop is not None and (limit - stop) * side.sign < 0:
            where = "below" if side is Side.BUY else "above"
            cure = f"could not fill: the limit of a {side} stop must not lie {where} its stop {product.text(stop)}"
            raise BadOrder("limit", product.text(limit), cure, "WRONG_SIDE")
        trail = None
        if "trail_points" in needs:
            trail = self.ticks("trail_points", wish.trail_points)
            stop = last + side.sign * trail  # a sell trails below the price, a buy above it
        return limit, stop, trail

    def legs(self, side: Side, entry: int) -> _Bracket | None:
        """Return the bracket in ticks: the stop on the losing side of the entry, targets on the winning one."""
        given = self.wish.bracket
        if not given:
            return None
        if not isinstance(given, Mapping):
            raise BadOrder("bracket", repr(given), "must be an object with a stop")
        known = {"stop", "stop_points", "trail_points", "targets", "break_even_r"}
        if unknown := sorted(set(given) - known):
            raise BadOrder(
                f"bracket.{unknown[0]}",
                given[unknown[0]],
                f"is not known; use {', '.join(sorted(known))}",
            )
        stop, trail = self._protection(given, side, entry)
        risk = (entry - stop) * side.sign
        if risk <= 0:
            where = "below" if side is Side.BUY else "above"
            text = self.set.instrument.text
            cure = f"is on the wrong side: the stop of a {side} must lie {where} its entry {text(entry)}"
            raise BadOrder("bracket.stop", text(stop), cure, "WRONG_SIDE")
        targets = self._targets(given.get("targets") or (), side, entry, risk)
        arm_at, arm_r = None, ""
        if given.get("break_even_r") not in (None, ""):
            multiple = self._multiple("bracket.break_even_r", given["break_even_r"])
            arm_at = entry + side.sign * -(-multiple.numerator * risk // multiple.denominator)
            arm_r = str(multiple)
        return _Bracket(stop, trail, targets, arm_at, arm_r)

    def _protection(
        self, given: Mapping[str, Any], side: Side, entry: int
    ) -> tuple[int, int | None]:
        names = [
            name
            for name in ("stop", "stop_points", "trail_points")
            if given.get(name) not in (None, "")
        ]
        if len(names) != 1:
            cure = "needs exactly one of stop, stop_points, trail_points: an entry is never left without its stop"
            raise BadOrder("bracket", None, cure)
        name = names[0]
        ticks = self.ticks(f"bracket.{name}", given[name])
        if name == "stop":
            return ticks, None
        return entry - side.sign * ticks, ticks if name == "trail_points" else None

    def _targets(
        self, given: Any, side: Side, entry: int, risk: int
    ) -> tuple[tuple[int, int | None, str], ...]:
        if not isinstance(given, Sequence) or isinstance(given, str) or len(given) > MOST_TARGETS:
            raise BadOrder(
                "bracket.targets", None, f"must be a list of at most {MOST_TARGETS} targets"
            )
        made = []
        for number, one in enumerate(given):
            name = f"bracket.targets[{number}]"
            if not isinstance(one, Mapping) or (("price" in one) == ("r" in one)):
                raise BadOrder(name, None, 'must be {"price": …} or {"r": …}, each with "quantity"')
            r = ""
            if "price" in one:
                price = self.ticks(f"{name}.price", one["price"])
            else:
                multiple = self._multiple(f"{name}.r", one["r"])
                price = entry + side.sign * -(-multiple.numerator * risk // multiple.denominator)
                r = str(multiple)
            if (price - entry) * side.sign <= 0:
                where = "above" if side is Side.BUY else "below"
                text = self.set.instrument.text
                cure = f"is on the wrong side: a target of a {side} must lie {where} its entry {text(entry)}"
                raise BadOrder(f"{name}.price", text(price), cure, "WRONG_SIDE")
            size = one.get("quantity")
            made.append((price, None if size in (None, "") else whole(f"{name}.quantity", size), r))
        return tuple(sorted(made, key=lambda leg: leg[0] * side.sign))

    def _multiple(self, name: str, value: object) -> Fraction:
        try:
            read = Decimal(str(value))
        except InvalidOperation:
            raise BadOrder(name, repr(value), "is no multiple of R") from None
        if not read.is_finite() or not 0 < read <= 100:
            raise BadOrder(name, repr(value), "must be above 0 and at most 100")
        return Fraction(read)

    def quantity(self, side: Side, entry: int, legs: _Bracket | None) -> int:
        """Return how many contracts: as asked for, or as many as the risk allows, never rounded up."""
        wish = self.wish
        if wish.risk_percent in (None, ""):
            return whole("quantity", wish.quantity)
        try:
            percent = Decimal(str(wish.risk_percent))
        except InvalidOperation:
            raise BadOrder("risk_percent", repr(wish.risk_percent), "is no number") from None
        if not percent.is_finite() or not 0 < percent <= 100:
            raise BadOrder(
                "risk_percent", repr(wish.risk_percent), "must be above 0 and at most 100"
            )
        if legs is None or legs.stop is None:
            raise BadOrder("risk_percent", None, "needs a stop to measure the risk with")
        product = self.set.instrument
        each = (entry - legs.stop) * side.sign * product.tick_value
        size = int(self.set.balance * percent / 100 / each)
        if size < 1:
            smaller = f"; {product.micro} is a tenth of it" if product.micro else ""
            cure = f"one contract risks ${each:,.2f}, more than {percent} % of ${self.set.balance:,.2f}{smaller}"
            raise BadOrder("risk_percent", None, cure, "SIZE_ZERO")
        return min(size, wish.most or MOST_CONTRACTS, MOST_CONTRACTS)


def whole(name: str, value: object) -> int:
    """Return a number of contracts.

    Raises:  BadOrder
    """
    cure = f"must be a whole number of contracts, 1 to {MOST_CONTRACTS}"
    try:
        read = Decimal(str(value))
    except InvalidOperation:
        raise BadOrder(name, repr(value), cure) from None
    if (
        isinstance(value, bool)
        or not read.is_finite()
        or read != int(read)
        or not 1 <= read <= MOST_CONTRACTS
    ):
        raise BadOrder(name, value, cure)
    return int(read)


def _legs(entry: Order, bracket: _Bracket | None) -> list[Order]:
    """Return the legs of a bracket: its stop over everything, its targets in order of distance."""
    if bracket is None:
        return []
    made = [
        _leg(
            entry, "s", Role.STOP, entry.quantity,
            type=OrderType.TRAILING_STOP if bracket.trail else OrderType.STOP,
            stop=bracket.stop, trail=bracket.trail, arm_at=bracket.arm_at, r=bracket.arm_r,
        )
    ]  # fmt: skip
    left = entry.quantity
    for number, (price, size, r) in enumerate(bracket.targets, 1):
        rest = left if size is None else size
        if rest > left:
            cure = f"is too many: with it the targets close more than the {entry.quantity} of the order"
            raise BadOrder(f"bracket.targets[{number - 1}].quantity", rest, cure)
        if rest:
            made.append(
                _leg(entry, f"t{number}", Role.TARGET, rest, type=OrderType.LIMIT, limit=price, r=r)
            )
        left -= rest
    return made


def _leg(entry: Order, name: str, role: Role, quantity: int, **asked: Any) -> Order:
    return Order(
        id=f"{entry.id}-{name}", user=entry.user, account=entry.account, contract=entry.contract,
        side=entry.side.opposite, quantity=quantity, strategy=entry.strategy, role=role,
        origin=entry.origin, parent=entry.id, signal=entry.signal, at=entry.at,
        status=OrderStatus.WAITING, **asked,
    )  # fmt: skip
