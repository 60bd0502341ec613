"""How the signals of a strategy are handled: the names and defaults of methodology, chapter 16."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from functools import lru_cache
from typing import Any

from apps.marketdata.domain.instrument import Instrument

FRAME_SECONDS = (300, 900, 3600, 14_400, 86_400)


MOST_DECIMALS = 7  # as prices are kept; what is read can so be written down exactly
MOST_TARGETS = 20
MOST_LEFT = 1000  # candles to the left of a signal that are kept


class BadSetting(ValueError):
    """A setting that can't be used; the text names it, its value and what would do."""

    def __init__(self, name: str, value: object, cure: str) -> None:
        super().__init__(f"{name}: {value!r} {cure}")
        self.name = name


@dataclass(frozen=True, slots=True)
class SignalSettings:
    """Everything that decides what becomes of a signal. Points are Decimal, R is exact."""

    buffer: Decimal
    stale_tolerance: Decimal
    jump: Decimal
    timeframe_s: int = 60
    left: int = 5
    double_pivot: bool = True
    require_body: bool = False
    be_trigger_r: Fraction = Fraction(1)
    targets: tuple[Fraction, ...] = tuple(Fraction(n) for n in (1, 2, 3, 5, 10, 20))
    required_timeframes: tuple[int, ...] = ()
    time_basis: str = "bar_open"
    alert_grace_s: Decimal = Decimal(5)
    order_at: str = "confirmation"
    session_filter: bool = True
    market_calendar: bool = True
    plan_break_even: bool = True
    plan_target_r: Fraction | None = None

    @property
    def grace(self) -> int:
        """Return how long after a close an alert is in time, in ns."""
        return int(self.alert_grace_s * 1_000_000_000)

    def plain(self) -> dict[str, Any]:
        """Return the settings as JSON values under their machine names, for the record."""
        return {one.name: _plain(getattr(self, one.name)) for one in fields(self)}


def decimal_text(value: Fraction) -> str:
    """Return an R multiple as it was written: "1", "0.5"; exact, since settings have few decimals."""
    return f"{Decimal(value.numerator) / Decimal(value.denominator):f}"


def settings_for(instrument: Instrument, given: Mapping[str, Any] | None = None) -> SignalSettings:
    """Return the settings of a strategy on one instrument: its defaults, overruled by what is given.

    Raises:  BadSetting  an unknown name, an unusable value, or an instrument that has no defaults
    """
    return _read(instrument, _Given(repr(given or {}), given or {}))


@dataclass(frozen=True, slots=True)
class _Given:
    """Settings as they are given, known by how they are written."""

    text: str
    values: Mapping[str, Any] = field(compare=False)


@lru_cache(maxsize=1_000)
def _read(instrument: Instrument, given: _Given) -> SignalSettings:
    """Return what the same settings come to, read once: thousands of trades rest on a handful of them."""
    return _overruled(instrument, dict(given.values))


def _overruled(instrument: Instrument, given: dict[str, Any]) -> SignalSettings:
    for name in given:
        if name not in _READERS:
            cure = f"is no setting; known are {', '.join(sorted(_READERS))}"
            raise BadSetting(name, given[name], cure)
    values: dict[str, Any] = {name: _READERS[name](name, value) for name, value in given.items()}
    for name in ("buffer", "stale_tolerance", "jump"):
        if name not in values:
            if instrument.defaults is None:
                cure = f"has no default for {instrument.root}: give it in points"
                raise BadSetting(name, None, cure)
            values[name] = getattr(instrument.defaults, name)
    settings = replace(
        SignalSettings(values["buffer"], values["stale_tolerance"], values["jump"]), **values
    )
    _check(settings, instrument)
    return settings


def _check(settings: SignalSettings, instrument: Instrument) -> None:
    if settings.buffer % instrument.tick_size:
        cure = f"is not a multiple of {instrument.root}'s tick {instrument.tick_size}"
        raise BadSetting("buffer", str(settings.buffer), cure)
    if (
        settings.timeframe_s % 60
        or not 60 <= settings.timeframe_s <= 3600
        or 3600 % settings.timeframe_s
    ):
        raise BadSetting(
            "timeframe_s",
            settings.timeframe_s,
            "must be whole minutes that divide the hour, e.g. 60, 300, 900",
        )
    if settings.alert_grace_s >= settings.timeframe_s:
        raise BadSetting(
            "alert_grace_s",
            str(settings.alert_grace_s),
            f"must be shorter than a candle ({settings.timeframe_s} s)",
        )


