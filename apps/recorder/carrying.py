"""Fills of one account carried into another that is the same at the broker, so that none is lost and none counts twice.

A day of a contract that the other account knows nothing of is moved as it stands. Where it knows something, the rows of the
files are imported into it once more, one after the other as they were: the same law as if they came only now decides what is
new and what is known. What a person has said of a row or of a fill stays said.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Final, NamedTuple

from django.utils import timezone

from apps.brokers.domain.order import Side
from apps.brokers.models import BrokerAccount, BrokerFill
from apps.bus.domain.message import HOUR
from apps.marketdata.domain.calendar import trade_date
from apps.recorder import writing
from apps.recorder.imports.matching import ZONES_APART
from apps.recorder.imports.row import FileFill
from apps.recorder.models import Assignment, ImportedRow, Stood
from apps.recorder.store import chunks

_REACH: Final = (ZONES_APART + 1) * HOUR  # how far apart two rows may be that are one


class Group(NamedTuple):
    """A contract and a trade date."""

    contract: str
    day: date


@dataclass(slots=True)
class Carried:
    """What carrying came to.

    fills:  that were there; first: the time of the first that was imported once more, ns UTC
    days:   of what was imported once more; asked_again: decisions about fills that are other fills now
    """

    fills: int = 0
    first: int | None = None
    days: set[date] = field(default_factory=set)
    asked_again: list[BrokerFill] = field(default_factory=list)


def carry(source: BrokerAccount, target: BrokerAccount) -> Carried:
    """Carry everything that files told of one account into another; inside the caller's transaction."""
    fills = list(
        BrokerFill.objects.filter(account=source).only(
            "pk", "remote", "contract", "trade_date", "at_ns"
        )
    )
    rows = list(
        ImportedRow.objects.filter(account=source)
        .select_related("importing")
        .prefetch_related("stood")
        .order_by("importing_id", "at_ns", "row", "pk")
    )
    carried = Carried(fills=len(fills))
    met = _met(fills, rows, target)
    _move(fills, rows, target, met)
    again = [row for row in rows if _of_row(row) in met]
    if again or met:
        carried.days = {one.day for one in met}
        times = [row.at_ns for row in again] + [one.at_ns for one in fills if _of_fill(one) in met]
        carried.first = min(times)
        _import_again(source, target, again, carried)
    return carried


# ---- what the other account knows nothing of ----


def _of_fill(fill: BrokerFill) -> Group:
    return Group(fill.contract, fill.trade_date)


def _of_row(row: ImportedRow) -> Group:
    return Group(row.contract, _day(row.at_ns))


@lru_cache(maxsize=100_000)
def _day(at: int) -> date:
    return trade_date(at)  # asked for several times a row, and the zone makes it dear


def _met(
    fills: Sequence[BrokerFill], rows: Sequence[ImportedRow], target: BrokerAccount
) -> set[Group]:
    """Return the days of contracts of which the other account knows something too, with all that hangs together with them."""
    times: dict[str, list[int]] = defaultdict(list)
    for known in (
        BrokerFill.objects.filter(account=target).order_by(),
        ImportedRow.objects.filter(account=target).order_by(),
    ):
        for contract, at in known.values_list("contract", "at_ns"):
            times[contract].append(at)
    for some in times.values():
        some.sort()
    names = _there(BrokerFill, "remote", {one.remote for one in fills}, target)
    keys = _there(ImportedRow, "key", {one.key for one in rows}, target)
    met = {
        _of_fill(one)
        for one in fills
        if one.remote in names or _is_near(times[one.contract], one.at_ns)
    } | {
        _of_row(one) for one in rows if one.key in keys or _is_near(times[one.contract], one.at_ns)
    }
    by_id = {one.pk: _of_fill(one) for one in fills}
    ties = [
        {_of_row(row), *(by_id[one.fill_id] for one in row.stood.all() if one.fill_id in by_id)}
        for row in rows
    ]
    size = -1
    while size != len(met):  # a row near midnight and its fill may be of two days
        size = len(met)
        met.update(group for tie in ties if tie & met for group in tie)
    return met


def _there(
    model: type[BrokerFill] | type[ImportedRow], name: str, wanted: set[str], target: BrokerAccount
) -> set[str]:
    found: set[str] = set()
    for some in chunks(sorted(wanted)):
        kept = model._default_manager.filter(account=target, **{f"{name}__in": some})
        found.update(kept.order_by().values_list(name, flat=True))
    return found


def _is_near(times: Sequence[int], at: int) -> bool:
    place = bisect_left(times, at - _REACH)
    return place < len(times) and times[place] <= at + _REACH


