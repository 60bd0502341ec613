"""From a fill at the broker to a message, with a Discord that limits, fails, cuts, dawdles or is shut: told once each.

Whatever Discord does, position, page and figures are as if it did nothing; and what it never took stands on the pages.
"""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import pytest
from django.utils import timezone

from apps.brokers.reading import poll
from apps.bus import bus, transport
from apps.notifications import sending, services
from apps.notifications.models import Delivery, DiscordLink, Notice
from apps.notifications.subscribers import NAME as NOTICES
from apps.recorder.subscribers import NAME
from tests.cast import Actor
from tests.integration.brokers.playground import CONTRACT, START, ScriptedSimulator
from tests.integration.brokers.shared import a_connection, desk_market
from tests.services.discord import Discord, Fault

from .told_story import Story, Wall

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]
LIMIT: Final = {"message": "You are being rate limited.", "retry_after": 3.5}
MISBEHAVES: Final = {
    "429 of one conversation": [Fault(status=429, body=LIMIT | {"global": False})],
    "429 of everything": [Fault(status=429, body=LIMIT | {"global": True})],
    "500, then 503": [Fault(status=500), Fault(status=503)],
    "the conversation is not opened": [Fault("/channels", 502)],
    "done, and the line is cut": [Fault(does=True, drops=True)],
    "done, slowly, and answered with 504": [Fault(status=504, does=True, slow_s=1.5)],
    "slow, and nothing done": [Fault(status=504, slow_s=1.5)],
    "all of it": [
        Fault("/channels", 500), Fault(status=429, body=LIMIT | {"global": True}),
        Fault(does=True, drops=True), Fault(status=502), Fault(status=504, does=True, slow_s=0.5),
    ],
}  # fmt: skip


class Clock:
    """The worker's clock and Discord's: the wall's, moved on by the test."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return timezone.now() + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def discord(settings: Any, clock: Clock) -> Iterator[Discord]:
    server = Discord()
    for name, value in server.settings().items():
        setattr(settings, name, value)
    settings.PUBLIC_URL = "https://desk.example.com"
    server.clock = lambda: clock().timestamp()
    yield server
    server.stop()


@pytest.fixture
def market() -> Iterator[ScriptedSimulator]:
    transport.use(transport.MemoryTransport())
    transport.set_market_time(START, True)
    with desk_market() as sim:
        sim.streams.board(CONTRACT)
        sim.run(sim.move(5))
        yield sim
    transport.use(None)


@pytest.fixture
def story(market: ScriptedSimulator, alice: Actor, discord: Discord) -> Story:
    row = a_connection(alice.user)
    poll(row.pk)
    bus.catch_up(NAME)
    services.link_discord(user=alice.user, snowflake="100", username="alice_d")
    return Story(market, Wall(), row)


def traded(story: Story, clock: Clock) -> None:
    """Trade once, with the worker sending after each step and for a quarter of an hour after."""
    for action in ("Buy", "Sell"):
        story.trades(action)
        story.reads()
        sent(clock)
    for _ in range(15):
        sent(clock)


def sent(clock: Clock) -> None:
    clock.ahead += timedelta(minutes=1)
    bus.catch_up(NOTICES)
    sending.send_discord(clock=clock)


def is_shown(story: Story, alice: Actor) -> None:
    """The strategy's page and the figures tell what the trade made."""
    story.holds()
    page = alice.client.get(f"/recorders/{story.recorder.strategy_id}/").content.decode()
    assert f"${abs(story.made()):,.2f}" in page
    path = f"/api/strategies/{story.recorder.strategy_id}/analytics/"
    figures = alice.client.get(path).json()["recorded"]
    assert (figures["trades"], Decimal(figures["net"])) == (1, story.made())


@pytest.mark.parametrize("how", MISBEHAVES)
def test_opening_and_close_are_told_once_each(
    story: Story, alice: Actor, discord: Discord, clock: Clock, how: str
) -> None:
    discord.faults.extend(MISBEHAVES[how])
    traded(story, clock)
    assert not discord.faults, "it misbehaved"
    told = [re.search(r"opened|closed", text) for text in discord.texts("100")]
    assert [one[0] for one in told if one] == ["opened", "closed"], discord.texts()
    assert len(told) == 2
    assert set(Delivery.objects.values_list("status", flat=True)) == {"sent"}
    is_shown(story, alice)


def test_shut_messages_are_said_on_the_pages_and_hold_nothing_up(
    story: Story, alice: Actor, discord: Discord, clock: Clock
) -> None:
    discord.closed.add("100")
    traded(story, clock)
    assert discord.texts() == []
    assert len(discord.asked("/messages")) == 1, "who cannot be written to is not tried again"
    link = DiscordLink.objects.get()
    assert "open your direct messages" in link.broken
    page = alice.client.get("/settings/notifications/").content.decode()
    assert "open your direct messages" in page
    titles = " ".join(Notice.objects.values_list("title", flat=True))
    assert "opened" in titles and "closed" in titles, "both stand in the notification centre"
    is_shown(story, alice)
