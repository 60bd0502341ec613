"""Imports of ticks and candles. A file is read to its end before its first row is stored: bad data leave no trace.

The same file is known by its content. Brought again it changes nothing; broken off it goes on where it stopped.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Final, TypeVar

from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from apps.bus.domain.message import MINUTE, Message
from apps.marketdata import partitions, store
from apps.marketdata.domain.candle import Candle
from apps.marketdata.domain.contract import parse, root_of
from apps.marketdata.domain.folding import folded
from apps.marketdata.domain.instrument import Instrument, instrument
from apps.marketdata.domain.market import LATENESS, Market
from apps.marketdata.domain.messages import CandlesClosed, ClockTicked, TickRefused
from apps.marketdata.domain.session import day_bounds
from apps.marketdata.domain.tape import FRAMES, TapeState
from apps.marketdata.domain.tick import Tick
from apps.marketdata.models import ImportJob, TickMark
from apps.marketdata.reading import contract_in_file, read_candle_file, read_tick_file
from apps.marketdata.tables import BadData, Watch

T = TypeVar("T")

_CHUNK: Final = 5000
_OURS: Final = 60  # seconds of the candles that are stored; longer ones are folded from them


class ImportBroken(Exception):
    """The database could not take it all: full disk, lost connection. The same import goes on later."""


@dataclass(frozen=True)
class Source:
    """A file and how to read it. `columns` renames, `layout` is "ninjatrader" for its text exports."""

    path: Path
    symbol: str = "NQ"
    columns: Mapping[str, str] = field(default_factory=dict)
    layout: str | None = None

    @cached_property
    def named(self) -> str:
        """Return the contract or root in the file; only its rows are read."""
        return contract_in_file(self.path, self.symbol, self.columns, self.layout)

    @property
    def instrument(self) -> Instrument:
        """Return what the file holds prices of."""
        return instrument(root_of(self.named))

    def ticks(self, watch: Watch) -> Iterator[Tick]:
        """Yield its rows as ticks."""
        rows = read_tick_file(
            self.path,
            self.instrument,
            self.columns,
            symbol=self.named,
            layout=self.layout,
            watch=watch,
        )
        return (tick for _, tick in rows)

    def candles(self, seconds: int, watch: Watch) -> Iterator[Candle]:
        """Yield its rows as candles."""
        rows = read_candle_file(
            self.path,
            self.instrument,
            self.columns,
            seconds=seconds,
            symbol=self.named,
            layout=self.layout,
            watch=watch,
        )
        return (candle for _, candle in rows)

    def identity(self, *more: object) -> str:
        """Return what names the file's bytes, and how they are read, for ever.

        Raises:  BadData
        """
        how = (self.named, sorted(self.columns.items()), self.layout, *more)
        try:
            with self.path.open("rb") as file:
                bytes_ = hashlib.file_digest(file, "sha256").digest()
        except OSError as problem:
            reason = problem.strerror or str(problem)
            cure = "Name a readable file."
            raise BadData(self.path, 0, "", f"it cannot be read ({reason})", cure) from None
        return hashlib.sha256(bytes_ + repr(how).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of an import. `skipped`: rows that an earlier, broken import had stored already."""

    contract: str
    rows: int
    new: int
    skipped: int
    candles: int
    first_at: int
    last_at: int


def import_ticks(*, source: Source, watch: Watch = lambda part: None) -> Imported:
    """Store the ticks of a file, and the candles that they make.

    Raises:  BadData  nothing was stored
             UnknownSymbol, UnknownInstrument
             ImportBroken  rows were stored up to some point; call again to go on
    """
    survey = _Survey(source)
    for chunk in _chunks(source.ticks(lambda part: watch(part / 2)), _CHUNK):
        survey.take(chunk)
    survey.end()
    job = _job(ImportJob.Kind.TICKS, source, source.identity(), survey.contract)
    if job.state == ImportJob.State.DONE:
        return survey.told(new=0, skipped=survey.rows)
    partitions.make(survey.days)
    skipped, new = job.rows, 0
    writer = store.TickWriter()
    step = _CHUNK if connection.vendor == "postgresql" else store.SHORT
    with _noted(job):
        rest = islice(source.ticks(lambda part: watch(0.5 + part / 2)), skipped, None)
        for chunk in _chunks(rest, step):
            late = [tick for tick in chunk if tick.id in survey.late]
            with transaction.atomic():
                new += writer.write(survey.contract, [t for t in chunk if t.id not in survey.late])
                new += writer.write(survey.contract, late, TickMark.LATE)
                _step(job, len(chunk))
        store.save_candles(survey.contract, _OURS, survey.candles)
        _fold_anew(survey.contract, survey.candles)
        _finish(job)
    return survey.told(new=new, skipped=skipped)


