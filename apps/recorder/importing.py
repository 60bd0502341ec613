"""Files of fills: looked at, taken over, undone. A row is imported once, whatever file it comes in and whoever told it first."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import available_timezones

from celery import current_app
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from kombu.exceptions import OperationalError

from apps.brokers.models import BrokerAccount
from apps.bus.domain.message import to_instant
from apps.bus.lease import Lease, only_one
from apps.marketdata.domain.calendar import trade_date
from apps.recorder import days as day_ledger
from apps.recorder import evidence, naming, services, writing
from apps.recorder.brief import ROWS
from apps.recorder.imports.reading import MOST_BYTES, BadFile, Shape, manner_of, shape_of
from apps.recorder.imports.values import DayOrder, Decimals
from apps.recorder.imports.zones import ZONES, agreeing
from apps.recorder.models import Import, ImportedRow
from apps.recorder.portions import Portions
from apps.recorder.queries import broker_accounts
from apps.recorder.staging import Staged, lay

WORK: Final = "apps.recorder.tasks.work_on_import"
AT_ONCE: Final = 1024 * 1024  # bytes; larger files are the worker's
HOLDS: Final = timedelta(minutes=5)  # a worker that said nothing for so long is dead
WAITS_S: Final = 50  # the sweep sends what waits once a minute
SHOWN_CONFLICTS: Final = 100
State = Import.State


class CannotImport(Exception):
    """The wish cannot be granted: `field` is to blame, the text says the cure."""

    def __init__(self, field: str, cure: str) -> None:
        super().__init__(f"{field}: {cure}")
        self.field, self.cure = field, cure


# ---- taking a file in ----


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
    except CannotImport:
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


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def begin_work(importing: Import, *, at_once: bool | None = None) -> None:
    """Have it worked on: a small one now, a larger one by the worker."""
    if importing.size <= AT_ONCE if at_once is None else at_once:
        work(importing.pk)
    else:
        transaction.on_commit(lambda: send(importing.pk))


def send(pk: int) -> None:
    """Give an import to the worker. If that cannot be reached or is busy for long, its own sweep sends it again."""
    with suppress(OperationalError):
        current_app.send_task(WORK, [pk], expires=WAITS_S)


def work(pk: int) -> None:
    """Do what an import waits for, unless another worker is at it. Done again, it goes on where it stopped."""
    with only_one(f"import:{pk}", timezone.now, HOLDS) as lease:
        importing = Import.objects.filter(pk=pk).first()
        if lease is not None and importing is not None:
            _work(importing, lease)


def _work(importing: Import, lease: Lease) -> None:
    doing: Mapping[str, Callable[[Import, Lease], None]] = {
        State.LOOKING: _look, State.COUNTING: _recount, State.APPLYING: _apply, State.UNDOING: _undo,
    }  # fmt: skip
    if (do := doing.get(importing.state)) is not None:
        do(importing, lease)
    elif importing.state in (State.DONE, State.UNDONE):
        _forget_file(importing)  # a task that was killed had only that left to do
    importing.refresh_from_db()
    if importing.state == State.READY and importing.wish:
        _go_on(importing, lease)


def _go_on(importing: Import, lease: Lease) -> None:
    """Do what was asked for with the upload, now that it is known what is in it.

    Raises:  CannotImport  it cannot be done; it waits as a preview and says why
    """
    wish, names = importing.wish, importing.accounts
    try:
        if wish["account"] is not None and len(names) != 1:
            raise CannotImport(
                "account",
                f"the file names {len(names)} accounts ({', '.join(names)[:200]}); say where each goes, by `accounts` of import {importing.pk} in the API",
            )
        if wish["apply"]:
            _start(importing, only_good=wish["only_good"])
    except CannotImport as problem:
        _move(importing, State.READY, State.READY, wish={}, reason=problem.cure[:600])
        raise
    _move(importing, State.READY, State.READY, wish={})
    if wish["apply"]:
        importing.refresh_from_db()
        _apply(importing, lease)


def _progress(
    importing: Import, lease: Lease, begin: float = 0.0, end: float = 1.0
) -> Callable[[float], None]:
    """Return what writes the share that is done, at most a hundred times, and keeps the lease meanwhile."""
    last = -1

    def tell(share: float) -> None:
        nonlocal last
        whole = begin + (end - begin) * share
        if int(whole * 100) > last:
            last = int(whole * 100)
            lease.renew()
            Import.objects.filter(pk=importing.pk).update(share=whole, moved_at=timezone.now())

    return tell


# ---- the preview ----


def _look(importing: Import, lease: Lease) -> None:
    """Read the whole file, lay its rows down, and count what is new; nothing is imported."""
    try:
        if not importing.sha256:
            importing.sha256 = _digest(importing.path)
        shape = shape_of(importing.path)
        manner = manner_of(shape, importing.zone, importing.decimals, importing.days)
        done = lay(
            importing.path, importing.staged, shape, manner, _progress(importing, lease, 0, 0.6)
        )
    except (BadFile, FileNotFoundError) as problem:
        reason = (
            str(problem) if isinstance(problem, BadFile) else "the upload is gone; send it again"
        )
        _move(importing, State.LOOKING, State.BAD, reason=reason[:600], share=1)
        return
    staged = Staged(importing.staged)
    contents = staged.contents()
    importing.layout = shape.layout.name
    importing.rows, importing.bad_rows, importing.problems = done.rows, done.bad_rows, done.problems
    importing.accounts = {
        name: importing.accounts.get(name) or naming.account_for(importing, name)
        for name in contents.accounts
    }
    if (account := importing.wish.get("account")) is not None and len(contents.accounts) == 1:
        importing.accounts = dict.fromkeys(contents.accounts, account)
    importing.seen = {
        "fills": sum(contents.accounts.values()), "by_account": contents.accounts, "repeated": done.repeated,
        "first": contents.first, "last": contents.last, "decimals": manner.decimals, "days": manner.days,
        "days_sure": shape.days_are_sure or bool(importing.days), "needs_zone": shape.needs_zone,
        "dates": sorted({one.day.isoformat() for one in staged.groups()}), "apart": _apart(importing, staged, shape),
    }  # fmt: skip
    _count(importing, _progress(importing, lease, 0.6, 1))
    found = ("sha256", "layout", "rows", "bad_rows", "problems", "accounts", "seen")
    _move(
        importing, State.LOOKING, State.READY, share=1,
        **{name: getattr(importing, name) for name in found},
    )  # fmt: skip


def _apart(importing: Import, staged: Staged, shape: Shape) -> dict[str, Any]:
    """Return how far the trade dates that the file tells are from those of its times, and in which zones they agree."""
    count, row, told, day = staged.apart()
    if not count:
        return {}
    own = getattr(importing.user, "time_zone", "")
    among = [one for one in dict.fromkeys((own, *ZONES)) if one and one != importing.zone]
    fitting = agreeing(staged.told_days(), importing.zone, among) if shape.needs_zone else []
    return {"fills": count, "row": row, "told": told, "day": day, "zones": fitting}


def choose_accounts(
    *, importing: Import, chosen: Mapping[str, int | None], apply: bool = False,
    only_good: bool = False, at_once: bool | None = None,
) -> None:  # fmt: skip
    """Say to which broker account each name in the file goes, None leaves its rows out, and have it counted anew.

    apply, only_good: whether it is imported as soon as it is counted

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
    taken = [one for one in accounts.values() if one is not None]
    if len(set(taken)) < len(taken):
        raise CannotImport(
            "accounts", "two accounts of the file cannot go to one of yours; leave one out"
        )
    importing.accounts = accounts
    wish = {"account": None, "apply": True, "only_good": only_good} if apply else {}
    if apply:
        _check(importing, only_good=only_good)
    _move(importing, State.READY, State.COUNTING, share=0, accounts=accounts, wish=wish, reason="")
    begin_work(importing, at_once=at_once)
    importing.refresh_from_db()


