"""That live orders are on, for the pages that stand outside the desk's frame: the door, wrong addresses, the API's manual."""

from typing import Any

from django.contrib.auth import get_user
from django.http import HttpRequest

from apps.brokers.queries import live_names


def live_now(request: HttpRequest) -> dict[str, Any]:
    """Give templates `live_now`, the accounts whose orders are live: a context processor that asks when it is read."""
    kept: list[list[str]] = []

    def names() -> list[str]:
        if not kept:
            kept.append(_names(request))
        return kept[0]

    return {"live_now": names}


def _names(request: HttpRequest) -> list[str]:
    user = getattr(request, "user", None)
    if (user is None or not user.is_authenticated) and hasattr(request, "session"):
        user = get_user(request)  # the API's manual asks nobody who he is, but his browser knows
    return live_names(user) if user is not None else []


def beside_the_user(request: HttpRequest) -> list[str] | None:
    """Return what the admin writes beside its user menu, and in which colour; nothing while no order can leave."""
    names = _names(request)
    return [f"LIVE orders are on: {', '.join(names)}", "danger"] if names else None
