"""Positions that were recorded before the desk said what was traded otherwise: judged once, some at a time.

They are known by their missing plan. Each is put together again from its own shares, which takes no more than they are, so
that a table of any size is gone through without holding up anybody; what it was judged by is kept with it as with any other.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Final

import structlog
from django.db.models import Exists, OuterRef, QuerySet

from apps.brokers.models import BrokerAccount
from apps.recorder import derived, store
from apps.recorder.brief import ROWS, brief
from apps.recorder.domain.deviations import deviations
from apps.recorder.domain.ledger import Position, positions
from apps.recorder.domain.matching import Attributed, Share
from apps.recorder.domain.seen import Known
from apps.recorder.domain.terms import Reason
from apps.recorder.models import RecordedFill, RecordedPosition, RecordingSpan
from apps.recorder.services import Judged, note_deviations

PORTION: Final = 500  # positions a minute: some seconds, in transactions of 50

log = structlog.get_logger(__name__)


def waiting() -> QuerySet[RecordedPosition]:
    """Return the positions that were never judged, of strategies whose recorders say by what; the newest first."""
    spans = RecordingSpan.objects.filter(
        account=OuterRef("account"), recorder__strategy=OuterRef("strategy")
    )
    return RecordedPosition.objects.filter(Exists(spans), plan={}).order_by("-opened_ns", "-id")


def catch_up(*, limit: int = PORTION) -> int:
    """Judge some of the positions that an older version left, and return how many; again later for the rest."""
    rows = list(waiting()[:limit])
    by_account: dict[int, list[RecordedPosition]] = defaultdict(list)
    for row in rows:
        by_account[row.account_id].append(row)
    judged = 0
    for account in BrokerAccount.objects.filter(pk__in=by_account).order_by("pk"):
        mine, known = by_account[account.pk], store.known_of(account)
        for start in range(0, len(mine), ROWS):
            judged += _judge(account, mine[start : start + ROWS], known)
    if rows:
        log.info("recorder.deviations_caught_up", judged=judged, left=waiting().count())
    return judged


def _judge(account: BrokerAccount, rows: Sequence[RecordedPosition], known: Known) -> int:
    """Judge a few positions of one account in one short transaction; one that was derived meanwhile is judged already."""
    shares: dict[int, list[RecordedFill]] = defaultdict(list)
    asked = RecordedFill.objects.filter(position__in=[row.pk for row in rows])
    for share in asked.select_related("fill"):
        shares[int(share.position_id or 0)].append(share)
    fills = [store.to_fill(share.fill) for some in shares.values() for share in some]
    known = replace(known, orders=store.orders_of(account, fills))
    found: list[Judged] = []
    with brief():
        for row in rows:
            plan = known.plans[row.strategy_id]
            again = _again(row, shares[row.pk], known)
            said = [asdict(one) for one in deviations(again, plan, known)] if again else []
            same = RecordedPosition.objects.filter(pk=row.pk, version=row.version, plan={})
            if same.update(plan=derived.plain_plan(plan), deviations=said):
                found.append(Judged(row.strategy_id, row.contract, said))
        note_deviations(account, found)
    return len(found)


def _again(row: RecordedPosition, shares: Sequence[RecordedFill], known: Known) -> Position | None:
    """Return a position as the ledger had it, from its own shares; None: it has none that make it."""
    whole: list[Attributed] = []
    for share in sorted(shares, key=lambda one: (store.to_fill(one.fill).place, one.part)):
        fill = replace(store.to_fill(share.fill), quantity=share.quantity, fees=share.fees)
        mine = Share(row.strategy_id, share.quantity, Reason(share.reason))
        whole.append(Attributed(fill, (mine,)))
    found = positions(whole, known)
    return found[0] if len(found) == 1 else None
