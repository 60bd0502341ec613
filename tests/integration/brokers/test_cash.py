"""Money at the broker against ours: told when it differs, booked once with one click, and never compared too early."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from apps.brokers import cash, live
from apps.brokers.domain.messages import BookDifference, ReportBroker
from apps.brokers.domain.order import OrderType, Side
from apps.brokers.domain.ports import FeedChanged, FeedState, NewOrder
from apps.brokers.models import (
    Account,
    BrokerAccount,
    BrokerFill,
    BrokerOrder,
    BrokerPosition,
    Difference,
    Fill,
    Position,
)
from apps.brokers.reading import take_home
from apps.brokers.reconciling import reconcile, reconcile_all
from apps.bus import bus, transport
from apps.bus.models import Inbox
from apps.engine.live import LiveEngine
from apps.marketdata.domain.messages import ContractListed
from apps.trades.services import Refused
from tests.cast import Actor, program
from tests.integration.brokers.playground import CONTRACT, START, ScriptedSimulator
from tests.integration.brokers.shared import desk_market, with_broker
from tests.integration.brokers.test_live import Desk, adopted, facts
from tests.integration.papertrading.rows import send, trading

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]

DIFFERENCES = "accounts/differences/"


@pytest.fixture(autouse=True)
def _bus() -> Iterator[None]:
    transport.use(transport.MemoryTransport())
    yield
    transport.use(None)


def a_desk(alice: Actor, market: ScriptedSimulator) -> Desk:
    market.streams.board(CONTRACT)
    market.run(market.move(5))
    return Desk(alice, market)


@pytest.fixture
def desk(alice: Actor) -> Iterator[Desk]:
    with desk_market() as market:
        made = a_desk(alice, market)
        yield made
        made.engine._only.release()


def at_the_broker(desk: Desk, change: str) -> None:
    """Let money come to the broker's account, or leave it, and read the account anew."""

    async def move() -> None:
        desk.market.account.operations()["cashbalance/changedemobalance"]({"cashChange": change})

    desk.market.run(move())
    desk.round()


def an_account(actor: Actor, balance: str = "50000") -> Account:
    """Return an account whose broker has told its balance."""
    account = adopted(actor.user, "demo", balance=balance, realized=0)
    BrokerAccount.objects.filter(account=account).update(cash_read_at=timezone.now())
    return account


def told(account: Account) -> Difference:
    """Let what differs stand long enough to be told, and return the difference of the balances."""
    now = timezone.now()
    for seconds in (-11, 0):
        reconcile(account.remote, now + timedelta(seconds=seconds))
    return Difference.objects.get(kind="cash", gone_at=None, account=account)


# ---- told ----


def test_a_balance_that_is_lower_at_the_broker_is_told(desk: Desk) -> None:
    desk.round()
    assert reconcile_all() == 0
    at_the_broker(desk, "-1500")
    assert reconcile_all() == 1
    assert facts("reconcile.differs") == []
    assert reconcile_all(timezone.now() + timedelta(seconds=11)) == 1
    (fact,) = facts("reconcile.differs")
    assert (fact["kind"], fact["called"]) == ("cash", "Alpha")
    assert "$48,500.00, the desk's $50,000.00: $1,500.00 less at the broker" in fact["words"]
    at_the_broker(desk, "1500")
    assert reconcile_all() == 0
    assert len(facts("reconcile.agrees")) == 1


def test_a_difference_that_has_moved_by_much_is_told_anew(alice: Actor) -> None:
    account = an_account(alice, "49997")
    small = told(account)
    for balance, known in (("49990", True), ("48490", False)):
        BrokerAccount.objects.update(balance=balance)
        now = told(account)
        assert (now.pk == small.pk) is known, balance
    assert [one["words"][:32] for one in facts("reconcile.differs")] == [
        "The broker's balance is $49,997.", "The broker's balance is $48,490."
    ]  # fmt: skip
    assert facts("reconcile.agrees") == []


def test_a_cent_is_not_told(alice: Actor) -> None:
    account = an_account(alice, "49999.99")
    assert reconcile(account.remote) == []


# ---- not too early ----


def test_a_balance_is_compared_only_if_it_was_told_after_the_last_fill(desk: Desk) -> None:
    """A snapshot may be older than the fill that a stream has brought: what was read before it says nothing."""
    desk.round()
    usual = {"user": desk.user, "account": desk.account.remote, "contract": CONTRACT, "quantity": 1}
    BrokerAccount.objects.update(balance=48_500)
    assert reconcile_all() == 1
    BrokerFill.objects.create(
        remote="f1", side="buy", price=20_000, at_ns=START, source="csv:x",
        trade_date=timezone.now().date(), **usual,
    )  # fmt: skip
    assert reconcile_all() == 0
    BrokerAccount.objects.update(cash_read_at=timezone.now())
    assert reconcile_all() == 1
    BrokerAccount.objects.update(cash_read_at=None)
    assert reconcile_all() == 0


