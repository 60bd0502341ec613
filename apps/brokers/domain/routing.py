"""Router, the fourth stage: which accounts a strategy's signals go to, how large, and whether a person is asked first."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, Final, TypeVar

from apps.brokers.domain.account import BadAccount
from apps.brokers.domain.facts import (
    OrderSent,
    RouteListed,
    RouteSkipped,
)
from apps.brokers.domain.gate import EntryGate, windows
from apps.brokers.domain.groups import Group
from apps.brokers.domain.messages import (
    ListRoute,
    PlaceOrder,
    RouteOrder,
)
from apps.brokers.domain.order import OrderType, Role, Side
from apps.brokers.domain.ticket import BadOrder, whole
from apps.bus.domain.message import MINUTE, Message
from apps.bus.domain.stage import handles
from apps.marketdata.domain.contract import root_of
from apps.marketdata.domain.instrument import INSTRUMENTS, instrument
from apps.marketdata.domain.messages import ClockTicked, ContractListed, TimeTold
from apps.signals.domain.indicator import Direction
from apps.signals.domain.messages import ConfirmationFound, EntryDue
from apps.trades.domain.messages import CommandRefused

T = TypeVar("T")
MOST_MULTIPLE: Final = 100  # of the risk, and per cent of the balance


class Mode(StrEnum):
    """What becomes of a confirmed signal: it is only followed, or a person says yes, or it is sent at once."""

    OBSERVE = "observe"
    APPROVE = "approve"
    AUTOMATIC = "automatic"


@dataclass(frozen=True, slots=True)
class Route:
    """One strategy into one account.

    risk_percent: of the balance, lost at the stop; else `quantity` contracts
    root:         what is traded instead of the signal's own instrument, e.g. MNQ for NQ, at the same prices
    windows:      New York hours in which entries are made; none: always
    cooldown_s:   between two entries; most_trades: entries a trading day; 0 = no bound
    targets:      (R, contracts or None = the rest); none: the stop alone ends it
    """

    strategy: int
    account: int
    user: int
    mode: Mode
    quantity: int = 1
    risk_percent: str | None = None
    root: str = ""
    targets: tuple[tuple[str, int | None], ...] = ()
    break_even_r: str | None = "1"
    windows: tuple[str, ...] = ()
    cooldown_s: int = 0
    most_trades: int = 0

    def plain(self) -> dict[str, Any]:
        """Return what `route_for` reads."""
        return {
            "mode": self.mode.value,
            "quantity": self.quantity,
            "risk_percent": self.risk_percent,
            "root": self.root,
            "targets": [{"r": r, "quantity": size} for r, size in self.targets],
            "break_even_r": self.break_even_r,
            "windows": list(self.windows),
            "cooldown_s": self.cooldown_s,
            "most_trades": self.most_trades,
        }


class BadRoute(BadAccount):
    """A route that can't be used. The text is the first refusal; `problems` are all, each begins with its field."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(problems[0])
        self.problems = tuple(problems)


class _Reading:
    """Reads value by value and remembers what can't be used, so that all of it is told at once."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def take(self, instead: T, reader: Callable[..., T], *said: Any) -> T:
        """Return what is read; where that can't be used, something to go on with."""
        try:
            return reader(*said)
        except (BadAccount, BadOrder) as problem:
            self.problems.append(str(problem))
            return instead


def route_for(strategy: int, account: int, user: int, config: Mapping[str, Any]) -> Route:
    """Return a route as a page or the admin wrote it.

    Raises:  BadRoute  values that can't be used, all of them, by their fields
    """
    reading = _Reading()
    route = Route(
        strategy, account, user,
        mode=reading.take(Mode.OBSERVE, _mode, config.get("mode", "observe")),
        root=reading.take("", _root, str(config.get("root") or "")),
        quantity=reading.take(1, whole, "quantity", config.get("quantity") or 1),
        risk_percent=reading.take(None, _multiple, "risk_percent", config.get("risk_percent")),
        targets=tuple(_target(reading, one) for one in config.get("targets") or ()),
        break_even_r=reading.take(None, _multiple, "break_even_r", config.get("break_even_r")),
        windows=reading.take((), windows, config.get("windows")),
        cooldown_s=reading.take(0, _count, "cooldown_s", config.get("cooldown_s"), 86_400),
        most_trades=reading.take(0, _count, "most_trades", config.get("most_trades"), 1_000),
    )  # fmt: skip
    if reading.problems:
        raise BadRoute(reading.problems)
    return route


def _mode(said: object) -> Mode:
    try:
        return Mode(said)  # type: ignore[arg-type]  # whatever it is, it is one of them or refused
    except ValueError:
        raise BadAccount(f"mode: {said!r} is none of {', '.join(Mode)}") from None


def _root(said: str) -> str:
    if said and said not in INSTRUMENTS:
        raise BadAccount(f"root: {said!r} is no instrument")
    return said


def _target(reading: _Reading, said: Mapping[str, Any]) -> tuple[str, int | None]:
    size = said.get("quantity")
    return (
        reading.take("", _needed, "targets.r", said.get("r")),
        None if size in (None, "") else reading.take(1, whole, "targets", size),
    )


def _count(name: str, said: object, most: int) -> int:
    text = str(said or 0)
    if isinstance(said, bool) or not text.isdecimal() or len(text) > 9 or int(text) > most:
        raise BadAccount(f"{name}: {said!r} must be a whole number, 0 to {most}; 0 is no bound")
    return int(text)


