"""People come in."""

import secrets

from apps.users.models import User

DEMO = "demo"


def new_password() -> str:
    """Return a password that can be read aloud and copied from a terminal."""
    return "-".join(secrets.token_hex(3) for _ in range(3))


def ensure_demo_trader(*, password: str) -> User:
    """Return the demo trader, made with this password if there is none yet."""
    user, made = User.objects.get_or_create(username=DEMO)
    if made:
        user.set_password(password)
        user.save(update_fields=["password"])
    return user


def change_password(*, user: User, password: str) -> None:
    """Give somebody a new password; it ends his other sessions."""
    user.set_password(password)
    user.save(update_fields=["password"])
