"""Reads for pages and API: trades, their path, a signal's story, the rail of events. User first."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any, Final, NamedTuple

from django.db.models import Q, QuerySet

from apps.bus.domain.message import to_datetime, to_instant
from apps.bus.models import FactRow
from apps.marketdata import price
from apps.marketdata.domain.calendar import trade_date
from apps.marketdata.domain.candle import Candle
from apps.marketdata.domain.instrument import Instrument, instrument
from apps.marketdata.domain.session import day_bounds, frame_end, frame_start
from apps.marketdata.price import Price
from apps.marketdata.queries import candles_between
from apps.signals.domain.indicator import Direction
from apps.signals.models import OutsideView, Signal
from apps.signals.queries import SignalView, signal
from apps.signals.queries import view as signal_view
from apps.trades.domain import trade as domain
from apps.trades.domain.outcome import Statistics, Variant, statistics
from apps.trades.domain.record import armed_record, target_name, target_price, track_record
from apps.trades.domain.telling import Told, tell
from apps.trades.domain.trade import PathPoint, State, Track, TrackStatus, path
from apps.trades.models import Trade
from apps.trades.store import to_trade

NEAR_STOP: Final = Decimal(10)  # points, for instruments without a setting of their own
NOT_THE_MARKET: Final = "user."  # who came in and how: told under Settings
PUBLIC: Final = ("feed.changed", "feed.gap", "tick.quarantined", "tick.quarantine_ended")


@dataclass(frozen=True)
class Target:
    """One R target of a trade."""

    name: str
    r: Fraction
    price: str
    hit_at: datetime | None
    be_hit_at: datetime | None


@dataclass(frozen=True)
class TradeView:
    """A trade as a trader reads it, against the price of the moment. R is exact; prices on the grid."""

    row: Trade
    now: Price | None
    market_at: int

    @cached_property
    def trade(self) -> domain.Trade:
        """Return the trade as the engine knows it."""
        return to_trade(self.row)

    @property
    def instrument(self) -> Instrument:
        """Return what is traded."""
        return self.trade.instrument

    @property
    def is_bullish(self) -> bool:
        """Return whether it is a long."""
        return self.row.direction == Direction.BULLISH

    @property
    def is_watched(self) -> bool:
        """Return whether the trader's own trade is over while a track still runs."""
        return self.row.state != State.ACTIVE and self.row.status == "ACTIVE"

    @property
    def is_armed(self) -> bool:
        """Return whether the break-even trigger was reached."""
        return self.trade.armed is not None

    @property
    def armed_at(self) -> datetime | None:
        """Return when the break-even trigger was reached."""
        return to_datetime(self.trade.armed[1]) if self.trade.armed else None

    @property
    def entry(self) -> Decimal:
        """Return the entry price."""
        return self.instrument.price(self.trade.entry)

    @property
    def stop(self) -> Decimal:
        """Return where the stop of the plan lies now."""
        return self.instrument.price(self.trade.current_stop())

    @property
    def initial_stop(self) -> Decimal:
        """Return where the stop lay at the entry."""
        return self.instrument.price(self.trade.stop)

    @property
    def risk(self) -> Decimal:
        """Return the points from entry to the initial stop."""
        return self.instrument.points(self.trade.risk)

    @property
    def last(self) -> Decimal | None:
        """Return the last price of its contract, None where nothing is known."""
        return self.now.last if self.now else None

    @cached_property
    def distance(self) -> int | None:
        """Return how far the last price is in the trade's favour, in ticks."""
        if self.now is None:
            return None
        return self.trade.distance(self.instrument.to_ticks(self.instrument.snap(self.now.last)))

    @property
    def now_r(self) -> Fraction | None:
        """Return what it would make at the last price, in R."""
        return None if self.distance is None else self.trade.in_r(self.distance)

    @property
    def now_points(self) -> Decimal | None:
        """Return what it would make at the last price, in points."""
        return None if self.distance is None else self.instrument.points(self.distance)

    @property
    def stop_away(self) -> Decimal | None:
        """Return the points that the price may still go against the trade."""
        if self.distance is None:
            return None
        stop = self.trade.distance(self.trade.current_stop())
        return self.instrument.points(self.distance - stop)

    @property
    def is_near_stop(self) -> bool:
        """Return whether the stop is close enough to warn."""
        defaults = self.instrument.defaults
        near = defaults.near_stop if defaults else NEAR_STOP
        return self.stop_away is not None and self.stop_away <= near

    @property
    def nearness(self) -> str:
        """Return safe, warning or danger: how much of the risk lies between price and stop."""
        if self.stop_away is None:
            return "safe"
        if self.is_near_stop:
            return "danger"
        return "warning" if self.stop_away * 2 <= self.risk else "safe"

    @property
    def mfe_r(self) -> Fraction:
        """Return the best of the fixed-stop track, in R."""
        return self.trade.in_r(self.trade.no_be.best)

    @property
    def be_mfe_r(self) -> Fraction:
        """Return the best of the break-even track, in R."""
        return self.trade.in_r(self.trade.be.best)

    @property
    def mae_r(self) -> Fraction:
        """Return the worst, in R, 0 or below."""
        return self.trade.in_r(self.trade.worst)

    @property
    def gave_back_r(self) -> Fraction | None:
        """Return how much of the best is gone again, in R."""
        return None if self.now_r is None else max(Fraction(0), self.mfe_r - self.now_r)

    @property
    def result_r(self) -> Fraction | None:
        """Return what the trader's own trade made, None while it is active."""
        return self.trade.result_r()

    @property
    def seconds_in_trade(self) -> int:
        """Return how long it has run, or ran, in market time."""
        end = self.trade.ended[0] if self.trade.ended else max(self.market_at, self.trade.entry_at)
        return (end - self.trade.entry_at) // 1_000_000_000

    @property
    def targets(self) -> list[Target]:
        """Return its R targets, nearest first, with the moments at which they were reached."""
        fixed, even = self.trade.no_be.hits, self.trade.be.hits
        return [
            Target(target_name(n), n, target_price(self.trade, n), _moment(fixed, n), _moment(even, n))
            for n in self.trade.targets
        ]  # fmt: skip

    @property
    def next_target(self) -> Target | None:
        """Return the nearest target that was not reached yet."""
        return next((target for target in self.targets if target.hit_at is None), None)

    @property
    def no_be(self) -> dict[str, Any]:
        """Return the fixed-stop track in the shape of the API."""
        return track_record(self.trade, self.trade.no_be)

    @property
    def be(self) -> dict[str, Any]:
        """Return the break-even track in the shape of the API."""
        return track_record(self.trade, self.trade.be) | armed_record(self.trade)


