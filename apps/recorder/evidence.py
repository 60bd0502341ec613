"""What evidence does to fills after they were written: it is taken back, settled by a person, or confirmed by the broker."""

from collections import defaultdict
from collections.abc import Sequence

from django.db import transaction
from django.db.models import Exists, OuterRef

from apps.brokers.mirror import BY_FILE
from apps.brokers.models import BrokerAccount, BrokerFill
from apps.bus import bus
from apps.marketdata.domain.calendar import trade_date
from apps.recorder import file_fees
from apps.recorder.brief import brief
from apps.recorder.imports.matching import Said, Verdict, match
from apps.recorder.models import ImportedRow, Stood
from apps.recorder.writing import had_of, size_of, tell


def take_back(rows: Sequence[ImportedRow]) -> None:
    """Delete evidence, the fills of files that nothing else stands for, and the fees that only it told, in one short transaction."""
    with brief():
        pks = [row.pk for row in rows]
        stood = Stood.objects.filter(evidence__in=pks).values("fill")
        touched = list(BrokerFill.objects.filter(pk__in=stood).select_related("account"))
        ImportedRow.objects.filter(pk__in=pks).delete()
        _remake([fill for fill in touched if fill.source.startswith(BY_FILE)])
        file_fees.take_over(fill.pk for fill in touched)


def _remake(fills: Sequence[BrokerFill]) -> None:
    """Give fills of files the contracts that their evidence tells; without any they go."""
    told = defaultdict(list)
    for stood in Stood.objects.filter(fill__in=fills).select_related("evidence"):
        told[stood.fill_id].append(stood.evidence)
    changed = defaultdict(list)
    for fill in fills:
        rows = told[fill.pk]
        if not rows:
            fill.is_active = False
            changed[fill.account].append(fill)
            continue
        named = {row.part: row.quantity for row in rows if row.name and row.name == fill.remote}
        if named and size_of(named) != fill.quantity:
            fill.quantity = size_of(named)
            fill.save(update_fields=["quantity"])
            changed[fill.account].append(fill)
    for account, some in changed.items():
        _tell(account, some)
    gone = [fill.pk for some in changed.values() for fill in some if not fill.is_active]
    BrokerFill.objects.filter(pk__in=gone).delete()


def _tell(account: BrokerAccount, fills: Sequence[BrokerFill]) -> None:
    told = tell(account, fills)
    transaction.on_commit(lambda: bus.tell(told))


# ---- settled by a person ----


def settle(row: ImportedRow, *, is_another: bool) -> list[int] | None:
    """Import a row in conflict as a fill of its own, or leave it out, and with it every row that tells the same fill.

    Returns the imports whose rows were settled; None: its number is taken.
    """
    with transaction.atomic():
        account = BrokerAccount.objects.select_for_update(no_key=True).get(pk=row.account_id)
        same = ImportedRow.objects.filter(account=account, family=row.family, key=row.key)
        waiting = list(same.filter(state=ImportedRow.State.CONFLICT))
        kept = list(BrokerFill.objects.filter(stood__evidence__in=waiting).distinct())
        done = _as_another(row, waiting, kept) if is_another else _left_out(row, waiting, kept)
        return sorted({one.importing_id for one in waiting}) if done else None


def _left_out(row: ImportedRow, waiting: Sequence[ImportedRow], kept: Sequence[BrokerFill]) -> bool:
    pks = [one.pk for one in waiting]
    Stood.objects.filter(evidence__in=pks).delete()
    ImportedRow.objects.filter(pk__in=pks).update(state=ImportedRow.State.LEFT_OUT, by_hand=True)
    for fill in kept:
        fill.is_active = False
        _tell(row.account, [fill])
        fill.delete()
    return True


def _as_another(
    row: ImportedRow, waiting: Sequence[ImportedRow], kept: Sequence[BrokerFill]
) -> bool:
    remote = row.name or f"{row.family}:{row.key}"[:120]
    if not kept and BrokerFill.objects.filter(account=row.account, remote=remote).exists():
        return False
    fill = kept[0] if kept else _fill_of(row, remote)
    if not kept:
        fill.quantity = size_of({one.part: one.quantity for one in waiting})
    fill.is_active = True
    fill.save()
    for one in waiting:
        # the same row of another file is known by it
        mine = one.importing_id == row.importing_id
        one.state = ImportedRow.State.NEW if mine else ImportedRow.State.KNOWN
        one.by_hand = True
        one.save(update_fields=["state", "by_hand"])
        Stood.objects.get_or_create(evidence=one, fill=fill)
    file_fees.take_over([fill.pk])
    _tell(row.account, [fill])
    return True


