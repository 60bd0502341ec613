"""Users as a Django app."""

from importlib import import_module

from django.apps import AppConfig


class UsersConfig(AppConfig):
    """Who may come in."""

    name = "apps.users"

    def ready(self) -> None:
        """Register what describes our ways in, what may stand in an address, and what follows a change."""
        import_module("apps.users.schema")
        import_module("apps.users.routes")
        _listen()


def _listen() -> None:
    account, mfa = (import_module(f"allauth.{part}.signals") for part in ("account", "mfa"))
    entrance, seen = (import_module(f"apps.users.{part}") for part in ("entrance", "seen"))
    account.email_confirmed.connect(entrance.address_confirmed)
    for name in ("password_changed", "password_set", "password_reset"):
        getattr(account, name).connect(seen.end_the_others)
    mfa.authenticator_added.connect(seen.end_the_others)
    import_module("apps.users.audit").listen()