def _recount(importing: Import, lease: Lease) -> None:
    """Count anew where other accounts were chosen; the file is not read again."""
    if not importing.staged.exists():
        _move(importing, State.COUNTING, State.BAD, reason="the upload is gone; send it again")
        return
    _count(importing, _progress(importing, lease))
    _move(importing, State.COUNTING, State.READY, share=1, seen=importing.seen)


def _count(importing: Import, progress: Callable[[float], None]) -> None:
    """Count what each row would be."""
    counts: dict[str, int] = defaultdict(int)
    conflicts: list[str] = []
    staged = Staged(importing.staged)
    groups = staged.groups()
    accounts = _accounts(importing)
    for number, group in enumerate(groups, start=1):
        account = accounts.get(group.account)
        if account is None:
            counts["left_out"] += sum(1 for _ in staged.fills(group))
        else:
            for one in writing.plan(account, importing.layout, staged.fills(group)):
                assert one.said.verdict is not None
                counts["new" if one.said.verdict == "grows" else one.said.verdict.value] += 1
                if one.said.why and len(conflicts) < SHOWN_CONFLICTS:
                    conflicts.append(f"row {one.rows[0].row}: {one.said.why}")
        progress(number / len(groups))
    importing.seen = importing.seen | {
        "counts": dict(counts), "conflicts": conflicts, "elsewhere": naming.elsewhere(importing),
    }  # fmt: skip


def _accounts(importing: Import) -> dict[str, BrokerAccount]:
    own = broker_accounts(importing.user).in_bulk()
    return {name: own[pk] for name, pk in importing.accounts.items() if pk in own}


# ---- taking it over ----


def apply(*, importing: Import, only_good: bool = False, at_once: bool | None = None) -> None:
    """Import what the preview showed, chunk by chunk.

    Raises:  CannotImport  it has bad rows and nobody said to leave them out, or none of its accounts is chosen
    """
    _start(importing, only_good=only_good)
    begin_work(importing, at_once=at_once)
    importing.refresh_from_db()


