"""The shared row of a login name, as a `TokenStore`: how it stands, its token, and whose turn it is to ask.

No transaction is open while a broker is asked: the lease is a compare-and-set, and each write is short.
"""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import msgspec
from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.crypto import salted_hmac

from apps.brokers.models.remote import Connection
from apps.brokers.models.tokens import SIMULATOR, LoginToken, place_of
from apps.brokers.standing import DatabaseThread, State, stand
from apps.brokers.tradovate.hosts import TradovateSettings
from apps.brokers.tradovate.session import Token
from apps.brokers.tradovate.shared import Kept
from apps.brokers.tradovate.wall import WallClock
from apps.bus.domain.message import to_instant
from apps.users.secret import Unreadable

ELSEWHERE = "somebody signed in elsewhere with this login: connect again to take it back"
BARRED = (State.REFUSED, State.DISPLACED)


class _Secrets(msgspec.Struct):
    access: str
    market_data: str
    user_id: int


class _Proof(msgspec.Struct):
    """With what a login was taken, and with what it was not: digests, and the broker's word on the latter."""

    password: str = ""
    keys: list[str] = []
    refused: str = ""
    reason: str = ""


def _digest(*words: str) -> str:
    told = msgspec.json.encode(words).decode()
    return salted_hmac("brokers.login", told, algorithm="sha256").hexdigest()


