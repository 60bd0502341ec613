"""Reads for pages and API: a trader's signals and what they wait for. The user comes first."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.db.models import OuterRef, QuerySet, Subquery

from apps.bus.domain.message import to_datetime
from apps.bus.models import FactRow
from apps.marketdata import price
from apps.marketdata.domain.contract import UnknownSymbol, root_of
from apps.marketdata.domain.instrument import INSTRUMENTS, Instrument
from apps.marketdata.domain.session import frame_end, frame_start
from apps.signals.domain.indicator import Direction
from apps.signals.domain.quiet import WORDS, AlertsStopped
from apps.signals.domain.signal import Check, Status
from apps.signals.models import AlertWatch, Signal, Strategy

WAITING: Final = (Status.WAITING, Status.PENDING, Status.CONFIRMED)
FILTERS: Final = (
    "status",
    "direction",
    "session",
    "reason",
    "strategy",
    "symbol",
    "since",
    "until",
)


@dataclass(frozen=True)
class SignalView:
    """A signal as a trader reads it, against the price of the moment. Prices are on the grid."""

    row: Signal
    last: Decimal | None
    market_at: int

    @property
    def instrument(self) -> Instrument | None:
        """Return what it is about; None where the symbol could not be read."""
        return INSTRUMENTS.get(self.row.root)

    @property
    def symbol(self) -> str:
        """Return its contract, or as much as is known of it."""
        return self.row.contract or self.row.root or str(self.row.alert.get("symbol", ""))

    @property
    def is_bullish(self) -> bool:
        """Return whether it is bullish."""
        return self.row.direction == Direction.BULLISH

    @property
    def strategy(self) -> Strategy:
        """Return where its alert came from."""
        return self.row.strategy

    @property
    def level(self) -> Decimal | None:
        """Return the price that a later close has to pass."""
        return self._exact(self.row.high if self.is_bullish else self.row.low)

    @property
    def to_go(self) -> Decimal | None:
        """Return the points from the last price to the level; 0 or less: it lies beyond."""
        if self.level is None or self.last is None:
            return None
        return self.level - self.last if self.is_bullish else self.last - self.level

    @property
    def is_beyond(self) -> bool:
        """Return whether a close at the last price would confirm it."""
        return self.to_go is not None and self.to_go < 0

    @property
    def is_provisional(self) -> bool:
        """Return whether its confirmation can still be cancelled by an alert in time."""
        return self.row.status == Status.CONFIRMED and self.row.final_at is not None

    @property
    def seconds(self) -> int:
        """Return the length of its candles."""
        return int(self.row.settings.get("timeframe_s", 60))

    @property
    def closes_at(self) -> datetime:
        """Return when the running candle will be over, market time."""
        return to_datetime(frame_end(frame_start(self.market_at, self.seconds), self.seconds))

    @property
    def high(self) -> Decimal | None:
        """Return the high of its candle."""
        return self._exact(self.row.high)

    @property
    def low(self) -> Decimal | None:
        """Return the low of its candle."""
        return self._exact(self.row.low)

    @property
    def stop_price(self) -> Decimal | None:
        """Return the stop that its confirmation gave it."""
        return self._exact(self.row.stop_price)

    @property
    def stop_anchor_price(self) -> Decimal | None:
        """Return the extreme from which the stop was measured."""
        return self._exact(self.row.stop_anchor_price)

    @property
    def checks(self) -> list[Check]:
        """Return each check with value, threshold and result."""
        return [
            Check(**item) if isinstance(item, Mapping) else Check(*item) for item in self.row.checks
        ]

    @property
    def checks_passed(self) -> int:
        """Return how many checks it passed."""
        return sum(check.ok is True for check in self.checks)

    @property
    def checks_made(self) -> int:
        """Return how many checks were made."""
        return sum(check.ok is not None for check in self.checks)

    def _exact(self, value: Decimal | None) -> Decimal | None:
        if value is None or self.instrument is None:
            return value
        return self.instrument.snap(value)


def views(found: Iterable[Signal]) -> list[SignalView]:
    """Return signals against the prices of the moment, each contract looked up once."""
    prices: dict[str, Decimal | None] = {}
    market_at = price.now()
    shown = []
    for row in found:
        last = None
        if row.contract and row.status in WAITING:
            if row.contract not in prices:
                known = price.price_of(row.contract)
                prices[row.contract] = known.last if known else None
            last = prices[row.contract]
        shown.append(SignalView(row, last, market_at))
    return shown


def view(row: Signal) -> SignalView:
    """Return one signal against the price of the moment."""
    return views([row])[0]


def rows(user: Any) -> QuerySet[Signal]:
    """Return this trader's signals, newest first, with their strategy."""
    mine: QuerySet[Signal] = Signal.objects.of(user).select_related("strategy")
    return mine


