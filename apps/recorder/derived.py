"""What was derived from an account's fills, back into rows: positions and shares, only what is other than before."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

from apps.brokers.models import BrokerAccount
from apps.marketdata.domain.instrument import INSTRUMENTS
from apps.recorder.domain.deviations import deviations
from apps.recorder.domain.happenings import key_of
from apps.recorder.domain.ledger import MONEY, Part, Position
from apps.recorder.domain.matching import Attributed
from apps.recorder.domain.seen import Plan, product_of
from apps.recorder.models import RecordedFill, RecordedPosition
from apps.recorder.store import AT_ONCE, Loaded, chunks, marks

_AVERAGE: Final = Decimal("0.000000001")


@dataclass
class Difference:
    """What a derivation changed. `touched`: the keys of positions that are new or other than before."""

    touched: set[str] = field(default_factory=set)
    corrected: list[tuple[RecordedPosition, RecordedPosition | None]] = field(default_factory=list)
    shares: int = 0
    deviations: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Return whether everything was as it was."""
        return not (self.touched or self.corrected or self.shares)


_FIGURES: Final = (
    "sign", "size", "most", "entered", "exited", "entry", "exit", "cost", "realized", "fees",
    "fees_known", "stop", "risk", "status", "opened_ns", "closed_ns", "trade_date", "deviations",
)  # fmt: skip


def save(
    account: BrokerAccount, contract: str, loaded: Loaded, attributed: Sequence[Attributed],
    found: Sequence[Position],
) -> Difference:  # fmt: skip
    """Write what is other than before of a contract's positions and shares, and tell what that was."""
    difference = Difference()
    old = {
        row.key: row
        for row in RecordedPosition.objects.filter(
            account=account, contract=contract, opened_ns__gte=loaded.after
        )
    }
    old = {key: row for key, row in old.items() if _is_later(row, loaded)}
    new: list[RecordedPosition] = []
    changed: list[RecordedPosition] = []
    rows: dict[str, RecordedPosition] = {}
    for position in found:
        key = key_of(position, account.pk)
        before = old.pop(key, None)
        if before is not None and before.stop is not None:
            position.stop = before.stop
        row = _row(account, position, loaded)
        plan = loaded.known.plan(position.strategy, position.opened_by)
        if plan is not None:
            row.plan = plain_plan(plan)
            row.deviations = [asdict(one) for one in deviations(position, plan, loaded.known)]
        if before is None:
            new.append(row)
        elif any(getattr(before, name) != getattr(row, name) for name in _FIGURES):
            if before.closed_ns is not None and _is_correction(before, row):
                difference.corrected.append((before, row))
            row.pk, row.version = before.pk, before.version + 1
            if not _is_correction(before, row) and before.opened_ns == row.opened_ns:
                row.mfe, row.mae, row.looked_at = before.mfe, before.mae, before.looked_at
            changed.append(row)
        else:
            rows[key] = before
            continue
        rows[key] = row
        difference.touched.add(key)
        difference.deviations[key] = row.deviations
    difference.corrected += [(row, None) for row in old.values()]
    RecordedPosition.objects.filter(pk__in=[row.pk for row in old.values()]).delete()
    for row in sorted(changed, key=lambda one: one.closed_ns is None):
        row.save(force_update=True)
    RecordedPosition.objects.bulk_create(new, batch_size=AT_ONCE)
    difference.shares = _save_shares(account, loaded, attributed, found, rows)
    return difference


def plain_plan(plan: Plan) -> dict[str, Any]:
    """Return a plan as it is kept with a position."""
    return {
        name: f"{value:f}" if isinstance(value, Decimal) else value
        for name, value in asdict(plan).items()
    }


def _is_later(row: RecordedPosition, loaded: Loaded) -> bool:
    """Return whether a position was opened after the flat moment that the derivation began with."""
    remote = row.key.split(":", 2)[2]
    return row.opened_ns > loaded.after or any(one.remote == remote for one in loaded.rows.values())


