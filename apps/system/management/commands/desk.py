"""Serve the whole desk in one process: what `make run` ends in."""

import signal
import sys
from typing import Any

from channels.routing import get_default_application
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection, connections
from django.db.migrations.executor import MigrationExecutor
from redis import Redis, RedisError

from apps.brokers.tradovate.simulator.market import Market
from apps.bus.only import AnotherRuns, OnlyOne
from apps.marketdata.domain.contract import UnknownSymbol
from apps.marketdata.reading import BadData
from apps.system.demo import Demo, ensure_demo
from apps.system.onebox import OneBox, PortTaken, check_free
from apps.system.parts import NoSuchMarket, identity, parts, simulated_market
from apps.system.shelf import take_out


class Command(BaseCommand):
    """Pages, API and socket; engine and feed; worker and schedule; the simulated market."""

    help = "Serve the whole desk in one process, with a demo trader."
    requires_system_checks = ()  # `make check` has done them; a start has to be quick

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Run until SIGINT or SIGTERM, which end it with status 0."""
        for sign in (signal.SIGINT, signal.SIGTERM):  # until the server takes them over
            signal.signal(sign, lambda *_: sys.exit(0))
        host, port = settings.HOST, settings.PORT
        try:
            check_free(host, port)
            self._neighbours()
            market = self._market()
            demo = self._prepare(market)
            box = OneBox(
                application=get_default_application(),
                host=host,
                port=port,
                parts=parts(market, webhook=_webhook(port, demo)),
                ready=lambda: self._tell(port, demo),
            )
            failed = box.run()
        except PortTaken as problem:
            raise CommandError(
                f"Port {port} of {host} cannot be had ({problem}): {_cure(port, problem)}.",
                returncode=2,
            ) from None
        if failed:
            raise CommandError(failed, returncode=1)

    def _neighbours(self) -> None:
        """Find out early whether Redis, where one is asked for, answers: no worker starts without it."""
        if not settings.REDIS_URL:
            return
        try:
            with Redis.from_url(
                settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2
            ) as it:
                it.ping()
        except (RedisError, OSError) as problem:
            line = " ".join(str(problem).split())
            raise CommandError(
                f"Redis does not answer at REDIS_URL: {line} Start it, or leave REDIS_URL out: "
                "one process needs none.",
                returncode=2,
            ) from None

    def _market(self) -> Market | None:
        """Make the market, or say in a line why it cannot be made."""
        try:
            return simulated_market()
        except (BadData, NoSuchMarket, UnknownSymbol) as problem:
            raise CommandError(str(problem), returncode=2) from None

    def _prepare(self, market: Market | None) -> Demo:
        """Take out the market's database, bring it up to date, and see to the demo trader."""
        try:
            if connection.vendor == "sqlite":
                alone = OnlyOne("engine")
                alone.take()
                take_out(settings.HOME, identity(market))
                alone.release()
            executor = MigrationExecutor(connection)
            if executor.migration_plan(executor.loader.graph.leaf_nodes()):
                call_command("migrate", interactive=False, verbosity=0)
            demo = ensure_demo(settings.HOME)
        except AnotherRuns as problem:
            raise CommandError(
                f"A desk runs on this data already: {problem}.", returncode=2
            ) from None
        except (DatabaseError, OSError) as problem:
            line = " ".join(str(problem).split())
            raise CommandError(
                f"The desk's data cannot be used: {line}. See DATABASE_URL and TRADEHUB_HOME "
                f"({settings.HOME}).",
                returncode=2,
            ) from None
        connections.close_all()
        return demo

    def _tell(self, port: int, demo: Demo) -> None:
        password = demo.password or "(changed)"
        self.stdout.write(
            f"tradehub ready: http://127.0.0.1:{port}  user: {demo.user.username}  "
            f"password: {password}\ndemo webhook: {_webhook(port, demo)}"
        )
        self.stdout.flush()


def _cure(port: int, problem: PortTaken) -> str:
    if problem.somebody_listens:
        other = port + 1 if port < 65535 else 8000
        return f"stop who listens there, or choose another one with PORT={other}"
    return "choose a port from 1024 on with PORT=8000, and an address of this machine with HOST=127.0.0.1"


def _webhook(port: int, demo: Demo) -> str:
    return f"http://127.0.0.1:{port}/webhook/{demo.token}/"
