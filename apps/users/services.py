"""People come in."""

import hashlib
import secrets
from datetime import timedelta
from typing import Final

from allauth.mfa.models import Authenticator
from allauth.usersessions.internal.flows.sessions import end_sessions
from allauth.usersessions.models import UserSession
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone

from apps.users.models import ApiToken, Scope, User

DEMO = "demo"
MARK: Final = "th_"  # a token begins so, for people and for scanners of leaked secrets
AT_MOST: Final = 50  # tokens of one person that are good at once
NOTED_EVERY: Final = timedelta(minutes=1)


class TooManyTokens(Exception):
    """Somebody has as many tokens as one may have."""


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


def make_token(*, user: User, name: str, scope: Scope) -> tuple[ApiToken, str]:
    """Return a new token and its secret, which is shown once and cannot be had again."""
    if ApiToken.objects.of(user).filter(revoked_at=None).count() >= AT_MOST:
        raise TooManyTokens
    secret = MARK + secrets.token_urlsafe(32)
    row = ApiToken.objects.create(
        user=user, name=name, scope=scope, digest=digest_of(secret), hint=secret[-4:],
        created_at=timezone.now(),
    )  # fmt: skip
    return row, secret


def revoke_token(*, user: User, pk: int) -> ApiToken | None:
    """Make one of somebody's own tokens worthless; None if he has no such token."""
    row: ApiToken | None = ApiToken.objects.of(user).filter(pk=pk).first()
    if row is not None and row.revoked_at is None:
        row.revoked_at = timezone.now()
        row.save(update_fields=["revoked_at"])
    return row


def token_of(secret: str) -> ApiToken | None:
    """Return the good token with this secret, of somebody who may still come in, and note that it was used."""
    row: ApiToken | None = (
        ApiToken.objects.select_related("user")
        .filter(digest=digest_of(secret), revoked_at=None, user__is_active=True)
        .filter(user__must_confirm=False)
        .first()
    )
    if row is not None:
        now = timezone.now()
        stale = Q(last_used_at=None) | Q(last_used_at__lt=now - NOTED_EVERY)
        if row.last_used_at is None or row.last_used_at < now - NOTED_EVERY:
            ApiToken.objects.filter(stale, pk=row.pk).update(last_used_at=now)
    return row


def digest_of(secret: str) -> str:
    """Return what is kept of a secret. It is random and long, so it needs no salt and no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def sessions_of(user: User) -> list[UserSession]:
    """Return where somebody is signed in, the latest seen first."""
    alive: list[UserSession] = UserSession.objects.purge_and_list(user)
    return sorted(alive, key=lambda one: one.last_seen_at, reverse=True)


def sign_out_elsewhere(request: HttpRequest, *, user: User, pk: int | None = None) -> int:
    """End one of somebody's sessions, or all of them, but never the asking one; return how many were ended."""
    rows = UserSession.objects.filter(user=user)
    rows = rows.exclude(session_key=request.session.session_key or "")
    ending = list(rows if pk is None else rows.filter(pk=pk))
    end_sessions(request, ending)
    return len(ending)


def forget_second_factor(*, user: User) -> int:
    """Take somebody's second factor away, who has lost it; return how many parts it had."""
    count, _ = Authenticator.objects.filter(user=user).delete()
    return int(count)