class LoginRow:
    """The shared row of one login name, for one who calls with it.

    connection: whose login it is, read anew at each look; None for the feed and for a trial
    is_trial:   somebody typed it in just now. He may log in where the kept logins wait for their owner, takes a token only
                if his keys are proved as well as his password, harms nobody if he is refused, and keeps the lease until
                `give_back`: what he proved is to be written down before another looks.
    """

    def __init__(
        self,
        login: TradovateSettings,
        thread: DatabaseThread,
        wall: WallClock,
        connection: int | None = None,
        *,
        is_trial: bool = False,
    ) -> None:
        self._login = login
        self._connection = connection
        self._is_trial = is_trial
        self._thread = thread
        self._wall = wall
        self._me = uuid.uuid4().hex
        self.was_refused = False

    async def look(self) -> Kept:
        """Return what it says now."""
        return await self._thread.run(self._look)

    def _look(self) -> Kept:
        own = None
        if self._connection is not None:
            own = Connection.objects.filter(pk=self._connection).first()
            if own is None or own.is_removed:
                return Kept(barred="the connection was removed")
            self._login = with_credentials(self._login, own)
        row = shared_row(self._login.environment, self._login.name)
        proof = _proof_of(row)
        barred, is_displaced = self._barred(own, row, proof)
        return Kept(
            _token_of(row) if self._may_take(proof) else None,
            barred,
            is_displaced,
            row.paused_until,
            row.reason,
            row.renewed_at,
            row.hosts.get(self._login.environment, {}),
            self._login,
        )

    def _barred(self, own: Connection | None, row: LoginToken, proof: _Proof) -> tuple[str, bool]:
        """Return why nobody may log in with this until its owner says so, and whether it was displaced."""
        if self._is_trial:
            return "", False
        if own is not None and not own.is_on:
            return "switched off", False
        if own is not None and own.state in BARRED:
            return own.reason or State(own.state).label, own.state == State.DISPLACED
        if row.is_displaced:
            self._stand(State.DISPLACED, ELSEWHERE)
            return ELSEWHERE, True
        if proof.refused and proof.refused == self._mark():
            self._stand(State.REFUSED, proof.reason)
            return proof.reason, False
        return "", False

    def _may_take(self, proof: _Proof) -> bool:
        if proof.password != _digest(self._login.password):
            return False
        return not self._is_trial or self._keys() in proof.keys

    def _keys(self) -> str:
        return _digest(self._login.cid, self._login.sec, self._login.app_id)

    def _mark(self) -> str:
        return _digest(self._login.password, self._keys())

    async def claim(self, until: int) -> bool:
        """Take the lease if nobody holds it."""
        free = Q(lease_until__lte=self._wall.now()) | Q(lease_by=self._me)
        return await self._update(self._rows.filter(free), lease_by=self._me, lease_until=until)

    async def release(self) -> None:
        """Give the lease back, if it is still ours; a trial keeps it."""
        if not self._is_trial:
            await self._thread.run(self.give_back)

    def give_back(self) -> None:
        """Give the lease back, a trial's as well."""
        self._rows.filter(lease_by=self._me).update(lease_until=0)

    async def renewing(self, at: int) -> None:
        """Note that a renewal is attempted."""
        await self._update(self._rows, renewed_at=at)

    async def keep(self, token: Token, hosts: Mapping[str, str]) -> None:
        """Share a new token, if the lease is still ours. One who was displaced meanwhile stays so."""
        await self._thread.run(self._keep, token, hosts)

    def _keep(self, token: Token, hosts: Mapping[str, str]) -> None:
        with transaction.atomic():
            row = self._rows.select_for_update(no_key=True).filter(lease_by=self._me).first()
            if row is None:
                return
            proof, password = _proof_of(row), _digest(self._login.password)
            if proof.password != password:  # what another password opened, is not proved any more
                proof = _Proof(password, refused=proof.refused, reason=proof.reason)
            if self._keys() not in proof.keys:
                proof.keys.append(self._keys())
            if proof.refused == self._mark():
                proof.refused = proof.reason = ""
            secrets = _Secrets(token.access, token.market_data, token.user_id)
            row.token = msgspec.json.encode(secrets).decode()
            row.proof = msgspec.json.encode(proof).decode()
            row.token_issued_at, row.token_expires_at = token.issued_at, token.expires_at
            row.hosts = row.hosts | {self._login.environment: dict(hosts)}
            row.paused_until, row.reason = 0, ""
            row.save()
            is_free = not row.is_displaced
            if self._connection is not None and is_free:
                own = Connection.objects.filter(pk=self._connection, is_on=True)
                if own.exclude(state__in=BARRED).exists():
                    self._stand(State.OK)

    async def drop(self, issued_at: int) -> None:
        """Forget the token of this moment."""
        await self._update(self._rows.filter(token_issued_at=issued_at), token="")

    async def refuse(self, reason: str) -> None:
        """Bar the login with this password and keys; a token that was had with others stays."""
        self.was_refused = True
        if not self._is_trial:
            await self._thread.run(self._refuse, reason)

    def _refuse(self, reason: str) -> None:
        with transaction.atomic():
            row = self._rows.select_for_update(no_key=True).first()
            if row is None:  # it was removed meanwhile
                return
            proof = _proof_of(row)
            proof.refused, proof.reason = self._mark(), reason[:200]
            row.proof = msgspec.json.encode(proof).decode()
            row.save(update_fields=["proof"])
            self._stand(State.REFUSED, reason)

    async def displace(self, issued_at: int) -> None:
        """Bar the login for all, unless it was connected anew since the token of this moment."""
        await self._thread.run(self._displace, issued_at)

    def _displace(self, issued_at: int) -> None:
        with transaction.atomic():
            row = self._rows.select_for_update(no_key=True).first()
            if row is None or (issued_at and row.token_issued_at > issued_at):
                return
            row.is_displaced, row.token = True, ""
            row.save(update_fields=["is_displaced", "token"])
            ours = sharing(self._login.environment, self._login.name).filter(is_on=True)
            _stand_together(ours.exclude(state__in=BARRED), State.DISPLACED, ELSEWHERE)

    async def pause(self, until: int, reason: str) -> None:
        """Let nobody log in before this instant. What a trial ran into holds for itself."""
        self.was_refused = True
        if not self._is_trial:
            await self._thread.run(self._pause, until, reason)

    def _pause(self, until: int, reason: str) -> None:
        with transaction.atomic():
            self._rows.update(paused_until=until, reason=reason[:200])
            self._stand(State.PAUSED, reason)

    def _stand(self, state: State, reason: str = "") -> None:
        if self._connection is not None:
            stand(self._connection, state, reason)

    @property
    def _rows(self) -> QuerySet[LoginToken]:
        return _rows(self._login.environment, self._login.name)

    async def _update(self, rows: QuerySet[LoginToken], **fields: Any) -> bool:
        return bool(await self._thread.run(rows.update, **fields))


# ---- what its owner says ----