def test_what_the_engine_has_not_heard_yet_is_waited_for(alice: Actor) -> None:
    account = an_account(alice, "48500")
    bus.submit(_a_fill(account), user=alice.user.pk, source="gateway", key="f")
    assert reconcile(account.remote) == []
    Inbox.objects.update(handled=True)
    assert len(reconcile(account.remote)) == 1


def _a_fill(account: Account) -> Any:
    return ReportBroker(
        account=account.pk, what="fill", at=START, fill="x", contract=CONTRACT, side="buy",
        quantity=1, price="20000.00",
    )  # fmt: skip


@pytest.mark.parametrize("what", ["order", "position"])
def test_what_was_told_stands_while_nothing_can_be_compared(alice: Actor, what: str) -> None:
    account = an_account(alice, "48500")
    row = told(account)
    usual = {"user": alice.user, "account": account.remote, "contract": CONTRACT, "at_ns": 1}
    if what == "order":
        BrokerOrder.objects.create(
            remote="9", side="buy", type="limit", tif="gtc", status="working", quantity=1, **usual
        )
    else:
        BrokerPosition.objects.create(net=1, **usual)
    reconcile(account.remote)
    row.refresh_from_db()
    assert row.gone_at is None and not facts("reconcile.agrees")
    with pytest.raises(Refused) as refused:
        live.repair(user=alice.user, difference=row, how="book", reason="fees", amount="-1500.00")
    assert refused.value.reason == "NOT_FLAT"


def test_what_was_not_told_yet_is_forgotten_when_nothing_can_be_compared(alice: Actor) -> None:
    account = an_account(alice, "48500")
    reconcile(account.remote)
    BrokerAccount.objects.update(cash_read_at=None)
    reconcile(account.remote)
    assert not Difference.objects.filter(gone_at=None).exists()
    assert facts("reconcile.agrees") == []


def test_a_poll_says_since_when_its_balance_is_known(desk: Desk) -> None:
    before = timezone.now()
    desk.round()
    read = BrokerAccount.objects.get().cash_read_at
    assert before <= read <= timezone.now()
    desk.round()
    assert BrokerAccount.objects.get().cash_read_at > read


# ---- booked ----


@pytest.fixture
def account(alice: Actor) -> Iterator[Account]:
    """Return an account whose broker has 1,500 dollars less, and an engine that runs."""
    made = an_account(alice, "48500")
    with trading():
        yield made


@pytest.mark.parametrize(
    ("reason", "net", "payouts"), [("fees", -1500, 0), ("transfer", 0, 1500), ("other", -1500, 0)]
)
def test_one_click_books_it_for_the_reason_that_was_chosen(
    alice: Actor, account: Account, reason: str, net: int, payouts: int
) -> None:
    row = told(account)
    page = alice.client.get("/live/").content.decode()
    again = alice.client.get(f"/live/{account.pk}/orders/?part=differences").content.decode()
    for shown in (page, again):
        assert "$1,500.00 less at the broker" in shown and "Book it as payout or deposit" in shown
    form = {"how": "book", "reason": reason, "amount": row.detail["amount"]}
    answer = alice.client.post(f"/live/differences/{row.pk}/repair/", form, follow=True)
    assert "-$1,500.00 is booked" in answer.content.decode()
    account.refresh_from_db()
    assert (account.balance, account.payouts) == (48_500, payouts)
    assert account.realized_today - account.fees_today == net
    (fact,) = facts("account.difference_booked")
    assert (fact["reason"], fact["amount"], fact["difference"]) == (reason, "-1500.00", row.pk)
    row.refresh_from_db()
    assert row.gone_at is not None and len(facts("reconcile.agrees")) == 1
    assert reconcile(account.remote) == []


