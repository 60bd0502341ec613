"""A prop firm's rules as data: read from plain JSON, checked, and refused with the field, its value and a cure.

Money is `Decimal` dollars. Times of day are texts HH:MM in the rule set's own zone. Absent means: no such rule.
Source: reference/prop-firm-rules.md, 2 and 11.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, time
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

MOST_MONEY: Final = Decimal(100_000_000)

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)


class BadRule(ValueError):
    """A rule that can't be used. The text names the field, its value and what would do."""

    def __init__(self, field: str, value: object, cure: str) -> None:
        super().__init__(f"{field}: {value!r} {cure}")
        self.field, self.value, self.cure = field, value, cure


class DrawdownType(StrEnum):
    """What moves the floor of the maximum loss."""

    STATIC = "static"
    EOD_TRAILING = "eod_trailing"
    INTRADAY_TRAILING = "intraday_trailing"
    CLOSED_BALANCE_TRAILING = "closed_balance_trailing"


class Action(StrEnum):
    """What a broken daily limit does: lock until the reset, or fail the account."""

    SOFT = "soft"
    HARD = "hard"


class Policy(StrEnum):
    """Whether a firm lets orders come from a program. All but ALLOWED ask a person."""

    ALLOWED = "allowed"
    PERSONAL_DEVICE_ONLY = "personal_device_only"
    PLATFORM_ONLY = "platform_only"
    MANUAL_ONLY = "manual_only"
    UNKNOWN = "unknown"


class Stage(StrEnum):
    """Where in the firm's course an account stands."""

    EVALUATION = "evaluation"
    FUNDED = "funded"
    LIVE = "live"
    OWN = "own"


class Basis(StrEnum):
    """What the best day is measured against."""

    TOTAL_PROFIT = "total_profit"
    TARGET = "target"
    SINCE_PAYOUT = "since_payout"
    POSITIVE_DAYS = "positive_days"


@dataclass(frozen=True, slots=True)
class Drawdown:
    """Maximum loss. The floor never goes down; `lock_level` is where it stops to rise, None = never.

    inclusive: touching the floor breaks the rule already (most firms), else only going below it
    """

    type: DrawdownType
    amount: Decimal
    lock_level: Decimal | None = None
    inclusive: bool = True


@dataclass(frozen=True, slots=True)
class DailyLoss:
    """Daily limit: floor = balance at the day's start - amount, checked on equity as it moves."""

    amount: Decimal
    action: Action = Action.SOFT


@dataclass(frozen=True, slots=True)
class Size:
    """Most contracts at once, counted in minis: minis + micros / micro_ratio, over all products."""

    minis: int
    micro_ratio: int = 10


@dataclass(frozen=True, slots=True)
class Tier:
    """From this profit on, measured at a day's close, so many minis (and this daily loss) from the next day on."""

    min_profit: Decimal
    minis: int
    daily_loss: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Consistency:
    """Best day / profit must not be above `share`. Breaking it raises what is needed, it fails nobody."""

    share: Decimal
    basis: Basis = Basis.TOTAL_PROFIT
    strict: bool = False  # "under 50 %" instead of "at most"


@dataclass(frozen=True, slots=True)
class Hours:
    """The firm's day in its own zone. `flat_by` None: positions may stay; `reset` begins a new day."""

    tz: str = "America/Chicago"
    reset: time = time(17, 0)
    flat_by: time | None = None

    @property
    def zone(self) -> ZoneInfo:
        """Return the zone itself."""
        return ZoneInfo(self.tz)


@dataclass(frozen=True, slots=True)
class WinningDays:
    """So many days that each made at least this much."""

    count: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class NewsWindow:
    """No entries around a release: minutes before and after each moment (ISO-8601, UTC) in `moments`."""

    before_minutes: int = 2
    after_minutes: int = 2
    moments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Payout:
    """When money may be taken: balance above start + buffer, caps per request, share of the profit."""

    buffer: Decimal = Decimal(0)
    minimum: Decimal = Decimal(0)
    caps: tuple[Decimal, ...] = ()
    share_of_balance: Decimal = Decimal(1)
    floor_to_start: bool = (
        False  # the first payout sets the floor of the maximum loss to the start balance
    )


