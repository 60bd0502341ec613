"""The four kinds of message, and how they are written down.

An *input* comes from outside (a tick, the clock), a *command* is somebody's wish, a *fact* happened and is
kept, a *reading* is true now and is replaced. Instants are whole nanoseconds of UTC (`int`) in fields named
`at` or `..._at`; prices are `Decimal` on the instrument's grid in facts, whole ticks inside the engine.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from enum import Enum
from fractions import Fraction
from typing import Any, ClassVar

import msgspec

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


@dataclass(frozen=True, slots=True)
class Message:
    """Anything that is said inside tradehub."""


@dataclass(frozen=True, slots=True)
class Input(Message):
    """Something the outside world brings: a tick, a candle, the clock, an alert."""


@dataclass(frozen=True, slots=True)
class Reading(Message):
    """True now; the latest wins, and losing one does no harm."""


_COMMANDS: dict[str, type["Command"]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Command(Message):
    """A wish that waits durably in the inbox until the engine takes it.

    Every command has a `name` to be stored by; it is decoded again with `decode_command`.
    """

    name: ClassVar[str]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super(Command, cls).__init_subclass__(**kwargs)
        if "name" in cls.__dict__:
            _COMMANDS[cls.name] = cls


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact(Message):
    """Something that happened. Committed before anybody hears of it, never edited.

    `key` names the happening itself, not the input that caused it, so a turn that is run again after a crash,
    woken by the clock instead of a tick, says the same fact with the same key, and a unique index swallows it.
    """

    name: ClassVar[str]
    at: int
    user: int = 0

    @property
    def key(self) -> str:
        """Return the identity of this happening; unique over all facts."""
        raise NotImplementedError(type(self).__name__)

    @property
    def of(self) -> str:
        """Return the key of the signal, trade or thing this fact tells about."""
        return ""


def encode_command(command: Command) -> bytes:
    """Return a command as JSON bytes; `decode_command` gives it back unchanged."""
    return msgspec.json.encode(command)


def decode_command(name: str, payload: bytes | str) -> Command:
    """Return the command that `encode_command` wrote down.

    Raises:  KeyError  no command has this name
             msgspec.ValidationError  the payload does not fit it
    """
    return msgspec.json.decode(payload, type=_COMMANDS[name])


def iso(at: int) -> str:
    """Return an instant as ISO-8601 UTC with `Z`: milliseconds rounded down, no fraction when it is zero."""
    seconds, rest = divmod(at, SECOND)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    millis = rest // 1_000_000
    return f"{text}.{millis:03d}Z" if millis else f"{text}Z"


def to_datetime(at: int) -> datetime:
    """Return an instant as an aware UTC datetime, microseconds rounded down."""
    seconds, rest = divmod(at, SECOND)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000)


def to_instant(moment: datetime) -> int:
    """Return an aware datetime as whole nanoseconds of UTC."""
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * SECOND + delta.microseconds * 1000


def in_r(value: Fraction) -> str:
    """Return R with 4 decimals, ties away from zero. Source: methodology, chapter 1."""
    exact = Decimal(value.numerator) / Decimal(value.denominator)
    scaled = value * 10_000
    if scaled.denominator == 2:  # exactly half way: decimal division may have rounded it
        whole = (abs(scaled.numerator) + 1) // 2
        exact = Decimal(whole if scaled > 0 else -whole) / 10_000
    rounded = exact.quantize(Decimal("0.0001"), ROUND_HALF_UP)
    return str(abs(rounded) if rounded == 0 else rounded)


def told(message: Message) -> dict[str, Any]:
    """Return a fact or reading as plain JSON values: ISO instants, decimal strings, R with 4 decimals."""
    values: dict[str, Any] = {
        field.name: _plain(field.name, getattr(message, field.name))
        for field in dataclasses.fields(message)
    }
    if isinstance(message, Fact):
        values["fact"] = message.name
    return values


def _plain(name: str, value: Any) -> Any:
    match value:
        case bool() | None | str():
            return value.value if isinstance(value, Enum) else value
        case int():
            return iso(value) if name == "at" or name.endswith("_at") else value
        case Decimal():
            return f"{value:f}"
        case Fraction():
            return in_r(value)
        case date():
            return value.isoformat()
        case Mapping():
            return {str(key): _plain(name, item) for key, item in value.items()}
        case tuple() | list():
            return [_plain(name, item) for item in value]
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {
                field.name: _plain(field.name, getattr(value, field.name))
                for field in dataclasses.fields(value)
            }
        case _:
            return str(value)
