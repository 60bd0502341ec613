"""What the two import commands have in common."""

import sys
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from apps.bus.domain.message import iso
from apps.marketdata.domain.contract import UnknownSymbol
from apps.marketdata.domain.instrument import UnknownInstrument
from apps.marketdata.reading import NINJATRADER, BadData
from apps.marketdata.services import ImportBroken, Imported, Source
from apps.marketdata.tables import Watch


class ImportCommand(BaseCommand):
    """Read a data file into the database. Ends with status 2 and one line if it cannot."""

    what = ""
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name the file and how to read it."""
        parser.add_argument("file", type=Path, help="CSV, CSV.gz or Parquet")
        parser.add_argument(
            "--symbol",
            default="NQ",
            help="where the file's name tells none, e.g. NQZ6 (default: NQ)",
        )
        parser.add_argument(
            "--map",
            type=mapping,
            default={},
            help="our names for the file's columns, e.g. time=ts,price=last",
        )
        parser.add_argument(
            "--format", choices=[NINJATRADER], help="the text that NinjaTrader exports, in UTC"
        )

    def run(self, source: Source, watch: Watch, options: dict[str, Any]) -> Imported:
        """Do the import."""
        raise NotImplementedError

    def handle(self, **options: Any) -> None:
        """Import, show how far it is, and say what came of it."""
        source = Source(options["file"], options["symbol"], options["map"], options["format"])
        show = Bar(options["file"].name, self.what)
        try:
            done = self.run(source, show, options)
        except (BadData, UnknownSymbol, UnknownInstrument, ImportBroken) as problem:
            raise CommandError(str(problem), returncode=2) from None
        except DatabaseError as problem:
            reason = " ".join(str(problem).split())
            raise CommandError(
                f"{source.path}: the database refused: {reason}", returncode=2
            ) from None
        except KeyboardInterrupt:
            line = f"{source.path}: stopped; the same command goes on from here"
            raise CommandError(line, returncode=130) from None
        finally:
            show.end()
        self.stdout.write(
            f"{done.contract}: {done.rows:,} {self.what} from {iso(done.first_at)} to {iso(done.last_at)}, "
            f"{done.new:,} of them new, {done.candles:,} candles"
        )


class Bar:
    """A progress bar on a terminal, nothing elsewhere."""

    def __init__(self, name: str, what: str) -> None:
        self._name, self._what, self._shown = name, what, -1
        self._is_seen = sys.stderr.isatty()

    def __call__(self, part: float) -> None:
        """Show which part is done, 0 to 1: the first half is the check, the second the storing."""
        percent = int(part * 100)
        if self._is_seen and percent != self._shown:
            self._shown = percent
            doing = "checking" if part < 0.5 else "storing"
            bar = "#" * (percent // 4)
            sys.stderr.write(f"\r{self._name} [{bar:<25}] {percent:3d} % {doing} {self._what} ")
            sys.stderr.flush()

    def end(self) -> None:
        """Leave the line of the bar."""
        if self._shown >= 0:
            sys.stderr.write("\n")


def mapping(text: str) -> dict[str, str]:
    """Return `time=ts,price=last` as a dict.

    Raises:  ArgumentTypeError
    """
    pairs = [pair.partition("=") for pair in text.split(",") if pair.strip()]
    for ours, equals, theirs in pairs:
        if not (ours.strip() and equals and theirs.strip()):
            raise ArgumentTypeError(f"{text!r} is not of the form time=ts,price=last")
    return {ours.strip(): theirs.strip() for ours, _, theirs in pairs}