def free(environment: str, login: str) -> None:
    """Let a login name be logged in again, because its owner says so: it was displaced, refused, or rests."""
    shared_row(environment, login)
    with transaction.atomic():
        row = _rows(environment, login).select_for_update(no_key=True).get()
        proof = _proof_of(row)
        proof.refused = proof.reason = ""
        row.proof = msgspec.json.encode(proof).decode()
        row.is_displaced, row.paused_until, row.reason, row.renewed_at = False, 0, "", 0
        if not row.token:  # who still hears of the lost one comes too late to bar it again
            row.token_issued_at = to_instant(timezone.now())
        row.save()
        waiting = sharing(environment, login).filter(is_on=True, state=State.DISPLACED)
        _stand_together(waiting, State.NEW)


def free_for_feed(login: TradovateSettings) -> None:
    """Let the feed log in at its start: where no connection has a button for it, that is its owner's word."""
    if not sharing(login.environment, login.name).filter(is_on=True).exists():
        free(login.environment, login.name)


def forget_unused() -> None:
    """Forget the tokens of logins that nobody keeps any more, once they have run out."""
    now = to_instant(timezone.now())
    over = LoginToken.objects.filter(
        token_expires_at__lte=now, lease_until__lte=now, paused_until__lte=now
    )
    for number, place, login in over.values_list("pk", "place", "login"):
        if not _is_used(place, login):
            over.filter(pk=number).delete()


def hold(environment: str, login: str) -> None:
    """Lock a login's token to the transaction's end: before its connections and before anything is told, as everywhere."""
    _rows(environment, login).select_for_update(no_key=True).first()


def forget(environment: str, login: str) -> None:
    """Forget the token of a login that was removed, unless another connection or the feed has the same."""
    if not _is_used(place_of(environment), login):
        _rows(environment, login).delete()


def sharing(environment: str, login: str) -> QuerySet[Connection]:
    """Return the connections that share the token of a login name, whosever they are."""
    rows = Connection.objects.filter(broker="tradovate", login=login, is_removed=False)
    own = Q(environment=SIMULATOR)
    return rows.filter(own if place_of(environment) == SIMULATOR else ~own)


def with_credentials(login: TradovateSettings, row: Connection) -> TradovateSettings:
    """Return a login as its row has it now: who opened it may have done so before it was changed."""
    return replace(
        login,
        name=row.login,
        password=row.password,
        app_id=row.app_id or "tradehub",
        cid=row.cid,
        sec=row.sec,
    )


def shared_row(environment: str, login: str) -> LoginToken:
    """Return the row of a login name, made where there was none. A token that no key opens is had anew."""
    own: dict[str, Any] = {
        "broker": "tradovate",
        "place": place_of(environment),
        "login": login,
    }
    try:
        row, _ = LoginToken.objects.get_or_create(**own)
    except Unreadable:
        LoginToken.objects.filter(**own).update(token="", proof="")
        row = LoginToken.objects.get(**own)
    return row


# ---- inside ----


def _stand_together(rows: QuerySet[Connection], state: State, reason: str = "") -> None:
    """Let logins stand so. Their rows are locked before the first is told, as `mirror` locks its own before it tells.

    Who tells first holds up all who tell, among them the one for whose row he would then wait.
    """
    for row in list(rows.select_for_update(no_key=True).order_by("pk")):
        stand(row.pk, state, reason)


def _rows(environment: str, login: str) -> QuerySet[LoginToken]:
    return LoginToken.objects.filter(broker="tradovate", place=place_of(environment), login=login)


def _is_used(place: str, login: str) -> bool:
    return (place, login) in _of_feed() or sharing(place, login).exists()


def _of_feed() -> Iterable[tuple[str, str]]:
    if settings.MARKET == "tradovate":
        yield "tradovate", settings.TRADOVATE["name"]
    elif settings.MARKET.startswith("http://"):
        yield SIMULATOR, "demo"


def _token_of(row: LoginToken) -> Token | None:
    if not row.token:
        return None
    secrets = msgspec.json.decode(row.token, type=_Secrets)
    return Token(
        secrets.access,
        secrets.market_data,
        secrets.user_id,
        row.token_issued_at,
        row.token_expires_at,
    )


def _proof_of(row: LoginToken) -> _Proof:
    return msgspec.json.decode(row.proof, type=_Proof) if row.proof else _Proof()
