"""What traders do with their logins at brokers. A login is tried before anything is kept; its secrets only go in.

All raise `Refused` with code, sentence and field.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, Final, TypeVar

from django.conf import settings
from django.db import IntegrityError, transaction

from apps.brokers import services, tokens
from apps.brokers.domain.account import Kind
from apps.brokers.domain.ports import BrokerError, LoginRefused, SignedInElsewhere, Unavailable
from apps.brokers.domain.seen import AccountSeen
from apps.brokers.logins import DatabaseThread, State, open_broker, open_trial, stand
from apps.brokers.mirror import take_in
from apps.brokers.models.desk import Account
from apps.brokers.models.remote import (
    AT_WORK,
    BrokerAccount,
    BrokerOrder,
    BrokerPosition,
    Connection,
)
from apps.brokers.trials import Trial, trial
from apps.trades.services import Refused

T = TypeVar("T")
LIMITS: Final = {"name": 40, "login": 80, "app_id": 64, "cid": 64, "password": 200, "sec": 200}
NEEDED: Final = {
    "name": "give the connection a name of its own",
    "login": "the user name at the broker",
}


def add(*, user: Any, **given: str) -> Connection:
    """Try a login, and keep it with the accounts it sees. Nothing is kept if it fails.

    `given`: name, environment, login, password, and of an API key cid, sec and app_id.

    Raises:  Refused
    """
    row = Connection(user=user, device_id=uuid.uuid4().hex)
    _set(row, dict(given))
    if not row.password:
        raise Refused("BAD_VALUE", "is missing: the password of the login", "password")
    _alone(row)
    with _tried(row) as accounts:
        _save(row)
        tokens.free(row.environment, row.login)
    take_in(row, accounts, "test")
    return row


def test(*, user: Any, **given: str) -> tuple[AccountSeen, ...]:
    """Return the accounts that a login sees. Only its token is kept while it is good: connecting it needs no other one.

    Raises:  Refused
    """
    row = Connection(user=user, device_id=uuid.uuid4().hex)
    _set(row, {"name": "test", **given})
    if not row.password:
        raise Refused("BAD_VALUE", "is missing: the password of the login", "password")
    tokens.forget_unused()
    with _tried(row) as accounts:
        return accounts


def change(*, connection: Connection, **given: str) -> Connection:
    """Change a login: a new one is tried first. Secrets that are left out stay.

    Raises:  Refused
    """
    before = _credentials(connection)
    kept = {
        name: value for name, value in given.items() if value or name not in ("password", "sec")
    }
    _set(connection, dict(kept))
    _alone(connection)
    if _credentials(connection) != before:
        with _tried(connection) as accounts:
            _save(connection, list(kept))
            tokens.free(connection.environment, connection.login)
            stand(connection.pk, State.OK)
        tokens.forget_unused()
        take_in(connection, accounts, "test")
    elif kept:
        _save(connection, list(kept))
    connection.refresh_from_db()
    return connection


def reconnect(*, connection: Connection) -> Connection:
    """Log in again because its owner says so: it was displaced or refused, or rests.

    Raises:  Refused  the login is not taken, or nobody answers
    """
    # one that was displaced, or rests, fails by no typing error
    is_doubtful = connection.state == State.REFUSED
    trying = trial(connection.environment) if is_doubtful else nullcontext(Trial())
    with trying as one:
        tokens.free(connection.environment, connection.login)
        stand(connection.pk, State.NEW, is_on=True)
        connection.refresh_from_db()
        try:
            look(connection=connection)
        except Refused as refused:
            one.has_failed = refused.reason == "LOGIN_REFUSED"
            raise
    connection.refresh_from_db()
    return connection


def look(*, connection: Connection) -> tuple[AccountSeen, ...]:
    """Test a login that is kept, with the token that every process shares, and return its accounts.

    Raises:  Refused
    """

    async def ask() -> tuple[AccountSeen, ...]:
        thread = DatabaseThread()
        try:
            broker = open_broker(connection, thread)
            try:
                return await broker.accounts()
            finally:
                await broker.close()
        finally:
            thread.close()

    accounts = _asked(ask)
    connection.refresh_from_db()
    if connection.is_on and connection.state in (State.NEW, State.PAUSED):
        stand(connection.pk, State.OK)  # by a token that another had: nobody has said so yet
    take_in(connection, accounts, "test")
    return accounts


def switch(*, connection: Connection, on: bool) -> Connection:
    """Switch a login on or off; off, it is neither read nor traded through.

    Raises:  Refused  something is open there that could not be closed any more
    """
    barred = (State.REFUSED, State.DISPLACED)  # nothing can be closed through it as it is
    if not on and connection.is_on and connection.state not in barred and _has_open(connection):
        detail = (
            "something is open in one of its accounts, and off this login can't close it: "
            "close it first, or press the kill switch and wait until it is flat"
        )
        raise Refused("IN_USE", detail, "is_on")
    connection.is_on = on
    connection.save(update_fields=["is_on"])
    if on:
        tokens.free(connection.environment, connection.login)
    stand(connection.pk, State.NEW if on else State.OFF)
    connection.refresh_from_db()
    return connection


def remove(*, connection: Connection) -> None:
    """Forget a login and its secrets. What its accounts did stays; their desk accounts have to be closed first.

    Raises:  Refused  something is open in one of its accounts
    """
    used = BrokerAccount.objects.filter(connection=connection, account__is_open=True)
    if (one := used.select_related("account").first()) is not None:
        detail = f"{one.name} is used on this desk, as {one.account.name}: choose Stop using it here beside it first"
        raise Refused("IN_USE", detail)
    if _has_open(connection):
        raise Refused("IN_USE", "something is open in one of its accounts: close it first")
    with transaction.atomic():
        login = connection.login
        tokens.hold(connection.environment, login)
        Connection.objects.filter(pk=connection.pk).update(
            is_removed=True, is_on=False, password="", sec="", login="", cid=""
        )
        stand(connection.pk, State.OFF, "removed")
        tokens.forget(connection.environment, login)


def adopt(*, account: BrokerAccount, name: str, firm: str = "", source: str = "page") -> Account:
    """Use a broker's account on this desk, under a name of its own; demo or live as the broker has it.

    Raises:  Refused
    """
    if account.account_id is not None:
        raise Refused("ADOPTED", f"{account.name} is used already, as {account.account}")
    if not account.is_open:
        raise Refused("CLOSED", f"{account.name} is closed at the firm")
    if BrokerAccount.objects.filter(pk=account.pk, balance=None).exists():
        # nor is it known what was traded there before
        detail = f"{account.name} has not been read yet, its balance is not known"
        raise Refused("NOT_READ", f"{detail}; try again in a moment")
    twins = BrokerAccount.objects.of(account.user).exclude(pk=account.pk)
    twin = twins.filter(
        remote=account.remote, account__is_open=True, connection__broker=account.connection.broker,
        connection__environment=account.connection.environment,
    ).first()  # fmt: skip
    if twin is not None:  # both would close the one position there, and turn it round
        detail = f"{account.name} is used already through {twin.connection.name}, as {twin.account}"
        raise Refused("ADOPTED", detail)
    return services.open_account(
        user=account.user,
        name=name,
        kind=Kind.LIVE if account.is_live else Kind.DEMO,
        start_balance=str(account.balance),
        firm=firm,
        source=source,
        remote=account,
    )


# ---- inside ----


def _has_open(row: Connection) -> bool:
    """Return whether an order works or a position is held in one of a login's accounts, as far as is known."""
    mine = {"account__connection": row}
    return (
        BrokerOrder.objects.filter(status__in=AT_WORK, **mine).exists()
        or BrokerPosition.objects.exclude(net=0).filter(**mine).exists()
    )


