"""By whom and from where wrong passwords are counted: as the door itself knows both, else each could be had anew."""

from collections.abc import Mapping
from typing import Any, cast

from allauth.account.adapter import get_adapter
from allauth.account.internal.userkit import get_user_by_username
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from apps.users.models import User


def whom(name: str) -> User | None:
    """Return whom the door lets in under a name, in whatever spelling it knows him by; None: nobody."""
    return cast("User | None", get_user_by_username(name)) if name else None


def name_of(request: HttpRequest, credentials: Mapping[str, Any] | None = None) -> str | None:
    """Return the name under which an attempt counts: the trader's own, however it was spelled."""
    said = (credentials or request.POST).get("username")
    if not said:
        return None
    user = whom(str(said))
    return user.get_username() if user else str(said).lower()


def address_of(request: HttpRequest) -> str | None:
    """Return from where somebody asks, behind as many proxies as are set; None: it cannot be told."""
    try:
        return str(get_adapter(request).get_client_ip(request))
    except PermissionDenied:  # a server in front says none
        return None