def _moment(hits: Mapping[Fraction, int], n: Fraction) -> datetime | None:
    return to_datetime(hits[n]) if n in hits else None


def views(rows: Iterable[Trade]) -> list[TradeView]:
    """Return trades against the prices of the moment, each contract looked up once."""
    prices: dict[str, Price | None] = {}
    market_at = price.now()
    found = []
    for row in rows:
        if row.contract not in prices:
            prices[row.contract] = price.price_of(row.contract)
        found.append(TradeView(row, prices[row.contract], market_at))
    return found


def rows(user: Any) -> QuerySet[Trade]:
    """Return this trader's trades, newest entry first, with their strategy."""
    mine: QuerySet[Trade] = Trade.objects.of(user).select_related("strategy")
    return mine


def active_trades(user: Any) -> list[TradeView]:
    """Return the trades whose plan is still on, newest first."""
    return views(rows(user).filter(state=State.ACTIVE))


def watched_trades(user: Any) -> list[TradeView]:
    """Return the trades that ended by their plan while a track still runs."""
    return views(rows(user).filter(status="ACTIVE").exclude(state=State.ACTIVE))


def trade(user: Any, id: int) -> TradeView | None:
    """Return one of this trader's trades by its row id, None if he has none such."""
    return next(iter(views(rows(user).filter(pk=id))), None)


def market_day() -> date:
    """Return the exchange's day of the market's time."""
    return trade_date(price.now())


def todays_trades(user: Any, day: date | None = None) -> list[TradeView]:
    """Return the trades whose plan ended on a trade date, today's unless one is named; newest first."""
    noon = to_instant(datetime.fromisoformat(f"{day or market_day()}T17:00:00+00:00"))
    since, until = (to_datetime(at) for at in day_bounds(noon))
    ended = rows(user).filter(ended_at__gte=since, ended_at__lt=until)
    return views(ended.order_by("-ended_at", "-id"))


@dataclass(frozen=True)
class Day:
    """What a day's ended trades come to, by the trader's own plan."""

    date: date
    trades: list[TradeView]

    @property
    def net_r(self) -> Fraction:
        """Return the sum of their results, in R."""
        return sum((one.result_r or Fraction(0) for one in self.trades), Fraction(0))

    @property
    def wins(self) -> int:
        """Return how many made something."""
        return sum((one.result_r or 0) > 0 for one in self.trades)

    @property
    def losses(self) -> int:
        """Return how many lost."""
        return sum((one.result_r or 0) < 0 for one in self.trades)

    @property
    def break_evens(self) -> int:
        """Return how many made exactly nothing."""
        return len(self.trades) - self.wins - self.losses


def today(user: Any, day: date | None = None) -> Day:
    """Return a trade date's ended trades with their sum, today's unless one is named."""
    day = day or market_day()
    return Day(day, todays_trades(user, day))


