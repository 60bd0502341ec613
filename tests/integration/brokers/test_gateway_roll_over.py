"""A placement whose answer was lost just before its session ended: it is never told as not sent by guessing."""

from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from apps.brokers import live
from apps.brokers.domain.order import OrderType, Side, TimeInForce
from apps.brokers.domain.ports import NewOrder
from apps.brokers.models import BrokerAccount, BrokerOrder, Difference, Dispatch
from apps.brokers.reconciling import reconcile
from apps.bus.models import FactRow
from apps.trades.services import Refused
from tests.integration.brokers.playground import CONTRACT
from tests.integration.brokers.test_broker import price_of
from tests.integration.brokers.test_gateway import Desk, desk, told
from tests.integration.brokers.test_gateway_waits import OUT, held, stands, way_out

__all__ = ["desk"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]

S = Dispatch.Status
NIGHT = timedelta(hours=9)  # from half past nine in New York until after six


async def lost(desk: Desk, *, arrives: bool = True, **changed: Any) -> Dispatch:
    """Let the answer to a placement be lost, and the session end before anybody looks."""
    row = await desk.wants()
    row.payload = row.payload | changed
    await row.asave()
    path = "order/placeoso" if row.payload["legs"] else "order/placeorder"
    if arrives:
        desk.ground.sim.lose_answer(path)
    else:
        desk.ground.sim.put_up(path, 502)
    await desk.gateway().step()
    assert (await stands(row))[0] == S.UNKNOWN
    await night(desk)
    return row


async def night(desk: Desk) -> None:
    """Let the session end and the next one begin."""
    desk.ground.sim.book.roll_over()
    desk.passed += NIGHT
    await desk.ground.clock.passes(NIGHT.total_seconds())


def differences(account: BrokerAccount) -> list[Difference]:
    return reconcile(account)


async def undecided(desk: Desk) -> Difference:
    """Return the one thing that a person has to settle, as it was told."""
    account = await BrokerAccount.objects.select_related("account").aget()
    found = await sync_to_async(differences)(account)
    (one,) = [one for one in found if one.kind == "undecided"]
    assert one.told_at is not None
    assert await FactRow.objects.filter(name="reconcile.differs").acount() >= 1
    return one


async def repair(desk: Desk, difference: Difference, how: str) -> None:
    def mend() -> None:
        found = Difference.objects.select_related("account").get(pk=difference.pk)
        live.repair(user=desk.account.user, difference=found, how=how)

    await sync_to_async(mend)()


async def test_an_order_that_works_on_is_found_by_its_mark(desk: Desk) -> None:
    last = await price_of(desk.ground)
    row = await lost(desk, type="limit", limit=str(last - 200), tif="gtc", legs=[])
    await desk.works()
    assert (await stands(row), len(desk.orders())) == ((S.SENT, ""), 1)
    assert await told("dispatch") == ["sent"]


async def test_an_entry_that_was_filled_is_found_by_its_stop(desk: Desk) -> None:
    row = await lost(desk)
    await desk.works()
    assert await stands(row) == (S.SENT, "")
    stop = f"{row.tag[:-1]}s"
    assert sorted(row.remote) == [row.tag, stop]
    entry = await BrokerOrder.objects.aget(tag=row.tag)
    assert (entry.remote, entry.status) == (row.remote[row.tag], "expired")  # nobody knows how
    assert await told("order") == ["expired"]


async def test_what_shows_nowhere_is_left_to_a_person_and_never_told_as_not_sent(
    desk: Desk,
) -> None:
    row = await lost(desk, arrives=False, legs=[])
    await desk.works(seconds=30)
    assert (await stands(row))[0] == S.UNKNOWN
    assert await told("dispatch") == []
    found = await undecided(desk)
    assert found.subject == row.tag and "nobody knows whether buy 1 market" in found.words
    with pytest.raises(Refused):
        await repair(desk, found, "ours")
    await repair(desk, found, "forget")
    assert await stands(row) == (S.NOT_SENT, "SETTLED")
    assert await told("dispatch") == ["not_sent"]
    with pytest.raises(Refused):
        await repair(desk, found, "forget")
    await desk.works(seconds=5)
    assert await told("dispatch") == ["not_sent"]