def _move(
    fills: Sequence[BrokerFill], rows: Sequence[ImportedRow], target: BrokerAccount, met: set[Group]
) -> None:
    """Move what the other account knows nothing of, with whose it is and who said so."""
    for some in chunks([one.pk for one in fills if _of_fill(one) not in met]):
        BrokerFill.objects.filter(pk__in=some).update(account=target)
    for some in chunks([one.pk for one in rows if _of_row(one) not in met]):
        ImportedRow.objects.filter(pk__in=some).update(account=target)


# ---- what both know of ----


def _import_again(
    source: BrokerAccount, target: BrokerAccount, rows: Sequence[ImportedRow], carried: Carried
) -> None:
    """Import rows into the other account as if they came now; what is left of the first account is theirs, and goes.

    One import after the other, and what a person said of its rows after them: what came later was compared with it.
    """
    imports: dict[int, list[ImportedRow]] = defaultdict(list)
    for row in rows:
        imports[row.importing_id].append(row)
    done: list[int] = []
    for some in imports.values():
        said = [row for row in some if row.by_hand and _may_stay_said(row, target)]
        kept = {row.pk for row in said}
        groups: dict[Group, list[FileFill]] = defaultdict(list)
        for row in some:
            if row.pk not in kept:
                groups[_of_row(row)].append(_as_told(row))
                done.append(row.pk)
        for fills in groups.values():
            writing.write(some[0].importing, target, fills)
        for row in said:
            BrokerFill.objects.filter(stood__evidence=row).update(account=target)
            ImportedRow.objects.filter(pk=row.pk).update(account=target)
    _carry_decisions(source, target, carried)
    for part in chunks(done):
        ImportedRow.objects.filter(pk__in=part).delete()
    left = BrokerFill.objects.filter(account=source)
    left.filter(stood=None).delete()
    left.update(account=target)  # none is: what somebody still vouches for is not thrown away


def _may_stay_said(row: ImportedRow, target: BrokerAccount) -> bool:
    """Return whether what a person said of a row can stand beside what the other account knows."""
    same = ImportedRow.objects.filter(
        importing=row.importing_id, account=target, family=row.family, key=row.key, part=row.part
    )
    mine = BrokerFill.objects.filter(stood__evidence=row).exclude(account=target)
    taken = BrokerFill.objects.filter(account=target, remote__in=mine.values("remote"))
    return not same.exists() and not taken.exists()


def _as_told(row: ImportedRow) -> FileFill:
    """Return a row as its file told it."""
    return FileFill(
        row=row.row, account="", contract=row.contract, side=Side(row.side), quantity=row.quantity,
        price=row.price.normalize(), at=row.at_ns, grain=row.grain_ns, key=row.key, name=row.name, part=row.part,
        order=row.order, fees=row.fees, average=row.average,
    )  # fmt: skip


def _carry_decisions(source: BrokerAccount, target: BrokerAccount, carried: Carried) -> None:
    """Let what people decided of a fill hold for the fills that stand for it now."""
    decided = Assignment.objects.filter(fill__account=source).select_related("fill").order_by("pk")
    for one in decided:
        now = _now(one.fill, target)
        if now:
            _carry_decision(one, now, carried)


def _now(fill: BrokerFill, target: BrokerAccount) -> list[BrokerFill]:
    """Return the fills of the other account that the same rows stand for."""
    found: dict[int, BrokerFill] = {}
    for row in ImportedRow.objects.filter(stood__fill=fill):
        same = Stood.objects.filter(
            evidence__account=target, evidence__importing=row.importing_id,
            evidence__family=row.family, evidence__key=row.key, evidence__part=row.part,
        )  # fmt: skip
        found |= {one.fill_id: one.fill for one in same.select_related("fill")}
    return sorted(found.values(), key=lambda one: (one.at_ns, one.pk))


def _carry_decision(one: Assignment, now: Sequence[BrokerFill], carried: Carried) -> None:
    old = one.fill
    one.fill = now[0]
    if one.undone_at is None:
        whole = sum(fill.quantity for fill in now) == old.quantity
        is_fit = whole and (len(now) == 1 or len(one.shares) == 1)
        held = _held(now)
        if not is_fit or held:
            one.undone_at = timezone.now()
            carried.asked_again += [] if held else [now[0]]
        else:
            whose = one.shares[0][0]
            for fill in now if len(now) > 1 else ():
                if fill.pk != now[0].pk:
                    Assignment.objects.create(
                        user_id=one.user_id, fill=fill, shares=[[whose, fill.quantity]],
                        made_by=one.made_by,
                    )  # fmt: skip
            if len(now) > 1:
                one.shares = [[whose, now[0].quantity]]
    one.save()


def _held(fills: Iterable[BrokerFill]) -> bool:
    """Return whether somebody has decided of these fills already."""
    return Assignment.objects.filter(fill__in=list(fills), undone_at__isnull=True).exists()
