"""Fields of plain JSON, each read as what it has to be, and refused with its name, its value and a cure."""

from collections.abc import Callable, Mapping
from datetime import date, time
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, Final, TypeVar

MOST_MONEY: Final = Decimal(100_000_000)

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)


class BadRule(ValueError):
    """A rule that can't be used. The text names the field, its value and what would do."""

    def __init__(self, field: str, value: object, cure: str) -> None:
        super().__init__(f"{field}: {value!r} {cure}")
        self.field, self.value, self.cure = field, value, cure


class Reader:
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
        """Return a time of day written HH:MM, None where it is absent."""
        return self._parsed(name, time.fromisoformat, "must be a time of day like 15:10")

    def day(self, name: str) -> date | None:
        """Return a date written YYYY-MM-DD, None where it is absent."""
        return self._parsed(name, date.fromisoformat, "must be a date like 2026-11-21")

    def _parsed(self, name: str, parse: Callable[[str], T], cure: str) -> T | None:
        value = self._take(name)
        if value in (None, ""):
            return None
        try:
            return parse(str(value))
        except ValueError:
            raise self._bad(name, value, cure) from None

    def part(self, name: str, read: "Callable[[Reader], T]") -> T | None:
        """Return an inner object, None where it is absent."""
        value = self._take(name)
        if value is None:
            return None
        reader = Reader(value, f"{self._path}{name}.")
        made = read(reader)
        reader.finish()
        return made

    def parts(self, name: str, read: "Callable[[Reader], T]") -> tuple[T, ...]:
        """Return a list of inner objects."""
        value = self._take(name)
        if value is None:
            return ()
        if not isinstance(value, list | tuple):
            raise self._bad(name, value, "must be a list")
        made = []
        for number, item in enumerate(value):
            reader = Reader(item, f"{self._path}{name}[{number}].")
            made.append(read(reader))
            reader.finish()
        return tuple(made)
