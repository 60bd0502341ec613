"""`manage.py gateway`: orders to brokers, in a process of its own. The one process has it inside."""

import asyncio
import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.brokers.gateways import Gateways
from apps.bus.only import AnotherRuns


class Command(BaseCommand):
    """Carries out what the engine wants sent, until it is told to end."""

    help = "Send orders to brokers and bring their answers home."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until SIGTERM or SIGINT."""
        try:
            asyncio.run(_run())
        except AnotherRuns as problem:
            raise CommandError(str(problem)) from None


async def _run() -> None:
    over = asyncio.Event()
    for one in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(one, over.set)
    gateways = Gateways()
    await gateways.start()
    try:
        await over.wait()
    finally:
        await gateways.stop()
