"""The addresses of the socket, and the doors in front of them."""

from typing import Any

from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter
from channels.security.websocket import OriginValidator
from django.conf import settings
from django.urls import path

from apps.dashboards.consumers import DeskConsumer
from apps.dashboards.line import WithLine


class OwnPages(OriginValidator):  # type: ignore[misc]  # channels is not typed
    """Lets our own pages in, and programs: a browser always names the page that it comes from."""

    def valid_origin(self, parsed_origin: Any) -> bool:
        """Return whether a page of this origin may connect."""
        return parsed_origin is None or self.validate_origin(parsed_origin)


websocket = WithLine(
    OwnPages(
        AuthMiddlewareStack(URLRouter([path("ws/dashboard/", DeskConsumer.as_asgi())])),
        [*settings.ALLOWED_HOSTS, *settings.CSRF_TRUSTED_ORIGINS],
    )
)
