"""The gateway against the simulator: whatever is lost, and whenever the process dies, there is one order at the broker."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.brokers import models, reports
from apps.brokers.domain.abroad import Errand, tag_of
from apps.brokers.gateway import Gateway
from apps.brokers.logins import DatabaseThread
from apps.brokers.mirror import take_in
from apps.brokers.models import BrokerAccount, Connection, Dispatch
from apps.brokers.tradovate.broker import TradovateBroker
from apps.bus.models import Inbox
from tests.cast import Actor
from tests.integration.brokers.playground import CONTRACT, Playground
from tests.integration.brokers.shared import database_thread, let_out
from tests.integration.brokers.test_broker import broker_at, price_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]

S = Dispatch.Status


class Killed(BaseException):
    """The process is gone."""


class Desk:
    """An adopted demo account whose orders are let out, dispatches for it, and a gateway whose clock a test moves."""

    def __init__(
        self,
        ground: Playground,
        broker: TradovateBroker,
        account: models.Account,
        thread: DatabaseThread,
    ) -> None:
        self.thread = thread
        self.ground, self.broker, self.account = ground, broker, account
        self.connection = account.remote.connection
        self.began, self.passed = (
            timezone.now(),
            timedelta(),
        )  # how long the machine takes is no time
        self.made = 0

    def now(self) -> datetime:
        return self.began + self.passed

    def gateway(self) -> Gateway:
        return Gateway(self.connection, self.broker, self.thread, now=self.now)

    async def wants(self, errand: Errand = Errand.PLACE, **changed: Any) -> Dispatch:
        """Write a dispatch, as the engine does."""
        self.made += 1
        tag = changed.pop("tag", None) or tag_of(f"w{self.made}", "1e")
        stop = str(changed.pop("stop", "10000.00"))
        payload = {
            "side": "buy", "type": "market", "quantity": 1, "limit": None, "stop": None,
            "trail": None, "tif": "day", "is_automated": False,
            "legs": [{"type": "stop", "limit": None, "stop": stop, "trail": None, "tag": f"{tag[:-1]}s"}],
        }  # fmt: skip
        given = {
            "key": f"{tag}.{errand}.{self.made}", "user_id": self.account.user_id,
            "account": self.account, "order": f"w{self.made}", "errand": errand, "tag": tag,
            "contract": CONTRACT, "fresh_s": 10, "at_ns": 1,
            "payload": payload if errand is Errand.PLACE else changed.pop("payload", {}),
        }  # fmt: skip
        row = await Dispatch.objects.acreate(**(given | changed))
        row.created_at = self.now()
        await row.asave()
        return row

    async def works(self, gateway: Gateway | None = None, seconds: int = 90) -> None:
        """Let a gateway work until nothing waits, or so much time has passed."""
        mine = gateway or self.gateway()
        for _ in range(seconds):
            await mine.step()
            if not await Dispatch.objects.filter(status__in=models.WAITING).aexists():
                return
            self.passed += timedelta(seconds=1)

    def orders(self) -> list[dict[str, Any]]:
        """Return the entries and exits that the broker has, not the legs of brackets."""
        return [one for one in self.ground.sim.entities.all("order") if not one.get("parentId")]

    async def mirror(self) -> None:
        """Take in what the broker says, and tell the engine."""
        seen = await self.broker.snapshot()

        def take() -> None:
            taken = take_in(self.connection, seen, "poll")
            reports.tell(taken.orders, taken.fills)

        await sync_to_async(take)()


@pytest_asyncio.fixture
async def desk(ground: Playground, alice: Actor) -> AsyncIterator[Desk]:
    def adopt() -> models.Account:
        connection = Connection.objects.create(
            user=alice.user, name="Mine", environment="demo", login="alice", device_id="d"
        )
        account = models.Account.objects.create(
            user=alice.user, name="Demo", kind="demo", start_balance=50_000, balance=50_000
        )
        remote = BrokerAccount.objects.create(
            user=alice.user, connection=connection, remote="1001", name="DEMO1001", account=account
        )
        remote.created_at = timezone.now() - timedelta(minutes=1)
        remote.save()
        let_out(account)
        return models.Account.objects.select_related("remote__connection").get(pk=account.pk)

    account = await sync_to_async(adopt)()
    await price_of(ground)
    with database_thread() as thread:
        async with broker_at(ground) as broker:
            yield Desk(ground, broker, account, thread)


async def told(what: str) -> list[str]:
    """Return what the inbox holds for the engine, in short."""
    rows = Inbox.objects.filter(kind="broker.report").order_by("id")
    from apps.bus.domain.message import decode_command

    said = [decode_command(row.kind, row.payload) async for row in rows]
    return [one.status or one.fill for one in said if one.what == what]


async def test_a_dispatch_is_sent_once_with_its_stop_and_its_numbers_are_kept(desk: Desk) -> None:
    row = await desk.wants()
    await desk.works()
    await row.arefresh_from_db()
    assert (row.status, sorted(row.remote)) == (S.SENT, [row.tag, f"{row.tag[:-1]}s"])
    assert len(desk.orders()) == 1
    assert await told("dispatch") == ["sent"]


async def test_a_lost_answer_makes_one_order_and_is_found_by_its_tag(desk: Desk) -> None:
    desk.ground.sim.lose_answer("order/placeoso")
    row = await desk.wants()
    gateway = desk.gateway()
    await gateway.step()
    await row.arefresh_from_db()
    assert row.status == S.UNKNOWN
    await desk.works(gateway)
    await row.arefresh_from_db()
    assert (row.status, len(desk.orders())) == (S.SENT, 1)
    assert len(desk.ground.sim.asked("order/placeoso")) == 1


async def test_what_certainly_never_arrived_is_not_sent_by_itself_again(desk: Desk) -> None:
    desk.ground.sim.put_up("order/placeoso", 502)
    row = await desk.wants()
    await desk.works()
    await row.arefresh_from_db()
    assert (row.status, row.reason, desk.orders()) == (S.NOT_SENT, "NOT_SENT", [])
    assert len(desk.ground.sim.asked("order/placeoso")) == 1
    assert await told("dispatch") == ["not_sent"]


async def test_what_was_turned_away_goes_again_while_it_is_fresh(desk: Desk) -> None:
    desk.ground.sim.put_up("order/placeoso", 429)
    row = await desk.wants()
    await desk.gateway().step()
    desk.passed += timedelta(seconds=2)
    await desk.ground.clock.passes(3)
    await desk.works()
    await row.arefresh_from_db()
    assert (row.status, len(desk.orders())) == (S.SENT, 1)


async def test_an_entry_that_waited_too_long_is_never_sent(desk: Desk) -> None:
    row = await desk.wants()
    desk.passed += timedelta(seconds=11)
    await desk.works()
    await row.arefresh_from_db()
    assert (row.status, desk.orders()) == (S.EXPIRED, [])


async def test_no_entry_leaves_once_its_account_is_switched_off_and_exits_do(desk: Desk) -> None:
    await models.LiveSwitch.objects.aupdate(is_on=False)
    entry = await desk.wants()
    way_out = await desk.wants(is_exit=True, fresh_s=None)
    await desk.works()
    await entry.arefresh_from_db()
    await way_out.arefresh_from_db()
    assert (entry.status, entry.reason, way_out.status) == (S.NOT_SENT, "LIVE_OFF", S.SENT)


async def test_exits_go_first(desk: Desk) -> None:
    await desk.wants()
    await desk.wants(is_exit=True, fresh_s=None, key="exit")
    await desk.works()
    tags = [one["clOrdId"] for one in desk.ground.sim.asked("order/placeoso")]
    assert tags == [tag_of("w2", "1e"), tag_of("w1", "1e")]


async def test_a_cancel_takes_back_what_is_still_queued(desk: Desk) -> None:
    row = await desk.wants()
    await desk.wants(Errand.CANCEL, tag=row.tag, is_exit=True, fresh_s=None)
    await desk.works()
    await row.arefresh_from_db()
    assert (row.status, row.reason, desk.orders()) == (S.NOT_SENT, "CANCELLED", [])


async def test_a_stop_is_moved_and_an_order_ended_at_the_broker(desk: Desk) -> None:
    row = await desk.wants()
    await desk.works()
    stop = f"{row.tag[:-1]}s"
    changed = {"payload": {"stop": "11000.00"}, "is_exit": True, "fresh_s": None}
    moved = await desk.wants(Errand.MODIFY, tag=stop, **changed)
    await desk.works()
    found = await desk.broker.find("1001", stop)
    assert found is not None and f"{found.stop:.2f}" == "11000.00"
    ended = await desk.wants(Errand.CANCEL, tag=stop, is_exit=True, fresh_s=None)
    await desk.works()
    for one in (moved, ended):
        await one.arefresh_from_db()
        assert one.status == S.SENT
    found = await desk.broker.find("1001", stop)
    assert found is not None and found.is_over


async def test_a_liquidation_whose_answer_is_lost_leaves_the_account_flat(desk: Desk) -> None:
    await desk.wants()
    await desk.works()
    desk.ground.sim.lose_answer("order/liquidateposition")
    row = await desk.wants(Errand.LIQUIDATE, is_exit=True, fresh_s=None)
    await desk.works()
    await row.arefresh_from_db()
    seen = await desk.broker.snapshot()
    assert (row.status, [one.net for one in seen.positions]) == (S.SENT, [0])


async def test_what_the_broker_says_reaches_the_engine_once(desk: Desk) -> None:
    await desk.wants()
    await desk.works()
    await desk.mirror()
    fills, orders = await told("fill"), await told("order")
    assert len(fills) == 1 and "filled" in orders and "working" in orders
    await desk.mirror()
    await sync_to_async(reports.sweep)(await BrokerAccount.objects.aget())
    assert (await told("fill"), await told("order")) == (fills, orders)


async def test_a_sweep_that_finds_nothing_new_asks_as_little_of_a_full_day_as_of_an_empty_one(
    desk: Desk,
) -> None:
    def count() -> int:
        account = BrokerAccount.objects.select_related("account").get()
        with CaptureQueriesContext(database) as asked:
            assert reports.sweep(account) == 0
        return len(asked)

    counts = []
    for _ in range(3):
        await desk.ground.clock.passes(60)
        await desk.wants()
        await desk.works()
        await desk.mirror()
        counts.append(await sync_to_async(count)())
    assert counts == [counts[0]] * 3 and counts[0] <= 5


# ---- the process dies ----


class Dying:
    """Kills the process at its nth step: a statement to the database, or a word to the broker."""

    def __init__(self, at: int) -> None:
        self.left = at
        self.is_dead = False

    def step(self) -> None:
        self.left -= 1
        if self.left < 0 and not self.is_dead:
            self.is_dead = True
            raise Killed

    def sql(self, execute: Callable[..., Any], *rest: Any) -> Any:
        self.step()
        return execute(*rest)


def break_at(dying: Dying) -> None:
    """Count the statements from now on, on the thread that has the connection."""
    database.execute_wrappers.append(dying.sql)


def heal() -> None:
    """Let statements through again, on the thread that has the connection."""
    database.execute_wrappers.clear()


class DyingBroker(TradovateBroker):
    """Dies before or after a word to the broker."""

    dying: Dying

    async def place(self, order: Any, still: Any = None) -> Any:
        self.dying.step()
        placed = await super().place(order, still)
        self.dying.step()
        return placed


async def test_killed_at_any_step_there_is_one_order(desk: Desk) -> None:
    broker = desk.broker = DyingBroker(desk.ground.settings(), wall=desk.ground.clock)
    for at in range(60):
        await desk.ground.clock.passes(60)  # the broker's own limit of calls
        before = len(desk.orders())
        row = await desk.wants()
        dying = Dying(at)
        broker.dying = dying
        await desk.thread.run(break_at, dying)
        try:
            await desk.gateway().step()
        except Killed:
            pass
        finally:
            await desk.thread.run(heal)
        again = desk.gateway()
        await again.start()
        await desk.works(again)
        await row.arefresh_from_db()
        sent = len(desk.orders()) - before
        assert sent == (row.status == S.SENT), (at, row.status, row.reason)
        assert sent <= 1, at
        if not dying.is_dead:
            await broker.close()
            assert at > 9, "nothing was killed"
            return
        desk.passed = timedelta()
    raise AssertionError("it never came through")
