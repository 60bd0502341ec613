"""The gateway when something had to wait: what is not wanted any more never leaves, and no exit opens anything."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from apps.brokers import models
from apps.brokers.domain.abroad import Errand
from apps.brokers.domain.order import OrderType, Side
from apps.brokers.domain.ports import NewOrder
from apps.brokers.gateway import Gateway
from apps.brokers.models import Dispatch
from tests.integration.brokers.playground import CONTRACT, until
from tests.integration.brokers.test_broker import price_of
from tests.integration.brokers.test_gateway import Desk, desk, told

__all__ = ["desk"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]

S = Dispatch.Status
OUT: dict[str, Any] = {"is_exit": True, "fresh_s": None}


async def way_out(desk: Desk, quantity: int = 1) -> Dispatch:
    """Write an exit at the market, as the engine does."""
    row = await desk.wants(**OUT)
    row.payload = row.payload | {"side": "sell", "quantity": quantity, "legs": []}
    await row.asave()
    return row


async def held(desk: Desk) -> int:
    return sum(one.net for one in (await desk.broker.snapshot()).positions)


async def stands(row: Dispatch) -> tuple[str, str]:
    await row.arefresh_from_db()
    return row.status, row.reason


def use_up(desk: Desk) -> None:
    """Have made all the calls of this minute."""
    quota = desk.broker.rest.quota
    for _ in range(quota.per_minute):
        quota._tally.add(desk.ground.clock.now())


# ---- exits that had to wait ----


async def test_an_exit_that_was_turned_away_opens_nothing_once_a_person_has_closed(
    desk: Desk,
) -> None:
    await desk.wants()
    await desk.works()
    desk.ground.sim.put_up("order/placeorder", 429)
    row = await way_out(desk)
    await desk.gateway().step()
    assert (await stands(row))[0] == S.QUEUED
    await desk.broker.liquidate("1001", CONTRACT)
    await desk.ground.clock.passes(3)
    await desk.works()
    assert await stands(row) == (S.NOT_SENT, "FLAT")
    assert await held(desk) == 0
    assert await told("dispatch") == ["sent", "not_sent"]


async def test_an_exit_right_behind_a_liquidation_opens_nothing(desk: Desk) -> None:
    """A kill closes all that is held; what was filled meanwhile has an exit of its own, behind it."""
    await desk.wants()
    await desk.works()
    await desk.wants(Errand.LIQUIDATE, **OUT)
    row = await way_out(desk)
    await desk.works()
    assert await held(desk) == 0
    assert await stands(row) == (S.NOT_SENT, "FLAT")


async def test_an_exit_that_lay_too_long_is_no_larger_than_what_is_held(desk: Desk) -> None:
    await desk.wants()
    await desk.works()
    row = await way_out(desk, 2)
    desk.passed += timedelta(seconds=11)
    await desk.works()
    assert (await stands(row))[0] == S.SENT
    assert (await held(desk), row.payload["quantity"]) == (0, 1)
    assert await told("order") == ["working"]


async def test_of_two_exits_that_lay_too_long_the_second_waits_for_what_the_first_does(
    desk: Desk,
) -> None:
    await desk.wants()
    await desk.works()
    first, second = await way_out(desk), await way_out(desk)
    desk.passed += timedelta(seconds=11)
    await desk.works()
    assert (await stands(first))[0] == S.SENT
    assert await stands(second) == (S.NOT_SENT, "FLAT")
    assert await held(desk) == 0


async def test_a_cancel_takes_back_an_exit_that_is_still_queued(desk: Desk) -> None:
    row = await way_out(desk)
    await desk.wants(Errand.CANCEL, tag=row.tag, **OUT)
    await desk.works()
    assert await stands(row) == (S.NOT_SENT, "CANCELLED")
    assert desk.orders() == []


async def test_an_exit_leaves_though_the_calls_of_the_minute_are_used_up(desk: Desk) -> None:
    await desk.wants()
    await desk.works()
    use_up(desk)
    row = await way_out(desk)
    await asyncio.wait_for(desk.gateway().step(), 50)
    assert (await stands(row))[0] == S.SENT


@pytest.mark.parametrize(
    ("waits_s", "by"), [(80 * 60, "auth/renewaccesstoken"), (3 * 3600, "auth/accesstokenrequest")]
)
async def test_an_exit_leaves_with_a_new_token_though_the_calls_of_the_minute_are_used_up(
    desk: Desk, waits_s: int, by: str
) -> None:
    await desk.wants()
    await desk.works()
    await desk.ground.clock.passes(waits_s)
    use_up(desk)
    before = len(desk.ground.sim.asked(by))
    row = await way_out(desk)
    await asyncio.wait_for(desk.gateway().step(), 50)
    assert (await stands(row))[0] == S.SENT
    assert len(desk.ground.sim.asked(by)) == before + 1


async def test_an_exit_does_not_wait_for_a_renewal_that_somebody_else_has_begun(
    desk: Desk,
) -> None:
    await desk.wants()
    await desk.works()
    await desk.ground.clock.passes(80 * 60)
    use_up(desk)
    polling = asyncio.create_task(desk.broker.snapshot())
    await asyncio.sleep(0)
    row = await way_out(desk)
    await asyncio.wait_for(desk.gateway().step(), 50)
    assert (await stands(row))[0] == S.SENT
    polling.cancel()


async def test_a_liquidation_that_never_arrived_is_asked_for_again(desk: Desk) -> None:
    await desk.wants()
    await desk.works()
    desk.ground.sim.put_up("order/liquidateposition", 502)
    row = await desk.wants(Errand.LIQUIDATE, **OUT)
    await desk.works()
    assert ((await stands(row))[0], await held(desk)) == (S.SENT, 0)


# ---- entries that had to wait ----


async def waiting(desk: Desk, gateway: Gateway) -> "asyncio.Task[int]":
    """Let a gateway step until its entry waits for a call of the next minute."""
    await desk.broker.accounts()
    use_up(desk)
    before = len(desk.ground.clock.waits)
    task = asyncio.create_task(gateway.step())
    await until(lambda: len(desk.ground.clock.waits) > before)
    return task


async def test_an_entry_that_waits_for_its_turn_does_not_leave_after_the_switch_is_off(
    desk: Desk,
) -> None:
    row = await desk.wants()
    gateway = desk.gateway()
    task = await waiting(desk, gateway)
    await models.LiveSwitch.objects.aupdate(is_on=False)
    await desk.ground.reach(task.done)
    assert desk.ground.sim.asked("order/placeoso") == []
    await desk.works(gateway)
    assert await stands(row) == (S.NOT_SENT, "LIVE_OFF")
    assert desk.orders() == []


async def test_an_entry_that_waits_out_a_ticket_does_not_leave_once_it_is_taken_back(
    desk: Desk,
) -> None:
    row = await desk.wants()
    desk.ground.sim.put_up("order/placeoso", 200, {"p-ticket": "pt-1", "p-time": 5})
    gateway = desk.gateway()
    task = asyncio.create_task(gateway.step())
    await until(lambda: desk.ground.sim.asked("order/placeoso"))
    await desk.wants(Errand.CANCEL, tag=row.tag, **OUT)
    await desk.ground.reach(task.done)
    await desk.works(gateway)
    assert await stands(row) == (S.NOT_SENT, "CANCELLED")
    assert (len(desk.ground.sim.asked("order/placeoso")), desk.orders()) == (1, [])


async def test_a_lost_call_counts_from_when_it_was_lost_and_not_from_when_it_was_meant(
    desk: Desk,
) -> None:
    row = await desk.wants(fresh_s=60)
    desk.ground.sim.put_up("order/placeoso", 200, {"p-ticket": "pt-1", "p-time": 8})
    desk.ground.sim.put_up("order/placeoso", 502)
    gateway = desk.gateway()
    task = asyncio.create_task(gateway.step())
    await until(lambda: desk.ground.sim.asked("order/placeoso"))
    desk.passed += timedelta(seconds=8)
    await desk.ground.reach(task.done)
    desk.passed += timedelta(seconds=1)
    await gateway.step()
    assert (await stands(row))[0] == S.UNKNOWN  # it may be on its way still
    await desk.works(gateway)
    assert await stands(row) == (S.NOT_SENT, "NOT_SENT")


async def test_what_another_lane_is_sending_is_no_doubt(desk: Desk) -> None:
    row = await desk.wants()
    gateway = desk.gateway()
    task = await waiting(desk, gateway)
    await gateway.start()
    assert (await stands(row))[0] == S.SENDING
    await desk.ground.clock.passes(60)
    await desk.ground.reach(task.done)
    assert ((await stands(row))[0], len(desk.orders())) == (S.SENT, 1)


async def test_exits_leave_while_an_entry_waits_for_its_turn(desk: Desk) -> None:
    await desk.wants()
    await desk.works()
    entry = await desk.wants()
    gateway = desk.gateway()
    task = await waiting(desk, gateway)
    row = await desk.wants(Errand.LIQUIDATE, **OUT)
    await asyncio.wait_for(gateway.step(is_exit=True), 50)
    assert ((await stands(row))[0], (await stands(entry))[0]) == (S.SENT, S.SENDING)
    await desk.ground.reach(task.done)


# ---- by number, in whichever session ----


async def test_a_stop_is_moved_and_ended_in_the_session_after_the_one_that_placed_it(
    desk: Desk,
) -> None:
    row = await desk.wants()
    await desk.works()
    await desk.mirror()
    desk.ground.sim.book.roll_over()
    stop = f"{row.tag[:-1]}s"
    moved = await desk.wants(Errand.MODIFY, tag=stop, payload={"stop": "11000.00"}, **OUT)
    await desk.works()
    ended = await desk.wants(Errand.CANCEL, tag=stop, **OUT)
    await desk.works()
    assert ((await stands(moved))[0], (await stands(ended))[0]) == (S.SENT, S.SENT)
    number = int(row.remote.get(stop) or (await Dispatch.objects.aget(pk=row.pk)).remote[stop])
    order = desk.ground.sim.entities.get("order", number)
    assert order is not None and order["ordStatus"] == "Canceled"
    (change,) = desk.ground.sim.asked("order/modifyorder")
    assert (change["orderId"], change["stopPrice"], change["orderQty"]) == (number, 11000.0, 1)


async def test_a_cancel_of_an_order_whose_number_is_known_takes_one_call(desk: Desk) -> None:
    row = await desk.wants()
    await desk.works()
    before = len(desk.ground.sim.calls)
    await desk.wants(Errand.CANCEL, tag=f"{row.tag[:-1]}s", **OUT)
    await desk.works()
    assert [path for path, _ in desk.ground.sim.calls[before:]] == ["order/cancelorder"]


async def test_a_cancel_of_what_ended_with_its_twin_takes_no_call(desk: Desk) -> None:
    row = await desk.wants()
    await desk.works()
    await desk.broker.liquidate("1001", CONTRACT)
    await desk.mirror()
    before = len(desk.ground.sim.calls)
    ended = await desk.wants(Errand.CANCEL, tag=f"{row.tag[:-1]}s", **OUT)
    await desk.works()
    assert (await stands(ended))[0] == S.REFUSED
    assert desk.ground.sim.calls[before:] == []


async def test_a_cancel_whose_answer_was_lost_in_the_session_before_is_asked_for_again(
    desk: Desk,
) -> None:
    row = await desk.wants()
    await desk.works()
    desk.ground.sim.put_up("order/cancelorder", 502)
    ended = await desk.wants(Errand.CANCEL, tag=f"{row.tag[:-1]}s", **OUT)
    gateway = desk.gateway()
    await gateway.step()
    assert (await stands(ended))[0] == S.UNKNOWN
    desk.ground.sim.book.roll_over()
    await desk.works(gateway)
    assert (await stands(ended))[0] == S.SENT
    assert len(desk.ground.sim.asked("order/cancelorder")) == 2


async def test_an_order_that_was_told_as_never_sent_is_cancelled_by_its_number(desk: Desk) -> None:
    """A repair: the call arrived after all, long after the broker was asked for it."""
    row = await desk.wants(status=S.NOT_SENT)
    last = await price_of(desk.ground)
    late = NewOrder(
        "1001", CONTRACT, Side.BUY, OrderType.LIMIT, 1, tag=row.tag, limit=last - 100
    )  # fmt: skip
    placed = await desk.broker.place(late)
    payload = {"remote": placed.order}
    ended = await desk.wants(Errand.CANCEL, tag=row.tag, payload=payload, **OUT)
    await desk.works()
    assert (await stands(ended))[0] == S.SENT
    (order,) = desk.orders()
    assert order["ordStatus"] == "Canceled"
