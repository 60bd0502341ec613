"""The API against its own description: whatever is sent, no address breaks or answers what the schema does not know."""

from collections.abc import Iterator

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from tests.cast import Actor

CHECKS = [content_type_conformance, response_schema_conformance]


@pytest.fixture
def one_connection(
    alice: Actor,
) -> Iterator[None]:  # after her first request, which connects them again
    """Keep the test's own connection, as Django's test client does; a served request would close it."""
    for sign in (request_started, request_finished):
        sign.disconnect(close_old_connections)
    yield
    for sign in (request_started, request_finished):
        sign.connect(close_old_connections)


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("one_connection")
def test_no_request_breaks_an_address(alice: Actor) -> None:
    schema = schemathesis.openapi.from_wsgi("/api/schema/?format=json", get_wsgi_application())
    cookies = {name: kept.value for name, kept in alice.client.cookies.items()}
    asked = 0
    for result in schema.get_all_operations():
        operation = result.ok()

        @given(case=operation.as_strategy())
        @settings(
            max_examples=8,
            database=None,
            phases=[Phase.generate],
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        def ask(case: schemathesis.Case) -> None:
            response = case.call(cookies=cookies)
            assert response.status_code != 500, case.as_curl_command()
            case.validate_response(response, checks=CHECKS)

        ask()
        asked += 1
    assert asked > 15
