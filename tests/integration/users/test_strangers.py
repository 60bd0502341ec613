"""What is private stays so: every address of the desk is asked once by somebody who has not signed in."""

from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.urls.resolvers import RoutePattern

from apps.users.models import Scope
from apps.users.services import make_token
from tests.cast import Actor

OPEN = {
    "login", "logout", "check-auth", "csrf-token", "schema", "docs",
    "health-system", "health-component",
    "account_login", "account_logout", "account_inactive", "account_signup",
    "account_email_verification_sent", "account_confirm_email", "account_reset_password",
    "account_reset_password_done", "account_reset_password_from_key",
    "account_reset_password_from_key_done",
}  # fmt: skip
OPEN_SPACES = {
    "admin",
    "webhooks",
    "doors",
}  # the admin has its own door, a webhook its token, Discord its signature


def addresses(
    patterns: list[URLPattern | URLResolver], space: str = ""
) -> Iterator[tuple[str, URLPattern]]:
    """Yield every named address with the namespace it is in."""
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            inner = ":".join(part for part in (space, pattern.namespace or "") if part)
            yield from addresses(pattern.url_patterns, inner)
        else:
            yield space, pattern


def private() -> list[str]:
    """Return an example of each address that needs a login."""
    found = []
    for space, pattern in addresses(get_resolver().url_patterns):
        if space in OPEN_SPACES or pattern.name in OPEN:
            continue
        assert pattern.name, f"{pattern.pattern} has no name"
        assert isinstance(pattern.pattern, RoutePattern)
        words = {
            name: "NQ"
            if converter.__class__.__name__ in ("StringConverter", "SlugConverter")
            else 1
            for name, converter in pattern.pattern.converters.items()
        }
        name = f"{space}:{pattern.name}" if space else pattern.name
        found.append(reverse(name, kwargs=words))
    return found


@pytest.mark.django_db
def test_a_stranger_is_sent_to_the_door_everywhere() -> None:
    client = Client()
    for path in private():
        answer = client.get(path)
        if path.startswith("/api/"):
            assert answer.status_code in (401, 405), path
            assert answer["Content-Type"] == "application/problem+json", path
        else:
            assert answer.status_code == 302, path
            assert answer["Location"].startswith("/accounts/login/"), path


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_a_read_only_token_changes_nothing_anywhere(method: str, alice: Actor) -> None:
    _, secret = make_token(user=alice.user, name="reader", scope=Scope.READ)
    client = Client(headers={"authorization": f"Bearer {secret}"})
    asked = 0
    for path in private():
        if path.startswith("/api/"):
            answer = getattr(client, method)(path, {}, content_type="application/json")
            assert answer.status_code == 403, (path, answer.content)
            assert answer.json()["code"] == "READ_ONLY_TOKEN", path
            asked += 1
    assert asked > 15


@pytest.mark.django_db
def test_a_read_only_token_is_asked_for_no_login(alice: Actor) -> None:
    _, secret = make_token(user=alice.user, name="reader", scope=Scope.READ)
    client = Client(headers={"authorization": f"Bearer {secret}"})
    stranger = Client()
    for path in private():
        if path.startswith("/api/") and stranger.get(path).status_code == 401:
            assert client.get(path).status_code not in (401, 403, 500), path


@pytest.mark.django_db
@pytest.mark.parametrize("scope", Scope.values)
def test_a_token_opens_the_api_and_no_page(alice: Actor, scope: str) -> None:
    _, secret = make_token(user=alice.user, name="program", scope=Scope(scope))
    client = Client(headers={"authorization": f"Bearer {secret}"})
    for path in private():
        if not path.startswith("/api/"):
            answer = client.get(path)
            assert (answer.status_code, answer["Location"][:16]) == (302, "/accounts/login/"), path


@pytest.mark.django_db
def test_the_schema_describes_the_api_to_everybody(client: Client) -> None:
    answer = client.get("/api/schema/", headers={"accept": "application/json"})
    assert answer.status_code == 200
    assert "/api/health/system/" in answer.content.decode()
    page = client.get("/api/docs/")
    assert page.status_code == 200
    assert "https://" not in page.content.decode(), "nothing is loaded from elsewhere"
