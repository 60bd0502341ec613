"""Rows and back: ticks in bulk, candles, and the running market of each contract."""

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from decimal import Decimal
from typing import Any, Final

import msgspec
from django.db import IntegrityError, connections, transaction

from apps.bus.domain.message import to_datetime, to_instant
from apps.marketdata.domain.candle import Candle
from apps.marketdata.domain.contract import root_of
from apps.marketdata.domain.instrument import Instrument, instrument
from apps.marketdata.domain.tape import TapeState
from apps.marketdata.domain.tick import Quote, Tick
from apps.marketdata.models import CandleRow, ContractState, TickMark, TickRow

SHORT: Final = (
    200  # rows of one transaction beside SQLite, where every writer waits for every other
)
_COLUMNS: Final = "contract, ts_ns, tick_id, price, size, bid, bid_size, ask, ask_size, mark"
_NO_QUOTE: Final = (None, None, None, None)


def instrument_of(contract: str) -> Instrument:
    """Return what a contract is a contract of."""
    return instrument(root_of(contract))


# ---- ticks ----


class TickWriter:
    """Stores ticks as fast as the database takes them. A tick that is there already is left as it is."""

    def __init__(self, using: str = "default") -> None:
        self._using = using

    def write(
        self, contract: str, ticks: Sequence[Tick], mark: TickMark = TickMark.ORDINARY
    ) -> int:
        """Store ticks of one contract and return how many were new.

        Inside a transaction they become part of it. Outside, SQLite is held for 200 rows at a time.
        """
        if not ticks:
            return 0
        if connections[self._using].vendor == "postgresql":
            return self._copy(contract, ticks, int(mark))
        stored = 0
        for start in range(0, len(ticks), SHORT):
            stored += self._insert(contract, ticks[start : start + SHORT], int(mark))
        return stored

    def mark(self, contract: str, ticks: Iterable[Tick], mark: TickMark) -> None:
        """Say anew how stored ticks count, e.g. that a held one was dropped."""
        for tick in ticks:
            rows = TickRow.objects.using(self._using)
            rows.filter(contract=contract, ts_ns=tick.at, tick_id=tick.id).update(mark=mark)

    def _insert(self, contract: str, ticks: Sequence[Tick], mark: int) -> int:
        places = ", ".join(["%s"] * 10)
        sql = f"INSERT OR IGNORE INTO marketdata_tick ({_COLUMNS}) VALUES ({places})"  # noqa: S608
        rows = [
            (contract, tick.at, tick.id, tick.price, tick.size, *(tick.quote or _NO_QUOTE), mark)
            for tick in ticks
        ]
        with self._short(), connections[self._using].cursor() as cursor:
            cursor.executemany(sql, rows)
            return int(cursor.rowcount)

    def _copy(self, contract: str, ticks: Sequence[Tick], mark: int) -> int:
        """Copy straight in; only if a tick is there already, copy beside it and take over what is new."""
        text = _copy_text(contract, ticks, mark)
        try:
            with transaction.atomic(using=self._using):
                return self._copy_into("marketdata_tick", text)
        except IntegrityError:
            pass
        with transaction.atomic(using=self._using), connections[self._using].cursor() as cursor:
            cursor.execute("CREATE TEMP TABLE incoming_tick (LIKE marketdata_tick) ON COMMIT DROP")
            self._copy_into("incoming_tick", text)
            cursor.execute(
                f"INSERT INTO marketdata_tick ({_COLUMNS}) SELECT {_COLUMNS} FROM incoming_tick "  # noqa: S608
                "ON CONFLICT DO NOTHING"
            )
            stored = int(cursor.rowcount)
            cursor.execute("DROP TABLE incoming_tick")
            return stored

    def _copy_into(self, table: str, text: str) -> int:
        connection = connections[self._using]
        with connection.cursor() as cursor, connection.wrap_database_errors:
            cursor.cursor.copy_expert(f"COPY {table} ({_COLUMNS}) FROM STDIN", io.StringIO(text))
            return int(cursor.cursor.rowcount)

    def _short(self) -> AbstractContextManager[Any]:
        within = connections[self._using].in_atomic_block
        return nullcontext() if within else transaction.atomic(using=self._using)


def _copy_text(contract: str, ticks: Sequence[Tick], mark: int) -> str:
    lines: list[str] = []
    plain = f"\t\\N\t\\N\t\\N\t\\N\t{mark}\n"
    quotes: dict[Quote, str] = {}
    for at, price, size, id, quote in ticks:
        tail = plain
        if quote is not None:
            tail = quotes.get(quote) or quotes.setdefault(quote, _quote_text(quote, mark))
        lines.append(f"{contract}\t{at}\t{id}\t{price}\t{size}{tail}")
    return "".join(lines)


