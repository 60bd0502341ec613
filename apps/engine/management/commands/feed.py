"""`manage.py feed`: ticks in, engine live, until told to stop. The web server is another process."""

import gc
import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from apps.bus.only import AnotherRuns
from apps.engine.running import Trading, real_source, source_elsewhere
from apps.marketdata.domain.contract import UnknownSymbol, root_of

WATCH_S = 0.5


class Command(BaseCommand):
    """Engine and feed; `manage.py desk` runs the same object inside the one process."""

    help = "Feed ticks to the engine and keep it running: with MARKET=tradovate or a simulator's address."
    requires_system_checks = ()

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Run until SIGTERM or SIGINT, which end it with status 0; if it dies by itself, with 1."""
        over = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: over.set())
        trading = Trading(self._source())
        try:
            trading.start()
        except AnotherRuns as problem:
            raise CommandError(str(problem), returncode=2) from None
        gc.collect()
        gc.freeze()  # what is loaded by now stays: no tick waits while it is walked again
        while trading.is_alive() and not over.wait(WATCH_S):
            pass
        died = not over.is_set()
        trading.stop()
        if died:
            raise CommandError("the engine or its feed ended unexpectedly", returncode=1)

    def _source(self) -> Any:
        try:
            root_of(settings.SYMBOL)
        except UnknownSymbol as problem:
            raise CommandError(f"SYMBOL is {settings.SYMBOL!r}: {problem}", returncode=2) from None
        if settings.MARKET == "tradovate":
            return real_source
        if settings.MARKET.startswith("http://"):
            return source_elsewhere
        raise CommandError(
            f"MARKET is {settings.MARKET!r}: a feed of its own needs tradovate or the address of "
            "manage.py tradovate_sim, e.g. http://127.0.0.1:9000/v1; manage.py desk runs other markets itself.",
            returncode=2,
        )
