"""Times of the wall clock stand on the trader's own, with its zone's name; times of the market stay in Chicago and say so."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
from django.template import engines

from apps.brokers.models import Connection, Difference, Dispatch
from apps.signals.models import Strategy, WebhookRefusal
from tests.cast import Actor
from tests.factories import a_strategy
from tests.integration.brokers.test_live import adopted

TEMPLATES: Final = Path(__file__).parents[3] / "templates"
THEN: Final = datetime(2026, 11, 28, 9, 31, 5, tzinfo=UTC)  # 18:31 in Tokyo, 03:31 in Chicago
# Columns whose moments are read off the wall, by the names that templates give them.
WALL: Final = (
    "created_at", "made_at", "done_at", "undone_at", "rotated_at", "polled_at", "heard_at", "state_at",
    "stored_at", "seen_at", "told_at", "gone_at", "sent_at", "changed_at", "expires_at", "revoked_at",
    "last_used_at", "last_seen_at", "read_at", "linked_at", "refusal.received_at",
)  # fmt: skip
OWN: Final = r"(?:\w+_in:(?:user\.time_zone|zone)|isoformat)"


def test_no_template_writes_a_moment_of_the_wall_on_the_market_s_clock() -> None:
    names = "|".join(re.escape(one) for one in WALL)
    used = re.compile(rf"\{{\{{ *[\w.]*\b(?:{names})([|.][^}}]*?)? *\}}\}}")
    found = 0
    for path in sorted(TEMPLATES.rglob("*.html")):
        if "recorders" in path.parts:  # told in the market's nanoseconds
            continue
        for match in used.finditer(path.read_text()):
            assert re.match(rf"[|.]{OWN}", match[1] or ""), f"{path.name}: {match[0]}"
            found += 1
    assert found > 20


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("zone", "said"), [("Asia/Tokyo", "18:31"), ("Europe/Berlin", "10:31"), ("America/Chicago", "03:31")]
)  # fmt: skip
def test_brokers_strategies_and_live_speak_the_trader_s_own_time(
    alice: Actor, zone: str, said: str
) -> None:
    alice.user.time_zone = zone
    alice.user.save()
    account = adopted(alice.user, "demo")
    Connection.objects.update(heard_at=THEN, polled_at=THEN)
    strategy = a_strategy(alice.user)
    Strategy.objects.update(created_at=THEN)
    WebhookRefusal.objects.create(
        strategy=strategy, received_at=THEN, code="BAD_JSON", detail="d", body="b"
    )
    Difference.objects.create(
        user=alice.user,
        account=account,
        kind="orphan",
        subject="1",
        words="w",
        seen_at=THEN,
        told_at=THEN,
    )
    row = Dispatch.objects.create(
        user=alice.user, account=account, key="k", order="", errand="place", contract="NQZ5", at_ns=1
    )  # fmt: skip
    Dispatch.objects.filter(pk=row.pk).update(created_at=THEN)
    named = {"Asia/Tokyo": "JST", "Europe/Berlin": "CET", "America/Chicago": "CST"}[zone]
    for path, times in (("/connections/", 2), ("/strategies/", 2), ("/live/", 2)):
        text = alice.client.get(path).content.decode()
        shown = re.findall(r'<time datetime="[^"]+" title="On your clock, ([^"]+)">([^<]+)<', text)
        assert [one for one, _ in shown] == [zone] * times, path
        for _, words in shown:
            assert re.fullmatch(rf"28 Nov {said}(:05)? {named}", words), words


def test_the_filters_name_the_zone() -> None:
    template = engines["django"].from_string(
        "{% load fields %}{{ at|day_in:zone }} {{ none|minute_in:zone }}"
    )
    text = template.render({"at": THEN, "none": None, "zone": "Asia/Tokyo"})
    assert text.startswith('<time datetime="2026-11-28T09:31:05+00:00"')
    assert ">28 Nov 2026, 18:31 JST</time> never" in text
