"""All logins' gateways together: one that stumbles or waits holds nobody else, and there are never two."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connections
from django.utils import timezone

from apps.brokers.domain.abroad import Errand, tag_of
from apps.brokers.gateways import Gateways
from apps.brokers.models import Account, Connection, Dispatch
from apps.brokers.tallies import key_of, usage
from apps.bus.domain.message import to_instant
from apps.bus.models import FactRow
from apps.bus.only import AnotherRuns
from tests.cast import Actor
from tests.integration.brokers.playground import CONTRACT
from tests.integration.brokers.shared import a_connection, desk_market, with_broker
from tests.integration.brokers.test_live import adopted

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]

S = Dispatch.Status
BUY: dict[str, Any] = {
    "side": "buy", "type": "market", "quantity": 1, "limit": None, "stop": None, "trail": None,
    "tif": "day", "is_automated": False, "legs": [],
}  # fmt: skip


def wants(account: Account, errand: Errand, payload: dict[str, Any], **more: Any) -> Dispatch:
    name = f"w{Dispatch.objects.count()}"
    usual = {
        "key": name, "user_id": account.user_id, "order": name, "tag": tag_of(name), "fresh_s": 60,
        "contract": CONTRACT, "at_ns": 1,
    }  # fmt: skip
    return Dispatch.objects.create(account=account, errand=errand, payload=payload, **usual | more)


def works(act: Callable[[Gateways], Awaitable[None]]) -> None:
    """Let gateways act, and end them."""

    async def run() -> None:
        gateways = Gateways()
        try:
            await act(gateways)
        finally:
            await gateways.stop()

    asyncio.run(run())


async def once(gateways: Gateways) -> None:
    await gateways.step()
    await gateways.settled()


def test_a_login_that_stumbles_stops_no_other_and_what_it_sent_is_looked_for(
    alice: Actor, bob: Actor
) -> None:
    with desk_market() as market:
        market.streams.board(CONTRACT)
        market.run(market.move(5))
        broken = wants(adopted(alice.user, "demo"), Errand.PLACE, {"is_automated": False})
        sound = wants(adopted(bob.user, "demo"), Errand.PLACE, BUY)

        async def twice(gateways: Gateways) -> None:
            await once(gateways)
            await once(gateways)

        works(twice)
        for row in (broken, sound):
            row.refresh_from_db()
        assert (broken.status, sound.status) == (S.UNKNOWN, S.SENT)
        assert len(market.asked("order/placeorder")) == 1


def test_no_exit_waits_for_an_entry_of_the_same_login(alice: Actor) -> None:
    with desk_market() as market:
        market.streams.board(CONTRACT)
        market.run(market.move(5))
        row = a_connection(alice.user)
        account = adopted(alice.user, "demo", row)
        asyncio.run(with_broker(row, lambda broker: broker.accounts()))  # it is signed in
        cache.clear()
        usage(key_of(row.environment, row.login), to_instant(timezone.now()), add=1000)
        entry = wants(account, Errand.PLACE, BUY)
        way_out = wants(account, Errand.LIQUIDATE, {}, is_exit=True, fresh_s=None)

        async def exits(gateways: Gateways) -> None:
            await gateways.step()
            lane = gateways._lanes[row.pk, True]
            await asyncio.wait_for(lane, 50)

        works(exits)
        for one in (entry, way_out):
            one.refresh_from_db()
        # the broker's answer: there is nothing to close
        assert (entry.status, way_out.status) == (S.SENDING, S.REFUSED)
        assert market.asked("order/placeorder") == []


def test_an_exit_that_aged_ends_though_its_login_is_switched_off(alice: Actor) -> None:
    account = adopted(alice.user, "demo")
    row = wants(account, Errand.LIQUIDATE, {"is_automated": False}, is_exit=True, fresh_s=None)
    aged = timezone.now() - timedelta(seconds=131)
    Dispatch.objects.filter(pk=row.pk).update(created_at=aged)
    Connection.objects.update(is_on=False)

    async def compares(gateways: Gateways) -> None:
        await gateways.start()
        await gateways._compare()

    works(compares)
    row.refresh_from_db()
    assert (row.status, row.reason) == (S.NOT_SENT, "TOO_LATE")
    assert FactRow.objects.filter(name="exit.not_sent").count() == 1


def test_there_is_one_gateway_and_the_next_begins_when_it_ends() -> None:
    async def run() -> None:
        first, second, third = Gateways(), Gateways(), Gateways()
        await first.start()
        with pytest.raises(AnotherRuns, match="another gateway holds"):
            await second.start()
        await first.stop()
        await third.start()
        for one in (second, third):
            await one.stop()

    asyncio.run(run())


def test_a_lock_that_went_with_its_connection_is_taken_again_before_anything_is_sent() -> None:
    async def run() -> None:
        first, second = Gateways(), Gateways()
        await first.start()
        await first._alone.run(connections.close_all)
        await first._turn()
        assert first._is_ours
        with pytest.raises(AnotherRuns):
            await second.start()
        for one in (first, second):
            await one.stop()

    asyncio.run(run())


def test_nothing_is_sent_while_another_has_the_lock(alice: Actor) -> None:
    row = wants(adopted(alice.user, "demo"), Errand.PLACE, BUY)

    async def run() -> None:
        first, second = Gateways(), Gateways()
        await first._alone.run(first._only.take)
        await second._turn()
        assert (second._is_ours, second._lanes) == (False, {})
        for one in (first, second):
            await one.stop()

    asyncio.run(run())
    row.refresh_from_db()
    assert row.status == S.QUEUED
