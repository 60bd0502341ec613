"""Which signals are real: the checks of methodology, chapter 4, in their order."""

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from apps.bus.domain.message import DAY, SECOND, iso
from apps.marketdata.domain.calendar import CALENDAR, Calendar
from apps.marketdata.domain.session import Session, frame_start, new_york
from apps.signals.domain.indicator import Direction
from apps.signals.domain.settings import SignalSettings
from apps.signals.domain.signal import Check, Reason, Signal, Status

WORDS: Mapping[str, Direction] = {
    **dict.fromkeys(("bullish", "bull", "long", "buy"), Direction.BULLISH),
    **dict.fromkeys(("bearish", "bear", "short", "sell"), Direction.BEARISH),
}


class Verdict(NamedTuple):
    """What validation decided. `cancels`: a refused signal that still cancels an opposite pending one."""

    status: Status
    reason: Reason | None
    detail: str
    cancels: bool


VALID = Verdict(Status.PENDING, None, "", True)


def read_direction(word: object) -> Direction | None:
    """Return the direction that a word of chapter 2 names, None if none does."""
    return WORDS.get(word.strip().lower()) if isinstance(word, str) else None


def make_trade_id(bar: int, direction: Direction) -> str:
    """Return `YYYYMMDD_HHMMSSmmm_DIRECTION` from a bar's open on the New York clock."""
    return f"{new_york(bar):%Y%m%d_%H%M%S}{bar // 1_000_000 % 1000:03d}_{direction}"


def beyond_reach(bar: int, received_at: int, seconds: int) -> str | None:
    """Return why a candle is too old or too far ahead to be waited for, None if it is not."""
    if received_at - bar > DAY:
        return f"its candle {iso(bar)} is more than 24 h before {iso(received_at)}, the market time of receipt"
    if bar > frame_start(received_at, seconds) + seconds * SECOND:
        return f"its candle {iso(bar)} is more than one candle after {iso(received_at)}, the market time of receipt"
    return None


def validate(
    signal: Signal,
    *,
    is_duplicate: bool,
    biases: Mapping[int, Direction | None],
    has_pending: bool,
    calendar: Calendar = CALENDAR,
) -> Verdict:
    """Decide about a signal whose candle is known, and leave the checks that were made in it.

    `biases` are the platform's, by frame in seconds; `has_pending`: one of the same direction holds the place.
    """
    assert signal.settings and signal.bar is not None and signal.direction and signal.session
    settings = signal.settings
    signal.checks += [
        Check("Direction and time read", f"{signal.direction} {iso(signal.bar)}", "both", True),
        Check("Candle exists", iso(signal.bar), "yes", True),
        Check("Not a duplicate", "again" if is_duplicate else "first", "first", not is_duplicate),
    ]
    if is_duplicate:
        detail = "an earlier alert had the same candle and direction"
        return Verdict(Status.IGNORED, Reason.DUPLICATE, detail, False)
    for check, reason, cancels in _conditions(signal, settings, biases, calendar):
        signal.checks.append(check)
        if check.ok is False:
            detail = f"{check.name}: {check.value}, needs {check.needs}"
            return Verdict(Status.REJECTED, reason, detail, cancels)
    signal.checks.append(
        Check("None pending", "one" if has_pending else "none", "none", not has_pending)
    )
    if has_pending:
        detail = "one in the same direction was pending"
        return Verdict(Status.IGNORED, Reason.ALREADY_PENDING, detail, True)
    return VALID


def _conditions(
    signal: Signal,
    settings: SignalSettings,
    biases: Mapping[int, Direction | None],
    calendar: Calendar,
) -> Iterator[tuple[Check, Reason, bool]]:
    assert signal.instrument and signal.bar is not None
    yield _bias(signal, settings, biases), Reason.HTF_MISALIGNED, False
    in_session = signal.session is not Session.INVALID if settings.session_filter else None
    session = Check("Session", str(signal.session), "not 16:00 to 20:00 New York", in_session)
    yield session, Reason.OUT_OF_SESSION, True
    group = signal.instrument.group
    is_trading = calendar.is_open(signal.bar, group)
    ok = is_trading if settings.market_calendar else None
    known = "" if calendar.covers(signal.bar, group) else ", by weekly hours only"
    yield (
        Check("Exchange open", ("open" if is_trading else "closed") + known, "open", ok),
        Reason.MARKET_CLOSED,
        True,
    )
    yield _staleness(signal, settings), Reason.STALE, True


def _bias(
    signal: Signal, settings: SignalSettings, biases: Mapping[int, Direction | None]
) -> Check:
    name = "Higher time frames"
    if signal.alert.htf_ok is False:
        return Check(name, "the alert says they disagree", "agreement", False)
    if not settings.required_timeframes:
        return Check(name, "none required", "-", None)
    own = {frame_of(name): read_direction(word) for name, word in signal.alert.biases.items()}
    found = {
        seconds: own[seconds] if seconds in own else biases.get(seconds)
        for seconds in settings.required_timeframes
    }
    value = ", ".join(f"{_frame_name(s)} {d.lower() if d else 'neutral'}" for s, d in found.items())
    ok = all(direction is signal.direction for direction in found.values())
    return Check(name, value, str(signal.direction).lower(), ok)


def _staleness(signal: Signal, settings: SignalSettings) -> Check:
    needs = f"< {settings.stale_tolerance:f} points"
    mine, theirs = _price(signal.alert.price), _price(signal.alert.market_price)
    if mine is None or theirs is None:
        return Check("Not stale", "a price is missing", needs, None)
    away = abs(mine - theirs)
    return Check("Not stale", f"{away:f} points", needs, away < settings.stale_tolerance)


def _price(text: str | None) -> Decimal | None:
    try:
        return Decimal(text) if text is not None else None
    except InvalidOperation:
        return None


def frame_of(name: str) -> int:
    """Return the seconds of a time frame as alerts spell it (5m, M15, 1H, h4, daily); 0 if unknown."""
    text = name.strip().lower()
    if text in ("d", "1d", "daily", "day", "d1"):
        return 86_400
    digits = "".join(sign for sign in text if sign.isdigit())
    unit = "".join(sign for sign in text if sign.isalpha())
    scale = {"": 60, "m": 60, "min": 60, "h": 3600, "hour": 3600}.get(unit, 0)
    return int(digits) * scale if digits else 0


def _frame_name(seconds: int) -> str:
    return "day" if seconds == 86_400 else f"{seconds // 60}m"
