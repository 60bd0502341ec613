"""What a person says of a file of fills: take it, read it otherwise, import it, throw it away, undo it.

A row is imported once, whatever file it comes in and whoever told it first.
"""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from apps.marketdata.domain.calendar import trade_date
from apps.recorder import applying, evidence, making
from apps.recorder.import_life import CannotImport, State, forget_file, move
from apps.recorder.import_work import begin_work
from apps.recorder.imports.reading import MOST_BYTES
from apps.recorder.imports.values import DayOrder, Decimals
from apps.recorder.models import Import, ImportedRow
from apps.recorder.queries import broker_accounts


def accept(
    *,
    user: Any,
    name: str,
    chunks: Iterable[bytes],
    zone: str,
    decimals: str = "",
    days: str = "",
    at_once: bool | None = None,
    account: int | None = None,
    apply: bool = False,
    only_good: bool = False,
) -> Import:
    """Keep an upload and have it looked at: a small one now, a larger one by the worker (`at_once` says otherwise).

    account, apply, only_good: where its fills go, and whether they are imported as soon as it is looked at

    Raises:  CannotImport  a choice is none that can be made, or the file is too large
    """
    importing = begun(
        user=user, name=name, zone=zone, decimals=decimals, days=days,
        account=account, apply=apply, only_good=only_good,
    )  # fmt: skip
    importing.save()
    try:
        importing.size, importing.sha256 = _keep(importing.path, chunks)
    except (CannotImport, OSError):  # OSError: what is sent cannot be read, or the disk is full
        importing.path.unlink(missing_ok=True)
        importing.delete()
        raise
    importing.save(update_fields=["size", "sha256"])
    begin_work(importing, at_once=at_once)
    importing.refresh_from_db()
    return importing


def begun(
    *, user: Any, name: str, zone: str, decimals: str = "", days: str = "", account: int | None = None,
    apply: bool = False, only_good: bool = False,
) -> Import:  # fmt: skip
    """Return an import that is not kept yet, with the choices that were made for it.

    Raises:  CannotImport  a choice is none that can be made
    """
    _known_choices(zone, decimals, days)
    if account is not None and not broker_accounts(user).filter(pk=account).exists():
        raise CannotImport("account", f"you have no broker account {account}")
    wish = {"account": account, "apply": apply, "only_good": only_good}
    return Import(
        user=user, file_name=_shown(name), size=0, zone=zone, decimals=decimals, days=days,
        made_by=user.get_username(), wish=wish if account or apply else {},
    )  # fmt: skip


def look_again(*, importing: Import, zone: str, decimals: str = "", days: str = "") -> None:
    """Read a file anew, otherwise: another zone, other decimals.

    Raises:  CannotImport  it is not waiting to be imported
    """
    _known_choices(zone, decimals, days)
    if importing.state not in (State.READY, State.BAD) or not importing.path.exists():
        raise CannotImport("import", "it is not waiting to be imported; upload the file again")
    Import.objects.filter(pk=importing.pk).update(
        zone=zone, decimals=decimals, days=days, state=State.LOOKING, share=0, reason="", wish={}
    )
    begin_work(importing)


def _known_choices(zone: str, decimals: str, days: str) -> None:
    if zone not in available_timezones():
        raise CannotImport("zone", f"{zone[:60]!r} is no time zone; write it like America/Chicago")
    if decimals and decimals not in list(Decimals):
        raise CannotImport("decimals", f"{decimals[:20]!r} is not point or comma")
    if days and days not in list(DayOrder):
        raise CannotImport("days", f"{days[:20]!r} is not month or day")


def _shown(name: str) -> str:
    plain = "".join(one for one in Path(name.replace("\\", "/")).name if one.isprintable())
    return plain[-200:] or "upload.csv"


def _keep(path: Path, chunks: Iterable[bytes]) -> tuple[int, str]:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with path.open("wb") as file:
        for chunk in chunks:
            size += len(chunk)
            if size > MOST_BYTES:
                raise CannotImport(
                    "file", f"more than {MOST_BYTES // 2**20} MB; export a shorter time"
                )
            digest.update(chunk)
            file.write(chunk)
    return size, digest.hexdigest()


