"""What stands around every page: the market's price and clock, the feed's light, the open position."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme

from apps.brokers.domain.telling import UNSAID
from apps.bus import transport
from apps.bus.domain.message import to_datetime
from apps.dashboards.accounts import Accounts, accounts_of
from apps.dashboards.held import Held, held
from apps.dashboards.ladder import Ladder, ladders
from apps.marketdata import price
from apps.marketdata.domain.calendar import is_open
from apps.marketdata.domain.contract import UnknownSymbol, root_of
from apps.marketdata.domain.instrument import INSTRUMENTS
from apps.marketdata.domain.session import frame_end, frame_start, session_of
from apps.marketdata.price import Price
from apps.notifications.queries import unread
from apps.trades.queries import active_trades, today

LATE_S: Final = 4.0  # without a frame
STALE_S: Final = 10.0
DEAD_S: Final = 60.0
QUIET_S: Final = 10.0  # frames, but no tick: a quiet market
SESSIONS: Final = (
    # name, hours in Chicago; the session of the hours without trading is not shown
    ("ASIA", "19–23"),
    ("LONDON", "23–05"),
    ("NY PRE", "05–07:30"),
    ("NY AM", "07:30–11"),
    ("NY LUNCH", "11–12"),
    ("NY PM", "12–15"),
)


@dataclass(frozen=True, slots=True)
class Feed:
    """How the market data stands. `light`: live, quiet, late or dead, with the words beside it."""

    light: str
    words: str
    state: str
    as_of: datetime | None = None

    @property
    def is_stale(self) -> bool:
        """Return whether the numbers are too old to trust."""
        return self.light in ("late", "dead") and self.as_of is not None


@dataclass(frozen=True, slots=True)
class Market:
    """The fed instrument now."""

    root: str
    contract: str
    now: Price | None
    feed: Feed
    at: datetime
    session: str
    is_open: bool
    bar_ends: datetime
    session_ends: datetime
    source: str

    @property
    def reading(self) -> Mapping[str, Any]:
        """Return everything that was told of it, empty if nothing was."""
        return self.now.reading if self.now else {}


def market() -> Market:
    """Return the fed instrument: its price, its clock, and how its feed stands."""
    root = fed_root()
    now = price.price_now(root)
    at = price.now()
    open_now = is_open(at, INSTRUMENTS[root].group)
    return Market(
        root=root,
        contract=now.contract if now else root,
        now=now,
        feed=feed(now, is_trading=open_now),
        at=to_datetime(at),
        session=session_of(at),
        is_open=open_now,
        bar_ends=to_datetime(frame_end(frame_start(at, 60), 60)),
        session_ends=_session_end(at),
        source=source(),
    )


def feed(now: Price | None, *, is_trading: bool) -> Feed:
    """Judge the feed by its frames, not by its ticks: a quiet market is no alarm."""
    told = transport.latest("feed") or {}
    state = str(told.get("state") or "")
    as_of = now.at if now else None
    if state == "ended":
        return Feed("quiet", "end of recording", state, as_of)
    if state in ("connecting", "catching_up"):
        return Feed("late", "catching up" if state == "catching_up" else "connecting", state, as_of)
    if state in ("lost", "stopped") or now is None:
        return Feed("dead", "no feed", state, as_of)
    if not is_trading:
        return Feed("quiet", "market closed", state, as_of)
    heard = max(now.wall_at, _moment(told.get("wall_at")) or now.wall_at)
    silent = max(0.0, (timezone.now() - heard).total_seconds())
    if silent >= DEAD_S:
        return Feed("dead", "no feed", state, as_of)
    if silent >= LATE_S:
        return Feed("late", f"late, {silent:.0f} s", state, as_of)
    age = now.age_ms / 1000
    if age >= QUIET_S:
        return Feed("quiet", f"quiet market, {age:.0f} s", state, as_of)
    return Feed("live", f"{age:.1f} s", state, as_of)


def source() -> str:
    """Return where the market comes from, in a word or two."""
    if settings.MARKET == "tradovate":
        return f"Tradovate {settings.TRADOVATE['env']}"
    if settings.MARKET == "generated":
        return "simulated market"
    return "recording"


@dataclass(frozen=True, slots=True)
class Strip:
    """The open position on every page: the account's own, else the followed trade, and how many more there are."""

    accounts: Accounts
    held: list[Held]
    ladder: Ladder | None
    more: int
    day: Any

    @property
    def first(self) -> Held | None:
        """Return the position that is shown, the newest of the chosen account."""
        return self.held[0] if self.held else None

    @property
    def elsewhere(self) -> int:
        """Return how many positions the other accounts hold."""
        return len(self.accounts.elsewhere)


def strip(request: HttpRequest) -> Strip:
    """Return what the position strip shows."""
    accounts = accounts_of(request)
    own = held(accounts.chosen.positions) if accounts.chosen else []
    drawn = ladders(active_trades(request.user))
    more = len(own) - 1 + len(drawn) if own else len(drawn) - 1
    return Strip(accounts, own, drawn[0] if drawn else None, max(0, more), today(request.user))


AREAS: Final = (
    "trades", "signals", "alerts", "commands", "orders", "positions", "accounts", "risks", "routes",
    "connections", "brokers", "recorders",
)  # fmt: skip


def topics(user: Any) -> dict[str, str]:
    """Return the names of this trader's own topics."""
    own = {area: f"user.{user.pk}.{area}" for area in AREAS}
    money = " ".join(own[area] for area in ("orders", "positions", "accounts"))
    return own | {
        "all": " ".join(own.values()),
        "money": money,
        "notices": f"user.{user.pk}.notices",
        "differences": f"{own['positions']} user.{user.pk}.reconciles",
        "risk": f"{money} {own['risks']}",
        "unsaid": " ".join(sorted(UNSAID | NO_TOAST)),
    }


# What the page shows at once in its own place, so that a toast would say it twice.
NO_TOAST: Final = frozenset({"position.closed", "order.changed", "order.held", "notice.counted"})


def around(request: HttpRequest, page: str) -> dict[str, Any]:
    """Return what the frame of a page needs. It comes first in a view: it counts before rows are read."""
    counts = transport.counts()
    folded = request.session.get("nav_folded")
    return {
        "told": counts,
        "topics": topics(request.user),
        "page": page,
        "market": market(),
        "strip": strip(request),
        "accounts": accounts_of(request),
        "unread": unread(request.user),
        "has_keys": bool(request.session.get("keys")),
        "nav_folded": page in ("main", "manager") if folded is None else folded,
        "theme": getattr(request.user, "theme", "system"),
    }


def back(request: HttpRequest, otherwise: str = "desk:main") -> str:
    """Return the page of ours from which a form was sent."""
    sent_from = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(sent_from, {request.get_host()}, request.is_secure()):
        return sent_from
    return otherwise


def came_from(request: HttpRequest) -> str:
    """Return the page of ours that asked, as the browser says; empty where it says none."""
    page = request.headers.get("Referer", "")
    hosts = {request.get_host()}
    return page if url_has_allowed_host_and_scheme(page, hosts, request.is_secure()) else ""


def fed_root() -> str:
    """Return the product that this desk follows."""
    try:
        return root_of(settings.SYMBOL)
    except UnknownSymbol:
        return "NQ"


def _moment(text: Any) -> datetime | None:
    return datetime.fromisoformat(str(text)) if text else None


def _session_end(at: int) -> datetime:
    """Return when the session around an instant is over; they change at half hours."""
    half = 1800 * 1_000_000_000
    end, session = at - at % half + half, session_of(at)
    while session_of(end) == session:
        end += half
    return to_datetime(end)