def _is_correction(before: RecordedPosition, after: RecordedPosition) -> bool:
    names = ("sign", "entered", "exited", "entry", "exit", "closed_ns")
    return any(getattr(before, name) != getattr(after, name) for name in names)


def _row(account: BrokerAccount, position: Position, loaded: Loaded) -> RecordedPosition:
    root = product_of(position.contract)
    exit, last = position.exit, position.parts[-1].fill
    return RecordedPosition(
        user_id=account.user_id,
        key=key_of(position, account.pk),
        strategy_id=position.strategy,
        account=account,
        contract=position.contract,
        root=root if root in INSTRUMENTS else "",
        sign=position.sign,
        size=position.size,
        most=position.most,
        entered=position.entered,
        exited=position.exited,
        entry=position.entry.quantize(_AVERAGE, ROUND_HALF_EVEN),
        exit=None if exit is None else exit.quantize(_AVERAGE, ROUND_HALF_EVEN),
        cost=position.cost,
        realized=_money(position.realized),
        fees=position.fees.quantize(MONEY, ROUND_HALF_EVEN),
        fees_known=position.fees_known,
        stop=position.stop,
        risk=_money(position.risk),
        status=str(position.status),
        opened_ns=position.opened_by.at,
        closed_ns=position.closed_at,
        trade_date=loaded.rows[last.id].trade_date,
    )


def _money(amount: Decimal | None) -> Decimal | None:
    return None if amount is None else amount.quantize(MONEY, ROUND_HALF_EVEN)


def _save_shares(
    account: BrokerAccount, loaded: Loaded, attributed: Sequence[Attributed],
    found: Sequence[Position], rows: Mapping[str, RecordedPosition],
) -> int:  # fmt: skip
    did: dict[tuple[int, int], list[tuple[Position, Part]]] = {}
    for position in found:
        for part in position.parts:
            did.setdefault((part.fill.id, part.index), []).append((position, part))
    new: dict[int, list[RecordedFill]] = {pk: [] for pk in loaded.rows}
    for one in attributed:
        seen = marks(one.fill, loaded.known.orders.get(one.fill.order))
        for index, share in enumerate(one.shares):
            usual: dict[str, Any] = {
                "fill_id": one.fill.id, "strategy_id": share.strategy, "reason": str(share.reason),
                "candidates": list(share.candidates), "note": share.note[:200], "seen": seen,
                "flat_after": one.flat_after,
            }  # fmt: skip
            for row in _parts(did.get((one.fill.id, index), ()), rows, account, share.quantity):
                filled = RecordedFill(part=len(new[one.fill.id]), **usual, **row)
                new[one.fill.id].append(filled)
    old: dict[int, list[RecordedFill]] = {}
    for some in chunks(sorted(new)):
        for kept in RecordedFill.objects.filter(fill_id__in=some).order_by("fill_id", "part"):
            old.setdefault(kept.fill_id, []).append(kept)
    other = [
        pk
        for pk, shares in new.items()
        if list(map(_told, shares)) != list(map(_told, old.get(pk, ())))
    ]
    for some in chunks(other):
        RecordedFill.objects.filter(fill_id__in=some).delete()
    RecordedFill.objects.bulk_create(
        [share for pk in other for share in new[pk]], batch_size=AT_ONCE
    )
    return len(other)


def _parts(
    did: Sequence[tuple[Position, Part]], rows: Mapping[str, RecordedPosition],
    account: BrokerAccount, quantity: int,
) -> Iterable[dict[str, Any]]:  # fmt: skip
    if not did:
        yield {"quantity": quantity}
    for position, part in did:
        yield {
            "position": rows[key_of(position, account.pk)],
            "quantity": part.quantity,
            "opens": part.opens,
            "realized": _money(part.realized),
            "fees": _money(part.fees),
        }


def _told(share: RecordedFill) -> tuple[Any, ...]:
    return (
        share.part, share.strategy_id, share.position_id, share.quantity, share.opens,
        share.realized, share.fees, share.reason, share.candidates, share.note, share.seen,
        share.flat_after,
    )  # fmt: skip