def _check(importing: Import, *, only_good: bool) -> None:
    if importing.bad_rows and not only_good:
        raise CannotImport(
            "only_good",
            f"{importing.bad_rows:,} rows cannot be read; mend the file, or say that only the good rows count",
        )
    if not any(importing.accounts.values()):
        raise CannotImport("accounts", "say which of your broker accounts the file is of")


def _start(importing: Import, *, only_good: bool) -> None:
    _check(importing, only_good=only_good)
    moved = Import.objects.filter(pk=importing.pk, state=State.READY).update(
        state=State.APPLYING, share=0, only_good=only_good, wish={}, reason="",
        moved_at=timezone.now(),
    )  # fmt: skip
    if not moved:
        raise CannotImport("import", "it is not waiting to be imported")


def _apply(importing: Import, lease: Lease) -> None:
    """Write the rows, settle what rests on them, and only then call it done: a task that was killed does the rest again."""
    if not importing.staged.exists():
        _end_without_file(importing, lease)
        return
    staged, accounts = Staged(importing.staged), _accounts(importing)
    groups = [one for one in staged.groups() if one.account in accounts]
    progress = _progress(importing, lease)
    # what another worker had written before it died is not known here, so all of it is settled once more
    since = importing.seen.get("first") if importing.evidence.exists() else None
    portions = Portions()
    for number, group in enumerate(groups, start=1):
        account = accounts[group.account]
        portions.add(account, writing.write(importing, account, staged.fills(group)))
        progress(number / len(groups))
    portions.settle()
    _done(importing, lease, since=since)
    _forget_file(importing)


def _end_without_file(importing: Import, lease: Lease) -> None:
    """Keep what was imported before the upload was gone, as what it is: it can be undone. Nothing was: it is bad."""
    gone = "the upload was gone before all of it was imported; send it again: nothing is doubled"
    if importing.evidence.exists():
        _done(importing, lease, gone, since=importing.seen.get("first"))
    else:
        _move(importing, State.APPLYING, State.BAD, reason=gone)


def _done(importing: Import, lease: Lease, reason: str = "", *, since: int | None) -> None:
    lease.renew()
    _settle_all(importing, since)
    counts = _counted(importing) | {"repeated": importing.seen.get("repeated", 0)}
    _move(
        importing, State.APPLYING, State.DONE, share=1, counts=counts, reason=reason,
        done_at=timezone.now(),
    )  # fmt: skip


def _move(importing: Import, before: State, after: State, **fields: Any) -> None:
    """Say that a step is over, unless somebody else has said so."""
    Import.objects.filter(pk=importing.pk, state=before).update(
        state=after, moved_at=timezone.now(), **fields
    )


def _counted(importing: Import) -> dict[str, int]:
    states = importing.evidence.values_list("state", flat=True)
    return {str(state): states.filter(state=state).count() for state in ImportedRow.State}


def _forget_file(importing: Import) -> None:
    importing.path.unlink(missing_ok=True)
    importing.staged.unlink(missing_ok=True)


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
    _forget_file(importing)
    importing.delete()


# ---- undoing it ----


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


def _undo(importing: Import, lease: Lease) -> None:
    """Take the evidence back, settle what rested on it, and only then call it undone."""
    whole = max(1, importing.evidence.count())
    progress = _progress(importing, lease)
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
    _move(importing, State.UNDOING, State.UNDONE, share=1, undone_at=timezone.now())


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


# ---- rows that nobody but a person can settle ----


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
        importing.counts = importing.counts | _counted(importing)
        importing.save(update_fields=["counts", "moved_at"])
    settle([row.account], row.at_ns, [trade_date(row.at_ns)])


def settle(accounts: Iterable[BrokerAccount], since: int | None, touched: Iterable[date]) -> None:
    """Derive anew what rests on the fills of accounts from an instant on, and judge the days that a file touched."""
    dates = set(touched)
    for account in accounts:
        services.settle(account=account, since=since)
        day_ledger.judge_again(account, dates, to_instant(timezone.now()))


def left_over() -> list[int]:
    """Return imports that nobody works on although they wait for it: their worker died, or was never reached."""
    old = timezone.now() - timedelta(minutes=2)
    waiting = Import.objects.filter(
        Q(state__in=[State.LOOKING, State.COUNTING, State.APPLYING, State.UNDOING])
        | (Q(state=State.READY) & ~Q(wish={})),
        moved_at__lt=old,
    )
    return list(waiting.values_list("pk", flat=True))


def forget_uploads() -> int:
    """Delete files of uploads that nobody imported within a day, and return how many."""
    old = timezone.now() - timedelta(days=1)
    gone = 0
    over = [State.RECEIVING, State.READY, State.BAD]
    unwanted = Import.objects.filter(state__in=over, moved_at__lt=old)
    for importing in unwanted.filter(evidence=None):  # else the fills of a part would stay
        gone += importing.path.exists()
        _forget_file(importing)
        importing.delete()
    return gone