def _set(row: Connection, given: dict[str, str]) -> None:
    row.environment = given.pop("environment", row.environment)
    if row.environment not in settings.BROKER_ENVIRONMENTS:
        words = ", ".join(settings.BROKER_ENVIRONMENTS)
        raise Refused("BAD_VALUE", f"is {row.environment!r}: use one of {words}", "environment")
    for name, value in given.items():
        if name not in LIMITS:
            raise Refused("BAD_VALUE", "is nothing that can be set", name)
        text = value if name in ("password", "sec") else value.strip()
        if len(text) > LIMITS[name]:
            raise Refused("BAD_VALUE", f"has {len(text)} characters: at most {LIMITS[name]}", name)
        setattr(row, name, text)
    for name, what in NEEDED.items():
        if not getattr(row, name):
            raise Refused("BAD_VALUE", f"is missing: {what}", name)
    if bool(row.cid) != bool(row.sec):
        missing = "sec" if row.cid else "cid"
        raise Refused("BAD_VALUE", "is missing: an API key has both parts, cid and sec", missing)


def _alone(row: Connection) -> None:
    others = Connection.objects.of(row.user).filter(is_removed=False).exclude(pk=row.pk)
    if others.filter(name=row.name).exists():
        raise Refused("NAME_TAKEN", f"you have a connection called {row.name} already", "name")
    twin = others.filter(environment=row.environment, login=row.login).first()
    if twin is not None:
        raise Refused("LOGIN_TAKEN", f"this login is connected already, as {twin.name}", "login")


def _save(row: Connection, fields: list[str] | None = None) -> None:
    try:
        with transaction.atomic():
            row.save(update_fields=fields)
    except IntegrityError:  # the same at the same moment
        raise Refused("NAME_TAKEN", "this connection was made a moment ago", "name") from None
    if fields is None:
        stand(row.pk, State.OK)
        row.refresh_from_db()


def _credentials(row: Connection) -> tuple[str, ...]:
    return row.environment, row.login, row.password, row.cid, row.sec, row.app_id


@contextmanager
def _tried(row: Connection) -> Iterator[tuple[AccountSeen, ...]]:
    """Give what a login sees, tried by logging in where it is not proved already; nobody else logs in with it meanwhile.

    Raises:  Refused
    """
    thread = DatabaseThread()
    stores: list[tokens.LoginRow] = []

    async def ask() -> tuple[AccountSeen, ...]:
        broker, store = open_trial(row, thread)
        stores.append(store)
        try:
            return await broker.accounts()
        finally:
            await broker.close()

    try:
        with trial(row.environment) as one:
            try:
                accounts = _asked(ask)
            finally:
                one.has_failed = any(store.was_refused for store in stores)
        yield accounts
    finally:
        for store in stores:
            store.give_back()
        thread.close()


def _asked(ask: Callable[[], Awaitable[T]]) -> T:
    """Return what a broker answers, its trouble as a refusal that names what to do.

    Raises:  Refused
    """

    async def run() -> T:
        return await ask()

    try:
        return asyncio.run(run())
    except SignedInElsewhere as problem:
        raise Refused("DISPLACED", str(problem)) from None
    except LoginRefused as problem:
        detail = f"the broker does not take this login: {problem}"
        raise Refused("LOGIN_REFUSED", detail, "password") from None
    except Unavailable as problem:
        wait = f"; try again in {round(problem.retry_s / 60) or 1} min" if problem.retry_s else ""
        raise Refused("UNAVAILABLE", f"the broker does not answer: {problem}{wait}") from None
    except LookupError as problem:
        raise Refused("NO_MARKET", str(problem), "environment") from None
    except BrokerError as problem:
        raise Refused("BROKER", f"the broker says: {problem}") from None
