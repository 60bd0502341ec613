"""A strategy's settings, as its trader changes them: what is kept, what is refused, and whose."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from apps.bus import transport
from apps.marketdata.domain.instrument import instrument
from apps.signals import services
from apps.signals.domain.settings import settings_for
from apps.signals.models import Strategy
from tests.cast import Actor
from tests.factories import a_signal, a_strategy

pytestmark = pytest.mark.django_db
USUAL: dict[str, Any] = {
    "timeframe_s": "60", "time_basis": "bar_open", "double_pivot": "on", "session_filter": "on",
    "market_calendar": "on", "plan_break_even": "on",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _own_transport() -> Iterator[None]:
    transport.use(transport.MemoryTransport())
    yield
    transport.use(None)


def saved(actor: Actor, strategy: Strategy, status: int = 302, **values: Any) -> str:
    """Return the answer to the form as it stands with these fields changed."""
    form = {name: value for name, value in (USUAL | values).items() if value is not None}
    answer = actor.client.post(f"/strategies/{strategy.pk}/", form)
    assert answer.status_code == status, answer.content[:3000]
    strategy.refresh_from_db()
    return answer.content.decode()


def said_at(html: str, field: str) -> str:
    found = re.search(rf'id="id_{field}_error">(.*?)</span>', html, re.DOTALL)
    return re.sub(r"<[^>]+>", "", found[1]).strip() if found else ""


def test_the_form_as_it_stands_keeps_nothing(alice: Actor) -> None:
    strategy = a_strategy(alice.user)
    saved(alice, strategy, buffer="25", targets="1,2,3,5,10,20", alert_grace_s="5.0", left="5")
    assert strategy.settings == {}


def test_only_what_is_not_usual_is_kept(alice: Actor) -> None:
    strategy = a_strategy(alice.user)
    changes: dict[str, Any] = {
        "buffer": "12.50", "stale_tolerance": "3", "jump": "40", "timeframe_s": "300", "left": "7",
        "double_pivot": None, "require_body": "on", "be_trigger_r": "1.5", "targets": "1, 4, 2",
        "required_timeframes": ["15", "D"], "time_basis": "fired_at", "alert_grace_s": "70",
        "session_filter": None, "market_calendar": None, "plan_break_even": None,
        "plan_target_r": "4",
    }  # fmt: skip
    saved(alice, strategy, **changes)
    assert strategy.settings == {
        "buffer": "12.50", "stale_tolerance": "3", "jump": "40", "timeframe_s": 300, "left": 7,
        "double_pivot": False, "require_body": True, "be_trigger_r": "1.5",
        "targets": ["1", "2", "4"], "required_timeframes": [15, "D"], "time_basis": "fired_at",
        "alert_grace_s": "70", "session_filter": False, "market_calendar": False,
        "plan_break_even": False, "plan_target_r": "4",
    }  # fmt: skip
    page = alice.client.get(f"/strategies/{strategy.pk}/").content.decode()
    assert 'value="12.50"' in page
    assert 'value="1, 2, 4"' in page
    assert "come after it" in page


def test_what_was_changed_goes_back_to_the_default(alice: Actor) -> None:
    strategy = a_strategy(alice.user)
    saved(alice, strategy, buffer="12.50", plan_target_r="2")
    saved(alice, strategy, plan_target_r="2")
    assert strategy.settings == {"plan_target_r": "2"}


def test_empty_fields_show_their_defaults(alice: Actor) -> None:
    page = alice.client.get(f"/strategies/{a_strategy(alice.user).pk}/").content.decode()
    for usual in ("25.00", "5.00", "50.00", "1, 2, 3, 5, 10, 20", "none"):
        assert f'placeholder="{usual}"' in page


def test_settings_that_the_form_does_not_show_stay(alice: Actor) -> None:
    strategy = a_strategy(alice.user)
    services.change_strategy(strategy=strategy, settings={"order_at": "final"})
    saved(alice, strategy, buffer="30")
    assert strategy.settings == {"order_at": "final", "buffer": "30"}


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("buffer", "25.10", "not a multiple of NQ's tick 0.25"),
        ("buffer", "much", "must be a number"),
        ("buffer", "NaN", "must be a finite number"),
        ("stale_tolerance", "-1", "must not be negative"),
        ("jump", "0", "must be above 0"),
        ("left", "2.5", "must be a whole number"),
        ("be_trigger_r", "1e400", "must be a finite number"),
        ("targets", "1, x", "must be a number"),
        ("targets", ",", "must be a list of R multiples"),
        ("targets", "0, 1", "must be above 0"),
        ("alert_grace_s", "60", "must be shorter than a candle (60 s)"),
        ("plan_target_r", "0", "must be above 0"),
        ("timeframe_s", "420", "not one of the available choices"),
        ("time_basis", "moon", "not one of the available choices"),
        ("required_timeframes", ["7"], "not one of the available choices"),
    ],
)
def test_what_can_not_be_used_is_said_at_its_field(
    alice: Actor, field: str, value: Any, said: str
) -> None:
    strategy = a_strategy(alice.user)
    html = saved(alice, strategy, 422, **{field: value})
    assert said in said_at(html, field).replace("&#x27;", "'")
    assert strategy.settings == {}


def test_all_that_is_wrong_is_said_at_once(alice: Actor) -> None:
    strategy = a_strategy(alice.user)
    html = saved(alice, strategy, 422, buffer="25.10", left="x", plan_target_r="-1", jump="7.77")
    assert [name for name in ("buffer", "left", "plan_target_r", "jump") if said_at(html, name)] == [
        "buffer", "left", "plan_target_r",
    ]  # fmt: skip
    assert 'value="25.10"' in html, "what was typed stays"


def test_bob_finds_nothing_there(alice: Actor, bob: Actor) -> None:
    strategy = a_strategy(alice.user)
    assert bob.client.get(f"/strategies/{strategy.pk}/").status_code == 404
    saved(bob, strategy, 404, buffer="1")
    assert strategy.settings == {}


def test_signals_that_are_there_keep_what_they_were_made_with(alice: Actor) -> None:
    strategy = a_strategy(alice.user)
    signal = a_signal(alice.user, strategy=strategy)
    saved(alice, strategy, buffer="10")
    signal.refresh_from_db()
    assert signal.settings["buffer"] == "25.00"
    assert settings_for(instrument("NQ"), strategy.settings).buffer == 10