def import_candles(
    *, source: Source, seconds: int = _OURS, watch: Watch = lambda part: None
) -> Imported:
    """Store the candles of a file; those of a minute also as the longer ones that they make.

    Raises:  as `import_ticks`
    """
    candles = list(source.candles(seconds, lambda part: watch(part / 2)))
    if not candles:
        raise BadData(source.path, 0, "", "there is no row of data", "Give a file with data in it.")
    contract = parse(source.named, candles[0].at).name
    job = _job(ImportJob.Kind.CANDLES, source, source.identity(seconds), contract)
    was_done, skipped = job.state == ImportJob.State.DONE, job.rows
    told = Imported(
        contract, len(candles), len(candles) - skipped, skipped, len(candles), candles[0].at, candles[-1].at
    )  # fmt: skip
    if was_done:
        return told
    with _noted(job):
        done = skipped
        for chunk in _chunks(candles[skipped:], store.SHORT):
            with transaction.atomic():
                store.save_candles(contract, seconds, chunk)
                _step(job, len(chunk))
            done += len(chunk)
            watch(0.5 + done / len(candles) / 2)
        if seconds == _OURS:
            _fold_anew(contract, candles)
        _finish(job)
    return told


class _Survey:
    """What a file of ticks holds, learnt by running it through the market's own rules for candles."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._market = Market(frames=())
        self.contract = ""
        self.rows = self.first_at = self.last_at = 0
        self.late: set[int] = set()
        self.days: set[date] = set()
        self.candles: list[Candle] = []

    def take(self, ticks: list[Tick]) -> None:
        """Look at the next ticks."""
        if not self.rows:
            self.first_at = ticks[0].at
            self.contract = parse(self._source.named, self.first_at).name
            self._market = Market(
                [TapeState(self.contract, self._source.instrument.root)], frames=()
            )
        self.rows += len(ticks)
        self.last_at = max(self.last_at, ticks[-1].at)
        self.days.update(partitions.day_of_tick(tick.at) for tick in ticks)
        for said in self._market.sift(self.contract, ticks):
            self._keep(self._market.hear(said))

    def end(self) -> None:
        """Close the last candle: the file is over."""
        if not self.rows:
            problem, cure = "there is no row of data", "Give a file with data in it."
            raise BadData(self._source.path, 0, "", problem, cure)
        self._keep(self._market.tick_clock(ClockTicked(self.last_at + MINUTE + LATENESS)))

    def told(self, *, new: int, skipped: int) -> Imported:
        """Return it as the outcome of an import."""
        return Imported(
            self.contract, self.rows, new, skipped, len(self.candles), self.first_at, self.last_at
        )

    def _keep(self, answers: Iterable[Message]) -> None:
        for answer in answers:
            if isinstance(answer, CandlesClosed):
                self.candles += [candle for _, candle in answer.candles]
            elif isinstance(answer, TickRefused) and answer.reason == "late":
                self.late.add(answer.tick.id)


@contextmanager
def _noted(job: ImportJob) -> Iterator[None]:
    """Note a refusal of the database in the job, and say how to go on."""
    try:
        yield
    except DatabaseError as problem:
        reason = (str(problem).strip() or type(problem).__name__).splitlines()[0]
        with suppress(DatabaseError):  # a full disk takes no note either
            jobs = ImportJob.objects.filter(pk=job.pk)
            jobs.update(state=ImportJob.State.FAILED, error=reason[:600])
        raise ImportBroken(
            f"{job.file}: the database took {job.rows} rows and then refused ({reason}). "
            "Make room or bring it back, then run the same command: it goes on from there."
        ) from problem


def _job(kind: ImportJob.Kind, source: Source, identity: str, contract: str) -> ImportJob:
    job, _ = ImportJob.objects.get_or_create(
        kind=kind,
        contract=contract,
        sha256=identity,
        defaults={
            "file": str(source.path)[-400:],
            "bytes": source.path.stat().st_size,
            "started_at": timezone.now(),
        },
    )
    return job


def _step(job: ImportJob, rows: int) -> None:
    job.rows += rows
    ImportJob.objects.filter(pk=job.pk).update(
        rows=job.rows, state=ImportJob.State.RUNNING, error=""
    )


def _finish(job: ImportJob) -> None:
    job.state = ImportJob.State.DONE
    ImportJob.objects.filter(pk=job.pk).update(
        state=job.state, error="", finished_at=timezone.now()
    )


def _fold_anew(contract: str, candles: list[Candle]) -> None:
    """Fold the longer candles of every day that was touched from all the minutes that are stored of it.

    From the table and not from the file, because a day may have come in two files.
    """
    start, end = day_bounds(candles[0].at)[0], day_bounds(candles[-1].at)[1]
    minutes = store.load_candles(contract, _OURS, since=start, until=end)
    for seconds in FRAMES:
        store.save_candles(contract, seconds, list(folded(minutes, seconds)))


def _chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    stream = iter(items)
    while chunk := list(islice(stream, size)):
        yield chunk
