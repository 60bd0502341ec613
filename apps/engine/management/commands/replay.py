"""`manage.py replay`: the real engine over recorded data. Promised shape: see docs/operations.md."""

import csv
import json
import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import IO, Any, Final

from django.core.management.base import BaseCommand, CommandError

from apps.bus.domain.message import MINUTE, SECOND, iso, told
from apps.engine.replay import Replay
from apps.engine.tapes import SignalFile, read_settings, read_signals
from apps.marketdata.domain.candle import Candle
from apps.marketdata.domain.contract import UnknownSymbol, contract_of_file, parse, root_of
from apps.marketdata.domain.instrument import Instrument, UnknownInstrument, instrument
from apps.marketdata.domain.tick import Tick
from apps.marketdata.reading import read_candle_file, read_tick_file
from apps.marketdata.tables import BadData
from apps.signals.domain.settings import BadSetting, settings_for

OUT: Final = ("records", "facts", "candles_out")


class Command(BaseCommand):
    """Run recorded ticks or candles and the alerts that came with them through the engine."""

    help = "Replay recorded ticks or candles through the real engine; same input, same bytes out."
    requires_system_checks = ()
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name the files."""
        market = parser.add_mutually_exclusive_group(required=True)
        market.add_argument("--ticks", type=Path, help="CSV, CSV.gz or Parquet of trades")
        market.add_argument("--candles", type=Path, help="CSV, CSV.gz or Parquet of candles")
        parser.add_argument("--history", type=Path, help="candles before the first tick")
        parser.add_argument("--signals", type=Path, help="JSON lines")
        parser.add_argument("--symbol", help="where the file's name tells none (default: NQ)")
        parser.add_argument("--settings-file", type=Path, help="JSON; also as --settings")
        parser.add_argument(
            "--seed", type=int, default=0, help="for chance; the engine has none yet"
        )
        parser.add_argument("--trust", action="store_true", help="the file is clean: no quarantine")
        parser.add_argument("--records", type=Path, help="write one record per signal here (JSON)")
        parser.add_argument("--facts", type=Path, help="write the facts here (JSON lines)")
        parser.add_argument(
            "--candles-out", type=Path, help="write the one-minute candles here (CSV)"
        )

    def handle(self, **options: Any) -> None:
        """Run it, and write every file whole or not at all."""
        try:
            with Outputs() as outputs:
                self._run(options, outputs)
        except (BadData, BadSetting, UnknownSymbol, UnknownInstrument) as problem:
            raise CommandError(str(problem), returncode=2) from None
        except OSError as problem:
            out = [str(options[name]) for name in OUT if options[name]]
            raise CommandError(
                f"{problem.filename or ', '.join(out)}: {problem.strerror}. Make room, or write elsewhere.",
                returncode=2,
            ) from None

    def _run(self, options: dict[str, Any], outputs: "Outputs") -> None:
        market: Path = options["ticks"] or options["candles"]
        contract = contract_of_file(market.name) or (options["symbol"] or "NQ").upper()
        symbol = (options["symbol"] or contract).upper()
        product = instrument(root_of(contract))
        given = read_settings(options["settings_file"]) if options["settings_file"] else {}
        settings = settings_for(product, given)
        signals = SignalFile([], {}, 0)
        if options["signals"]:
            signals = read_signals(options["signals"], product.root, contract, settings.timeframe_s)
        if signals.left_out:
            self.stderr.write(f"{signals.left_out} signals of other instruments were left out")
        replay = Replay(contract, product, settings, signals.alerts, trust=options["trust"])
        history = _candles(options["history"], product, symbol)
        facts_file = outputs.open(options["facts"])
        records = outputs.open(options["records"])
        candles_out = outputs.open(options["candles_out"])
        with Progress(market.name) as progress:
            if options["ticks"]:
                ticks = _ticks(market, product, symbol, replay, progress)
                first = next(ticks)
                _check_history(options["history"], history, first.at)
                facts = replay.facts(history=history, ticks=_with_first(first, ticks), seconds=60)
            else:
                candles = _candles(market, product, symbol)
                if not candles:
                    raise BadData(market, 0, "", "has no rows", "Give a file with candles.")
                _check_history(options["history"], history, candles[0].at)
                replay.expires_at = _expiry(contract, candles[0].at)
                seconds = _spacing(market, candles, settings.timeframe_s)
                facts = replay.facts(history=history, candles=candles, seconds=seconds)
            for fact in facts:
                if facts_file is not None:
                    facts_file.write(json.dumps(told(fact), sort_keys=True) + "\n")
        if records is not None:
            rows = [
                values | {"id": signals.names.get(values["id"], values["id"])}
                for values in replay.records()
            ]
            json.dump({"signals": rows}, records, indent=1)
            records.write("\n")
        if candles_out is not None:
            _write_candles(candles_out, replay)


def _ticks(
    path: Path, product: Instrument, symbol: str, replay: Replay, progress: "Progress"
) -> Iterator[Tick]:
    """Yield the ticks of a file; with --trust they have to be in order."""
    last: Tick | None = None
    rows = read_tick_file(path, product, symbol=symbol, watch=progress.show)
    for row, tick in rows:
        if last is None:
            replay.expires_at = _expiry(replay.contract, tick.at)
        elif replay.trust and tick.id < last.id:
            cure = "Sort the file, or leave --trust out."
            raise BadData(path, row, "ts", f"{iso(tick.at)} comes after {iso(last.at)}", cure)
        last = tick
        yield tick
    if last is None:
        raise BadData(path, 0, "", "has no rows", "Give a file with ticks.")


def _with_first(first: Tick, rest: Iterator[Tick]) -> Iterator[Tick]:
    yield first
    yield from rest


def _candles(path: Path | None, product: Instrument, symbol: str) -> list[Candle]:
    if path is None:
        return []
    rows = read_candle_file(path, product, symbol=symbol)
    candles: list[Candle] = []
    for row, candle in rows:
        if candles and candle.at <= candles[-1].at:
            problem = f"{iso(candle.at)} comes after {iso(candles[-1].at)}"
            raise BadData(path, row, "ts_utc", problem, "Sort the file and drop repeated rows.")
        candles.append(candle)
    return candles


def _check_history(path: Path | None, history: list[Candle], first_at: int) -> None:
    if path is not None and history and history[-1].at + MINUTE > first_at - first_at % MINUTE:
        problem = (
            f"reaches to {iso(history[-1].at)}, into the recording that begins {iso(first_at)}"
        )
        raise BadData(path, 0, "ts_utc", problem, "Cut it before the first tick's minute.")


def _spacing(path: Path, candles: list[Candle], timeframe_s: int) -> int:
    """Return the length of a file's candles: the wished time frame if all lie on its grid, else a minute."""
    for seconds in (timeframe_s, 60):
        if all(candle.at % (seconds * SECOND) == 0 for candle in candles):
            return seconds
    raise BadData(
        path, 0, "ts_utc", "does not lie on the minute", "Give open times of whole minutes."
    )