@dataclass(frozen=True, slots=True)
class Rules:
    """One version of one plan. Everything that an account under it may and may not do."""

    firm: str
    plan: str
    stage: Stage
    start_balance: Decimal
    drawdown: Drawdown | None = None
    daily_loss: DailyLoss | None = None
    size: Size | None = None
    scaling: tuple[Tier, ...] = ()
    target: Decimal | None = None
    consistency: Consistency | None = None
    min_days: int = 0
    winning_days: WinningDays | None = None
    hours: Hours = Hours()
    news: NewsWindow | None = None
    max_losses_in_row: int | None = None
    time_limit_days: int | None = None
    payout: Payout | None = None
    automation: Policy = Policy.UNKNOWN
    policy_words: str = ""
    lock_at_pct: int = 90
    flatten_on_lock: bool = True
    sources: tuple[str, ...] = ()
    verified_on: date | None = None
    confidence: str = ""
    unsure: tuple[str, ...] = ()

    def plain(self) -> dict[str, Any]:
        """Return the rules as JSON values; `rules_for` gives them back."""
        return {
            one.name: _plain(getattr(self, one.name))
            for one in fields(self)
            if getattr(self, one.name) not in (None, ())
        }


def rules_for(given: Mapping[str, Any]) -> Rules:
    """Return the rules that plain JSON describes.

    Raises:  BadRule  an unknown field, a value that can't be used, or rules that contradict each other
    """
    read = _Reader(given, "")
    rules = Rules(
        firm=read.text("firm", required=True),
        plan=read.text("plan", required=True),
        stage=read.choice("stage", Stage, Stage.OWN),
        start_balance=read.money("start_balance", least=Decimal(0), default=Decimal(50_000)),
        drawdown=read.part("drawdown", _drawdown),
        daily_loss=read.part("daily_loss", _daily_loss),
        size=read.part("size", _size),
        scaling=read.parts("scaling", _tier),
        target=read.optional_money("target"),
        consistency=read.part("consistency", _consistency),
        min_days=read.whole("min_days", 0, 0, 365),
        winning_days=read.part("winning_days", _winning_days),
        hours=read.part("hours", _hours) or Hours(),
        news=read.part("news", _news),
        max_losses_in_row=read.optional_whole("max_losses_in_row", 1, 100),
        time_limit_days=read.optional_whole("time_limit_days", 1, 3650),
        payout=read.part("payout", _payout),
        automation=read.choice("automation", Policy, Policy.UNKNOWN),
        policy_words=read.text("policy_words"),
        lock_at_pct=read.whole("lock_at_pct", 90, 1, 100),
        flatten_on_lock=read.switch("flatten_on_lock", True),
        sources=read.texts("sources"),
        verified_on=read.day("verified_on"),
        confidence=read.text("confidence"),
        unsure=read.texts("unsure"),
    )
    read.finish()
    _agree(rules)
    return rules


def _agree(rules: Rules) -> None:
    """Refuse rules that contradict each other."""
    drawdown, daily = rules.drawdown, rules.daily_loss
    if drawdown and daily and daily.amount > drawdown.amount:
        cure = f"is above the maximum loss of {drawdown.amount}: it could never be reached first"
        raise BadRule("daily_loss.amount", str(daily.amount), cure)
    if drawdown and drawdown.lock_level is not None:
        first = rules.start_balance - drawdown.amount
        if drawdown.type is DrawdownType.STATIC:
            raise BadRule(
                "drawdown.lock_level",
                str(drawdown.lock_level),
                "a static floor never moves: leave it out",
            )
        if drawdown.lock_level < first:
            cure = f"lies below the first floor {first}: a floor never goes down"
            raise BadRule("drawdown.lock_level", str(drawdown.lock_level), cure)
    steps = [tier.min_profit for tier in rules.scaling]
    if steps != sorted(set(steps)):
        raise BadRule(
            "scaling", [str(step) for step in steps], "must rise from tier to tier by min_profit"
        )
    if rules.size and any(tier.minis > rules.size.minis for tier in rules.scaling):
        most = max(tier.minis for tier in rules.scaling)
        raise BadRule(
            "scaling", most, f"allows more than size.minis ({rules.size.minis}): raise that one"
        )
    if rules.consistency and rules.consistency.basis is Basis.TARGET and rules.target is None:
        raise BadRule("consistency.basis", "target", "needs a target: give one, or another basis")
    if rules.scaling and rules.size is None:
        raise BadRule("scaling", "given", "needs size (its micro_ratio): give size too")


