"""The Trade Manager's regions: the same query and the same partial for first paint and for every refresh."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, Final

from django.http import HttpRequest

from apps.brokers import queries
from apps.brokers.domain.books import ON_ITS_WAY
from apps.brokers.domain.order import ENDED, OrderStatus, OrderType, Origin, Role
from apps.brokers.domain.orderdesk import HELD_FOR
from apps.brokers.domain.telling import why
from apps.brokers.models import Fill, Order
from apps.brokers.queries import AccountView
from apps.bus.domain.message import SECOND, to_datetime
from apps.dashboards import shell
from apps.dashboards.accounts import accounts_of
from apps.dashboards.held import held
from apps.dashboards.rungs import STEPS, price_ladder
from apps.dashboards.ticket_form import symbol_in
from apps.marketdata import price
from apps.marketdata.domain.contract import root_of
from apps.marketdata.domain.instrument import INSTRUMENTS, Instrument, instrument
from apps.marketdata.domain.session import day_bounds
from apps.signals.queries import SignalView, views
from apps.signals.queries import rows as signal_rows
from apps.trades.domain.trade import State

TABS: Final = ("working", "fills", "history")
HISTORY: Final = 60  # rows
TO_EXECUTE: Final = 6  # confirmed signals
SIZES: Final = (
    ("risk:0.25", "¼ % risk"),
    ("risk:0.5", "½ % risk"),
    ("risk:1", "1 % risk"),
    ("1", "1 contract"),
    ("2", "2 contracts"),
    ("3", "3 contracts"),
    ("5", "5 contracts"),
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the page is about: the contract, and its price now."""

    root: str
    contract: str
    instrument: Instrument
    now: price.Price | None


def chosen(request: HttpRequest) -> Chosen:
    """Return the contract that the address names, else the one of the last ticket, else the micro."""
    fed = shell.fed_root()
    wanted = request.GET.get("symbol") or request.session.get("ticket", {}).get("symbol")
    root = symbol_in(wanted, fed)
    now = price.price_now(root)
    if now is None and not wanted:  # its micro is not fed here
        root, now = fed, price.price_now(fed)
    return Chosen(root, now.contract if now else root, INSTRUMENTS[root], now)


@dataclass(frozen=True, slots=True)
class OrderLine:
    """An order as it stands in a table."""

    row: Order
    now: price.Price | None
    letter: str = ""

    @property
    def product(self) -> Instrument:
        """Return what it trades."""
        return instrument(self.row.root)

    @property
    def level(self) -> Decimal | None:
        """Return the price at which it works, on the grid; None at the market."""
        level = self.row.limit if self.row.limit is not None else self.row.stop
        return None if level is None else self.product.snap(level)

    @property
    def stop_level(self) -> Decimal | None:
        """Return the stop of a stop-limit order beside its limit."""
        both = self.row.limit is not None and self.row.stop is not None
        return self.product.snap(self.row.stop) if both else None

    @property
    def average(self) -> Decimal | None:
        """Return what it was filled at."""
        if not self.row.filled:
            return None
        exact = self.product.tick_size * self.row.paid / self.row.filled
        return exact.quantize(Decimal("0.01"), ROUND_HALF_UP)

    @property
    def away(self) -> Decimal | None:
        """Return the points between it and the last price."""
        if self.level is None or self.now is None:
            return None
        return abs(self.level - self.now.last)

    @property
    def type(self) -> str:
        """Return its type as people say it."""
        return self.row.type.replace("_", " ").capitalize()

    @property
    def purpose(self) -> str:
        """Return what it is for."""
        left = self.row.quantity - self.row.filled
        words = {
            Role.STOP: f"protects {left}",
            Role.TARGET: "target",
            Role.EXIT: "closes",
            Role.ENTRY: "enters",
        }[Role(self.row.role)]
        if self.row.arm_at is not None and self.row.role == Role.STOP:
            words += f", BE {self.product.snap(self.row.arm_at):,f}"
        if self.row.signal and self.row.role == Role.ENTRY:
            words += " for a signal"
        return f"OCO {self.letter} {words}" if self.letter else words

    @property
    def state(self) -> str:
        """Return where it stands, in a word or two."""
        if self.row.status == OrderStatus.WAITING:
            return "waits for entry"
        if self.row.filled and not self.row.ended_at:
            return f"{self.row.filled} of {self.row.quantity} filled"
        return str(self.row.status)

    @property
    def tone(self) -> str:
        """Return the tone of the state's badge."""
        return {"waiting": "wait", "sent": "wait", "blocked": "bad", "rejected": "bad",
                "expired": "wait", "filled": "good"}.get(self.row.status, "")  # fmt: skip

    @property
    def can_cancel(self) -> bool:
        """Return whether it may be taken back: a stop that protects never alone, a leg never before its entry."""
        if self.row.status not in ON_ITS_WAY:
            return False
        return not (self.row.parent and self.row.role == Role.STOP)

    @property
    def can_move(self) -> bool:
        """Return whether it has a price that can be moved."""
        return self.level is not None and self.row.status in {*ON_ITS_WAY, OrderStatus.WAITING}

    @property
    def move_field(self) -> str:
        """Return which of its values a move changes."""
        if self.row.type == OrderType.TRAILING_STOP:
            return "trail_points"
        return "limit" if self.row.limit is not None else "stop"

    @property
    def move_value(self) -> Decimal | None:
        """Return that value as it is now."""
        if self.row.type == OrderType.TRAILING_STOP and self.row.trail is not None:
            return self.product.points(self.row.trail)
        return self.level

    @property
    def reasons(self) -> list[str]:
        """Return why it ended as it did, in sentences."""
        said = [str(one[1]) for one in self.row.verdict.get("reasons", ()) if len(one) > 1]
        if self.row.status == OrderStatus.BLOCKED and said:
            return said
        return [why(self.row.reason)] if self.row.reason else []