def _switch(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise BadSetting(name, value, "must be true or false")
    return value


def _choice(*choices: str) -> "Reader":
    def read(name: str, value: Any) -> str:
        if value not in choices:
            raise BadSetting(name, value, f"must be one of {', '.join(choices)}")
        return str(value)

    return read


def _whole(name: str, value: Any) -> int:
    number = _number(name, value)
    most = MOST_LEFT if name == "left" else 3600
    if number != int(number) or not 0 <= number <= most:
        raise BadSetting(name, value, f"must be a whole number, 0 to {most}")
    return int(number)


def _at_least_zero(name: str, value: Any) -> Decimal:
    number = _number(name, value)
    if number < 0:
        raise BadSetting(name, value, "must not be negative")
    return number


def _above_zero(name: str, value: Any) -> Decimal:
    number = _at_least_zero(name, value)
    if number == 0:
        raise BadSetting(name, value, "must be above 0")
    return number


def _targets(name: str, value: Any) -> tuple[Fraction, ...]:
    if not isinstance(value, list | tuple) or not value:
        raise BadSetting(name, value, "must be a list of R multiples, e.g. [1, 2, 3]")
    if len(value) > MOST_TARGETS:
        raise BadSetting(name, f"{len(value)} targets", f"must be at most {MOST_TARGETS}")
    return tuple(sorted({Fraction(_above_zero(name, item)) for item in value}))


def _number(name: str, value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise BadSetting(name, value, "must be a number")
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise BadSetting(name, value, "must be a number") from None
    if not number.is_finite() or abs(number) > 10**9:
        raise BadSetting(name, value, "must be a finite number")
    if int(number.as_tuple().exponent) < -MOST_DECIMALS:
        raise BadSetting(name, value, f"must have at most {MOST_DECIMALS} decimals")
    return number


def _frames(name: str, value: Any) -> tuple[int, ...]:
    """Read time frames given in minutes (5, "15", "240") or as "D"."""
    if not isinstance(value, list | tuple):
        raise BadSetting(name, value, "must be a list of minutes, e.g. [5, 15]")
    frames = []
    for item in value:
        text = str(item).strip().lower().removesuffix("m").removesuffix("min")
        named = {"d": 86_400, "day": 86_400, "1d": 86_400, "1440": 86_400, "1h": 3600, "4h": 14_400}
        seconds = named.get(text) or (int(text) * 60 if text.isdigit() else 0)
        if seconds not in FRAME_SECONDS:
            raise BadSetting(name, item, "must be one of 5, 15, 60, 240 (minutes) or D")
        frames.append(seconds)
    return tuple(sorted(set(frames)))


Reader = Callable[[str, Any], Any]
_READERS: dict[str, Reader] = {
    **dict.fromkeys(("buffer", "stale_tolerance", "alert_grace_s"), _at_least_zero),
    **dict.fromkeys(("session_filter", "market_calendar", "plan_break_even"), _switch),
    **dict.fromkeys(("double_pivot", "require_body"), _switch),
    **dict.fromkeys(("timeframe_s", "left"), _whole),
    "jump": _above_zero,
    "be_trigger_r": lambda name, value: Fraction(_at_least_zero(name, value)),
    "targets": _targets,
    "required_timeframes": _frames,
    "time_basis": _choice("bar_open", "fired_at"),
    "order_at": _choice("confirmation", "final"),
    "plan_target_r": lambda name, value: (
        None if value is None else Fraction(_above_zero(name, value))
    ),
}


def _plain(value: Any) -> Any:
    if isinstance(value, Fraction):
        return decimal_text(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, tuple):
        if value and isinstance(value[0], int):
            return ["D" if seconds == 86_400 else seconds // 60 for seconds in value]
        return [_plain(item) for item in value]
    return value
