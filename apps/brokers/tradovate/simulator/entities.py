"""Entity rows of accounts and orders, and the reads every entity shares. Source: protocol 2, 3 and 11."""

from collections.abc import Callable, Container, Iterable
from typing import Any, Final

from apps.brokers.tradovate.simulator.answer import Answer, Json
from apps.brokers.tradovate.simulator.library import Library
from apps.brokers.tradovate.simulator.memory import Changes

# entity -> the field that names its master, "" where it has none
MASTERS: Final = {
    "user": "",
    "userProperty": "userId",
    "account": "userId",
    "accountRiskStatus": "id",
    "userAccountAutoLiq": "id",
    "marginSnapshot": "id",
    "cashBalance": "accountId",
    "cashBalanceLog": "accountId",
    "tradingPermission": "userId",
    "position": "accountId",
    "fillPair": "positionId",
    "order": "accountId",
    "orderVersion": "orderId",
    "command": "orderId",
    "commandReport": "commandId",
    "executionReport": "commandId",
    "fill": "orderId",
    "fillFee": "id",
    "orderStrategy": "accountId",
    "orderStrategyLink": "orderStrategyId",
    "userAccountPositionLimit": "accountId",
    "userAccountRiskParameter": "userAccountPositionLimitId",
    "userPlugin": "userId",
    "contactInfo": "userId",
    "contract": "contractMaturityId",
    "contractMaturity": "productId",
    "product": "exchangeId",
    "exchange": "",
    "currency": "",
    "contractGroup": "",
}
LIBRARY: Final = frozenset(
    ("contract", "contractMaturity", "product", "exchange", "currency", "contractGroup")
)
NO_LIST: Final = frozenset(
    (
        "contract",
        "contractMaturity",
        "userProperty",
        "cashBalanceLog",
        "contactInfo",
        "userAccountPositionLimit",
        "userAccountRiskParameter",
    )
)
READS: Final = frozenset(("list", "item", "items", "find", "suggest", "deps", "ldeps"))
_SPELLED: Final = {name.lower(): name for name in MASTERS}
Heard = Callable[[str, str, Json], None]


class Entities:
    """The rows of every entity. A row that is put in is told to `hear` as Created or Updated."""

    def __init__(self, library: Library, hear: Heard, first_id: int = 880_000) -> None:
        self._library = library
        self._hear = hear
        self._rows: dict[str, dict[int, Json]] = {name: {} for name in MASTERS}
        self._last = first_id
        self._emptied: set[str] = set()
        self._changed: set[tuple[str, int]] = set()
        self._past: dict[str, set[int]] = {}

    @property
    def last_id(self) -> int:
        """Return the newest id that was given."""
        return self._last

    @property
    def past(self) -> dict[str, list[int]]:
        """Return the rows that no list tells any more, by their entity."""
        return {entity: sorted(numbers) for entity, numbers in self._past.items()}

    def take_back(
        self, rows: Iterable[tuple[str, Json]], last_id: int, past: dict[str, list[int]]
    ) -> None:
        """Have what was kept again; nobody is told of it."""
        for entity, row in rows:
            self._rows[entity][row["id"]] = row
        self._last = max(self._last, last_id)
        self._past = {entity: set(numbers) for entity, numbers in past.items()}
        self.changes()

    def changes(self) -> Changes:
        """Return what has changed since this was last asked."""
        known = [(name, self._rows[name].get(number)) for name, number in sorted(self._changed)]
        found = Changes(
            frozenset(self._emptied), tuple((name, row) for name, row in known if row is not None)
        )
        self._changed.clear()
        self._emptied.clear()
        return found

    def new_id(self) -> int:
        """Return an id that no row has had."""
        self._last += 1
        return self._last

    def put(self, entity: str, row: Json) -> Json:
        """Add or replace a row, without its empty fields, and tell of it."""
        row = {name: value for name, value in row.items() if value is not None}
        known = row["id"] in self._rows[entity]
        self._rows[entity][row["id"]] = row
        self._changed.add((entity, row["id"]))
        self._hear(entity, "Updated" if known else "Created", row)
        return row

    def get(self, entity: str, row_id: Any) -> Json | None:
        """Return one row by its id."""
        try:
            number = int(row_id)
        except (TypeError, ValueError):
            return None
        if entity in LIBRARY:
            return self._library.item(entity, number)
        return self._rows[entity].get(number)

    def all(self, entity: str) -> list[Json]:
        """Return every row of an entity."""
        return (
            self._library.rows(entity) if entity in LIBRARY else list(self._rows[entity].values())
        )

    def listed(self, entity: str) -> list[Json]:
        """Return every row of an entity that lists and snapshots tell: none of a session that is over."""
        past = self._past.get(entity, ())
        return [row for row in self.all(entity) if row["id"] not in past]

    def clear(self, *entities: str) -> None:
        """Forget the rows of a session that is over."""
        for entity in entities:
            self._rows[entity].clear()
            self._past.pop(entity, None)
            self._emptied.add(entity)

    def let_pass(self, entity: str, orders: Container[int]) -> None:
        """Begin a session: rows of these orders are told to who asks for them by number alone, the others to nobody."""
        kept = {n: row for n, row in self._rows[entity].items() if row.get("orderId") in orders}
        self.clear(entity)
        self._rows[entity].update(kept)
        self._past[entity] = set(kept)
        self._changed |= {(entity, number) for number in kept}

    def read(self, path: str, asked: Json) -> Answer | None:
        """Answer one of the shared reads; None where the path is none."""
        prefix, _, operation = path.partition("/")
        entity = _SPELLED.get(prefix)
        if entity is None or operation not in READS:
            return None
        if operation == "list":
            return None if entity in NO_LIST else Answer(200, self.listed(entity))
        if operation == "item":
            row = self.get(entity, asked.get("id"))
            return Answer(404, {"errorText": f"{entity} not found"}) if row is None else _good(row)
        if operation == "items":
            rows = [self.get(entity, row_id) for row_id in _numbers(asked.get("ids"))]
            return Answer(200, [row for row in rows if row is not None])
        if operation in {"find", "suggest"}:
            return self._named(entity, operation, asked)
        masters = _numbers(asked.get("masterids" if operation == "ldeps" else "masterid"))
        field = MASTERS[entity]
        return Answer(200, [row for row in self.all(entity) if row.get(field) in masters])

    def _named(self, entity: str, operation: str, asked: Json) -> Answer:
        text = str(asked.get("t") or asked.get("name") or "")
        most = int(asked.get("l") or 20)
        if operation == "find":
            found = (
                self._library.find(entity, text)
                if entity in LIBRARY
                else next((row for row in self.all(entity) if row.get("name") == text), None)
            )
            return (
                Answer(404, {"errorText": f"{entity} not found"}) if found is None else _good(found)
            )
        if entity in LIBRARY:
            return Answer(200, self._library.suggest(entity, text, most))
        rows = [r for r in self.all(entity) if str(r.get("name", "")).startswith(text)]
        return Answer(200, rows[:most])


def _good(row: Json) -> Answer:
    return Answer(200, row)


def _numbers(value: Any) -> list[int]:
    """Return the ids in `1,2,3`, a list or a single number; what is no number is left out."""
    parts = value if isinstance(value, list) else str("" if value is None else value).split(",")
    return [int(part) for part in parts if str(part).strip().isdigit()]
