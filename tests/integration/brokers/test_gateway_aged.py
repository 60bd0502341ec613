"""Exits that can't leave: two minutes are bridged, then they end with an alarm and find no other position."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from apps.brokers import lapsing
from apps.brokers.domain.abroad import Errand, Line, Stage
from apps.brokers.domain.order import OrderType, Role, Side
from apps.brokers.logins import State
from apps.brokers.models import AbroadLine, Connection, Dispatch
from apps.brokers.tradovate.rest import Displaced
from apps.bus.models import FactRow
from tests.integration.brokers.playground import CONTRACT
from tests.integration.brokers.test_broker import broker_at
from tests.integration.brokers.test_gateway import Desk, desk, told
from tests.integration.brokers.test_gateway_waits import OUT, held, stands, way_out

__all__ = ["desk"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]

S = Dispatch.Status


async def enters(desk: Desk, number: int = 1) -> None:
    """Hold contracts at the broker, as our rows know."""
    for _ in range(number):
        await desk.wants()
    await desk.works()
    await desk.mirror()


async def displaced(desk: Desk) -> None:
    """The trader signs in with the broker's own program: nothing of ours is answered any more."""
    await desk.broker.session.hear(Displaced("somebody signed in elsewhere"))


@asynccontextmanager
async def signed_in(desk: Desk) -> AsyncIterator[None]:
    """Sign the desk in again."""
    async with broker_at(desk.ground) as broker:
        old, desk.broker = desk.broker, broker
        yield
        desk.broker = old


async def passes(desk: Desk, seconds: int) -> None:
    """Let time pass at the gateway, which looks every second."""
    gateway = desk.gateway()
    for _ in range(seconds):
        await gateway.step()
        desk.passed += timedelta(seconds=1)


@sync_to_async
def alarms() -> list[dict[str, Any]]:
    return [row.payload for row in FactRow.objects.filter(name="exit.not_sent").order_by("seq")]


async def aged(row: Dispatch) -> bool:
    status, reason = await stands(row)
    return (status, reason.partition(":")[0]) == (S.NOT_SENT, "TOO_LATE")


@pytest.mark.parametrize("errand", [Errand.LIQUIDATE, Errand.PLACE])
async def test_a_way_out_that_could_not_leave_finds_no_later_position(
    desk: Desk, errand: Errand
) -> None:
    await enters(desk)
    await displaced(desk)
    row = await (way_out(desk) if errand is Errand.PLACE else desk.wants(errand, **OUT))
    await passes(desk, 140)
    assert await aged(row)
    assert (await told("dispatch"))[-1] == "not_sent"
    (alarm,) = await alarms()
    assert alarm["words"] == (
        f"{CONTRACT} could not be closed within two minutes (signed in elsewhere: a newer login has taken "
        "the place), and it is not sent any more. By the broker's last word long 1 is open there, by the "
        "desk's books nothing. "
        "Press Close or Kill again once the login answers, or close it in the broker's own program."
    )
    async with signed_in(desk):
        await desk.broker.liquidate("1001", CONTRACT)  # by himself, and he trades on
        desk.passed += timedelta(hours=3)
        await desk.wants()
        await desk.works()
        assert await held(desk) == 1
        again = await desk.wants(Errand.LIQUIDATE, **OUT)
        await desk.works()
        assert ((await stands(again))[0], await held(desk)) == (S.SENT, 0)


@pytest.mark.parametrize("errand", [Errand.LIQUIDATE, Errand.PLACE])
async def test_an_outage_of_two_minutes_is_bridged(desk: Desk, errand: Errand) -> None:
    await enters(desk)
    await displaced(desk)
    row = await (way_out(desk) if errand is Errand.PLACE else desk.wants(errand, **OUT))
    await passes(desk, 120)
    assert (await stands(row))[0] == S.QUEUED
    async with signed_in(desk):
        await passes(desk, 9)
        assert ((await stands(row))[0], await held(desk), await alarms()) == (S.SENT, 0, [])


async def test_what_no_gateway_looks_at_ends_too_and_is_told_once(desk: Desk) -> None:
    await enters(desk)
    rows = [await desk.wants(Errand.LIQUIDATE, **OUT)]
    rows += [await desk.wants(Errand.CANCEL, **OUT | {"fresh_s": 130}) for _ in range(2)]
    keeps = await desk.wants(Errand.CANCEL, **OUT)
    end = sync_to_async(lapsing.end_aged)
    assert await end(desk.now() + timedelta(seconds=129)) == 0
    assert await end(desk.now() + timedelta(seconds=131)) == 3
    assert [await aged(row) for row in rows] == [True] * 3
    assert (await stands(keeps))[0] == S.QUEUED
    assert len(await alarms()) == 1


