"""What is answered where nothing is, and where something broke: problem details to programs, pages to people."""

import pytest
from django.db import connection
from django.test import Client

from tests.cast import Actor

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", ["/api/nothing/", "/api/realtime/nothing/?symbol=NQ", "/api/"])
def test_a_wrong_address_of_the_api_is_a_problem(client: Client, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
    assert answer.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "There is no such address. See /api/docs/.",
        "code": "not_found",
    }


def test_a_missing_slash_is_still_added(client: Client) -> None:
    answer = client.get("/api/health/system")
    assert (answer.status_code, answer["Location"]) == (301, "/api/health/system/")


def test_a_wrong_page_is_a_page(alice: Actor) -> None:
    answer = alice.client.get("/nothing/")
    assert (answer.status_code, answer["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert b"There is no such page here" in answer.content


def test_a_press_that_a_sign_in_came_between_is_answered_with_a_page(alice: Actor) -> None:
    answer = alice.client.get("/settings/sessions/end/")
    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    assert b"the press did not count" in answer.content
    assert alice.client.get("/api/paper-trading/flatten/")["Content-Type"].startswith(
        "application/"
    )


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/api/realtime/active-trades/", "application/problem+json"), ("/signals/", "text/html")],
)
def test_what_breaks_tells_no_secrets(alice: Actor, path: str, kind: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE trades_trade RENAME TO gone")
    alice.client.raise_request_exception = False
    answer = alice.client.get(path)
    assert answer.status_code == 500
    assert answer["Content-Type"].startswith(kind)
    assert b"trades_trade" not in answer.content
