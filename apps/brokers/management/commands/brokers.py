"""`manage.py brokers`: the streams of all logins at brokers, read until told to stop."""

import asyncio
import signal
from typing import Any

from django.core.management.base import BaseCommand

from apps.brokers.reading import Readers


class Command(BaseCommand):
    """Readers of every login; `manage.py desk` runs the same object inside the one process."""

    help = "Read the streams of all connected brokers into the desk's own rows."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Run until SIGTERM or SIGINT."""
        asyncio.run(self._run())

    async def _run(self) -> None:
        over = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, over.set)
        readers = Readers()
        await readers.start()
        await over.wait()
        await readers.stop()