def _quote_text(quote: Quote, mark: int) -> str:
    values = "\t".join("\\N" if value is None else str(value) for value in quote)
    return f"\t{values}\t{mark}\n"


def read_ticks(
    contract: str,
    since: int,
    until: int,
    marks: Iterable[TickMark] = (TickMark.ORDINARY, TickMark.LATE),
    using: str = "default",
) -> Iterator[Tick]:
    """Yield the stored ticks of a contract with `since <= at < until` in the order of their times."""
    rows = (
        TickRow.objects.using(using)
        .filter(contract=contract, ts_ns__gte=since, ts_ns__lt=until, mark__in=list(marks))
        .order_by("ts_ns", "tick_id")
        .values_list("ts_ns", "price", "size", "tick_id", "bid", "bid_size", "ask", "ask_size")
    )
    for at, price, size, id, *quote in rows.iterator(chunk_size=5000):
        known = quote != [None, None, None, None]
        yield Tick(at, price, size, id, Quote(*quote) if known else None)


# ---- candles ----


def save_candles(
    contract: str, seconds: int, candles: Sequence[Candle], using: str = "default"
) -> None:
    """Store closed candles; one that is there already is replaced."""
    product = instrument_of(contract)
    within = connections[using].in_atomic_block
    step = len(candles) if within or connections[using].vendor == "postgresql" else SHORT
    for start in range(0, len(candles), step or 1):
        with nullcontext() if within else transaction.atomic(using=using):
            CandleRow.objects.using(using).bulk_create(
                [
                    _candle_row(product, contract, seconds, candle)
                    for candle in candles[start : start + step]
                ],
                update_conflicts=True,
                unique_fields=["contract", "seconds", "open_at"],
                update_fields=[
                    "open", "high", "low", "close", "volume", "trades", "turnover", "complete",
                ],
                batch_size=SHORT,
            )  # fmt: skip


def load_candles(
    contract: str,
    seconds: int,
    *,
    since: int | None = None,
    until: int | None = None,
    last: int | None = None,
    using: str = "default",
) -> list[Candle]:
    """Return stored candles, oldest first: those that open in `since <= at < until`, of these the `last` n."""
    rows = CandleRow.objects.using(using).filter(contract=contract, seconds=seconds)
    if since is not None:
        rows = rows.filter(open_at__gte=to_datetime(since))
    if until is not None:
        rows = rows.filter(open_at__lt=to_datetime(until))
    rows = rows.order_by("-open_at" if last is not None else "open_at")
    if last is not None:
        rows = rows[:last]
    ticks = _Ticks(instrument_of(contract))
    found = [
        Candle(
            to_instant(at),
            ticks[begin],
            ticks[high],
            ticks[low],
            ticks[close],
            volume,
            trades,
            turnover,
            not complete,
        )
        for at, begin, high, low, close, volume, trades, turnover, complete in rows.values_list(
            "open_at", "open", "high", "low", "close", "volume", "trades", "turnover", "complete"
        )
    ]
    return found[::-1] if last is not None else found


class _Ticks(dict[Decimal, int]):
    """Prices as whole ticks, each worked out once."""

    def __init__(self, product: Instrument) -> None:
        super().__init__()
        self._product = product

    def __missing__(self, price: Decimal) -> int:
        ticks = self[price] = self._product.to_ticks(price)
        return ticks


def _candle_row(product: Instrument, contract: str, seconds: int, candle: Candle) -> CandleRow:
    return CandleRow(
        contract=contract,
        seconds=seconds,
        open_at=to_datetime(candle.at),
        open=product.price(candle.open),
        high=product.price(candle.high),
        low=product.price(candle.low),
        close=product.price(candle.close),
        volume=candle.volume,
        trades=candle.trades,
        turnover=candle.turnover,
        complete=not candle.incomplete,
    )


# ---- the running market ----


def save_tapes(states: Iterable[TapeState], using: str = "default") -> None:
    """Store the running market of some contracts in place of what was known before."""
    ContractState.objects.using(using).bulk_create(
        [
            ContractState(
                contract=state.contract,
                at=state.last_at,
                state=msgspec.to_builtins(state, str_keys=True),
            )
            for state in states
        ],
        update_conflicts=True,
        unique_fields=["contract"],
        update_fields=["at", "state"],
    )


def load_tapes(using: str = "default") -> list[TapeState]:
    """Return the running market of every contract, exactly as it was stored."""
    rows = ContractState.objects.using(using).order_by("contract")
    states: Iterable[Mapping[str, Any]] = rows.values_list("state", flat=True)
    return [msgspec.convert(state, TapeState, strict=False) for state in states]
