"""`manage.py tradovate_sim`: a Tradovate on loopback, until it is told to stop."""

import asyncio
import signal
import time
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from django.core.management.base import BaseCommand, CommandError

from apps.brokers.tradovate.simulator.faults import BadFaults, read_faults
from apps.brokers.tradovate.simulator.market import DRESSES, GeneratedMarket, Market, default_start
from apps.brokers.tradovate.simulator.recording import FileMarket
from apps.brokers.tradovate.simulator.server import Plan, Simulator
from apps.marketdata.reading import BadData

Read = TypeVar("Read")


class Command(BaseCommand):
    """Serve REST and sockets on 127.0.0.1; name `demo`, password `demo`."""

    help = "A Tradovate simulator on 127.0.0.1: REST under /v1/, sockets at /v1/websocket."
    requires_system_checks: list[str] = []  # noqa: RUF012

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--port", type=int, default=0, help="0 (the default) takes a free one")
        parser.add_argument("--market", default="generated", help="`generated`, or a tick file")
        parser.add_argument("--symbols", default="NQ", help="for example NQ,ES")
        parser.add_argument("--speed", type=float, default=1.0, help="1 is real time")
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--faults", help="a JSON list of what goes wrong, and when")
        parser.add_argument(
            "--users", default="demo,trader", help="who may log in, his name being his password"
        )
        parser.add_argument("--alerts-to", help="a webhook for the stand-in for TradingView")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until SIGTERM or SIGINT."""
        asyncio.run(self._serve(options))

    async def _serve(self, options: dict[str, Any]) -> None:
        plan = Plan(
            port=options["port"],
            speed=options["speed"],
            faults=_checked("--faults", read_faults, options["faults"])
            if options["faults"]
            else (),
            alerts_to=options["alerts_to"],
            users=tuple(name.strip() for name in options["users"].split(",") if name.strip()),
        )
        simulator = Simulator(_market(options), plan)
        over = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, over.set)
        try:
            await simulator.start()
        except OSError as taken:
            raise CommandError(
                f"port {options['port']} cannot be used ({taken.strerror}): choose another --port",
                returncode=2,
            ) from None
        print(f"tradovate simulator ready: {simulator.url}", flush=True)
        await over.wait()
        await simulator.stop()


def _market(options: dict[str, Any]) -> Market:
    roots = tuple(part.strip().upper() for part in options["symbols"].split(",") if part.strip())
    if options["market"] != "generated":
        path = Path(options["market"])
        return _checked(
            "--market", lambda name: FileMarket(name, roots[0] if roots else "NQ"), path
        )
    unknown = [root for root in roots if root not in DRESSES]
    if unknown or not roots:
        named = ", ".join(unknown) or "nothing"
        raise CommandError(
            f"--symbols: no market for {named}: use {', '.join(DRESSES)}", returncode=2
        )
    return GeneratedMarket(options["seed"], default_start(time.time_ns()), roots)


def _checked(option: str, read: Callable[[Any], Read], path: Any) -> Read:
    """Return what a file says; a file that cannot be used ends the command with one line."""
    try:
        return read(path)
    except (BadData, BadFaults, OSError) as wrong:
        raise CommandError(f"{option}: {wrong}", returncode=2) from None
