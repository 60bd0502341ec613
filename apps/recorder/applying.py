"""An import written and taken back, portion by portion; a worker that was killed does the rest again and doubles nothing."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

from django.utils import timezone

from apps.brokers.models import BrokerAccount
from apps.bus.domain.message import to_instant
from apps.bus.lease import Lease
from apps.marketdata.domain.calendar import trade_date
from apps.recorder import days as day_ledger
from apps.recorder import evidence, making, services, writing
from apps.recorder.brief import ROWS
from apps.recorder.import_life import CannotImport, State, forget_file, move, progress_of
from apps.recorder.models import Import, ImportedRow
from apps.recorder.portions import Portions
from apps.recorder.previewing import accounts_of
from apps.recorder.staging import Staged


def check(importing: Import, *, only_good: bool) -> None:
    """Refuse what cannot be imported as it is.

    Raises:  CannotImport  it has bad rows and nobody said to leave them out, or none of its accounts is chosen
    """
    check_rows(importing, only_good=only_good)
    if not any(importing.accounts.values()):
        made = (
            ", or have accounts for files made for its names" if making.missing(importing) else ""
        )
        cure = f"say which of your broker accounts the file is of{made}"
        raise CannotImport("accounts", cure)


def check_rows(importing: Import, *, only_good: bool) -> None:
    """Refuse bad rows that nobody said to leave out.

    Raises:  CannotImport
    """
    if importing.bad_rows and not only_good:
        raise CannotImport(
            "only_good",
            f"{importing.bad_rows:,} rows cannot be read; mend the file, or say that only the good rows count",
        )


def start(importing: Import, *, only_good: bool) -> None:
    """Have it imported from now on, if it waits for that.

    Raises:  CannotImport  as `check` says, or it does not wait
    """
    check(importing, only_good=only_good)
    moved = Import.objects.filter(pk=importing.pk, state=State.READY).update(
        state=State.APPLYING, share=0, only_good=only_good, wish={}, reason="",
        moved_at=timezone.now(),
    )  # fmt: skip
    if not moved:
        raise CannotImport("import", "it is not waiting to be imported")


def write(importing: Import, lease: Lease) -> None:
    """Write the rows, settle what rests on them, and only then call it done: a task that was killed does the rest again."""
    if not importing.staged.exists():
        _end_without_file(importing, lease)
        return
    staged, accounts = Staged(importing.staged), accounts_of(importing)
    groups = [one for one in staged.groups() if one.account in accounts]
    progress = progress_of(importing, lease)
    # what another worker had written before it died is not known here, so all of it is settled once more
    since = importing.seen.get("first") if importing.evidence.exists() else None
    portions = Portions()
    for number, group in enumerate(groups, start=1):
        account = accounts[group.account]
        portions.add(account, writing.write(importing, account, staged.fills(group)))
        progress(number / len(groups))
    portions.settle()
    _done(importing, lease, since=since)
    forget_file(importing)


def _end_without_file(importing: Import, lease: Lease) -> None:
    """Keep what was imported before the upload was gone, as what it is: it can be undone. Nothing was: it is bad."""
    gone = "the upload was gone before all of it was imported; send it again: nothing is doubled"
    if importing.evidence.exists():
        _done(importing, lease, gone, since=importing.seen.get("first"))
    else:
        move(importing, State.APPLYING, State.BAD, reason=gone)


def _done(importing: Import, lease: Lease, reason: str = "", *, since: int | None) -> None:
    lease.renew()
    _settle_all(importing, since)
    counts = counted(importing) | {"repeated": importing.seen.get("repeated", 0)}
    move(
        importing, State.APPLYING, State.DONE, share=1, counts=counts, reason=reason,
        done_at=timezone.now(),
    )  # fmt: skip


def take_back(importing: Import, lease: Lease) -> None:
    """Take the evidence back, settle what rested on it, and only then call it undone."""
    whole = max(1, importing.evidence.count())
    progress = progress_of(importing, lease)
    portions = Portions()
    latest = importing.evidence.order_by("account_id", "-at_ns", "-id").select_related("account")
    while rows := list(latest[:ROWS]):  # the last first: what is before a portion stays as it is
        evidence.take_back(rows)
        for one in rows:
            portions.add(one.account, [one.at_ns])
        progress(1 - importing.evidence.count() / whole)
    portions.settle()
    lease.renew()
    _settle_all(importing, importing.seen.get("first"))
    making.unmake(importing)
    move(importing, State.UNDOING, State.UNDONE, share=1, undone_at=timezone.now())


def _settle_all(importing: Import, since: int | None) -> None:
    """Settle the accounts that an import is of; its row names them and its days, so it can be done again."""
    accounts = BrokerAccount.objects.of(importing.user).select_related("connection")
    chosen = [pk for pk in importing.accounts.values() if pk is not None]
    settle(accounts.filter(pk__in=chosen), since, _dates(importing.seen))


def _dates(seen: Mapping[str, Any]) -> list[date]:
    """Return the trade dates of a file; where an older look did not keep them, all from the first to the last."""
    if "dates" in seen or seen.get("first") is None:
        return [date.fromisoformat(one) for one in seen.get("dates", ())]
    first, last = trade_date(seen["first"]), trade_date(seen["last"])
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def counted(importing: Import) -> dict[str, int]:
    """Return how many of its rows came to what."""
    states = importing.evidence.values_list("state", flat=True)
    return {str(state): states.filter(state=state).count() for state in ImportedRow.State}


def settle(accounts: Iterable[BrokerAccount], since: int | None, touched: Iterable[date]) -> None:
    """Derive anew what rests on the fills of accounts from an instant on, and judge the days that a file touched."""
    dates = set(touched)
    for account in accounts:
        services.settle(account=account, since=since)
        day_ledger.judge_again(account, dates, to_instant(timezone.now()))