def test_by_the_api_it_is_its_owner_s_alone(alice: Actor, bob: Actor, account: Account) -> None:
    row = told(account)
    path = f"/api/{DIFFERENCES}{row.pk}/repair/"
    body = {"how": "book", "reason": "transfer", "amount": "-1500.00"}
    (shown,) = alice.client.get(f"/api/{DIFFERENCES}").json()["results"]
    assert (shown["kind"], shown["called"], shown["repairs"]) == ("cash", "Alpha", ["book"])
    assert shown["detail"]["amount"] == "-1500.00"
    assert bob.client.get(f"/api/{DIFFERENCES}").json()["results"] == []
    assert send(bob, "post", f"{DIFFERENCES}{row.pk}/repair/", body).status_code == 404
    assert bob.client.post(f"/live/differences/{row.pk}/repair/", body).status_code == 404
    for path_ in (path, f"/api/{DIFFERENCES}"):
        assert Client().post(path_, body).status_code == 401
    assert Client().get(f"/api/{DIFFERENCES}").status_code == 401
    reader = program(alice.user)
    assert reader.get(f"/api/{DIFFERENCES}").json()["results"] == [shown]
    refused = reader.post(path, body, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (403, "READ_ONLY_TOKEN")
    assert not facts("account.difference_booked")
    answer = program(alice.user, may_change=True).post(path, body, content_type="application/json")
    assert answer.status_code == 200, answer.content
    assert answer.json()["detail"].startswith("-$1,500.00 is booked as money that was moved")
    assert alice.client.get(f"/api/{DIFFERENCES}").json()["results"] == []


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        ({"how": "book", "reason": "fees", "amount": "-3.00"}, 400, "is -$1,500.00 by now"),
        ({"how": "book", "reason": "fees", "amount": "NaN"}, 400, "as it is shown"),
        ({"how": "book", "reason": "fees"}, 400, "as it is shown"),
        ({"how": "book", "amount": "-1500.00"}, 400, "choose one of fees, transfer, other"),
        ({"how": "book", "reason": "weather", "amount": "-1500.00"}, 400, "weather"),
        ({"how": "close"}, 400, "does not mend this; use one of book"),
    ],
)
def test_what_can_not_be_booked_is_refused_with_its_field(
    alice: Actor, account: Account, body: dict[str, str], status: int, word: str
) -> None:
    row = told(account)
    answer = send(alice, "post", f"{DIFFERENCES}{row.pk}/repair/", body)
    assert answer.status_code == status, answer.content
    assert word in answer.content.decode()
    assert not facts("account.difference_booked")


# ---- killed between the steps ----


def restarted(desk: Desk) -> None:
    """Let the engine die and another one come."""
    desk.engine._only.release()
    desk.engine = LiveEngine([ContractListed(CONTRACT, "NQ")])
    desk.engine.load()
    desk.engine.put(FeedChanged(FeedState.LIVE, "", desk.at, 1))


def test_killed_before_or_after_the_engine_has_booked_it_is_booked_once(desk: Desk) -> None:
    """The click is kept, the engine dies; the next one books it; what told of it ends with the next comparison."""
    desk.round()
    at_the_broker(desk, "-1500")
    row = told(desk.account)
    asked = {
        "account": desk.account.pk, "difference": row.pk, "ours": "50000", "theirs": "48500",
        "reason": "transfer",
    }  # fmt: skip
    for number in range(2):  # two clicks
        wish = BookDifference(id=f"click{number}", user=desk.user.pk, **asked)
        bus.submit(wish, user=desk.user.pk, source="page")
    restarted(desk)
    desk.step()
    restarted(desk)
    desk.step()
    desk.wish(BookDifference, **asked)
    assert len(facts("account.difference_booked")) == len(facts("account.payout_taken")) == 1
    assert [one["reason"] for one in facts("command.refused")] == ["CHANGED", "CHANGED"]
    account = Account.objects.get(pk=desk.account.pk)
    assert (account.balance, account.payouts, account.realized_today) == (48_500, 1_500, 0)
    said = cash.book(user=desk.user, difference=row, reason="transfer", amount="-1500.00")
    assert said.startswith("-$1,500.00 is booked"), "the answer was lost, not the booking"
    assert reconcile_all() == 0
    row.refresh_from_db()
    assert row.gone_at is not None
    books = desk.engine.engine.ledger.books.accounts[desk.account.pk]
    assert (books.balance, books.payouts) == (account.balance, account.payouts)


def test_without_a_feed_it_is_booked_all_the_same(desk: Desk) -> None:
    desk.round()
    at_the_broker(desk, "25")
    row = told(desk.account)
    desk.engine.put(FeedChanged(FeedState.LOST, "", desk.at, 1))
    desk.wish(
        BookDifference, account=desk.account.pk, difference=row.pk, ours="50000", theirs="50025",
        reason="other",
    )  # fmt: skip
    assert Account.objects.get(pk=desk.account.pk).balance == 50_025


# ---- fees ----