def lab_trades(user: Any) -> QuerySet[Trade]:
    """Return every Signal Lab entry of this trader, newest first."""
    return rows(user)


def lab_stats(
    user: Any,
    *,
    target: Fraction = Fraction(1),
    fee_r: Fraction = Fraction(0),
    only: QuerySet[Trade] | None = None,
) -> dict[Variant, Statistics]:
    """Return the statistics of both variants over this trader's trades, or those of `only`.

    In the order of their entries.
    """
    chosen = (rows(user) if only is None else only).order_by("entry_ns", "id")
    trades = [_ran(*row) for row in chosen.values_list(*_RAN)]
    return {variant: statistics(trades, variant, target, fee_r) for variant in Variant}


class _Ran(NamedTuple):
    """A trade as its outcome needs it: whole trades would take most of the time."""

    no_be: Track
    be: Track
    risk: int


_RAN: Final = ("root", "risk", "no_be_status", "no_be_best", "be_status", "be_best")


def _ran(root: str, risk: Decimal, no_be: str, no_be_best: int, be: str, be_best: int) -> _Ran:
    return _Ran(
        Track("no_be", TrackStatus(no_be), no_be_best),
        Track("be", TrackStatus(be), be_best),
        instrument(root).to_ticks(risk),
    )


# ---- the path of one trade ----


@dataclass(frozen=True)
class PathStep:
    """MFE of both tracks and MAE after one candle, in R."""

    at: datetime
    no_be_mfe: Fraction
    be_mfe: Fraction
    mae: Fraction


def mfe_history(user: Any, id: int) -> list[PathStep] | None:
    """Return the path of one of this trader's trades over its stored candles; None: no such trade."""
    found = trade(user, id)
    if found is None:
        return None
    known = found.trade
    seconds = known.settings.timeframe_s
    candles = list(_candles(known, seconds))
    return [_step(known, point) for point in path(known, candles, seconds)]


def _step(known: domain.Trade, point: PathPoint) -> PathStep:
    return PathStep(
        to_datetime(point.bar),
        known.in_r(point.no_be),
        known.in_r(point.be),
        known.in_r(point.worst),
    )


def _candles(known: domain.Trade, seconds: int) -> Iterable[Candle]:
    end = known.no_be.exit
    until = frame_end(frame_start(end.bar, seconds), seconds) if end else None
    since = frame_start(known.entry_bar, seconds)
    return candles_between(known.contract, seconds, since, until)


# ---- the story of a signal ----


@dataclass(frozen=True)
class Step:
    """One step of a story: what, when by the market and by the wall clock, and with which values."""

    name: str
    told: Told
    at: datetime | None
    wall_at: datetime | None
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Story:
    """Everything that is known of one signal or of a trade made by hand."""

    signal: SignalView | None
    trade: TradeView | None
    steps: list[Step]
    outside_views: list[OutsideView]


def signal_story(user: Any, key: str) -> Story | None:
    """Return every step of a signal, or of a trade by hand, by its key; None if he has none such."""
    found = signal(user, key=key)
    trades = views(rows(user).filter(key=key))
    if found is None and not trades:
        return None
    steps = [_received(found)] if found else []
    steps += [
        Step(row.name, tell(row.name, row.payload), row.at, row.recorded_at, row.payload)
        for row in FactRow.objects.filter(user_id=user.pk, of=key).order_by("seq")
    ]
    outside = list(found.outside_views.all()) if found else []
    view = signal_view(found) if found else None
    return Story(view, trades[0] if trades else None, steps, outside)


def _received(found: Signal) -> Step:
    text = f"From {found.strategy.name}."
    if found.price is not None and found.market_price is not None:
        text += " Its price and the market's then are compared below."
    told = Told("Alert received", text, icon="inbox")
    return Step("alert.received", told, found.received_at, found.stored_at, found.alert)


# ---- the rail of events ----


@dataclass(frozen=True)
class Event:
    """A fact in plain words."""

    row: FactRow
    told: Told

    @property
    def area(self) -> str:
        """Return what it is about: signal, trade, command, feed, tick."""
        return self.row.name.partition(".")[0]


def events(
    user: Any, limit: int = 40, *, without: Iterable[str] = (), unless: Q | None = None
) -> list[Event]:
    """Return what happened to this trader and to the market's feed, newest first.

    `without` facts of these names, and those that are so `unless`.
    """
    mine = Q(user_id=user.pk) | Q(user_id=0, name__in=PUBLIC)
    facts = FactRow.objects.filter(mine).exclude(name__startswith=NOT_THE_MARKET)
    found = facts.exclude(Q(name__in=list(without)) | (unless or Q()))
    return [Event(row, tell(row.name, row.payload)) for row in found.order_by("-seq")[:limit]]
