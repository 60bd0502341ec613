"""Whatever goes wrong in whatever order: a message reaches Discord at most once, and in the end it is there or given up with a reason."""

from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.bus.models import LeaseRow
from apps.notifications.discord import Discord as Line
from apps.notifications.models import Delivery, DiscordLink, Notice, Sender
from tests.integration.notifications.told import Desk
from tests.services.discord import Fault

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(600)]

WAITS = {"retry_after": 3.5, "global": False}
FAULTS = st.sampled_from(
    [
        Fault(status=429, body=WAITS),
        Fault(status=429, body=WAITS | {"global": True}),
        Fault(status=429, body="<html>", headers={"Retry-After": "9"}),
        Fault(status=500),
        Fault(status=503, does=True),
        Fault(status=502, body="<html>bad gateway</html>", does=True),
        Fault(drops=True),
        Fault(drops=True, does=True),
        Fault(path="/channels", status=429, body=WAITS),
        Fault(path="/channels", status=500),
        Fault(path="/channels", drops=True),
        Fault(status=400, body={"code": 50035, "message": "Invalid Form Body"}),
        Fault(status=404, body={"code": 10003, "message": "Unknown Channel"}),
    ]
)
STEP = st.one_of(
    st.tuples(st.just("tell"), st.none()),
    st.tuples(st.just("fault"), FAULTS),
    st.tuples(st.just("send"), st.none()),
    st.tuples(st.just("die before"), st.none()),
    st.tuples(st.just("die after"), st.none()),
    st.tuples(st.just("wait"), st.sampled_from([0.5, 4, 30, 130, 200, 2000])),
)


class Killed(BaseException):
    """The worker's process is gone at this point."""


def dying(when: str) -> Any:
    """Return what opens a line on which the worker dies: as a request leaves, or as its answer has come."""

    def die(_: Any) -> None:
        raise Killed

    hook = "request" if when == "die before" else "response"
    return lambda: Line(httpx.Client(timeout=50, event_hooks={hook: [die]}))


def work(desk: Desk, open_line: Any = Line) -> None:
    """Let a worker run, which may be killed; a killed one gives nothing back."""
    try:
        desk.send(open_line)
    except Killed:
        LeaseRow.objects.create(name="discord", holder="dead", held_until=desk.now)
        desk.wait(1)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])  # fmt: skip
@given(steps=st.lists(STEP, min_size=3, max_size=14))
def test_at_most_once_and_never_forgotten(desk: Desk, steps: list[tuple[str, Any]]) -> None:
    server = desk.discord
    Notice.objects.all().delete()
    Sender.objects.all().delete()
    desk.link()
    server.messages.clear(), server.faults.clear(), server.got.clear()
    titles = []
    for step, value in steps:
        match step:
            case "tell":
                titles.append(desk.tell().title)
            case "fault":
                server.faults.append(value)
            case "send":
                work(desk)
            case "wait":
                desk.wait(value)
            case _:
                work(desk, dying(step))
        told = [title for text in server.texts() for title in titles if f"**{title}**" in text]
        assert len(told) == len(set(told)), "nothing is told twice"
    server.faults.clear()
    for _ in range(12):
        desk.wait(700)
        work(desk)
    for row in Notice.objects.filter(title__in=titles).order_by("id"):
        one = Delivery.objects.filter(notice=row, channel="discord").first()
        arrived = sum(f"**{row.title}**" in text for text in server.texts())
        assert one is not None
        if one.status == "sent":
            assert arrived == 1
        else:
            assert one.status in ("given_up", "suppressed") and one.reason, one.status
            assert DiscordLink.objects.get().broken or "50035" in one.reason
            assert arrived <= 1
