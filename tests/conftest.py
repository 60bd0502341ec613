"""What every test may ask for."""

import os
from collections.abc import Iterator

import pytest
from asgiref.sync import SyncToAsync
from django.core.cache import cache
from django.db import connections
from hypothesis import HealthCheck, settings

from tests.cast import Actor, actor


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """Let the one thread in which async tests ask the database let go of it, before the database is taken away."""
    yield
    SyncToAsync.single_thread_executor.submit(connections.close_all).result(60)


@pytest.fixture
def alice(db: None) -> Actor:
    """A trader, signed in."""
    return actor("alice")


@pytest.fixture
def bob(db: None) -> Actor:
    """Another trader, who must never see what is Alice's."""
    return actor("bob")


@pytest.fixture
def carol(db: None) -> Actor:
    """A member of staff."""
    return actor("carol", staff=True)


@pytest.fixture(autouse=True)
def _forget_rates(request: pytest.FixtureRequest) -> None:
    """Begin each integration test with nothing counted against anybody."""
    if "integration" in request.path.parts:
        cache.clear()


# One verdict for one commit: the examples are the same in every run, and how busy the machine is says nothing.
# `HYPOTHESIS_PROFILE=search` looks for new ones.
ON_ANY_MACHINE = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("verdict", derandomize=True, **ON_ANY_MACHINE)
settings.register_profile("search", derandomize=False, **ON_ANY_MACHINE)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "verdict"))