def lines(rows: list[Order]) -> list[OrderLine]:
    """Return orders for a table; those of one bracket share a letter."""
    prices = queries.prices_of(one.contract for one in rows)
    parents = [one.parent for one in rows if one.parent]
    groups = sorted({name for name in parents if parents.count(name) > 1})
    letters = {name: chr(ord("A") + n % 26) for n, name in enumerate(groups)}
    return [OrderLine(one, prices.get(one.contract), letters.get(one.parent, "")) for one in rows]


def moves(exits: list[OrderLine]) -> list[tuple[str, OrderLine]]:
    """Return a position's exits whose price can be moved, each under a name that no other of them has."""
    movable = [one for one in exits if one.can_move]
    stops = Counter(one.row.type for one in movable if one.row.role != Role.TARGET)
    names = [_move_name(one, stops[one.row.type]) for one in movable]
    for name, many in Counter(names).items():
        if many > 1:
            for number in range(1, many + 1):
                names[names.index(name)] = f"{name} ({number})"
    return list(zip(names, movable, strict=True))


def _move_name(line: OrderLine, alike: int) -> str:
    """Return what an exit's field is called: Stop; where several protect, Stop of 2."""
    if line.row.role == Role.TARGET:
        return f"Target {line.row.quantity}"
    kind = "Trail" if line.row.type == OrderType.TRAILING_STOP else "Stop"
    return kind if alike == 1 else f"{kind} of {line.row.quantity - line.row.filled}"


def _position(request: HttpRequest) -> dict[str, Any]:
    accounts = accounts_of(request)
    view = accounts.chosen
    last = None
    if view is not None and not view.positions:
        mine = queries.positions(request.user).filter(account=view.row, closed_at__isnull=False)
        last = mine.order_by("-closed_ns").first()
    return {
        "accounts": accounts,
        "held": [
            (one, moves(lines(list(one.view.orders))))
            for one in held(view.positions if view else ())
        ],
        "last_position": last,
    }


def _working_orders(view: AccountView) -> list[Order]:
    shown = {*ON_ITS_WAY, OrderStatus.WAITING}
    held_entries = {one.key for one in view.held}
    return [one for one in view.orders if one.status in shown and one.parent not in held_entries]


def _orders(request: HttpRequest) -> dict[str, Any]:
    accounts = accounts_of(request)
    view = accounts.chosen
    tab = request.GET.get("tab", "")
    tab = tab if tab in TABS else TABS[0]
    context: dict[str, Any] = {"accounts": accounts, "tab": tab}
    if view is None:
        return context | {"working": [], "fills_count": 0, "ended_count": 0}
    since, until = day_bounds(price.now())
    today = queries.fills(request.user).filter(account=view.row, at_ns__gte=since, at_ns__lt=until)
    ended = queries.orders(request.user).filter(account=view.row, status__in=list(ENDED))
    ended = ended.exclude(reason="ENTRY_ENDED")  # legs that nobody ever heard of
    context |= {
        "working": lines(_working_orders(view)),
        "fills_count": today.count(),
        "ended_count": ended.count(),
    }
    if tab == "fills":
        context["fills"] = list(today[:HISTORY])
    elif tab == "history":
        context["ended"] = lines(list(ended.order_by("-ended_ns", "-id")[:HISTORY]))
    return context


def _fills(request: HttpRequest) -> dict[str, Any]:
    view = accounts_of(request).chosen
    rows: list[Fill] = []
    if view is not None:
        rows = list(queries.fills(request.user).filter(account=view.row)[:5])
    return {"last_fills": rows}