def _multiple(name: str, value: object) -> str | None:
    if value in (None, ""):
        return None
    try:
        read = Decimal(str(value))
    except InvalidOperation:
        raise BadAccount(f"{name}: {value!r} is no number") from None
    if not read.is_finite() or not 0 < read <= MOST_MULTIPLE:
        raise BadAccount(f"{name}: {value!r} must be above 0 and at most {MOST_MULTIPLE}")
    return f"{read.normalize():f}"


def _needed(name: str, value: object) -> str:
    read = _multiple(name, value)
    if read is None:
        raise BadAccount(f"{name}: is missing")
    return read


@dataclass
class RouterState:
    """What outlives the process: routes, groups, which (signal, account) were sent, and entries of late."""

    routes: list[Route] = field(default_factory=list)
    sent: set[tuple[str, int]] = field(default_factory=set)
    groups: list[Group] = field(default_factory=list)
    entries: list[tuple[int, int, int]] = field(default_factory=list)


class Router:
    """Says an order for each account that a confirmed signal goes to, once."""

    def __init__(self, state: RouterState | None = None) -> None:
        state = state or RouterState()
        self.routes = {(one.strategy, one.account): one for one in state.routes}
        self._sent = set(state.sent)
        self.gate = EntryGate(state.entries)
        self.fronts: dict[str, str] = {}
        self.at = 0

    @handles(ContractListed)
    def list_contract(self, said: ContractListed) -> Iterator[Message]:
        """Remember which contract an undated symbol means now."""
        self.fronts[said.root] = said.contract
        return iter(())

    @handles(ClockTicked, TimeTold)
    def tick_clock(self, said: ClockTicked | TimeTold) -> Iterator[Message]:
        """Remember the time, for the answers to people."""
        self.at = max(self.at, said.at)
        return iter(())

    @handles(OrderSent)
    def hear_sent(self, said: OrderSent) -> Iterator[Message]:
        """Count a strategy's entries."""
        if said.strategy and said.role == Role.ENTRY:
            self.gate.note(said.strategy, said.account, said.at)
        return iter(())

    @handles(ListRoute)
    def list_route(self, wish: ListRoute) -> Iterator[Message]:
        """Take over what becomes of a strategy's signals."""
        key = (wish.strategy, wish.account)
        try:
            if wish.config is None:
                self.routes.pop(key, None)
            else:
                self.routes[key] = route_for(*key, wish.user, wish.config)
        except BadAccount as problem:
            yield CommandRefused(
                at=self.at,
                user=wish.user,
                command=wish.id,
                reason="BAD_VALUE",
                detail=str(problem),
            )
            return
        yield RouteListed(
            at=self.at, user=wish.user, account=wish.account, wish=wish.id, strategy=wish.strategy
        )

    @handles(ConfirmationFound)
    def hear_found(self, said: ConfirmationFound) -> Iterator[Message]:
        """A candle confirms: orders need not wait until no opposite alert can come. Source: methodology, 14."""
        if said.order_at == "confirmation":
            yield from self._send(said, said.contract or "", f"{said.stop_price:f}", said.at)

    @handles(EntryDue)
    def hear_due(self, said: EntryDue) -> Iterator[Message]:
        """Confirmed for good: what was not sent at the confirmation is sent now, unless its entry is long past."""
        product = instrument(root_of(said.contract))
        if said.candles:
            yield from self._skip(said)
            return
        at = said.final_at or said.confirmation_bar + MINUTE
        yield from self._send(said, said.contract, product.text(said.stop), at)

    def _skip(self, said: EntryDue) -> Iterator[Message]:
        for route in self._open_routes(said.strategy, said.signal):
            self._sent.add((said.signal, route.account))
            yield RouteSkipped(
                at=said.candles[0].at, user=route.user, account=route.account, signal=said.signal,
                strategy=said.strategy, reason="LATE",
                detail="the alert came late: its entry candle was over, so no order was sent",
            )  # fmt: skip

    def _send(
        self, said: ConfirmationFound | EntryDue, contract: str, stop: str, at: int
    ) -> Iterator[Message]:
        side = Side.BUY if said.direction == Direction.BULLISH else Side.SELL
        for route in self._open_routes(said.strategy, said.signal):
            self._sent.add((said.signal, route.account))
            if why := self.gate.why_not(
                route.windows, route.cooldown_s, route.most_trades,
                (route.strategy, route.account), at,
            ):  # fmt: skip
                yield RouteSkipped(
                    at=at, user=route.user, account=route.account, signal=said.signal,
                    strategy=said.strategy, reason=why[0], detail=why[1],
                )  # fmt: skip
                continue
            # named for what it is, not for the alert's own id: a replay draws the same chance for it
            name = f"{contract}.{said.trade_id}.{said.strategy}.{route.account}"
            place = PlaceOrder(
                id=name,
                user=route.user,
                account=route.account,
                symbol=self.fronts.get(route.root, route.root) if route.root else contract,
                side=side,
                type=OrderType.MARKET,
                quantity=0 if route.risk_percent else route.quantity,
                risk_percent=route.risk_percent,
                bracket={
                    "stop": stop,
                    "targets": [{"r": r, "quantity": size} for r, size in route.targets],
                    "break_even_r": route.break_even_r,
                },
                strategy=said.strategy,
                signal=said.signal,
                snap=True,
            )
            yield RouteOrder(place, at, ask=route.mode is Mode.APPROVE)

    def _open_routes(self, strategy: int, signal: str) -> Iterable[Route]:
        return [
            route
            for route in self.routes.values()
            if route.strategy == strategy
            and route.mode is not Mode.OBSERVE
            and (signal, route.account) not in self._sent
        ]
