"""By whom and from where wrong passwords are counted: as the door itself knows both, else each could be had anew."""

from collections.abc import Mapping
from datetime import timedelta
from ipaddress import ip_address
from typing import Any, Final, cast

from allauth.account.adapter import get_adapter
from allauth.account.internal.userkit import get_user_by_username
from allauth.core.internal.httpkit import get_client_ip
from axes.models import AccessAttempt
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.db.models import Sum
from django.http import HttpRequest
from django.utils import timezone

from apps.users.models import User

_OF_PROXIES: Final = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via")


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


def own_address(request: HttpRequest) -> str | None:
    """Return from where somebody asks if that tells him from others; None: strangers may share it.

    They do behind a proxy that `PROXIES` does not know of, and where fewer have written than it says; and a private address may
    be that of a proxy, a tunnel or a container's gateway that writes nothing.
    """
    if not settings.ALLAUTH_TRUSTED_PROXY_COUNT and any(
        name in request.headers for name in _OF_PROXIES
    ):
        return None
    try:
        found = get_client_ip(request)
    except ImproperlyConfigured:  # fewer entries than proxies
        return None
    return str(found) if found and ip_address(found).is_global else None


def is_slowed(request: HttpRequest) -> bool:
    """Return whether so many wrong passwords came from one address, for whatever names, that it has to wait.

    What is refused is not counted again, so it never waits longer than wrong passwords are remembered.
    """
    most = settings.ADDRESS_FAILURES
    address = own_address(request) if most else None
    if address is None:
        return False
    since = timezone.now() - timedelta(hours=settings.AXES_COOLOFF_TIME)
    tried = AccessAttempt.objects.filter(ip_address=address, attempt_time__gte=since)
    return (tried.aggregate(n=Sum("failures_since_start"))["n"] or 0) >= most
