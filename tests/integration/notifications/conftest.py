"""A Discord on loopback, and a clock that only tests move."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.bus import transport
from tests.cast import Actor
from tests.integration.notifications.told import Desk
from tests.services.discord import Discord


@pytest.fixture(autouse=True)
def _memory() -> Iterator[None]:
    transport.use(transport.MemoryTransport())
    yield
    transport.use(None)


@pytest.fixture
def discord(settings: Any) -> Iterator[Discord]:
    """Discord, and a desk that knows it."""
    server = Discord()
    for name, value in server.settings().items():
        setattr(settings, name, value)
    settings.PUBLIC_URL = "https://desk.example.com"
    yield server
    server.stop()


@pytest.fixture
def desk(discord: Discord, alice: Actor) -> Desk:
    """Alice, linked with Discord, and the worker that serves her."""
    made = Desk(discord, alice, datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1))
    discord.clock = made.stamp
    made.link()
    return made