def _drawdown(read: "_Reader") -> Drawdown:
    return Drawdown(
        type=read.choice("type", DrawdownType),
        amount=read.money("amount", least=Decimal("0.01")),
        lock_level=read.optional_money("lock_level", least=-MOST_MONEY),
        inclusive=read.switch("inclusive", True),
    )


def _daily_loss(read: "_Reader") -> DailyLoss:
    return DailyLoss(
        read.money("amount", least=Decimal("0.01")), read.choice("action", Action, Action.SOFT)
    )


def _size(read: "_Reader") -> Size:
    ratio = read.whole("micro_ratio", 10, 1, 10)
    if ratio not in (1, 10):
        raise BadRule(
            "size.micro_ratio", ratio, "must be 10 (ten micros count as a mini) or 1 (each counts)"
        )
    return Size(read.whole("minis", None, 1, 1000), ratio)


def _tier(read: "_Reader") -> Tier:
    return Tier(
        read.money("min_profit", least=-MOST_MONEY),
        read.whole("minis", None, 0, 1000),
        read.optional_money("daily_loss"),
    )


def _consistency(read: "_Reader") -> Consistency:
    share = read.money("share", least=Decimal("0.01"))
    if share > 1:
        raise BadRule("consistency.share", str(share), "is a part of the whole: 0.5 means 50 %")
    return Consistency(
        share, read.choice("basis", Basis, Basis.TOTAL_PROFIT), read.switch("strict", False)
    )


def _winning_days(read: "_Reader") -> WinningDays:
    return WinningDays(read.whole("count", None, 1, 365), read.money("amount", least=Decimal(0)))


def _hours(read: "_Reader") -> Hours:
    tz = read.text("tz") or "America/Chicago"
    try:
        ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError):
        raise BadRule("hours.tz", tz, "is no time zone; write it like America/Chicago") from None
    return Hours(tz, read.clock("reset") or time(17, 0), read.clock("flat_by"))


def _news(read: "_Reader") -> NewsWindow:
    return NewsWindow(
        read.whole("before_minutes", 2, 0, 240),
        read.whole("after_minutes", 2, 0, 240),
        read.texts("moments"),
    )


def _payout(read: "_Reader") -> Payout:
    return Payout(
        buffer=read.money("buffer", default=Decimal(0)),
        minimum=read.money("minimum", default=Decimal(0)),
        caps=tuple(Decimal(cap) for cap in read.texts("caps")),
        share_of_balance=read.money("share_of_balance", default=Decimal(1)),
        floor_to_start=read.switch("floor_to_start", False),
    )