def choose_accounts(
    *, importing: Import, chosen: Mapping[str, int | None], apply: bool = False,
    only_good: bool = False, at_once: bool | None = None, make_missing: bool = False,
) -> None:  # fmt: skip
    """Say to which broker account each name in the file goes, None leaves its rows out, and have it counted anew.

    apply, only_good: whether it is imported as soon as it is counted
    make_missing:     whether each name that goes nowhere then gets an account for files, called as in the file

    Raises:  CannotImport
    """
    if importing.state != State.READY:
        raise CannotImport("import", "it is not waiting to be imported")
    own = set(broker_accounts(importing.user).values_list("pk", flat=True))
    for name, account in chosen.items():
        if name not in importing.accounts:
            raise CannotImport("accounts", f"the file names no account {name[:40]!r}")
        if account is not None and account not in own:
            raise CannotImport("accounts", f"you have no broker account {account}")
    accounts = {**importing.accounts, **chosen}
    if apply:
        applying.check_rows(importing, only_good=only_good)
    if make_missing:
        importing.accounts = accounts
        names = [name for name in making.missing(importing) if name not in chosen]
        accounts |= making.make(importing=importing, names=names)
    taken = [one for one in accounts.values() if one is not None]
    if len(set(taken)) < len(taken):
        raise CannotImport(
            "accounts", "two accounts of the file cannot go to one of yours; leave one out"
        )
    importing.accounts = accounts
    wish = {"account": None, "apply": True, "only_good": only_good} if apply else {}
    if apply:
        applying.check(importing, only_good=only_good)
    move(importing, State.READY, State.COUNTING, share=0, accounts=accounts, wish=wish, reason="")
    begin_work(importing, at_once=at_once)
    importing.refresh_from_db()


def apply(*, importing: Import, only_good: bool = False, at_once: bool | None = None) -> None:
    """Import what the preview showed, chunk by chunk.

    Raises:  CannotImport  it has bad rows and nobody said to leave them out, or none of its accounts is chosen
    """
    applying.start(importing, only_good=only_good)
    begin_work(importing, at_once=at_once)
    importing.refresh_from_db()


def discard(*, importing: Import) -> None:
    """Throw away an upload that was not imported.

    Raises:  CannotImport
    """
    if importing.state not in (
        State.RECEIVING,
        State.READY,
        State.BAD,
        State.LOOKING,
        State.COUNTING,
    ):
        raise CannotImport("import", "it was imported; undo it instead")
    if importing.evidence.exists():
        raise CannotImport("import", "a part of it was imported; undo it instead")
    making.unmake(importing)
    forget_file(importing)
    importing.delete()


def forget_uploads() -> int:
    """Delete files of uploads that nobody imported within a day, and return how many."""
    old = timezone.now() - timedelta(days=1)
    gone = 0
    over = [State.RECEIVING, State.READY, State.BAD]
    unwanted = Import.objects.filter(state__in=over, moved_at__lt=old)
    for importing in unwanted.filter(evidence=None):  # else the fills of a part would stay
        gone += importing.path.exists()
        making.unmake(importing)
        forget_file(importing)
        importing.delete()
    return gone


def undo(*, importing: Import, at_once: bool | None = None) -> None:
    """Take back what an import added and nothing else confirms.

    Raises:  CannotImport
    """
    in_part = Q(state__in=[State.BAD, State.READY]) & Exists(
        ImportedRow.objects.filter(importing=OuterRef("pk"))
    )
    moved = Import.objects.filter(Q(state=State.DONE) | in_part, pk=importing.pk).update(
        state=State.UNDOING, share=0, moved_at=timezone.now()
    )
    if not moved:
        raise CannotImport("import", "only what was imported can be undone")
    begin_work(importing, at_once=at_once)
    importing.refresh_from_db()


def settle_row(*, row: ImportedRow, is_another: bool) -> None:
    """Say of a row in conflict whether it is another fill than the one that the desk has, or the same: for every file.

    Raises:  CannotImport
    """
    if row.state != ImportedRow.State.CONFLICT:
        raise CannotImport("row", "it is settled already")
    settled = evidence.settle(row, is_another=is_another)
    if settled is None:
        raise CannotImport(
            "row",
            f"the desk has fill {row.name} already, and a broker's number names one fill; leave the row out",
        )
    row.refresh_from_db()
    for importing in Import.objects.filter(pk__in=settled):
        importing.counts = importing.counts | applying.counted(importing)
        importing.save(update_fields=["counts", "moved_at"])
    applying.settle([row.account], row.at_ns, [trade_date(row.at_ns)])