def pending_signals(user: Any) -> list[SignalView]:
    """Return what still waits for its candle, its confirmation or its entry, newest first."""
    return views(rows(user).filter(status__in=WAITING))


def signals(user: Any, filters: Mapping[str, Any] | None = None) -> QuerySet[Signal]:
    """Return this trader's signals, newest first, narrowed by what FILTERS names; blank is no filter.

    `since` and `until` are aware moments of the signal candle; `symbol` is in any spelling.
    """
    given = {name: value for name, value in (filters or {}).items() if value not in (None, "")}
    found = rows(user).select_related("trade")
    for name in ("status", "direction", "session", "reason"):
        if name in given:
            found = found.filter(**{f"{name}__iexact": str(given[name])})
    if "strategy" in given:
        found = found.filter(strategy_id=given["strategy"])
    if "symbol" in given:
        try:
            found = found.filter(root=root_of(str(given["symbol"])))
        except UnknownSymbol:
            return found.none()
    if "since" in given:
        found = found.filter(bar_at__gte=given["since"])
    if "until" in given:
        found = found.filter(bar_at__lt=given["until"])
    return found


def signal(user: Any, *, id: int | None = None, key: str | None = None) -> Signal | None:
    """Return one of this trader's signals by its row id or its key, None if he has none such."""
    wanted = {"pk": id} if id is not None else {"key": key}
    return rows(user).filter(**wanted).first()


def strategies(user: Any) -> QuerySet[Strategy]:
    """Return the strategies that a trader works with, oldest first: none that he has archived."""
    mine: QuerySet[Strategy] = Strategy.objects.of(user).order_by("id")
    return mine.filter(archived_at__isnull=True)


def archived(user: Any) -> QuerySet[Strategy]:
    """Return the strategies that a trader has put away, the last one first."""
    mine: QuerySet[Strategy] = Strategy.objects.of(user).order_by("-archived_at", "-id")
    return mine.filter(archived_at__isnull=False)


def newest_of(user: Any, strategies: Iterable[int]) -> dict[int, Signal]:
    """Return the newest signal of each of a trader's strategies that has one, in one query."""
    newest = Signal.objects.filter(strategy=OuterRef("pk")).order_by("-id").values("pk")[:1]
    mine = Strategy.objects.of(user).filter(pk__in=list(strategies)).values(newest=Subquery(newest))
    return {row.strategy_id: row for row in rows(user).filter(pk__in=mine)}


@dataclass(frozen=True)
class Silent:
    """A strategy whose alerts have stopped, as that was told. `text` has moments as facts write them."""

    strategy: Strategy
    title: str
    text: str


def silent(user: Any) -> list[Silent]:
    """Return this trader's strategies whose alerts have stopped and not come again, oldest first."""
    watches = AlertWatch.objects.filter(
        strategy__user=user, strategy__archived_at__isnull=True, silent_since_ns__isnull=False
    )
    keys = {
        f"{AlertsStopped.name}:{one.strategy_id}:{one.silent_since_ns}": one.strategy
        for one in watches.select_related("strategy").order_by("strategy_id")
    }
    told = FactRow.objects.filter(key__in=list(keys), user_id=user.pk) if keys else ()
    said = {row.key: WORDS[row.name](row.payload) for row in told}
    return [Silent(strategy, *said[key][:2]) for key, strategy in keys.items() if key in said]
