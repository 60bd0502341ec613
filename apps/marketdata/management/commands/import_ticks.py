"""`manage.py import_ticks FILE`: recorded trades into the database, with the candles that they make."""

from typing import Any

from apps.marketdata.management.importing import ImportCommand
from apps.marketdata.services import Imported, Source, import_ticks
from apps.marketdata.tables import Watch


class Command(ImportCommand):
    """Import trades."""

    help = "Import the trades of a file; again it changes nothing, broken off it goes on."
    what = "ticks"

    def run(self, source: Source, watch: Watch, options: dict[str, Any]) -> Imported:
        """Import the ticks."""
        return import_ticks(source=source, watch=watch)
