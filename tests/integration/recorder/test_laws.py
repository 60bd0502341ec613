"""Whatever the order, repetition and delay in which fills and orders are heard of, what is recorded is their FIFO ledger."""

from collections import deque
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from apps.brokers.models import BrokerAccount
from apps.bus import transport
from apps.bus.models import FactRow
from apps.recorder.models import RecordedFill, RecordedPosition, RecorderLog
from apps.recorder.services import settle
from tests.cast import Actor

from .rows import BEGAN, a_broker_account, a_fill, a_recorder, an_order

# thirty settled stories each: a machine with other work needs longer for them than for other tests
pytestmark = [pytest.mark.django_db, pytest.mark.timeout(300)]
POINT = 20  # dollars of NQ
LAW = settings(
    max_examples=30, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip


class Said(NamedTuple):
    """A fill as the market made it: of the first or the second strategy by its tag, in a minute that others may share."""

    minute: int
    signed: int
    price: int
    strategy: int
    busted: bool


fills = some.lists(
    some.builds(
        Said,
        minute=some.integers(0, 8),
        signed=some.integers(-3, 3).filter(bool),
        price=some.integers(80_000, 80_040),
        strategy=some.integers(0, 1),
        busted=some.sampled_from([False] * 6 + [True]),
    ),
    min_size=1, max_size=12,
)  # fmt: skip


@pytest.fixture(autouse=True)
def _market() -> Any:
    transport.use(transport.MemoryTransport())
    transport.set_market_time(BEGAN, True)
    yield
    transport.use(None)


def by_hand(said: list[Said], strategy: int) -> tuple[list[Decimal], int]:
    """Return what each round trip made and what is open: a ledger of its own, a contract at a time."""
    lots: deque[Decimal] = deque()
    sign, made, trips = 0, Decimal(0), list[Decimal]()
    for one in sorted(enumerate(said), key=lambda pair: (pair[1].minute, pair[0])):
        fill = one[1]
        if fill.busted or fill.strategy != strategy:
            continue
        way, price = (1 if fill.signed > 0 else -1), Decimal(fill.price) / 4
        for _contract in range(abs(fill.signed)):
            if lots and way != sign:
                made += (price - lots.popleft()) * sign * POINT
                if not lots:
                    trips.append(made)
                    made = Decimal(0)
            else:
                sign = way
                lots.append(price)
    return trips, sign * len(lots)


def rows_of(account: BrokerAccount) -> Any:
    """Return everything that was recorded of an account, without numbers that only say when it was written."""
    names = (
        "contract", "sign", "size", "most", "entered", "exited", "entry", "exit", "cost",
        "realized", "fees", "status", "opened_ns", "closed_ns",
    )  # fmt: skip
    positions = RecordedPosition.objects.filter(account=account).order_by(
        "strategy", "opened_ns", "key"
    )
    shares = RecordedFill.objects.filter(fill__account=account).order_by("fill__remote", "part")
    return (
        [
            (row.strategy.name[:1], row.key.split(":")[2], *(getattr(row, name) for name in names))
            for row in positions.select_related("strategy")
        ],
        [
            (
                row.fill.remote,
                row.part,
                row.quantity,
                row.opens,
                row.realized,
                row.reason,
                row.flat_after,
            )
            for row in shares.select_related("fill")
        ],
    )


def deliver(account: BrokerAccount, one: Said, number: int) -> Any:
    made = a_fill(
        account, one.signed, str(Decimal(one.price) / 4), one.minute,
        remote=f"{number:04}", order=f"o{number}", fees=Decimal("1.00"),
    )  # fmt: skip
    if one.busted:
        return made
    return None


def deliver_anyhow(
    account: BrokerAccount, said: list[Said], tags: dict[tuple[int, int], int], data: Any
) -> None:
    """Hear of fills in any order, of their tags before or after them, settling now and then, twice or not at all."""
    order = data.draw(some.permutations(range(len(said))))
    busts = []
    for number in order:
        one = said[number]
        late_tag = data.draw(some.booleans())
        tag = f"th{tags[0, one.strategy]}"
        if not late_tag:
            an_order(account, f"o{number}", tag=tag)
        made = deliver(account, one, number)
        if made is not None:
            busts.append(made)
        if data.draw(some.booleans()):
            settle(account=account)
        if late_tag:
            an_order(account, f"o{number}", tag=tag)
        for _again in range(data.draw(some.integers(0, 2))):
            settle(account=account)
    for made in busts:
        made.is_active = False
        made.save()
        if data.draw(some.booleans()):
            settle(account=account)
    settle(account=account)


@LAW
@given(said=fills, data=some.data())
def test_any_delivery_records_the_ledger_of_the_fills(
    alice: Actor, said: list[Said], data: Any
) -> None:
    with transaction.atomic():
        account, plain = (a_broker_account(alice.user, name) for name in ("ANY", "PLAIN"))
        tags: dict[tuple[int, int], int] = {}
        for at, place in enumerate((account, plain)):
            for number in (0, 1):
                recorder = a_recorder(alice.user, place, f"{'AB'[number]} {at}")
                tags[at, number] = recorder.strategy_id
        deliver_anyhow(account, said, tags, data)
        for number, one in enumerate(said):  # the other account: everything at once
            an_order(plain, f"o{number}", tag=f"th{tags[1, one.strategy]}")
            if not one.busted:
                deliver(plain, one, number)
        settle(account=plain)
        assert rows_of(account) == rows_of(plain)
        for number in (0, 1):
            trips, held = by_hand(said, number)
            mine = RecordedPosition.objects.filter(strategy=tags[0, number]).order_by(
                "opened_ns", "id"
            )
            ordered = sorted(mine, key=lambda row: (row.closed_ns is None, row.closed_ns, row.key))
            closed = [row.realized for row in ordered if row.closed_ns is not None]
            assert sorted(closed) == sorted(trips)
            open_rows = [row.sign * row.size for row in ordered if row.closed_ns is None]
            assert open_rows == ([held] if held else [])
        keys = list(
            FactRow.objects.filter(key__startswith="recorder:").values_list("key", flat=True)
        )
        assert len(keys) == len(set(keys))
        transaction.set_rollback(True)


class Killed(Exception):
    """The process died here."""


@settings(LAW, max_examples=15)
@given(said=fills, at=some.integers(1, 60))
def test_a_settling_that_dies_anywhere_is_done_by_the_next(
    alice: Actor, said: list[Said], at: int
) -> None:
    """Die at the n-th statement of the settling; do it again: the rows are the ledger's, each fact is there once."""
    with transaction.atomic():
        account = a_broker_account(alice.user)
        a_recorder(alice.user, account, "A")
        for number, one in enumerate(said):
            deliver(account, one._replace(busted=False), number)
        left = at

        def dying(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                raise Killed
            return execute(sql, params, many, context)

        try:
            with connection.execute_wrapper(dying), transaction.atomic():
                settle(account=account)
        except Killed:
            assert not RecordedPosition.objects.filter(account=account).exists()
            assert not RecorderLog.objects.filter(kind="opened", user=alice.user).exists()
        settle(account=account)
        once = rows_of(account), FactRow.objects.filter(key__startswith="recorder:").count()
        settle(account=account)
        assert (
            rows_of(account),
            FactRow.objects.filter(key__startswith="recorder:").count(),
        ) == once
        everything = [one._replace(strategy=0, busted=False) for one in said]
        trips, held = by_hand(everything, 0)
        rows = RecordedPosition.objects.filter(account=account)
        assert sorted(row.realized for row in rows if row.closed_ns is not None) == sorted(trips)
        assert sum(row.sign * row.size for row in rows) == held
        transaction.set_rollback(True)


class Part(NamedTuple):
    """A part of an order's fill: so many contracts, in a minute of its own."""

    order: int
    quantity: int


parts_of_orders = some.lists(
    some.builds(Part, order=some.integers(0, 3), quantity=some.integers(1, 3)),
    min_size=1, max_size=8,
)  # fmt: skip


@LAW
@given(entered=parts_of_orders, cuts=some.integers(1, 4), data=some.data())
def test_what_is_told_of_an_order_ends_at_its_contracts_wherever_settling_cuts(
    alice: Actor, entered: list[Part], cuts: int, data: Any
) -> None:
    """Entries of some orders, heard in any order, settled now and then; then all of it is sold by one order in parts."""
    with transaction.atomic():
        account = a_broker_account(alice.user)
        a_recorder(alice.user, account, "A")
        held = sum(part.quantity for part in entered)
        out = [held // cuts] * cuts
        out[-1] += held - sum(out)
        sold = [Part(9, quantity) for quantity in out if quantity]
        for parts, sign, begin in ((entered, 1, 0), (sold, -1, 100)):
            for number in data.draw(some.permutations(range(len(parts)))):
                part = parts[number]
                a_fill(account, sign * part.quantity, "20000.00", begin + number, order=f"o{part.order}")  # fmt: skip
                for _again in range(data.draw(some.integers(0, 2))):
                    settle(account=account)
            settle(account=account)
        before = list(told_of_orders())
        for since in (None, 0, None):
            settle(account=account, since=since)
        assert list(told_of_orders()) == before
        for order in {part.order for part in entered}:
            of_it = [one for one in before if one[0] == f"o{order}"]
            whole = sum(part.quantity for part in entered if part.order == order)
            assert max(many for _, _, many in of_it) == of_it[-1][2] == whole
            assert [name for _, name, _ in of_it if name != "recorder.more_filled"] in (
                ["recorder.opened"], ["recorder.added"],
            )  # fmt: skip
            assert len({many for _, _, many in of_it}) == len(of_it), "nothing is told twice"
        ends = [one for one in before if one[1] == "recorder.closed"]
        assert ends == [("o9", "recorder.closed", held)]
        transaction.set_rollback(True)


def told_of_orders() -> Any:
    """Return the order, the word and the contracts of what was told, in its order."""
    rows = FactRow.objects.filter(key__startswith="recorder:").order_by("seq")
    return [(row.payload["order"], row.name, row.payload["quantity"]) for row in rows]
