"""Say as facts what happens at the door: heard from Django's and allauth's own signals."""

import time
from typing import Any, Final

from allauth.account import signals as account
from allauth.mfa import signals as second
from allauth.mfa.models import Authenticator
from django.contrib.auth.signals import user_login_failed
from django.http import HttpRequest

from apps.bus import bus
from apps.users import counting
from apps.users.domain.messages import (
    PasswordChanged,
    SecondFactorChanged,
    SignedIn,
    SignedUp,
    SignInFailed,
    UserFact,
)
from apps.users.models import User

_AGENT: Final = 200  # characters kept of what a browser says of itself
_LOCKED_NS: Final = 900 * 1_000_000_000  # as AXES_COOLOFF_TIME


def now() -> int:
    """Return the instant of a deed at the door: wall time, ns UTC. The market has no part in it."""
    return time.time_ns()


def address_of(request: HttpRequest | None) -> str:
    """Return from where somebody asks, behind as many proxies as are set."""
    return (counting.address_of(request) or "") if request is not None else ""


def listen() -> None:
    """Hear what happens at the door from now on."""
    account.user_logged_in.connect(_signed_in)  # the door; the admin has none of its own
    user_login_failed.connect(_wrong_password)
    account.user_signed_up.connect(_signed_up)
    for how, signal in (
        ("changed", account.password_changed),
        ("set", account.password_set),
        ("reset", account.password_reset),
    ):
        signal.connect(_password(how), weak=False)
    for how, signal in (
        ("added", second.authenticator_added),
        ("removed", second.authenticator_removed),
        ("reset", second.authenticator_reset),
    ):
        signal.connect(_part(how), weak=False)
    second.authentication_failed.connect(_wrong_factor)


def _say(fact: UserFact) -> None:
    bus.publish(fact)


def _signed_in(request: HttpRequest, user: User, **_: Any) -> None:
    agent = request.headers.get("User-Agent", "")[:_AGENT]
    _say(SignedIn(at=now(), user=user.pk, address=address_of(request), agent=agent))


def _wrong_password(
    credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any
) -> None:
    """Note it of people who are here only: what else stands in the field may be a password.

    Who is locked out may go on trying: that is noted once in the quarter of an hour for which it holds.
    """
    user = counting.whom(str(credentials.get("username", ""))[:150])
    if user is None:
        return
    at, what = now(), "password"
    if getattr(request, "axes_locked_out", False):
        at, what = at - at % _LOCKED_NS, "locked out"
    _say(SignInFailed(at=at, user=user.pk, address=address_of(request), what=what))


def _wrong_factor(request: HttpRequest | None, user: User, **_: Any) -> None:
    _say(SignInFailed(at=now(), user=user.pk, address=address_of(request), what="second factor"))


def _signed_up(request: HttpRequest | None, user: User, **_: Any) -> None:
    _say(SignedUp(at=now(), user=user.pk, address=address_of(request)))


def _password(how: str) -> Any:
    def changed(request: HttpRequest | None, user: User, **_: Any) -> None:
        _say(PasswordChanged(at=now(), user=user.pk, address=address_of(request), how=how))

    return changed


def _part(how: str) -> Any:
    def changed(
        request: HttpRequest | None, user: User, authenticator: Authenticator, **_: Any
    ) -> None:
        part = str(authenticator.type)
        _say(
            SecondFactorChanged(
                at=now(), user=user.pk, address=address_of(request), part=part, how=how
            )
        )

    return changed
