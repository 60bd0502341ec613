"""Settling an account: its fills as positions of strategies, derived anew from where something changed."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final, NamedTuple

from django.db import transaction
from django.db.models import Exists, Min, OuterRef, Q
from django.utils import timezone

from apps.brokers.models import BrokerAccount, BrokerFill, BrokerOrder
from apps.bus import bus
from apps.bus.domain.message import DAY, to_instant
from apps.bus.models import FactRow
from apps.recorder import days, derived, evidence, store
from apps.recorder.domain import wording
from apps.recorder.domain.happenings import KINDS, Happening, Whose, happenings, key_of, news_of
from apps.recorder.domain.ledger import positions
from apps.recorder.domain.matching import Attributed, match
from apps.recorder.domain.messages import Recorded
from apps.recorder.domain.seen import Known, product_of
from apps.recorder.domain.terms import LogKind, Reason
from apps.recorder.models import Book, RecordedFill, RecordedPosition, RecorderLog, RecordingSpan

LOOKED_AT: Final = (
    3 * DAY
)  # how far back each settling compares what it rests on; facts tell of what is older


def settle(
    *, account: BrokerAccount, fills: Iterable[int] = (), orders: Iterable[str] = (),
    since: int | None = None,
) -> int:  # fmt: skip
    """Bring what is recorded of an account in line with its fills and return how many contracts changed.

    What is new or other than before is found by looking; `fills` (ids), `orders` (the broker's names) and `since` (ns UTC:
    from there on everything) name what may have changed longer ago. Doing it again changes nothing.
    """
    since = _earlier(since, evidence.reconcile(account))
    if not RecordingSpan.objects.filter(account=account).exists():
        return 0
    with transaction.atomic():
        Book.objects.get_or_create(account=account)
        book = Book.objects.select_for_update(no_key=True).get(account=account)
        known = store.known_of(account)
        changed, news = 0, list[Recorded]()
        for contract, begin in _changed(account, tuple(fills), tuple(orders), since).items():
            changed += _derive(book, contract, begin, known, news)
        if changed:
            book.version += 1
        book.settled_at = timezone.now()
        book.save(update_fields=["version", "settled_at"])
        for some in store.chunks(news):  # last: keeping facts holds up everybody else's
            rows = bus.record_facts(some)
            transaction.on_commit(lambda rows=rows: bus.tell(rows))  # type: ignore[misc]
    return changed


def _earlier(one: int | None, other: int | None) -> int | None:
    return min((at for at in (one, other) if at is not None), default=None)


def settle_all() -> int:
    """Settle every account that has a recorder and return how many contracts changed."""
    ids = RecordingSpan.objects.values("account")
    return sum(settle(account=one) for one in BrokerAccount.objects.filter(pk__in=ids))


def settle_facts(rows: Iterable[FactRow]) -> None:
    """Settle each account that a broker's facts tell of, once for all of its facts."""
    fills: dict[int, list[int]] = {}
    orders: dict[int, list[str]] = {}
    dates: dict[int, set[date]] = {}
    for row in rows:
        account, fill = int(row.payload["account"]), row.payload.get("fill")
        mine = fills.setdefault(account, [])
        if fill is not None:
            mine.append(int(fill))
            dates.setdefault(account, set()).add(date.fromisoformat(str(row.payload["trade_date"])))
        else:
            orders.setdefault(account, []).append(str(row.payload.get("remote")))
    for one in BrokerAccount.objects.filter(pk__in=fills).order_by("pk"):  # some may be gone since
        settle(account=one, fills=fills[one.pk], orders=orders.get(one.pk, ()))
        days.told_late(one, dates.get(one.pk, ()), to_instant(timezone.now()))


def _changed(
    account: BrokerAccount, fills: tuple[int, ...], orders: tuple[str, ...], since: int | None
) -> dict[str, int]:
    """Return the contracts whose recording is not what it should be, each with the first fill of that, ns UTC."""
    mine = BrokerFill.objects.filter(account=account)
    shares = RecordedFill.objects.filter(fill=OuterRef("pk"))
    named = [one for one in orders if one]
    brackets = BrokerOrder.objects.filter(account=account, remote__in=named).exclude(parent="")
    asked = Q(pk__in=fills) | Q(order__in=named)
    asked |= Q(order__in=brackets.values("parent"))  # a stop is its entry's, filled or not
    if since is not None:
        asked |= Q(at_ns__gte=since)
    new = Q(Q(is_active=True) & ~Exists(shares)) | Q(Q(is_active=False) & Exists(shares))
    found = {
        str(contract): int(first)
        for contract, first in mine.filter(asked | new)
        .order_by()
        .values_list("contract")
        .annotate(first=Min("at_ns"))
    }
    for contract, at in (*_otherwise(account), *_without_fills(account)):
        found[contract] = min(at, found.get(contract, at))
    return found


def _without_fills(account: BrokerAccount) -> Iterable[tuple[str, int]]:
    """Yield contracts with positions whose fills are gone, an undone import's: they took their shares with them."""
    shares = RecordedFill.objects.filter(position=OuterRef("pk"))
    left = RecordedPosition.objects.filter(~Exists(shares), account=account).order_by()
    yield from left.values_list("contract").annotate(first=Min("opened_ns"))