def _ladder(request: HttpRequest) -> dict[str, Any]:
    about = chosen(request)
    view = accounts_of(request).chosen
    step_text = request.GET.get("step", "")
    step = int(step_text) if step_text in {str(one) for one in STEPS} else STEPS[-1]
    orders = _working_orders(view) if view else []
    ladder = price_ladder(
        about.instrument,
        about.now,
        [one for one in orders if one.contract == about.contract],
        [one for one in (view.positions if view else ()) if one.row.contract == about.contract],
        step=step,
        centre=_price(request.GET.get("centre"), about),
    )
    return {"about": about, "price_ladder": ladder}


def _price(text: str | None, about: Chosen) -> Decimal | None:
    try:
        value = Decimal(text or "")
    except InvalidOperation:
        return None
    return about.instrument.snap(value) if value.is_finite() and 0 < value < 10_000_000 else None


@dataclass(frozen=True, slots=True)
class HeldOrder:
    """An order that waits for a person's yes."""

    line: OrderLine
    legs: list[Order]
    until: Any
    seconds: int

    @property
    def order(self) -> Order:
        """Return the order itself."""
        return self.line.row

    @property
    def stop(self) -> Decimal | None:
        """Return the stop of its bracket."""
        stop = next((one.stop for one in self.legs if one.role == Role.STOP), None)
        return None if stop is None else self.line.product.snap(stop)

    @property
    def worst(self) -> Decimal | None:
        """Return what it can lose at its stop, None where no stop bounds it."""
        worst = self.order.verdict.get("worst_loss")
        return None if worst is None else Decimal(worst)

    @property
    def reasons(self) -> list[str]:
        """Return why a person is asked."""
        return [str(one[1]) for one in self.order.verdict.get("reasons", ()) if len(one) > 1]

    @property
    def by(self) -> str:
        """Return who wants it."""
        if self.order.origin == Origin.PERSON:
            return "by hand"
        return str(self.order.strategy) if self.order.strategy else "by a signal"


def held_orders(request: HttpRequest) -> list[HeldOrder]:
    """Return every order that waits for a yes, whichever account it is in."""
    accounts = accounts_of(request)
    waiting = {line.row.pk: line for line in lines(accounts.held)}
    at = price.now()
    made = []
    for view in accounts.views:
        for order in view.held:
            until = order.at_ns + HELD_FOR
            legs = [one for one in view.orders if one.parent == order.key]
            left = max(0, until - at) // SECOND
            made.append(HeldOrder(waiting[order.pk], legs, to_datetime(until), left))
    return made


def _queue(request: HttpRequest) -> dict[str, Any]:
    return {
        "accounts": accounts_of(request),
        "held_orders": held_orders(request),
        "ready": _ready(request),
        "sizes": SIZES,
        "roots": [one for one in (INSTRUMENTS[shell.fed_root()].micro, shell.fed_root()) if one],
    }


def _ready(request: HttpRequest) -> list[SignalView]:
    """Return the confirmed signals whose trade is on and for which this account has no order yet."""
    view = accounts_of(request).chosen
    if view is None:
        return []
    mine = signal_rows(request.user).filter(status="ENTERED", trade__state=State.ACTIVE)
    sent = queries.orders(request.user).filter(account=view.row).exclude(signal="")
    fed = {shell.fed_root(), INSTRUMENTS[shell.fed_root()].micro}
    found = mine.exclude(key__in=sent.values("signal")).order_by("-bar_at")[:TO_EXECUTE]
    return [one for one in views(found) if root_of(one.row.contract) in fed]


def _asked(request: HttpRequest) -> dict[str, Any]:
    mine = [one for one in held_orders(request) if one.order.origin == Origin.PERSON]
    return {"asked": mine}


def _way_out(request: HttpRequest) -> dict[str, Any]:
    return {"accounts": accounts_of(request), "has_keys": bool(request.session.get("keys"))}


def _risk(request: HttpRequest) -> dict[str, Any]:
    return {"accounts": accounts_of(request)}


REGIONS: Final[Mapping[str, tuple[Callable[[HttpRequest], dict[str, Any]], str]]] = {
    "position": (_position, "manager/_position.html"),
    "orders": (_orders, "manager/_orders.html"),
    "fills": (_fills, "manager/_fills.html"),
    "ladder": (_ladder, "manager/_price_ladder.html"),
    "queue": (_queue, "manager/_queue.html"),
    "gauges": (_risk, "manager/_gauges.html"),
    "asked": (_asked, "manager/_asked.html"),
    "way-out": (_way_out, "manager/_way_out.html"),
}
SHELL: Final[Mapping[str, tuple[Callable[[HttpRequest], dict[str, Any]], str]]] = {
    "risk": (_risk, "desk/_risk.html"),
    "lock": (_risk, "desk/_lock.html"),
    "accounts": (_risk, "desk/_account_picker.html"),
}
