"""What files tell of the fees of fills: it counts for each until the broker tells it, and goes with the last file that told it."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final

from apps.brokers.mirror import BY_FILE
from apps.brokers.models import BrokerFill
from apps.recorder.domain.ledger import fees_of_part
from apps.recorder.models import ImportedRow
from apps.recorder.store import chunks

_BROKERS_OWN: Final = "tradovate"  # a platform's commission is what its user has set there


def take_over(fills: Iterable[int]) -> list[BrokerFill]:
    """Give fills the fees that the rows which stand for them tell now; return those whose fees are others than before."""
    changed: list[BrokerFill] = []
    for some in chunks(sorted(set(fills))):
        rows = BrokerFill.objects.filter(pk__in=some)
        for fill in rows.prefetch_related("stood__evidence__stood__fill"):
            told = _told(fill)
            if fill.file_fees != told:
                fill.file_fees = told
                changed.append(fill)
    BrokerFill.objects.bulk_update(changed, ["file_fees"], batch_size=200)
    return changed


def _told(fill: BrokerFill) -> Decimal | None:
    """Return what the broker's own files tell; of a fill that is known from others alone, what those do."""
    families = defaultdict(list)
    for stood in fill.stood.all():
        families[stood.evidence.family].append(stood.evidence)
    own = families.pop(_BROKERS_OWN, [])
    others = [families[name] for name in sorted(families)]
    for rows in others if fill.source.startswith(BY_FILE) and not own else [own]:
        fees = _share(fill, rows)
        if fees is not None:
            return fees
    return None


def _share(fill: BrokerFill, rows: Sequence[ImportedRow]) -> Decimal | None:
    """Return a fill's part of what rows tell that stand for it, alone or with others; None: they do not tell it whole."""
    newest: dict[str, dict[str, ImportedRow]] = defaultdict(dict)
    for row in sorted(rows, key=lambda one: (one.fees is not None, one.importing_id)):
        newest[row.key][row.part] = row
    units = [parts if "" not in parts else {"": parts[""]} for parts in newest.values()]
    whole = [row for parts in units for row in parts.values()]
    fills = {one.fill_id: one.fill for row in whole for one in row.stood.all()}
    size = sum(row.quantity for row in whole)
    if not whole or size != sum(one.quantity for one in fills.values()):
        return None
    left = Decimal(0)
    for row in whole:
        if row.fees is None:
            return None
        left += row.fees
    for one in sorted(fills.values(), key=lambda each: (each.at_ns, each.remote)):
        part = fees_of_part(left, one.quantity, size)
        if one.pk == fill.pk:
            return part
        left, size = left - part, size - one.quantity
    return None
