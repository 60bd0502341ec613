"""Submit a wish, alone or with what it tells of, ask and wait for the answer, publish a fact, listen once per fact."""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from time import monotonic
from typing import Any, Final, NamedTuple

from django.db import IntegrityError, connection, models, transaction
from django.utils import timezone

from apps.bus import transport
from apps.bus.domain.message import Command, Fact, encode_command, to_datetime, told
from apps.bus.locks import Lock
from apps.bus.models import Cursor, FactRow, Inbox

_LOOK_AGAIN: Final = 0.05  # seconds; the answer may come from another process
_news = threading.Condition()
_told = 0


class Receipt(NamedTuple):
    """What a submitter gets: the inbox id, and whether the wish is new or was known by its key."""

    id: int
    is_new: bool


def submit(command: Command, *, user: int, source: str, key: str | None = None,
           expires_market_at: int | None = None) -> int:  # fmt: skip
    """Put a wish into the inbox, durable before this returns, and give its id.

    The same `key` is the same wish: its id comes back and nothing is stored.

    Raises:  RuntimeError  inside a transaction, where it would not be durable yet
    """
    return deliver(
        command, user=user, source=source, key=key, expires_market_at=expires_market_at
    ).id


def deliver(
    command: Command,
    *,
    user: int,
    source: str,
    key: str | None = None,
    key_seconds: int | None = None,
    expires_market_at: int | None = None,
    market: transport.MarketTime | None = None,
    of: str = "",
) -> Receipt:
    """Do what `submit` does, and tell whether the wish is new.

    With `key_seconds` the key holds only so long (wall time); the same wish later is a new one.
    `market` is the market time of receipt where the caller knows it better than the engine last told it; `of` names what
    the wish is about, so that such wishes can be found again.
    """
    now = timezone.now()
    row = _waiting(
        command, user, source, market, key=key, received_at=now, expires_market_at=expires_market_at, of=of
    )  # fmt: skip
    with_key = Inbox.objects.filter(key=key) if key is not None else Inbox.objects.none()
    try:
        with transaction.atomic(durable=True):
            if key_seconds is not None:
                old = now - timedelta(seconds=key_seconds)
                with_key.filter(received_at__lte=old).update(key=None)
            if (known := with_key.first()) is not None:
                return Receipt(known.pk, False)
            row.save(force_insert=True)
    except IntegrityError:  # somebody brought the same key at the same moment
        if (known := with_key.first()) is None:
            raise
        return Receipt(known.pk, False)
    transport.current().ring()
    return Receipt(row.pk, True)


def enlist(command: Command, *, user: int, source: str) -> int:
    """Put a wish into the inbox with the caller's transaction and give its id; the engine is woken once it commits.

    For what the engine is told of rows: both are there, or neither is. Whoever tells of a row that others may change too
    writes the row first: who has to wait for it is told of later, and so the last row is the engine's last word.

    Raises:  RuntimeError  outside a transaction, where there is nothing to go with
    """
    if not connection.in_atomic_block:
        raise RuntimeError(f"{command.name}: it goes with a transaction; submit what stands alone")
    row = _waiting(command, user, source, None, received_at=timezone.now())
    row.save(force_insert=True)
    transaction.on_commit(transport.current().ring)
    return row.pk


def _waiting(
    command: Command, user: int, source: str, market: transport.MarketTime | None, **more: Any
) -> Inbox:
    market = market or transport.market_time()
    return Inbox(
        kind=command.name, payload=encode_command(command).decode(), user_id=user, source=source,
        market_at=market.at, market_live=market.live, **more,
    )  # fmt: skip


def ask(command: Command, *, user: int, source: str, key: str | None = None,
        expires_market_at: int | None = None, timeout: float = 1.0) -> FactRow | None:  # fmt: skip
    """Submit a wish and wait for the first fact that answers it; None if none came in time.

    Units:   timeout in seconds of wall time
    """
    inbox_id = submit(
        command, user=user, source=source, key=key, expires_market_at=expires_market_at
    )
    return answer_to(inbox_id, timeout=timeout)


def answer_to(inbox_id: int, *, timeout: float) -> FactRow | None:
    """Wait for the first fact that answers a submitted wish; None if none came in time."""
    until = monotonic() + timeout
    while True:
        seen = _told
        answer = FactRow.objects.filter(cause=inbox_id).order_by("seq").first()
        left = until - monotonic()
        if answer is not None or left <= 0:
            return answer
        with _news:
            if _told == seen:
                _news.wait(min(left, _LOOK_AGAIN))


def publish(fact: Fact, *, cause: int | None = None) -> None:
    """Keep a fact in the caller's transaction and tell it on commit."""
    with transaction.atomic():
        rows = record_facts([fact], causes={fact.key: cause} if cause is not None else {})
        transaction.on_commit(lambda: tell(rows))