class _Reader:
    """Reads the fields of one JSON object; what nobody has asked for is unknown."""

    def __init__(self, given: Mapping[str, Any], path: str) -> None:
        if not isinstance(given, Mapping):
            raise BadRule(path.rstrip(".") or "rules", given, "must be an object with named fields")
        self._given, self._path, self._seen = given, path, set[str]()

    def finish(self) -> None:
        """Refuse what nobody asked for."""
        for name in self._given:
            if name not in self._seen:
                known = ", ".join(sorted(self._seen))
                raise BadRule(
                    self._path + str(name), self._given[name], f"is no rule; known are {known}"
                )

    def _take(self, name: str) -> Any:
        self._seen.add(name)
        return self._given.get(name)

    def _bad(self, name: str, value: object, cure: str) -> BadRule:
        return BadRule(self._path + name, value, cure)

    def text(self, name: str, *, required: bool = False) -> str:
        """Return a text, empty where it is absent."""
        value = self._take(name)
        if value is None or value == "":
            if required:
                raise self._bad(name, value, "is missing")
            return ""
        if not isinstance(value, str) or len(value) > 2000:
            raise self._bad(name, value, "must be text of at most 2,000 characters")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts."""
        value = self._take(name)
        if value is None:
            return ()
        if not isinstance(value, list | tuple):
            raise self._bad(name, value, "must be a list")
        return tuple(str(item) for item in value)

    def switch(self, name: str, default: bool) -> bool:
        """Return true or false."""
        value = self._take(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self._bad(name, value, "must be true or false")
        return value

    def choice(self, name: str, kind: type[E], default: E | None = None) -> E:
        """Return one of a closed set."""
        value = self._take(name)
        if value is None and default is not None:
            return default
        try:
            return kind(value)
        except ValueError:
            raise self._bad(name, value, f"must be one of {', '.join(kind)}") from None

    def whole(self, name: str, default: int | None, least: int, most: int) -> int:
        """Return a whole number between two bounds."""
        value = self._take(name)
        if value is None and default is not None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise self._bad(name, value, f"must be a whole number, {least} to {most}")
        try:
            number = int(value)
        except ValueError:
            raise self._bad(name, value, f"must be a whole number, {least} to {most}") from None
        if not least <= number <= most:
            raise self._bad(name, value, f"must be {least} to {most}")
        return number

    def optional_whole(self, name: str, least: int, most: int) -> int | None:
        """Return a whole number, None where it is absent."""
        if self._given.get(name) is None:
            self._seen.add(name)
            return None
        return self.whole(name, None, least, most)

    def money(
        self, name: str, *, least: Decimal = Decimal(0), default: Decimal | None = None
    ) -> Decimal:
        """Return an amount in dollars."""
        value = self._take(name)
        if value is None and default is not None:
            return default
        if isinstance(value, bool | float) or not isinstance(value, int | str | Decimal):
            raise self._bad(name, value, 'must be an amount as text, e.g. "2000"')
        try:
            amount = Decimal(value)
        except InvalidOperation:
            raise self._bad(name, value, 'must be an amount as text, e.g. "2000"') from None
        if not amount.is_finite() or not least <= amount <= MOST_MONEY:
            raise self._bad(name, value, f"must lie between {least} and {MOST_MONEY}")
        return amount

    def optional_money(self, name: str, *, least: Decimal = Decimal("0.01")) -> Decimal | None:
        """Return an amount, None where it is absent."""
        if self._given.get(name) is None:
            self._seen.add(name)
            return None
        return self.money(name, least=least)

    def clock(self, name: str) -> time | None:
        """Return a time of day written HH:MM."""
        value = self._take(name)
        if value in (None, ""):
            return None
        try:
            return time.fromisoformat(str(value))
        except ValueError:
            raise self._bad(name, value, "must be a time of day like 15:10") from None

    def day(self, name: str) -> date | None:
        """Return a date written YYYY-MM-DD."""
        value = self._take(name)
        if value in (None, ""):
            return None
        try:
            return date.fromisoformat(str(value))
        except ValueError:
            raise self._bad(name, value, "must be a date like 2026-11-21") from None

    def part(self, name: str, read: "Callable[[_Reader], T]") -> T | None:
        """Return an inner object, None where it is absent."""
        value = self._take(name)
        if value is None:
            return None
        reader = _Reader(value, f"{self._path}{name}.")
        made = read(reader)
        reader.finish()
        return made

    def parts(self, name: str, read: "Callable[[_Reader], T]") -> tuple[T, ...]:
        """Return a list of inner objects."""
        value = self._take(name)
        if value is None:
            return ()
        if not isinstance(value, list | tuple):
            raise self._bad(name, value, "must be a list")
        made = []
        for number, item in enumerate(value):
            reader = _Reader(item, f"{self._path}{name}[{number}].")
            made.append(read(reader))
            reader.finish()
        return tuple(made)


def _plain(value: Any) -> Any:
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, time):
        return value.isoformat("minutes")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if is_dataclass(value):
        named = {one.name: getattr(value, one.name) for one in fields(value)}
        return {name: _plain(item) for name, item in named.items() if item not in (None, ())}
    return value