def _fill_of(row: ImportedRow, remote: str) -> BrokerFill:
    return BrokerFill(
        user_id=row.account.user_id, account=row.account, remote=remote, order=row.order, contract=row.contract,
        side=row.side, quantity=row.quantity, price=row.price, at_ns=row.at_ns,
        trade_date=trade_date(row.at_ns), source=f"{BY_FILE}{row.importing.layout}",
    )  # fmt: skip


# ---- confirmed by the broker ----


def reconcile(account: BrokerAccount) -> int | None:
    """Let fills that the broker told since take the place of those that only a file told.

    Returns the time of the earliest fill that changed by it, ns UTC, None if none did.

    What fits takes over the evidence, and the file's fill goes. What contradicts stays, switched off, as a row to settle:
    for a moment too few is mended by a look, twice is money that never was.
    """
    same_day = BrokerFill.objects.filter(
        account=account, contract=OuterRef("contract"), trade_date=OuterRef("trade_date")
    ).exclude(source__startswith=BY_FILE)
    by_file = BrokerFill.objects.filter(
        Exists(same_day), account=account, source__startswith=BY_FILE
    )
    days = defaultdict(list)
    for fill in by_file.exclude(stood__evidence__by_hand=True).prefetch_related("stood__evidence"):
        days[fill.contract, fill.trade_date].append(fill)
    changed: list[int] = []
    for (contract, day), fills in days.items():
        told = list(
            BrokerFill.objects.filter(account=account, contract=contract, trade_date=day)
            .exclude(source__startswith=BY_FILE)
            .prefetch_related("stood__evidence")
        )
        if told:
            changed += _reconcile_day(account, fills, told)
    return min(changed, default=None)


def _reconcile_day(
    account: BrokerAccount, fills: list[BrokerFill], told: list[BrokerFill]
) -> list[int]:
    by_family = defaultdict(list)
    for fill in fills:
        evidence = [one.evidence for one in fill.stood.all()]
        numbered = account.connection.broker == "tradovate" and any(
            row.family == "tradovate" for row in evidence
        )
        if evidence and not numbered:
            by_family[evidence[0].family].append((fill, evidence))
    changed = []
    for family, some in by_family.items():
        rows = [_said(fill, evidence) for fill, evidence in some]
        match(rows, [had_of(one, family, has_numbers=False) for one in told], {})
        with transaction.atomic():
            for row, (fill, evidence) in zip(rows, some, strict=True):
                if _follow(account, row, fill, evidence):
                    changed.append(fill.at_ns)
    return changed


def _said(fill: BrokerFill, evidence: Sequence[ImportedRow]) -> Said:
    had = had_of(fill, "", has_numbers=False)
    return Said(
        key=str(fill.pk), side=had.side, quantity=had.quantity, price=had.price, at=had.at,
        grain=max(row.grain_ns for row in evidence), order=had.order, average=had.average,
    )  # fmt: skip


def _follow(
    account: BrokerAccount, row: Said, fill: BrokerFill, evidence: Sequence[ImportedRow]
) -> bool:
    pks = [one.pk for one in evidence]
    if row.verdict is Verdict.KNOWN:
        Stood.objects.bulk_create(
            [Stood(evidence_id=pk, fill_id=of) for pk in pks for of in row.of],
            ignore_conflicts=True,
        )
        ImportedRow.objects.filter(pk__in=pks).update(state=ImportedRow.State.KNOWN, why="")
        fill.is_active = False
        _tell(account, [fill])
        fill.delete()
        file_fees.take_over(row.of)
        return True
    holds_back = row.verdict is Verdict.CONFLICT
    if holds_back == fill.is_active:
        fill.is_active = not holds_back
        fill.save(update_fields=["is_active"])
        state = ImportedRow.State.CONFLICT if holds_back else ImportedRow.State.NEW
        ImportedRow.objects.filter(pk__in=pks).update(state=state, why=row.why[:300])
        _tell(account, [fill])
        return True
    return False