def record_facts(
    facts: Sequence[Fact], *, causes: Mapping[str, int] | None = None
) -> list[FactRow]:
    """Keep facts inside the running transaction and return those that are new, in order.

    A fact whose key is known was said before a crash and is swallowed. `causes` gives, by fact key,
    the inbox id that asked for it. The caller tells them with `tell` once it has committed.
    """
    if not facts:
        return []
    if connection.vendor == "postgresql":  # else a lower seq could appear late
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [int(Lock.SEQUENCE)])
    unique = {fact.key: fact for fact in facts}
    for known in FactRow.objects.filter(key__in=unique).values_list("key", flat=True):
        del unique[known]
    now = timezone.now()
    rows = [
        FactRow(
            key=key, name=fact.name, at=to_datetime(fact.at), at_ns=fact.at, user_id=fact.user,
            of=fact.of, payload=told(fact), cause=(causes or {}).get(key), recorded_at=now,
        )
        for key, fact in unique.items()
    ]  # fmt: skip
    return FactRow.objects.bulk_create(rows)


def tell(rows: Iterable[FactRow]) -> None:
    """Say committed facts to pages, waiting callers and subscribers; call it after the commit."""
    global _told
    for row in rows:
        poke = {
            "fact": row.name, "of": row.of, "seq": row.seq, "at": row.payload.get("at"),
            "told": row.payload,
        }  # fmt: skip
        transport.publish(topic_of(row.name, row.user_id), poke, kind="fact")
    with _news:
        _told += 1
        _news.notify_all()


def tell_of_others(*, user: int, since: int) -> None:
    """Tell this process of a person's facts that another one has committed after seq `since`: the last of each name.

    Who listens fetches what is true now. Over Redis that process has told them itself.
    """
    if not isinstance(transport.current(), transport.MemoryTransport):
        return
    later = FactRow.objects.filter(user_id=user, seq__gt=since).order_by()
    last = later.values("name").annotate(last=models.Max("seq")).values_list("last", flat=True)
    tell(FactRow.objects.filter(seq__in=list(last)))


def topic_of(fact_name: str, user_id: int) -> str:
    """Return where a fact is told: `user.7.trades` for trade.*, `trades` if it is nobody's own."""
    area = fact_name.partition(".")[0] + "s"
    return f"user.{user_id}.{area}" if user_id else area


Hearing = Callable[[FactRow], None]
HearingMany = Callable[[Sequence[FactRow]], None]


class Subscriber(NamedTuple):
    """Somebody who does something once per fact, or per batch of them, from a cursor of his own."""

    name: str
    facts: frozenset[str]
    hear: HearingMany
    together: bool


_subscribers: dict[str, Subscriber] = {}


def subscriber(name: str, *facts: type[Fact] | str) -> Callable[[Hearing], Hearing]:
    """Have a function called with each fact of these kinds, at least once and in order.

    A kind is a class, or the name of a fact whose class this listener need not know. It begins with the facts that follow its first start; it is idempotent by the fact's `key`.
    """

    def register(hear: Hearing) -> Hearing:
        def each(rows: Sequence[FactRow]) -> None:
            for row in rows:
                hear(row)

        _subscribers[name] = Subscriber(name, _names(facts), each, together=False)
        return hear

    return register


def subscriber_of_many(name: str, *facts: type[Fact] | str) -> Callable[[HearingMany], HearingMany]:
    """Do what `subscriber` does, but hand over all facts that wait at once, in order: a batch is heard or none of it."""

    def register(hear: HearingMany) -> HearingMany:
        _subscribers[name] = Subscriber(name, _names(facts), hear, together=True)
        return hear

    return register


def _names(facts: Sequence[type[Fact] | str]) -> frozenset[str]:
    return frozenset(fact if isinstance(fact, str) else fact.name for fact in facts)


def has_news(name: str) -> bool:
    """Return whether there may be a fact that a subscriber has not heard yet: a look that writes nothing."""
    cursor = Cursor.objects.filter(source=f"subscriber:{name}").first()
    if cursor is None:
        return True
    wanted = list(_subscribers[name].facts)
    return FactRow.objects.filter(seq__gt=int(cursor.value), name__in=wanted).exists()


def catch_up(name: str, *, limit: int = 500) -> int:
    """Hand a subscriber the facts that it has not heard yet and return how many.

    The cursor moves with each, or with each batch. An exception of the subscriber stops it there: next time the same
    fact comes first.
    """
    who = _subscribers[name]
    cursor, _ = Cursor.objects.get_or_create(
        source=f"subscriber:{name}", defaults={"value": str(_last_seq())}
    )
    facts = FactRow.objects.filter(seq__gt=int(cursor.value), name__in=who.facts)
    rows = list(facts.order_by("seq")[:limit])
    for some in [rows] if who.together and rows else [[row] for row in rows]:
        who.hear(some)
        Cursor.objects.filter(pk=cursor.pk).update(value=str(some[-1].seq))
    return len(rows)


def subscribers() -> tuple[str, ...]:
    """Return the names of all subscribers."""
    return tuple(_subscribers)


def _last_seq() -> int:
    last: int | None = FactRow.objects.aggregate(last=models.Max("seq"))["last"]
    return last or 0


def forget(*, older_than_days: int, batch: int = 5_000) -> int:
    """Delete handled inbox rows older than this many days, a batch at a time; return how many."""
    before = timezone.now() - timedelta(days=older_than_days)
    old = Inbox.objects.filter(handled=True, received_at__lt=before).order_by("id")[:batch]
    deleted: tuple[int, Any] = Inbox.objects.filter(pk__in=old.values("pk")).delete()
    return deleted[0]
