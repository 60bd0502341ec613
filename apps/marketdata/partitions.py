"""The daily partitions of the tick table on PostgreSQL. Elsewhere there is one table and nothing to do."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from django.db import connections, migrations, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import ProjectState

from apps.bus.domain.message import DAY
from apps.bus.locks import Lock

TABLE: Final = "marketdata_tick"
_EPOCH: Final = date(1970, 1, 1)


class CreatePartitionedModel(migrations.CreateModel):
    """Create a model whose table is partitioned by range on PostgreSQL, and is ordinary elsewhere.

    The model's primary key must contain the column. Rows of days without a partition go into a default one.
    """

    def __init__(self, *args: Any, partition_by: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.partition_by = partition_by

    def deconstruct(self) -> tuple[str, Any, Any]:
        """Return how it is written down."""
        name, args, kwargs = super().deconstruct()
        return name, args, {**kwargs, "partition_by": self.partition_by}

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Create the table and its default partition."""
        if schema_editor.connection.vendor != "postgresql":
            return super().database_forwards(app_label, schema_editor, from_state, to_state)
        model = to_state.apps.get_model(app_label, self.name)
        if not self.allow_migrate_model(schema_editor.connection.alias, model):
            return None
        quoted, table = schema_editor.quote_name, model._meta.db_table
        column = quoted(model._meta.get_field(self.partition_by).column)
        sql, params = schema_editor.table_sql(model)
        schema_editor.execute(f"{sql} PARTITION BY RANGE ({column})", params or None)
        schema_editor.execute(
            f"CREATE TABLE {quoted(table + '_default')} PARTITION OF {quoted(table)} DEFAULT"
        )
        return None


def day_of_tick(at: int) -> date:
    """Return the UTC day in whose partition an instant lies."""
    return datetime.fromtimestamp(at // 1_000_000_000, UTC).date()


def bounds(day: date) -> tuple[int, int]:
    """Return where a UTC day starts and ends, ns UTC."""
    start = (day - _EPOCH).days * DAY
    return start, start + DAY


def make(days: Iterable[date], using: str = "default") -> int:
    """Make the partitions that are missing and return how many; rows already in the default one move over."""
    connection = connections[using]
    if connection.vendor != "postgresql":
        return 0
    missing = set(days) - set(existing(using))
    for day in sorted(missing):
        with transaction.atomic(using=using):
            _make(connection, day)
    return len(missing)


def existing(using: str = "default") -> list[date]:
    """Return the days that have a partition, oldest first."""
    connection = connections[using]
    if connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT child.relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid "
            "WHERE inhparent = %s::regclass",
            [TABLE],
        )
        endings = [name.rsplit("_", 1)[1] for (name,) in cursor.fetchall()]
    return sorted(
        datetime.strptime(ending, "%Y%m%d").replace(tzinfo=UTC).date()
        for ending in endings
        if ending.isdigit()
    )


def drop(day: date, using: str = "default") -> None:
    """Drop the partition of a day with all its ticks."""
    connection = connections[using]
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {connection.ops.quote_name(_name(day))}")


def ahead(today: date, days: int = 7) -> list[date]:
    """Return today and the days after it."""
    return [today + timedelta(days=number) for number in range(days + 1)]


def _name(day: date) -> str:
    return f"{TABLE}_{day:%Y%m%d}"


def _make(connection: BaseDatabaseWrapper, day: date) -> None:
    quoted = connection.ops.quote_name
    child, parent, rest = quoted(_name(day)), quoted(TABLE), quoted(f"{TABLE}_default")
    start, end = bounds(day)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [int(Lock.PARTITIONS)])
        cursor.execute(f"CREATE TABLE IF NOT EXISTS {child} (LIKE {parent} INCLUDING ALL)")
        cursor.execute("SELECT 1 FROM pg_inherits WHERE inhrelid = %s::regclass", [_name(day)])
        if cursor.fetchone():
            return
        cursor.execute(
            f"WITH moved AS (DELETE FROM {rest} WHERE ts_ns >= %s AND ts_ns < %s RETURNING *) "  # noqa: S608
            f"INSERT INTO {child} SELECT * FROM moved",
            [start, end],
        )
        cursor.execute(
            f"ALTER TABLE {parent} ATTACH PARTITION {child} FOR VALUES FROM ({start}) TO ({end})"
        )
