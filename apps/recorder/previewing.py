"""The preview of a file of fills: read whole, laid down, and counted as what each row would be; nothing is imported."""

import hashlib
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from apps.brokers.models import BrokerAccount
from apps.bus.lease import Lease
from apps.recorder import naming, writing
from apps.recorder.import_life import State, move, progress_of
from apps.recorder.imports.reading import BadFile, Shape, manner_of, shape_of
from apps.recorder.imports.zones import ZONES, agreeing
from apps.recorder.models import Import
from apps.recorder.queries import broker_accounts
from apps.recorder.staging import Staged, lay

SHOWN_CONFLICTS: Final = 100


def look(importing: Import, lease: Lease) -> None:
    """Read the whole file, lay its rows down, and count what is new; nothing is imported."""
    try:
        if not importing.sha256:
            importing.sha256 = _digest(importing.path)
        shape = shape_of(importing.path)
        manner = manner_of(shape, importing.zone, importing.decimals, importing.days)
        done = lay(
            importing.path, importing.staged, shape, manner, progress_of(importing, lease, 0, 0.6)
        )
    except (BadFile, FileNotFoundError) as problem:
        reason = (
            str(problem) if isinstance(problem, BadFile) else "the upload is gone; send it again"
        )
        move(importing, State.LOOKING, State.BAD, reason=reason[:600], share=1)
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
        "dates": sorted({one.day.isoformat() for one in staged.groups()}),
    } | _doubted(importing, staged, shape)  # fmt: skip
    _count(importing, progress_of(importing, lease, 0.6, 1))
    found = ("sha256", "layout", "rows", "bad_rows", "problems", "accounts", "seen")
    move(
        importing, State.LOOKING, State.READY, share=1,
        **{name: getattr(importing, name) for name in found},
    )  # fmt: skip


def _doubted(importing: Import, staged: Staged, shape: Shape) -> dict[str, Any]:
    """Return what proves that the times run in another zone, and the zones in which nothing would.

    apart:  fills of another trade date than the file tells
    closed: fills at times at which the exchange is closed
    """
    count, row, told, day = staged.apart()
    pieces = staged.pieces()
    shut = [one for one in pieces if one.is_closed]
    if not count and not shut:
        return {"apart": {}, "closed": {}, "fitting": []}
    own = getattr(importing.user, "time_zone", "")
    among = [one for one in dict.fromkeys((own, *ZONES)) if one and one != importing.zone]
    told_days = staged.told_days()
    fitting = agreeing(told_days, pieces, importing.zone, among) if shape.needs_zone else []
    apart = {"fills": count, "row": row, "told": told, "day": day} if count else {}
    closed = {}
    if shut:
        first = shut[0].first
        closed = {
            "fills": sum(one.fills for one in shut), "row": staged.row_at(first), "at": first,
        }  # fmt: skip
    return {"apart": apart, "closed": closed, "fitting": fitting}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def recount(importing: Import, lease: Lease) -> None:
    """Count anew where other accounts were chosen; the file is not read again."""
    if not importing.staged.exists():
        move(importing, State.COUNTING, State.BAD, reason="the upload is gone; send it again")
        return
    _count(importing, progress_of(importing, lease))
    move(importing, State.COUNTING, State.READY, share=1, seen=importing.seen)


def _count(importing: Import, progress: Callable[[float], None]) -> None:
    """Count what each row would be."""
    counts: dict[str, int] = defaultdict(int)
    conflicts: list[str] = []
    staged = Staged(importing.staged)
    groups = staged.groups()
    accounts = accounts_of(importing)
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
        "strangers": naming.strangers(importing),
    }  # fmt: skip


def accounts_of(importing: Import) -> dict[str, BrokerAccount]:
    """Return the account of each name in the file that goes somewhere."""
    own = broker_accounts(importing.user).in_bulk()
    return {name: own[pk] for name, pk in importing.accounts.items() if pk in own}