def _otherwise(account: BrokerAccount) -> Iterable[tuple[str, int]]:
    """Yield the recent fills that were recorded when they, or their orders, said something else."""
    newest = BrokerFill.objects.filter(account=account).order_by("-at_ns").first()
    if newest is None:
        return
    since = newest.at_ns - LOOKED_AT
    rows = list(BrokerFill.objects.filter(account=account, at_ns__gte=since, is_active=True))
    kept = dict(
        RecordedFill.objects.filter(fill__account=account, fill__at_ns__gte=since).values_list(
            "fill_id", "seen"
        )
    )
    fills = [store.to_fill(row) for row in rows]
    orders = store.orders_of(account, fills)
    for fill in fills:
        if fill.id in kept and kept[fill.id] != store.marks(fill, orders.get(fill.order)):
            yield fill.contract, fill.at


def _derive(book: Book, contract: str, since: int, known: Known, news: list[Recorded]) -> bool:
    account = book.account
    loaded = store.load(account, contract, since, known)
    attributed = list(match(loaded.fills, loaded.known, loaded.before))
    found = positions(attributed, loaded.known)
    difference = derived.save(account, contract, loaded, attributed, found)
    whose = Whose(account.user_id, account.pk, str(account), known.names)
    told = [
        happening
        for position in found
        if key_of(position, account.pk) in difference.touched
        for happening in happenings(position, whose, loaded.known)
    ]
    news += _noted(account, told, loaded)
    told_otherwise = (
        Judged(one.strategy, contract, difference.deviations.get(key_of(one, account.pk), ()))
        for one in found
    )
    note_deviations(account, told_otherwise)
    _note_before(account, contract, attributed, known)
    for before, after in difference.corrected:
        write_log(
            user=account.user_id, strategy=before.strategy_id, kind=LogKind.CORRECTED,
            key=f"corrected:{before.key}:{book.version + 1}",
            text=wording.corrected(before, after), at=before.closed_ns or before.opened_ns,
        )  # fmt: skip
    return not difference.is_empty


def _noted(
    account: BrokerAccount, happened: Sequence[Happening], loaded: store.Loaded
) -> list[Recorded]:
    """Keep what happened in the log, and return what of it is news: not what a file or a late start brought."""
    keys = [one.fact.key_of(fill) for one in happened for fill in one.fills]
    told = {
        str(key): contracts
        for some in store.chunks(keys)
        for key, contracts in RecorderLog.objects.filter(key__in=some).values_list(
            "key", "contracts"
        )
    }
    new = {fact.key: fact for one in happened if (fact := news_of(one, told)) is not None}.values()
    RecorderLog.objects.bulk_create(
        RecorderLog(
            user_id=account.user_id, strategy_id=fact.strategy, key=fact.key, kind=KINDS[fact.did],
            text=wording.happened(fact)[:300], at_ns=fact.at, contracts=fact.quantity,
        )
        for fact in new
    )  # fmt: skip
    from_files = {row.remote for row in loaded.rows.values() if row.source.startswith("csv")}
    since: dict[int, int] = {}
    for span in RecordingSpan.objects.filter(account=account).select_related("recorder"):
        strategy = span.recorder.strategy_id
        since[strategy] = min(span.made_ns, since.get(strategy, span.made_ns))
    return [
        fact
        for fact in new
        if fact.fill not in from_files and fact.at >= since.get(fact.strategy, 0)
    ]


class Judged(NamedTuple):
    """What a strategy's position in a contract was traded otherwise: its deviations as they are kept."""

    strategy: int
    contract: str
    deviations: Sequence[Mapping[str, Any]]


def note_deviations(account: BrokerAccount, judged: Iterable[Judged]) -> None:
    """Say in the log, once each, where positions were traded otherwise than their strategies say."""
    RecorderLog.objects.bulk_create(
        [
            RecorderLog(
                user_id=account.user_id, strategy_id=position.strategy, kind=LogKind.WARNING,
                key=f"deviation:{one['kind']}:{position.strategy}:{account.pk}:{one['fill']}"[:200],
                text=f"{position.contract}: {one['text']}"[:300], at_ns=one["at"],
            )
            for position in judged
            for one in position.deviations
        ],
        ignore_conflicts=True, batch_size=500,
    )  # fmt: skip


def _note_before(
    account: BrokerAccount, contract: str, attributed: Sequence[Attributed], known: Known
) -> None:
    """Say to who records this contract that a fill closed what was open before the desk knew the account."""
    strategies = known.recorders(product_of(contract))
    lines = [
        RecorderLog(
            user_id=account.user_id, strategy_id=strategy, kind=LogKind.WARNING,
            key=f"before:{strategy}:{account.pk}:{one.fill.remote}"[:200], at_ns=one.fill.at,
            text=f"{share.quantity} {contract} was open before the desk knew {account}: what closed it at {one.fill.price.normalize():,f} "
            "is not recorded. Import the broker's CSV of the day it was opened.",
        )
        for one in attributed
        for share in one.shares
        if share.reason is Reason.BEFORE
        for strategy in sorted(strategies)
    ]  # fmt: skip
    RecorderLog.objects.bulk_create(lines, ignore_conflicts=True, batch_size=500)


def write_log(
    *, user: int, strategy: int, kind: LogKind, text: str, key: str = "", at: int
) -> bool:
    """Keep a line of a recorder's log, once for its key, and return whether it is new.

    at: market time, as everything in the log, so that its order is what happened; the clock's `now()` tells it
    """
    _row, is_new = RecorderLog.objects.get_or_create(
        key=key or f"{kind}:{strategy}:{to_instant(timezone.now())}",
        defaults={
            "user_id": user, "strategy_id": strategy, "kind": kind, "text": text[:300],
            "at_ns": at,
        },
    )  # fmt: skip
    return is_new