async def test_what_is_being_sent_is_ended_by_nobody_else_and_what_has_aged_is_not_sent(
    desk: Desk,
) -> None:
    row = await desk.wants(Errand.LIQUIDATE, **OUT)
    await Dispatch.objects.filter(pk=row.pk).aupdate(status=S.SENDING)
    later = desk.now() + timedelta(hours=1)
    assert await sync_to_async(lapsing.end_aged)(later) == 0
    await Dispatch.objects.filter(pk=row.pk).aupdate(status=S.QUEUED)
    fresh = await Dispatch.objects.aget(pk=row.pk)
    desk.passed += timedelta(seconds=131)
    assert await desk.thread.run(desk.gateway()._claim, fresh) is False


async def test_a_lost_answer_does_not_liquidate_hours_later(desk: Desk) -> None:
    await enters(desk)
    desk.ground.sim.put_up("order/liquidateposition", 502)
    row = await desk.wants(Errand.LIQUIDATE, **OUT)
    await desk.gateway().step()
    assert (await stands(row))[0] == S.UNKNOWN
    desk.passed += timedelta(hours=3)
    await desk.works()
    assert (await aged(row), await held(desk)) == (True, 1)


async def test_the_engine_hears_once_that_the_line_is_back(desk: Desk) -> None:
    await enters(desk)
    await desk.wants(Errand.LIQUIDATE, **OUT)
    late = desk.now() + timedelta(seconds=131)
    await sync_to_async(lapsing.end_aged)(late)
    back = sync_to_async(lapsing.tell_line_back)
    login = Connection.objects.filter(pk=desk.connection.pk)
    for state, heard, is_told in (
        (State.DISPLACED, late + timedelta(seconds=1), 0),
        (State.OK, late - timedelta(seconds=1), 0),
        (State.OK, late + timedelta(seconds=1), 1),
        (State.OK, late + timedelta(seconds=9), 0),
    ):
        await login.aupdate(state=state, heard_at=heard)
        assert await back() == is_told
    assert len(await told("line")) == 1


async def test_of_one_outage_a_rule_s_exits_are_told_once_and_each_press_by_itself(
    desk: Desk,
) -> None:
    await enters(desk)
    end, login = sync_to_async(lapsing.end_aged), Connection.objects.filter(pk=desk.connection.pk)
    late = desk.now()

    async def lapses(*, is_automated: bool) -> int:
        nonlocal late
        payload = {"is_automated": is_automated}
        row = await desk.wants(Errand.LIQUIDATE, **OUT, payload=payload)
        late += timedelta(seconds=200)
        await end(late)
        assert await aged(row)
        return len(await alarms())

    assert [await lapses(is_automated=True) for _ in range(3)] == [1, 1, 1]
    await login.aupdate(heard_at=late + timedelta(seconds=1))  # its stream is up, its calls are not
    assert await lapses(is_automated=True) == 1
    assert await lapses(is_automated=False) == 2
    await login.aupdate(polled_at=late + timedelta(seconds=1))
    assert [await lapses(is_automated=True) for _ in range(2)] == [3, 3]


@pytest.mark.parametrize("hours", [0, 5])
async def test_an_exit_after_one_that_aged_looks_at_what_is_held_first(
    desk: Desk, hours: int
) -> None:
    await enters(desk)
    await desk.wants(Errand.LIQUIDATE, **OUT)
    await sync_to_async(lapsing.end_aged)(desk.now() + timedelta(seconds=131))
    await desk.broker.liquidate("1001", CONTRACT)
    desk.passed += timedelta(hours=hours)
    row = await way_out(desk)
    await desk.works()
    assert (await stands(row), await held(desk)) == ((S.NOT_SENT, "FLAT"), 0)


@pytest.mark.parametrize(("place", "seconds", "ends"), [(0, 131, 1), (0, 129, 0), (7, 131, 0)])
async def test_an_exit_that_waits_behind_a_change_from_before_it_ages_with_that_change(
    desk: Desk, place: int, seconds: int, ends: int
) -> None:
    now = desk.now()
    whose = {"user": desk.account.user_id, "account": desk.account.pk, "contract": CONTRACT}
    usual = {"side": Side.SELL, "quantity": 1, "at": 1, "age": 1}
    stop = Line(
        "th-s", "e-s", **whose, strategy=place, type=OrderType.STOP, role=Role.STOP, stage=Stage.WORKING,
        stop=80_000, is_asking=True, **usual,
    )  # fmt: skip
    out = Line("th-x", "w9", **whose, strategy=0, type=OrderType.MARKET, role=Role.EXIT, **usual)
    for line in (stop, out):
        await AbroadLine.objects.acreate(account=desk.account, tag=line.tag, plain=line.plain())
    await FactRow.objects.acreate(
        key="order.sent:w9",
        name="order.sent",
        at=now,
        at_ns=1,
        user_id=1,
        payload={},
        recorded_at=now,
    )
    moves = await desk.wants(Errand.MODIFY, tag="th-s", **OUT, payload={"stop": "20001.00"})
    end = sync_to_async(lapsing.end_aged)
    assert await end(now + timedelta(seconds=seconds)) == ends
    assert await aged(moves) == bool(ends)
