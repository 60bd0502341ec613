"""Who plays in the tests: Alice and Bob trade, Carol administers."""

from dataclasses import dataclass

from django.test import Client

from apps.users.models import User


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