def a_round_trip(desk: Desk) -> None:
    """Buy one in the broker's own program, and sell it again."""
    for side in (Side.BUY, Side.SELL):
        order = NewOrder("1001", CONTRACT, side, OrderType.MARKET, 1, tag="elsewhere")
        asyncio.run(with_broker(desk.row, lambda broker, order=order: broker.place(order)))
    for _ in range(2):
        desk.round()
        BrokerFill.objects.update(seen_at=timezone.now() - timedelta(seconds=4))
    desk.round()


def the_same(desk: Desk, fee: str) -> None:
    """Desk and broker have the same money, each row of it: account, fills, the position, what the engine holds."""
    account, remote = Account.objects.get(), BrokerAccount.objects.get()
    assert account.balance == remote.balance
    assert account.fees_today == 2 * Decimal(fee)
    assert [one.fees for one in Fill.objects.all()] == [Decimal(fee)] * 2
    (position,) = Position.objects.all()
    assert (position.fees, position.closed_at is None) == (2 * Decimal(fee), False)
    assert account.balance == 50_000 + position.realized - position.fees
    books = desk.engine.engine.ledger.books.accounts[account.pk]
    assert (books.balance, books.fees_today) == (account.balance, account.fees_today)
    assert reconcile_all() == 0


@pytest.mark.parametrize("fee", ["3.90", "2.10", "5.1234"])
def test_a_round_trip_agrees_to_the_cent_whatever_the_broker_charges(
    alice: Actor, fee: str
) -> None:
    with desk_market(fees={"NQ": Decimal(fee)}) as market:
        desk = a_desk(alice, market)
        a_round_trip(desk)
        the_same(desk, fee)
        assert not facts("account.fees_corrected")
        desk.engine._only.release()


def test_fees_that_are_told_later_than_their_fill_are_corrected_once(alice: Actor) -> None:
    """A stream tells a fill first and its fees a moment later: the desk books by its table, then by the broker's word."""
    with desk_market(fees={"NQ": Decimal("2.10")}) as market:
        desk = a_desk(alice, market)
        for told_late in (True, False):
            side = Side.BUY if told_late else Side.SELL
            order = NewOrder("1001", CONTRACT, side, OrderType.MARKET, 1, tag="elsewhere")
            asyncio.run(with_broker(desk.row, lambda broker, order=order: broker.place(order)))
            late_fees(desk)
        assert Account.objects.get().fees_today == Decimal("7.80"), "by the desk's own table"
        BrokerFill.objects.update(fees=Decimal("2.10"))
        for _ in range(2):
            reconcile_all()
            restarted(desk)  # killed before it heard of them, and after
            desk.step()
        the_same(desk, "2.10")
        corrected = facts("account.fees_corrected")
        assert [(one["was"], one["fees"]) for one in corrected] == [("3.90", "2.10")] * 2
        desk.engine._only.release()


def late_fees(desk: Desk) -> None:
    """Hear of the fills as a stream tells them: without their fees."""

    async def whole(broker: Any) -> Any:
        return await broker.snapshot()

    for _ in range(3):
        cache.clear()
        snapshot = asyncio.run(with_broker(desk.row, whole))
        fills = tuple(replace(one, fees=None) for one in snapshot.fills)
        take_home(desk.row, replace(snapshot, fills=fills), "stream")
        BrokerFill.objects.update(seen_at=timezone.now() - timedelta(seconds=4))
        desk.step()


def test_the_fees_of_an_open_position_are_corrected_while_it_is_held(desk: Desk) -> None:
    desk.wish_of_broker(
        what="fill", at=desk.at, fill="f1", contract=CONTRACT, side="buy", quantity=3,
        price="20000.25",
    )  # fmt: skip
    BrokerFill.objects.create(
        user=desk.user, account=desk.account.remote, remote="f1", contract=CONTRACT, side="buy",
        quantity=3, price="20000.25", at_ns=desk.at, source="stream", fees=Decimal("10.0000"),
        trade_date=timezone.now().date(),
    )  # fmt: skip
    for _ in range(3):
        reconcile(desk.account.remote)
        desk.step()
    assert Fill.objects.get().fees == Position.objects.get().fees == 10
    assert Account.objects.get(pk=desk.account.pk).balance == 49_990
    assert len(facts("account.fees_corrected")) == 1
    desk.wish_of_broker(
        what="fill", at=desk.at + 1, fill="f2", contract=CONTRACT, side="sell", quantity=3,
        price="20000.25", fees="9.50",
    )  # fmt: skip
    assert Position.objects.get().fees == Decimal("19.50")
    assert Account.objects.get(pk=desk.account.pk).balance == Decimal("49980.50")
