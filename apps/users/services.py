"""People come in."""

import hashlib
import secrets
from datetime import timedelta
from typing import Final

from allauth.mfa.models import Authenticator
from allauth.usersessions.internal.flows.sessions import end_sessions
from allauth.usersessions.models import UserSession
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from apps.bus import bus
from apps.users.audit import address_of, now
from apps.users.domain.messages import (
    SecondFactorChanged,
    SessionsEnded,
    TokenMade,
    TokenRevoked,
)
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


@transaction.atomic
def make_token(
    *, user: User, name: str, scope: Scope, good_for: timedelta | None = None
) -> tuple[ApiToken, str]:
    """Return a new token and its secret, which is shown once and cannot be had again.

    good_for: after that it opens nothing; None: good until it is revoked

    Raises:  TooManyTokens  he has as many as one may have
    """
    if good_tokens(user).count() >= AT_MOST:
        raise TooManyTokens
    made_at = timezone.now()
    secret = MARK + secrets.token_urlsafe(32)
    row = ApiToken.objects.create(
        user=user, name=name, scope=scope, digest=digest_of(secret), hint=secret[-4:],
        created_at=made_at, expires_at=made_at + good_for if good_for else None,
    )  # fmt: skip
    bus.publish(TokenMade(at=now(), user=user.pk, token=row.pk, label=name, scope=row.scope))
    return row, secret


def good_tokens(user: User) -> "QuerySet[ApiToken]":
    """Return those of somebody's tokens that open something, the newest first."""
    rows: QuerySet[ApiToken] = ApiToken.objects.of(user).filter(_good())
    return rows


def ended_tokens(user: User) -> "QuerySet[ApiToken]":
    """Return those of somebody's tokens that were revoked or have expired, the newest first."""
    rows: QuerySet[ApiToken] = ApiToken.objects.of(user).exclude(_good())
    return rows


def _good() -> Q:
    return Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=timezone.now()))


@transaction.atomic
def revoke_token(*, user: User, pk: int) -> ApiToken | None:
    """Make one of somebody's own tokens worthless; None if he has no such token."""
    row: ApiToken | None = ApiToken.objects.of(user).filter(pk=pk).first()
    if row is not None and row.revoked_at is None:
        row.revoked_at = timezone.now()
        row.save(update_fields=["revoked_at"])
        bus.publish(TokenRevoked(at=now(), user=user.pk, token=row.pk, label=row.name))
    return row


def token_of(secret: str) -> ApiToken | None:
    """Return the good token with this secret, of somebody who may still come in, and note that it was used."""
    row: ApiToken | None = (
        ApiToken.objects.select_related("user")
        .filter(_good(), digest=digest_of(secret), user__is_active=True)
        .filter(user__must_confirm=False)
        .first()
    )
    if row is not None:
        used_at = timezone.now()
        stale = Q(last_used_at=None) | Q(last_used_at__lt=used_at - NOTED_EVERY)
        if row.last_used_at is None or row.last_used_at < used_at - NOTED_EVERY:
            ApiToken.objects.filter(stale, pk=row.pk).update(last_used_at=used_at)
    return row


def digest_of(secret: str) -> str:
    """Return what is kept of a secret. It is random and long, so it needs no salt and no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def sessions_of(user: User) -> list[UserSession]:
    """Return where somebody is signed in, the latest seen first, and forget those that are over.

    In two queries, however many there are; allauth's own `purge_and_list` asks three for each. Sessions are kept in the
    database, which is Django's usual way; an entry whose session has ended, or is signed with another password, is over.
    """
    rows = list(UserSession.objects.filter(user=user).order_by("-last_seen_at"))
    keys = [one.session_key for one in rows]
    kept = Session.objects.filter(session_key__in=keys, expire_date__gt=timezone.now())
    good = {one.session_key for one in kept if _signs_in(one, user)}
    over = [one.pk for one in rows if one.session_key not in good]
    if over:
        UserSession.objects.filter(pk__in=over).delete()
    return [one for one in rows if one.session_key in good]


def _signs_in(session: Session, user: User) -> bool:
    """Return whether a session is still somebody's: his number, and signed with the password that he has now."""
    kept = session.get_decoded()
    hashes = (user.get_session_auth_hash(), *user.get_session_auth_fallback_hash())
    given = str(kept.get(HASH_SESSION_KEY, ""))
    return kept.get(SESSION_KEY) == str(user.pk) and any(
        constant_time_compare(given, one) for one in hashes
    )


def sign_out_elsewhere(request: HttpRequest, *, user: User, pk: int | None = None) -> int:
    """End one of somebody's sessions, or all of them, but never the asking one; return how many were ended."""
    rows = UserSession.objects.filter(user=user)
    rows = rows.exclude(session_key=request.session.session_key or "")
    ending = list(rows if pk is None else rows.filter(pk=pk))
    end_sessions(request, ending)
    if ending:
        address, count = address_of(request), len(ending)
        bus.publish(SessionsEnded(at=now(), user=user.pk, address=address, count=count))
    return len(ending)


def forget_second_factor(*, user: User) -> int:
    """Take somebody's second factor away, who has lost it; return how many parts it had."""
    parts = list(Authenticator.objects.filter(user=user))
    with transaction.atomic():
        for part in parts:
            part.delete()
            kind = str(part.type)
            bus.publish(SecondFactorChanged(at=now(), user=user.pk, part=kind, how="taken away"))
    return len(parts)
