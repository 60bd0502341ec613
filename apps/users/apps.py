"""Users as a Django app."""

from importlib import import_module

from django.apps import AppConfig


class UsersConfig(AppConfig):
    """Who may come in."""

    name = "apps.users"

    def ready(self) -> None:
        """Register what describes our sign-in, and what may stand in an address."""
        import_module("apps.users.schema")
        import_module("apps.users.routes")
