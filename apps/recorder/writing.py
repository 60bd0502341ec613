"""Rows of a file against the fills that the desk has: what is new is written, once, with the evidence for it."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from django.db import transaction
from django.db.models import Count, Max, Q, Sum

from apps.brokers.domain.order import Side
from apps.brokers.domain.told import BrokerFillSeen
from apps.brokers.mirror import BY_FILE
from apps.brokers.models import BrokerAccount, BrokerFill
from apps.bus import bus
from apps.bus.domain.message import HOUR
from apps.bus.models import FactRow
from apps.marketdata.domain.calendar import trade_date
from apps.recorder import file_fees
from apps.recorder.brief import ROWS, brief
from apps.recorder.imports.layouts import LAYOUTS
from apps.recorder.imports.matching import ZONES_APART, Had, Said, Verdict, match
from apps.recorder.imports.row import FileFill
from apps.recorder.models import Import, ImportedRow, Stood
from apps.recorder.store import chunks

_REACH: Final = (ZONES_APART + 1) * HOUR
_AVERAGES: Final = frozenset({f"{BY_FILE}tradovate-orders", f"{BY_FILE}topstepx-trades"})
_STATES: Final = {
    Verdict.NEW: ImportedRow.State.NEW,
    Verdict.GROWS: ImportedRow.State.NEW,
    Verdict.KNOWN: ImportedRow.State.KNOWN,
    Verdict.CONFLICT: ImportedRow.State.CONFLICT,
}


@dataclass(slots=True)
class Planned:
    """A fill as the file tells it, with its verdict, and the rows that tell it. `by_hand`: a person left it out before."""

    said: Said
    rows: tuple[FileFill, ...]
    by_hand: bool = False


# ---- what is known ----


def plan(account: BrokerAccount, layout: str, fills: Iterable[FileFill]) -> list[Planned]:
    """Return what each fill of one contract and day of a file is. Reads, and writes nothing."""
    by_key: dict[str, list[FileFill]] = defaultdict(list)
    for one in fills:
        by_key[one.key].append(one)
    if not by_key:
        return []
    family = LAYOUTS[layout].family
    told = _told_before(account, family, list(by_key))
    planned = [_said(rows, told.get(key, [])) for key, rows in by_key.items()]
    every = [one for rows in by_key.values() for one in rows]
    evidence = {
        key: sorted({fill for row in rows for fill in row.of}) for key, rows in told.items()
    }
    had = _had(account, family, every, {fill for fills in evidence.values() for fill in fills})
    left_out = {key for key, rows in told.items() if any(row.is_left_out for row in rows)}
    before = {
        key: max((row.quantity, row.price) for row in rows)
        for key, rows in told.items()
        if not any(row.part for row in rows)
    }
    match([one.said for one in planned], had, evidence, left_out, before)
    for each in planned:
        each.by_hand = each.said.key in left_out
    return planned


@dataclass(frozen=True, slots=True)
class _Told:
    """A row of the same family that was read before."""

    part: str
    quantity: int
    price: Decimal
    of: tuple[int, ...]
    is_left_out: bool


def _told_before(account: BrokerAccount, family: str, keys: list[str]) -> dict[str, list[_Told]]:
    found: dict[str, list[_Told]] = defaultdict(list)
    for some in chunks(keys):
        rows = ImportedRow.objects.filter(account=account, family=family, key__in=some)
        # a conflict without a fill was never decided, so it is looked at again
        rows = rows.exclude(state=ImportedRow.State.CONFLICT, stood=None).prefetch_related("stood")
        for row in rows:
            fills = tuple(one.fill_id for one in row.stood.all())
            is_left_out = row.by_hand and not fills
            found[row.key].append(_Told(row.part, row.quantity, row.price, fills, is_left_out))
    return found


def _said(rows: Sequence[FileFill], before: Sequence[_Told]) -> Planned:
    first = rows[0]
    parts = {one.part: one.quantity for one in before} | {one.part: one.quantity for one in rows}
    said = Said(
        key=first.key, side=first.side, quantity=size_of(parts), price=first.price, at=first.at,
        grain=first.grain, name=first.name, order=first.order, average=first.average, is_part="" not in parts,
    )  # fmt: skip
    return Planned(said, tuple(rows))


def size_of(parts: dict[str, int]) -> int:
    """Return how many contracts a fill has by its rows: by the row that tells all of it, else by its pairs together."""
    return parts[""] if "" in parts else sum(parts.values())


def _had(
    account: BrokerAccount, family: str, rows: Sequence[FileFill], also: set[int]
) -> list[Had]:
    """Return the fills that rows of one contract could be, by time, by number and by evidence."""
    first, last = min(one.at for one in rows), max(one.at for one in rows)
    near = Q(contract=rows[0].contract, at_ns__gte=first - _REACH, at_ns__lte=last + _REACH)
    found: dict[int, BrokerFill] = {}
    kept = BrokerFill.objects.filter(account=account).prefetch_related("stood__evidence")
    questions = [near]
    questions += [Q(remote__in=some) for some in chunks([one.name for one in rows if one.name])]
    questions += [Q(pk__in=some) for some in chunks(sorted(also))]
    for question in questions:
        found |= {fill.pk: fill for fill in kept.filter(question)}
    numbers = family == "tradovate" and account.connection.broker == "tradovate"
    return [had_of(fill, family, has_numbers=numbers) for fill in found.values()]


def had_of(fill: BrokerFill, family: str, *, has_numbers: bool) -> Had:
    """Return a kept fill as the matching sees it."""
    evidence = [one.evidence for one in fill.stood.all()]
    by_file = fill.source.startswith(BY_FILE)
    told = any(one.family == family for one in evidence)
    return Had(
        fill.pk, fill.remote, Side(fill.side), fill.quantity, fill.price.normalize(), fill.at_ns, fill.order,
        average=fill.source in _AVERAGES,
        free=not told and not (has_numbers and not by_file),
        is_partial=by_file and bool(evidence) and all(one.part for one in evidence),
    )  # fmt: skip


# ---- writing ----


def write(importing: Import, account: BrokerAccount, fills: Iterable[FileFill]) -> list[int]:
    """Take over one contract and day of a file, in short transactions; doing it again changes nothing.

    What the desk has already comes first, in one: rows and fills that were matched together are kept together. New fills
    follow a few at a time; one that was cut off is new the next time, too. Planning takes longest and holds no lock: if
    the account's fills are others by then, it is done once more.

    Returns the times of the fills that are new, grew, or have other fees by it, ns UTC.
    """
    rows, changed = list(fills), list[int]()
    while rows:
        before = _state(account, rows)
        planned = plan(account, importing.layout, rows)
        new = [one for one in planned if one.said.verdict is Verdict.NEW]
        others = [one for one in planned if one.said.verdict is not Verdict.NEW]
        portions = [others] if others else []
        portions += [new[at : at + ROWS] for at in range(0, len(new), ROWS)]
        for portion in portions:
            with brief():
                account = BrokerAccount.objects.select_for_update(no_key=True).get(pk=account.pk)
                if _state(account, rows) != before:
                    break
                changed += _write(importing, account, portion)
                before = _state(account, rows)
        else:
            break
    return changed


def _write(importing: Import, account: BrokerAccount, planned: list[Planned]) -> list[int]:
    made = _make(importing, account, [one for one in planned if one.said.verdict is Verdict.NEW])
    grown = _grow([one for one in planned if one.said.verdict is Verdict.GROWS])
    _keep_evidence(importing, account, planned, made)
    changed = [*made.values(), *grown]
    told = tell(account, changed)
    transaction.on_commit(lambda: bus.tell(told))
    known = [of for one in planned if one.said.key not in made for of in one.said.of]
    return [one.at_ns for one in (*changed, *file_fees.take_over(known))]


def _state(account: BrokerAccount, rows: Sequence[FileFill]) -> tuple[Any, ...]:
    """Return what a plan for these rows rests on, in short: it changes with every fill of that contract and time."""
    first, last = min(one.at for one in rows), max(one.at for one in rows)
    near = BrokerFill.objects.filter(
        account=account,
        contract=rows[0].contract,
        at_ns__gte=first - _REACH,
        at_ns__lte=last + _REACH,
    )
    fills = near.aggregate(
        many=Count("pk"), last=Max("pk"), size=Sum("quantity"), versions=Sum("version"),
        active=Count("pk", filter=Q(is_active=True)),
    )  # fmt: skip
    return tuple(fills.values())


def _make(
    importing: Import, account: BrokerAccount, planned: list[Planned]
) -> dict[str, BrokerFill]:
    family = LAYOUTS[importing.layout].family
    rows = [
        BrokerFill(
            user_id=account.user_id, account=account, remote=one.said.name or f"{family}:{one.said.key}"[:120],
            order=one.said.order, contract=one.rows[0].contract, side=one.said.side, quantity=one.said.quantity,
            price=one.said.price, file_fees=_fees(one.rows), at_ns=one.said.at, trade_date=trade_date(one.said.at),
            source=f"{BY_FILE}{importing.layout}",
        )
        for one in planned
    ]  # fmt: skip
    BrokerFill.objects.bulk_create(rows, batch_size=500)
    return {one.said.key: row for one, row in zip(planned, rows, strict=True)}


def _fees(rows: Sequence[FileFill]) -> Any:
    known = [one.fees for one in rows if one.fees is not None]
    return sum(known) if len(known) == len(rows) else None


def _grow(planned: list[Planned]) -> list[BrokerFill]:
    grown = []
    for one in planned:
        fill = BrokerFill.objects.get(pk=one.said.of[0])
        fill.quantity = one.said.quantity
        fill.save(update_fields=["quantity"])
        grown.append(fill)
    return grown


def _keep_evidence(
    importing: Import, account: BrokerAccount, planned: list[Planned], made: dict[str, BrokerFill]
) -> None:
    family = LAYOUTS[importing.layout].family
    there = {
        (one.key, one.part): one
        for some in chunks([one.said.key for one in planned])
        for one in ImportedRow.objects.filter(
            importing=importing, account=account, family=family, key__in=some
        )
    }
    rows: list[ImportedRow] = []
    stood: list[tuple[ImportedRow, int]] = []
    for one in planned:
        assert one.said.verdict is not None
        of = [made[one.said.key].pk] if one.said.key in made else one.said.of
        for row in one.rows:
            if (row.key, row.part) in there:
                continue
            evidence = ImportedRow(
                importing=importing, account=account, family=family, key=row.key, part=row.part,
                state=_STATES[one.said.verdict], row=row.row, contract=row.contract, side=row.side,
                quantity=row.quantity, price=row.price, at_ns=row.at, grain_ns=row.grain, order=row.order,
                name=row.name, average=row.average, fees=row.fees, why=one.said.why[:300],
                by_hand=one.by_hand,
            )  # fmt: skip
            rows.append(evidence)
            stood.extend((evidence, fill) for fill in of)
    ImportedRow.objects.bulk_create(rows, batch_size=500)
    Stood.objects.bulk_create(
        [Stood(evidence=evidence, fill_id=fill) for evidence, fill in stood], batch_size=500
    )


def tell(account: BrokerAccount, fills: Sequence[BrokerFill]) -> list[FactRow]:
    """Keep a fact of each fill as it is now, in the running transaction; the caller tells them after its commit.

    A version that was told before, of a fill that was undone and imported again, is followed by the next free one.
    """
    known: set[str] = set()
    for some in chunks([_fact(account, fill).key for fill in fills]):
        known.update(FactRow.objects.filter(key__in=some).values_list("key", flat=True))
    for fill in fills:
        if _fact(account, fill).key in known:
            start = f"{BrokerFillSeen.name}:{account.pk}:{fill.remote}:"
            fill.version = FactRow.objects.filter(key__startswith=start).count() + 1
            BrokerFill.objects.filter(pk=fill.pk).update(version=fill.version)
    return bus.record_facts([_fact(account, fill) for fill in fills])


def _fact(account: BrokerAccount, fill: BrokerFill) -> BrokerFillSeen:
    return BrokerFillSeen(
        at=fill.at_ns, user=account.user_id, account=account.pk, fill=fill.pk, remote=fill.remote,
        contract=fill.contract, side=fill.side, quantity=fill.quantity, price=fill.price,
        trade_date=fill.trade_date, is_active=fill.is_active, version=fill.version,
    )  # fmt: skip
