"""Accounts that no login reads: whoever has only exports of his broker imports them there, and records from them."""

from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet

from apps.brokers.models import BrokerAccount, Connection
from apps.brokers.queries import FILE
from apps.recorder.import_life import CannotImport
from apps.users.models import User

NAME: Final = "Files"
LONGEST: Final = 40
MOST: Final = 50


def accounts(user: Any) -> QuerySet[BrokerAccount]:
    """Return a trader's accounts for files, oldest first."""
    rows: QuerySet[BrokerAccount] = BrokerAccount.objects.of(user)
    return rows.filter(connection__broker=FILE)


def fits(name: str) -> bool:
    """Return whether an account for files can be called so."""
    plain = " ".join(name.split())
    return bool(plain) and len(plain) <= LONGEST and plain.isprintable()


def open_account(*, user: Any, name: str) -> BrokerAccount:
    """Return a trader's account for files of this name; a second wish for it gives the same one, or the login's that has it.

    Raises:  CannotImport  naming what is wrong with the name
    """
    plain = " ".join(name.split())
    if not fits(name):
        raise CannotImport(
            "account",
            f"give it a name of at most {LONGEST} letters, as in the export, e.g. APEX-1234",
        )
    listed = BrokerAccount.objects.of(user).filter(connection__is_removed=False, name__iexact=plain)
    of_logins: list[BrokerAccount] = list(listed.exclude(connection__broker=FILE)[:2])
    if len(of_logins) == 1:
        return of_logins[0]
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        connection = _connection(user)
        mine = BrokerAccount.objects.filter(connection=connection)
        if mine.count() >= MOST and not mine.filter(remote=plain).exists():
            raise CannotImport(
                "account", f"you have {MOST} accounts for files already; use one of them"
            )
        made: BrokerAccount = mine.get_or_create(
            user=user, connection=connection, remote=plain, defaults={"name": plain}
        )[0]
    return made


def _connection(user: Any) -> Connection:
    """Return the login that is none: switched off for ever, without secrets, listed nowhere."""
    known: Connection | None = Connection.objects.of(user).filter(broker=FILE).first()
    if known is not None:
        return known
    taken = set(Connection.objects.of(user).filter(is_removed=False).values_list("name", flat=True))
    name = next(one for one in (NAME, *(f"{NAME} {n}" for n in range(2, 99))) if one not in taken)
    made: Connection = Connection.objects.create(
        user=user, broker=FILE, environment=FILE, name=name, login=FILE, device_id="", is_on=False,
        state=Connection.State.OFF, reason="An account for files: no login reads it.",
    )  # fmt: skip
    return made