def _expiry(contract: str, at: int) -> int | None:
    root = root_of(contract)
    return None if contract == root else parse(contract, at).expires_at


# ---- what is written ----


class Outputs:
    """Files that appear whole when everything went well, and not at all when something did not."""

    def __init__(self) -> None:
        self._files: list[tuple[IO[str], Path | None]] = []

    def __enter__(self) -> "Outputs":
        return self

    def open(self, path: Path | None) -> IO[str] | None:
        """Return a file beside the wished one, None for no wish.

        Raises:  BadData  no file can be written there
        """
        if path is None:
            return None
        try:
            # a device is written as it is: renaming would put a file in its place
            is_file = path.is_file() or not path.exists()
            beside = path.with_name(f".{path.name}.{os.getpid()}") if is_file else path
            file = beside.open("w", encoding="utf-8", newline="")
        except OSError as problem:
            reason = f"cannot be written ({problem.strerror})"
            raise BadData(path, 0, "", reason, "Name a file in a folder of yours.") from None
        self._files.append((file, path if is_file else None))
        return file

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            for file, _path in self._files:
                # closing writes what is left: after a failure it fails once more and says nothing new
                with suppress(OSError) if kind else nullcontext():
                    file.close()
            for file, path in self._files:
                if kind is None and path is not None:
                    Path(file.name).replace(path)
        finally:
            for file, path in self._files:
                if path is not None:
                    Path(file.name).unlink(missing_ok=True)


def _write_candles(out: IO[str], replay: Replay) -> None:
    text = replay.instrument.text
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(["ts_utc", "open", "high", "low", "close", "volume", "trades"])
    for candle in replay.minutes:
        prices = (text(price) for price in (candle.open, candle.high, candle.low, candle.close))
        rows.writerow([iso(candle.at), *prices, candle.volume, candle.trades])


class Progress:
    """A bar on a terminal, nothing elsewhere."""

    def __init__(self, name: str) -> None:
        self._name, self._shown = name, -1
        self._is_seen = sys.stderr.isatty()

    def __enter__(self) -> "Progress":
        return self

    def show(self, part: float) -> None:
        """Show which part is done, 0 to 1."""
        percent = int(part * 100)
        if self._is_seen and percent != self._shown:
            self._shown = percent
            bar = "#" * (percent // 4)
            sys.stderr.write(f"\r{self._name} [{bar:<25}] {percent:3d} %")

    def __exit__(self, *_: object) -> None:
        if self._is_seen and self._shown >= 0:
            sys.stderr.write("\n")
