"""What the gateway looks at right before an entry leaves, and what the order is called at the broker."""

from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from apps.brokers.domain.abroad import Errand
from apps.brokers.models import Difference, Dispatch, Order
from apps.signals.services import create_strategy
from apps.users.models import User
from tests.integration.brokers.playground import CONTRACT
from tests.integration.brokers.test_gateway import Desk, desk, told
from tests.integration.brokers.test_gateway_waits import held, stands, way_out

__all__ = ["desk"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]

S = Dispatch.Status
WORDS = "NQZ6: the broker holds long 1, the desk believes nothing."


async def differs(desk: Desk, kind: str = "position", **changed: Any) -> Difference:
    """Let desk and broker differ in the contract, as it was told."""
    now = timezone.now()
    subject = CONTRACT if kind == "position" else "th-lost"
    given = {
        "user_id": desk.account.user_id, "account": desk.account, "kind": kind, "subject": subject,
        "words": WORDS, "detail": {"contract": CONTRACT} if kind == "undecided" else {},
        "seen_at": now, "told_at": now,
    }  # fmt: skip
    return await Difference.objects.acreate(**(given | changed))


@pytest.mark.parametrize("kind", ["position", "undecided"])
async def test_no_entry_leaves_in_a_contract_in_which_desk_and_broker_differ(
    desk: Desk, kind: str
) -> None:
    await differs(desk, kind)
    row = await desk.wants()
    await desk.works()
    status, reason = await stands(row)
    assert (status, reason) == (S.NOT_SENT, f"DIFFERS: {WORDS} Settle it under Live orders first.")
    assert (desk.orders(), await told("dispatch")) == ([], ["not_sent"])


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        ("position", {"gone_at": timezone.now()}),
        ("position", {"told_at": None}),
        ("position", {"subject": "NQH7"}),
        ("undecided", {"detail": {"contract": "NQH7"}}),
        ("unprotected", {"subject": CONTRACT}),
    ],
)
async def test_what_is_gone_or_not_sure_or_elsewhere_holds_no_entry(
    desk: Desk, kind: str, changed: dict[str, Any]
) -> None:
    await differs(desk, kind, **changed)
    row = await desk.wants()
    await desk.works()
    assert (await stands(row))[0] == S.SENT


async def test_exits_leave_though_desk_and_broker_differ(desk: Desk) -> None:
    await desk.wants()
    await desk.works()
    await differs(desk)
    row = await way_out(desk)
    await desk.works()
    assert (await stands(row), await held(desk)) == ((S.SENT, ""), 0)


async def test_an_exit_is_no_larger_than_what_is_held_where_desk_and_broker_differ(
    desk: Desk,
) -> None:
    await differs(desk)  # closed there in a session that the desk has not seen
    row = await way_out(desk)
    await desk.works()
    assert (await stands(row), await held(desk)) == ((S.NOT_SENT, "FLAT"), 0)


async def switch_off(desk: Desk) -> None:
    await User.objects.filter(pk=desk.account.user_id).aupdate(is_active=False)


async def test_no_entry_of_a_user_who_is_switched_off_leaves_and_his_exits_do(desk: Desk) -> None:
    await desk.wants()
    await desk.works()
    await switch_off(desk)
    entry, out = await desk.wants(), await way_out(desk)
    await desk.works()
    assert await stands(entry) == (S.NOT_SENT, "USER_OFF")
    assert (await stands(out), await held(desk)) == ((S.SENT, ""), 0)


async def named(desk: Desk, row: Dispatch, name: str) -> None:
    """Let a dispatch be of an order of a strategy with this name."""
    user = await User.objects.aget(pk=row.user_id)
    strategy, _ = await sync_to_async(create_strategy)(user=user, name=name)
    now = timezone.now()
    await Order.objects.acreate(
        user_id=row.user_id, key=row.order, account=desk.account, strategy=strategy,
        place=strategy.pk, contract=CONTRACT, root="NQ", side="buy", type="market", tif="day",
        role="entry", origin="automatic", quantity=1, status="sent", at=now, at_ns=1,
    )  # fmt: skip


async def texts(desk: Desk) -> list[str]:
    orders = desk.ground.sim.entities
    return [str(one.get("text", "")) for one in orders.all("orderVersion")]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("NQ Fade", "NQ Fade"),
        ("Überflieger – Kurz\n🚀 No. 1", "Uberflieger Kurz No. 1"),
        ("x" * 80, "x" * 64),
        ("🚀", "tradehub"),
    ],
)
async def test_an_order_carries_its_strategy_s_name_at_the_broker_and_its_legs_too(
    desk: Desk, name: str, text: str
) -> None:
    row = await desk.wants()
    await named(desk, row, name)
    await desk.works()
    assert (await stands(row))[0] == S.SENT
    assert await texts(desk) == [text, text]
    (command,) = [one for one in desk.ground.sim.entities.all("command") if one.get("customTag50")]
    assert (command["customTag50"], command["clOrdId"]) == (row.tag, row.tag)


async def test_an_order_by_hand_carries_the_desk_s_name(desk: Desk) -> None:
    await desk.wants()
    await desk.works()
    assert await texts(desk) == ["tradehub", "tradehub"]


async def test_a_liquidation_leaves_though_desk_and_broker_differ_and_its_owner_is_off(
    desk: Desk,
) -> None:
    await desk.wants()
    await desk.works()
    await differs(desk)
    await switch_off(desk)
    row = await desk.wants(Errand.LIQUIDATE, is_exit=True, fresh_s=None)
    desk.passed += timedelta(seconds=1)
    await desk.works()
    assert ((await stands(row))[0], await held(desk)) == (S.SENT, 0)
