"""Who plays in the tests: Alice and Bob trade, Carol administers."""

from dataclasses import dataclass

from django.test import Client

from apps.users.models import Scope, User
from apps.users.services import make_token


@dataclass(frozen=True)
class Actor:
    """A person and his browser, already signed in."""

    user: User
    client: Client


def actor(name: str, *, staff: bool = False) -> Actor:
    """Let somebody enter; he is made if he is not there yet."""
    user, _ = User.objects.get_or_create(
        username=name, defaults={"is_staff": staff, "is_superuser": staff}
    )
    client = Client(headers={"accept": "application/json"})
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    client.get("/api/auth/check-auth/")  # a session's first request notes that it is in use
    return Actor(user, client)


def program(user: User, *, may_change: bool = False) -> Client:
    """Return a program with a token of his, read-only unless it may change things."""
    scope = Scope.FULL if may_change else Scope.READ
    _, secret = make_token(user=user, name="program", scope=scope)
    return Client(headers={"authorization": f"Bearer {secret}"})
