"""Fixtures for the Tradovate client."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.integration.brokers.playground import Playground, playground


@pytest_asyncio.fixture
async def ground() -> AsyncIterator[Playground]:
    """Our client and the simulator, with a wall clock moved by hand."""
    async with playground() as made:
        yield made
