"""`manage.py import_candles FILE`: recorded candles into the database."""

from argparse import ArgumentParser
from typing import Any

from apps.marketdata.domain.tape import FRAMES
from apps.marketdata.management.importing import ImportCommand
from apps.marketdata.services import Imported, Source, import_candles
from apps.marketdata.tables import Watch


class Command(ImportCommand):
    """Import candles."""

    help = "Import the candles of a file; again it changes nothing, broken off it goes on."
    what = "candles"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the length of the candles."""
        super().add_arguments(parser)
        parser.add_argument(
            "--seconds",
            type=int,
            default=60,
            choices=(60, *FRAMES),
            help="length of the candles (default: 60; longer ones are made of these)",
        )

    def run(self, source: Source, watch: Watch, options: dict[str, Any]) -> Imported:
        """Import the candles."""
        return import_candles(source=source, seconds=options["seconds"], watch=watch)
