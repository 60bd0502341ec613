"""Settings by their machine names: what is usable, what is refused, and that a record's settings read back."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.marketdata.domain.instrument import instrument
from apps.signals.domain.settings import BadSetting, settings_for

NQ = instrument("NQ")
GIVEN: dict[str, st.SearchStrategy[Any]] = {
    "buffer": st.integers(0, 400).map(lambda ticks: str(Decimal(ticks) / 4)),
    "left": st.integers(0, 50),
    "double_pivot": st.booleans(),
    "be_trigger_r": st.sampled_from([0, 0.5, "1", "1.25", Decimal(2)]),
    "targets": st.lists(st.sampled_from([0.5, 1, "2.5", 20]), min_size=1, max_size=20),
    "required_timeframes": st.lists(st.sampled_from([5, "15", "60m", 240, "D", "1h"])),
    "time_basis": st.sampled_from(["bar_open", "fired_at"]),
    "timeframe_s": st.sampled_from([60, 300, 900, 3600]),
    "alert_grace_s": st.sampled_from([0, "2.5", 5]),
    "plan_target_r": st.sampled_from([None, 1, "2.5"]),
}


@given(st.fixed_dictionaries({}, optional=GIVEN))
def test_the_settings_of_a_record_read_back_as_they_were(given: dict[str, Any]):
    settings = settings_for(NQ, given)
    assert settings_for(NQ, settings.plain()) == settings


def test_defaults_are_those_of_the_methodology_and_of_the_instrument():
    settings = settings_for(NQ)
    assert (settings.buffer, settings.stale_tolerance, settings.jump) == (25, 5, 50)
    assert settings.targets == tuple(map(Fraction, (1, 2, 3, 5, 10, 20)))
    assert settings.grace == 5_000_000_000
    assert settings.required_timeframes == ()
    assert settings_for(instrument("GC")).buffer == 6


def test_targets_are_exact_sorted_and_named_once():
    settings = settings_for(NQ, {"targets": ["2", 0.1, 2.0]})
    assert settings.targets == (Fraction(1, 10), Fraction(2))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("bufer", 1),
        ("buffer", "0.10"),
        ("buffer", -1),
        ("buffer", "NaN"),
        ("buffer", "Infinity"),
        ("buffer", True),
        ("buffer", None),
        ("left", 1.5),
        ("left", -1),
        ("double_pivot", 1),
        ("targets", []),
        ("targets", [0]),
        ("targets", "1"),
        ("be_trigger_r", -0.5),
        ("required_timeframes", [7]),
        ("required_timeframes", "5"),
        ("time_basis", "now"),
        ("timeframe_s", 90),
        ("timeframe_s", 7200),
        ("alert_grace_s", 60),
        ("jump", 0),
        ("plan_target_r", 0),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_by_name(name: str, value: object):
    with pytest.raises(BadSetting) as problem:
        settings_for(NQ, {name: value})
    assert problem.value.name == name
    assert str(problem.value).startswith(f"{name}: ")


def test_an_instrument_without_defaults_asks_for_what_it_lacks():
    with pytest.raises(BadSetting, match="buffer"):
        settings_for(instrument("ZN"))
    given = {"buffer": "0.25", "stale_tolerance": "0.5", "jump": 1}
    assert settings_for(instrument("ZN"), given).jump == 1
