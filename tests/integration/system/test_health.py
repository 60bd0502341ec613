"""Health: what is told to those who watch the desk."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from apps.bus.models import Heartbeat
from apps.system.services import leave_sign

pytestmark = pytest.mark.django_db
PARTS = ("tradovate", "price-service", "event-bus", "mfe-tracker", "signal-validator", "celery")
BESIDE = {"gateway": 21, "brokers": 41, "celery": 61}  # and how old a sign of life is too old


def all_well(feed: str = "live", **more: object) -> None:
    """Leave the signs of a desk that runs."""
    leave_sign(name="engine", state="running", feed=feed, market_open=True, frame_age_s=1, **more)
    for name in ("worker", "gateway", "brokers"):
        leave_sign(name=name, state="running")


def age(name: str, seconds: float) -> None:
    """Make a sign older."""
    Heartbeat.objects.filter(name=name).update(at=timezone.now() - timedelta(seconds=seconds))


def test_a_desk_that_runs_is_ok_to_everybody(client: Client) -> None:
    all_well()
    answer = client.get("/api/health/system/")
    assert answer.status_code == 200
    told = answer.json()
    assert told["status"] == "ok"
    assert told["version"]
    assert {*PARTS, *BESIDE, "engine", "database"} == set(told["components"])


def test_ages_are_told_in_tenths_of_a_second(client: Client) -> None:
    leave_sign(name="engine", state="running", feed="live", market_open=True, frame_age_s=9.7e-06)
    told = client.get("/api/health/price-service/").json()
    assert told["detail"]["frame_age_s"] == 0.0
    assert told["detail"].keys() == {"ticks", "frame_age_s"}


@pytest.mark.parametrize("name", [*PARTS, "gateway", "brokers", "database"])
def test_each_component_has_an_address(client: Client, name: str) -> None:
    all_well()
    answer = client.get(f"/api/health/{name}/")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")


def test_a_dead_engine_is_down(client: Client) -> None:
    all_well()
    age("engine", 11)
    answer = client.get("/api/health/system/")
    assert (answer.status_code, answer.json()["status"]) == (503, "down")
    assert client.get("/api/health/mfe-tracker/").status_code == 503


def test_a_dead_database_is_down_and_says_so(client: Client) -> None:
    all_well()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE bus_heartbeat RENAME TO gone")
    answer = client.get("/api/health/system/", headers={"cookie": "tradehub_session=x"})
    assert (answer.status_code, answer.json()["status"]) == (503, "down")
    assert answer.json()["components"]["database"]["status"] == "down"


@pytest.mark.parametrize("feed", ["lost", "connecting", "catching_up", "stopped"])
def test_a_feed_that_is_not_live_degrades(client: Client, feed: str) -> None:
    all_well(feed)
    answer = client.get("/api/health/system/")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")


def test_a_late_feed_degrades_in_market_hours_only(client: Client) -> None:
    all_well()
    leave_sign(name="engine", state="running", feed="live", market_open=True, frame_age_s=20)
    assert client.get("/api/health/system/").json()["status"] == "degraded"
    leave_sign(name="engine", state="running", feed="live", market_open=False, frame_age_s=20)
    assert client.get("/api/health/system/").json()["status"] == "ok"


def test_the_end_of_a_recording_is_ok(client: Client) -> None:
    all_well("ended")
    told = client.get("/api/health/system/").json()
    assert told["status"] == "ok"
    assert told["components"]["tradovate"]["reason"] == "end of recording"


@pytest.mark.parametrize("name", BESIDE)
def test_a_process_that_is_gone_degrades_and_is_named(client: Client, name: str) -> None:
    all_well()
    age("worker" if name == "celery" else name, BESIDE[name])
    told = client.get("/api/health/system/").json()
    ailing = [part for part, now in told["components"].items() if now["status"] != "ok"]
    assert (told["status"], ailing) == ("degraded", [name])
    assert told["components"][name]["status"] == "down"
    assert "gives a sign of life" in told["components"][name]["reason"]
    assert client.get(f"/api/health/{name}/").status_code == 503


@pytest.mark.parametrize("name", BESIDE)
def test_a_container_of_a_process_that_is_gone_is_unhealthy(name: str) -> None:
    all_well()
    call_command("health", name, stdout=StringIO())
    age("worker" if name == "celery" else name, BESIDE[name])
    with pytest.raises(SystemExit) as ended:
        call_command("health", name, stdout=StringIO())
    assert ended.value.code == 1


def test_a_gateway_that_was_stopped_or_has_never_run_is_told(client: Client) -> None:
    all_well()
    leave_sign(name="gateway", state="stopped")
    told = client.get("/api/health/gateway/").json()
    assert told["reason"] == "no gateway runs: no order leaves for a broker"
    Heartbeat.objects.filter(name="gateway").delete()
    told = client.get("/api/health/gateway/").json()
    assert (told["status"], told["reason"]) == (
        "down", "no gateway has run yet: no order leaves for a broker",
    )  # fmt: skip


def test_an_unknown_component_is_a_problem_with_details(client: Client) -> None:
    answer = client.get("/api/health/coffee/")
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"
    assert set(answer.json()) == {"type", "title", "status", "detail", "code"}
