"""How senders write values: numbers as numbers or text, absent in six ways, times in three.

Everything here reads one field of an object that came over the wire, or raises `Unreadable`.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from apps.bus.domain.message import SECOND, to_instant
from apps.signals.domain.indicator import Direction
from apps.signals.domain.refusal import Unreadable

MAX_TEXT: Final = 500
MAX_DEPTH: Final = 16
_ABSENT: Final = frozenset({"", "nan", "na", "n/a", "null", "none"})
_NUMBER: Final = re.compile(r"[+-]?(\d{1,18}(\.\d{0,18})?|\.\d{1,18})([eE][+-]?\d{1,2})?", re.ASCII)
_SYMBOL: Final = re.compile(r"[A-Za-z0-9_./:!-]{1,40}", re.ASCII)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_EARLIEST: Final = to_instant(datetime(2000, 1, 1, tzinfo=UTC))
_LATEST: Final = to_instant(datetime(2100, 1, 1, tzinfo=UTC))
_MILLISECONDS_FROM: Final = 100_000_000_000  # methodology 2: from here on it is milliseconds
_FINEST: Final = Decimal("0.0000001")
_PRICE_BELOW: Final = Decimal(1_000_000_000)


_DIRECTIONS: Final = {
    **dict.fromkeys(("bullish", "bull", "long", "buy"), Direction.BULLISH),
    **dict.fromkeys(("bearish", "bear", "short", "sell"), Direction.BEARISH),
}


def load_object(text: str) -> dict[str, Any]:
    """Return the JSON object in a text, numbers as `Decimal`.

    A bare `NaN` is how Pine writes "no value", and becomes None. Raises: Unreadable
    """
    try:
        loaded = json.loads(
            text,
            parse_float=Decimal,
            parse_int=Decimal,
            parse_constant=_constant,
            object_pairs_hook=_object,
        )
    except json.JSONDecodeError as error:
        near = text[max(0, error.pos - 20) : error.pos + 10].replace("\n", " ")
        raise Unreadable(
            "BAD_JSON", f"{error.msg} at character {error.pos + 1}, near: {near}"
        ) from None
    except RecursionError:
        raise Unreadable("TOO_DEEP", f"more than {MAX_DEPTH} levels") from None
    except InvalidOperation:
        raise Unreadable("BAD_NUMBER", "a number has an impossible exponent") from None
    if not isinstance(loaded, dict):
        raise Unreadable("NOT_AN_OBJECT", "the body is a JSON value, but not an object")
    _check(loaded)
    return loaded


def is_storable(value: str) -> bool:
    """Return whether a text can be written down: no NUL, no half of a surrogate pair."""
    return "\x00" not in value and not _SURROGATE.search(value)


def direction_of(word: Any) -> Direction | None:
    """Return the direction that a word names, None if it names none."""
    return _DIRECTIONS.get(word.strip().lower()) if isinstance(word, str) else None


def is_absent(value: Any) -> bool:
    """Return whether a value is one of the ways to say nothing."""
    if isinstance(value, str):
        return value.strip().lower() in _ABSENT
    return value is None or (isinstance(value, Decimal) and value.is_nan())


def first(given: Mapping[str, Any], *names: str) -> tuple[str, Any]:
    """Return the first of these fields that says something, with its name.

    If none does: the first name and None.
    """
    for name in names:
        value = given.get(name)
        if not is_absent(value):
            return name, value
    return names[0], None


def text(given: Mapping[str, Any], *names: str, most: int = MAX_TEXT) -> str | None:
    """Return a text field; a number is read as its text."""
    name, value = first(given, *names)
    if value is None:
        return None
    if isinstance(value, Decimal):
        value = f"{value:f}" if abs(value.adjusted()) < 30 else str(value)
    if not isinstance(value, str):
        raise Unreadable("WRONG_TYPE", f"{name} must be text", name)
    if len(value) > most:
        raise Unreadable("TOO_LONG", f"{name} has {len(value)} characters", name)
    return value.strip()


def number(given: Mapping[str, Any], *names: str) -> Decimal | None:
    """Return a number that came as number or text."""
    name, value = first(given, *names)
    if value is None:
        return None
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = Decimal(value.strip())
    if isinstance(value, str):
        raise Unreadable("BAD_NUMBER", f"{name} is no number: {_short(value)}", name)
    if not isinstance(value, Decimal):
        raise Unreadable("WRONG_TYPE", f"{name} must be a number", name)
    if not value.is_finite():
        raise Unreadable("BAD_NUMBER", f"{name} is infinite", name)
    if value and not -18 <= value.adjusted() < 18:
        raise Unreadable("OUT_OF_RANGE", f"{name} is impossible: {_short(str(value))}", name)
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -18:  # more digits than a price can mean
        value = value.quantize(Decimal("1E-18"))
    return value


def price(given: Mapping[str, Any], *names: str) -> Decimal | None:
    """Return a price: above 0 and below a billion."""
    value = number(given, *names)
    if value is not None and not 0 < value < _PRICE_BELOW:
        name, _ = first(given, *names)
        raise Unreadable("OUT_OF_RANGE", f"{name} is no possible price: {value}", name)
    if value is not None and value != (kept := value.quantize(_FINEST)):
        value = kept  # an average price of a sender's own may have digits without end
    return value


def quantity(given: Mapping[str, Any], *names: str) -> int | None:
    """Return a number of contracts: whole, 1 to 10,000."""
    value = number(given, *names)
    if value is None:
        return None
    if value != value.to_integral_value() or not 1 <= value <= 10_000:
        name, _ = first(given, *names)
        raise Unreadable("OUT_OF_RANGE", f"{name} is no number of contracts: {value}", name)
    return int(value)


def instant(given: Mapping[str, Any], *names: str) -> int | None:
    """Return a moment in ns UTC from epoch seconds, epoch milliseconds or ISO-8601 text.

    Source: methodology 2: from 100 000 000 000 on it is milliseconds; text without an offset is UTC.
    """
    name, value = first(given, *names)
    if value is None:
        return None
    if isinstance(value, str) and not _NUMBER.fullmatch(value.strip()):
        at = _from_iso(value.strip(), name)
    else:
        epoch = number(given, name)
        assert epoch is not None
        at = int(epoch * (SECOND // 1000 if epoch >= _MILLISECONDS_FROM else SECOND))
    if not _EARLIEST <= at < _LATEST:
        raise Unreadable("BAD_TIME", f"{name} lies outside the years 2000 to 2100", name)
    return at


def symbol(given: Mapping[str, Any], *names: str) -> str | None:
    """Return a symbol as the sender spells it."""
    value = text(given, *names)
    if value is not None and not _SYMBOL.fullmatch(value):
        name, _ = first(given, *names)
        raise Unreadable("UNKNOWN_SYMBOL", f"{name} is no symbol: {_short(value)}", name)
    return value


def truth(given: Mapping[str, Any], *names: str) -> bool | None:
    """Return yes or no, however it was written."""
    name, value = first(given, *names)
    if value is None or isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in {"true", "yes", "1", "aligned"}:
        return True
    if word in {"false", "no", "0", "misaligned", "not_aligned", "not aligned"}:
        return False
    raise Unreadable("WRONG_TYPE", f"{name} must be true or false", name)


def part(given: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return an object inside the object, empty where it is absent."""
    value = given.get(name)
    if is_absent(value):
        return {}
    if not isinstance(value, dict):
        raise Unreadable("WRONG_TYPE", f"{name} must be an object", name)
    return value


def _from_iso(value: str, name: str) -> int:
    try:
        moment = datetime.fromisoformat(value)
        return to_instant(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise Unreadable("BAD_TIME", f"{name} is no time: {_short(value)}", name) from None


def _constant(word: str) -> None:
    if word != "NaN":
        raise Unreadable("BAD_NUMBER", f"{word} is no number that can be traded")


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in pairs:
        if key in made and made[key] != value:
            raise Unreadable("DUPLICATE_KEY", f"{_short(key)} stands there twice", key[:80])
        made[key] = value
    return made


def _check(loaded: Any) -> None:
    """Look through all levels: how deep it is, and whether every text can be stored."""
    level, depth = [loaded], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH + 1:
            raise Unreadable("TOO_DEEP", f"more than {MAX_DEPTH} levels")
        inner: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                inner.extend(value.keys())
                inner.extend(value.values())
            elif isinstance(value, list):
                inner.extend(value)
            elif isinstance(value, str) and not is_storable(value):
                raise Unreadable("WRONG_TYPE", "a text holds characters that cannot be stored")
        level = inner


def _short(value: str) -> str:
    return value if len(value) <= 40 else value[:40] + "..."
