"""The accounts for files that a file asks for, by its names or by none: listed, made at one wish, gone with what made them."""

from collections.abc import Iterable

from django.db import transaction

from apps.brokers.models import BrokerAccount
from apps.brokers.queries import FILE
from apps.recorder import files
from apps.recorder.import_life import CannotImport, State
from apps.recorder.imports.layouts import LAYOUTS
from apps.recorder.models import Import, ImportedRow, Recorder, RecordingSpan
from apps.recorder.queries import broker_accounts


def missing(importing: Import) -> list[str]:
    """Return the names in a file that waits to be imported which go nowhere yet, and that an account can have; "" = none."""
    if importing.state != State.READY:
        return []
    return [
        name
        for name, chosen in importing.accounts.items()
        if chosen is None and (files.fits(name) or not name.strip())
    ]


def called(importing: Import, name: str) -> str:
    """Return how the account for a name in a file is called: so, or where the file names none after its platform, and free."""
    if name.strip():
        return name
    platform = LAYOUTS[importing.layout].title.partition(",")[0]
    own = broker_accounts(importing.user)
    taken = {word.casefold() for one in own for word in (one.name, one.nickname, one.remote)}
    names = (platform, *(f"{platform} {number}" for number in range(2, len(taken) + 3)))
    return next(one for one in names if one.casefold() not in taken)


def make(*, importing: Import, names: Iterable[str]) -> dict[str, int]:
    """Make an account for files for each of these names in the file, all or none; return them, to be chosen. One that is there is taken.

    Raises:  CannotImport  it does not wait, or two names come to one account
    """
    if importing.state != State.READY:
        raise CannotImport("import", "it is not waiting to be imported")
    with transaction.atomic():
        locked = Import.objects.select_for_update(no_key=True).get(pk=importing.pk)
        known = set(files.accounts(importing.user).values_list("pk", flat=True))
        taken = {pk: name for name, pk in locked.accounts.items() if pk is not None}
        found: dict[str, int] = {}
        for name in names:
            account = files.open_account(user=importing.user, name=called(importing, name))
            if account.pk in taken:
                detail = f"{name} and {taken[account.pk]} of the file would both be {account}; choose by hand"
                raise CannotImport("accounts", detail)
            taken[account.pk] = name
            found[name] = account.pk
            if account.connection.broker == FILE and account.pk not in known:
                locked.made_accounts.append(account.pk)
        locked.save(update_fields=["made_accounts", "moved_at"])
    importing.made_accounts = locked.made_accounts
    return found


def unmake(importing: Import) -> None:
    """Let the accounts go that were made for an import, those in which nothing else is. Doing it again is nothing."""
    for pk in importing.made_accounts:
        with transaction.atomic():
            rows = files.accounts(importing.user).select_for_update(no_key=True, of=("self",))
            account = rows.filter(pk=pk).first()
            if account is not None and not _holds(account, importing):
                account.delete()


def _holds(account: BrokerAccount, importing: Import) -> bool:
    """Return whether anything is in an account for files but what this import brought, or anything waits to go there."""
    if account.nickname or account.account_id or account.fills.exists():
        return True
    if any(
        rows.filter(account=account).exists()
        for rows in (ImportedRow.objects, Recorder.objects, RecordingSpan.objects)
    ):
        return True
    others = Import.objects.filter(user_id=importing.user_id).exclude(pk=importing.pk)
    waiting = others.exclude(state__in=[State.DONE, State.UNDONE, State.BAD])
    return any(
        account.pk in (*one.accounts.values(), one.wish.get("account"))
        for one in waiting.only("accounts", "wish")
    )
