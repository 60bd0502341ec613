"""Fills that an order still gets when it is over: told as its strategy's own, and not waited for for ever."""

from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from apps.brokers.domain.abroad import Errand, Line, Stage
from apps.brokers.domain.messages import ReportBroker
from apps.brokers.domain.order import OrderType, Role, Side
from apps.brokers.models import (
    AbroadLine,
    BrokerAccount,
    BrokerOrder,
    Difference,
    Dispatch,
    Order,
)
from apps.brokers.reconciling import reconcile
from apps.brokers.reports import sweep
from apps.bus.domain.message import decode_command
from apps.bus.models import Inbox
from apps.signals.models import Strategy
from tests.integration.brokers.playground import CONTRACT
from tests.integration.brokers.test_gateway import Desk, desk
from tests.integration.brokers.test_gateway_waits import OUT, stands

__all__ = ["desk"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]

S = Dispatch.Status


@sync_to_async
def order_of(desk: Desk, key: str) -> Strategy:
    """Write the desk's order of a dispatch, of a strategy; the engine has forgotten it."""
    user, at = desk.account.user, timezone.now()
    strategy = Strategy.objects.create(user=user, name="Orb")
    Order.objects.create(
        key=key, user=user, account=desk.account, strategy=strategy, place=strategy.pk,
        contract=CONTRACT, root="NQ", side="buy", type="market", tif="day", role="entry",
        origin="automatic", quantity=1, status="cancelled", at=at, at_ns=1,
    )  # fmt: skip
    return strategy


@sync_to_async
def reports(what: str) -> list[ReportBroker]:
    rows = Inbox.objects.filter(kind="broker.report").order_by("id")
    said = [decode_command(row.kind, row.payload) for row in rows]
    return [one for one in said if isinstance(one, ReportBroker) and one.what == what]


async def test_a_fill_is_told_with_the_strategy_and_the_role_of_its_order(desk: Desk) -> None:
    row = await desk.wants()
    strategy = await order_of(desk, row.order)
    await desk.works()
    await desk.mirror()
    (fill,) = await reports("fill")
    assert (fill.tag, fill.strategy, fill.role) == (row.tag, strategy.pk, Role.ENTRY)
    out = await desk.wants(**OUT, order=row.order)
    out.payload = out.payload | {"side": "sell", "legs": []}
    await out.asave()
    await desk.works()
    await desk.mirror()
    assert [(one.strategy, one.role) for one in await reports("fill")][1:] == [
        (strategy.pk, Role.EXIT)
    ]


async def test_what_works_though_it_was_taken_for_never_sent_can_be_ended(desk: Desk) -> None:
    entry = await desk.wants()
    await desk.works()
    await desk.mirror()
    await Dispatch.objects.filter(pk=entry.pk).aupdate(status=S.NOT_SENT, remote={})
    end = await desk.wants(Errand.CANCEL, tag=f"{entry.tag[:-1]}s", **OUT)
    gone = await desk.wants(Errand.CANCEL, tag=f"{entry.tag[:-1]}t", **OUT)
    await desk.works()
    assert (await stands(end))[0] == S.SENT
    assert await stands(gone) == (S.REFUSED, "TooLate")


async def test_fills_that_are_never_told_are_shown_and_waited_for_for_two_minutes(
    desk: Desk,
) -> None:
    line = Line(
        "th-1e", "w1", desk.account.user_id, desk.account.pk, CONTRACT, 0, Side.BUY, OrderType.MARKET,
        Role.ENTRY, 2, at=1, age=1, bracket="w1", stage=Stage.WORKING, told=1, ending="cancelled",
    )  # fmt: skip
    await AbroadLine.objects.acreate(account=desk.account, tag=line.tag, plain=line.plain())
    remote = await BrokerAccount.objects.select_related("account").aget(account=desk.account)
    now = timezone.now()

    async def looks(seconds: int) -> list[Difference]:
        return await sync_to_async(reconcile)(remote, now + timedelta(seconds=seconds))

    await looks(0)
    (told,) = await looks(10)
    assert told.told_at is not None
    assert told.words.endswith("is over at the broker, which has not told 1 of its fills yet.")
    await looks(120)
    assert await reports("order") == []
    for _ in range(2):
        await looks(121)
    (let_go,) = await reports("order")
    assert (let_go.tag, let_go.status, let_go.reason) == ("th-1e", "cancelled", "NOT_AT_BROKER")


async def test_what_became_of_an_old_order_is_told_though_many_came_after_it(desk: Desk) -> None:
    """The process died between keeping that a stop was cancelled and telling the engine so."""
    row = await BrokerAccount.objects.select_related("account").aget(account=desk.account)
    usual = {
        "user_id": desk.account.user_id, "account": row, "side": "sell", "type": "stop", "tif": "gtc",
        "contract": CONTRACT, "quantity": 1, "at_ns": 1,
    }  # fmt: skip
    line = Line(
        "th-1s", "w1-s", desk.account.user_id, desk.account.pk, CONTRACT, 0, Side.SELL, OrderType.STOP,
        Role.STOP, 1, at=1, age=1, stage=Stage.WORKING,
    )  # fmt: skip
    await AbroadLine.objects.acreate(account=desk.account, tag=line.tag, plain=line.plain())
    await BrokerOrder.objects.acreate(remote="1", tag=line.tag, status="cancelled", **usual)
    await BrokerOrder.objects.abulk_create(
        [BrokerOrder(remote=str(n), status="filled", **usual) for n in range(2, 110)]
    )
    await sync_to_async(sweep)(row)
    assert [(one.tag, one.status) for one in await reports("order")] == [("th-1s", "cancelled")]