async def test_a_filled_order_that_left_no_leg_is_left_to_a_person(desk: Desk) -> None:
    row = await lost(desk, legs=[])
    await desk.works(seconds=30)
    assert ((await stands(row))[0], await held(desk)) == (S.UNKNOWN, 1)
    await undecided(desk)


async def test_an_order_without_a_mark_that_looks_like_it_is_taken_by_a_person_s_word(
    desk: Desk,
) -> None:
    last = await price_of(desk.ground)
    limit = last - 200
    row = await lost(desk, arrives=False, type="limit", limit=str(limit), tif="gtc", legs=[])
    await desk.broker.place(
        NewOrder("1001", CONTRACT, Side.BUY, OrderType.LIMIT, 1, "x", limit, tif=TimeInForce.GTC)
    )
    (order,) = desk.orders()
    await night(desk)
    desk.ground.sim.entities.clear("command")  # the broker tells no mark of it any more
    await desk.mirror()
    await desk.works(seconds=30)
    found = await undecided(desk)
    assert found.detail["remote"] == str(order["id"]) and str(order["id"]) in found.words
    await repair(desk, found, "ours")
    assert (await stands(row))[0] == S.SENT and row.remote == {row.tag: str(order["id"])}
    assert (await BrokerOrder.objects.aget()).tag == row.tag
    assert await told("dispatch") == ["sent"]
    account = await BrokerAccount.objects.select_related("account").aget()
    assert "undecided" not in [one.kind for one in await sync_to_async(differences)(account)]


async def test_an_order_that_our_rows_have_seen_was_sent(desk: Desk) -> None:
    desk.ground.sim.lose_answer("order/placeorder")
    row = await desk.wants()
    row.payload = row.payload | {"legs": []}
    await row.asave()
    gateway = desk.gateway()
    await gateway.step()
    await desk.mirror()
    await night(desk)
    await desk.works(gateway)
    assert await stands(row) == (S.SENT, "")


async def test_a_process_that_died_in_the_session_before_does_not_forget_when_it_sent(
    desk: Desk,
) -> None:
    row = await desk.wants()
    claimed = row.payload | {"legs": [], "claimed": int(desk.now().timestamp() * 1e9)}
    await Dispatch.objects.filter(pk=row.pk).aupdate(
        status=S.SENDING, sent_at=desk.now(), payload=claimed
    )
    await night(desk)
    await desk.works(seconds=30)
    assert (await stands(row))[0] == S.UNKNOWN
    await undecided(desk)


async def test_what_is_left_to_a_person_holds_no_exit(desk: Desk) -> None:
    await desk.wants()
    await desk.works()
    first = await way_out(desk)
    desk.ground.sim.put_up("order/placeorder", 502)
    await desk.gateway().step()
    assert (await stands(first))[0] == S.UNKNOWN
    await night(desk)
    await desk.works(seconds=30)
    assert (await stands(first))[0] == S.UNKNOWN
    second = await desk.wants(**OUT)
    second.payload = second.payload | {"side": "sell", "quantity": 1, "legs": []}
    await second.asave()
    desk.passed += timedelta(seconds=20)  # it had to wait: what is held is looked at
    await desk.works(seconds=5)
    assert ((await stands(second))[0], await held(desk)) == (S.SENT, 0)


@pytest.mark.parametrize(
    ("hours", "seconds", "reaches"),
    [
        (0, 60, True),
        (7.4, 60, True),  # shortly before the close
        (7.6, 600, False),  # over the close: the lists may be emptied at any moment
        (8.4, 60, False),
        (8.53, 60, False),  # just after the exchange's day began
        (8.7, 60, True),
        (24, 23 * 3600, False),
        (24 + 24, 60, True),
    ],
)
async def test_how_far_back_the_lists_reach_for_certain(
    desk: Desk, hours: float, seconds: float, reaches: bool
) -> None:
    await desk.ground.clock.passes(hours * 3600)
    assert desk.broker.reaches_back(seconds) is reaches
