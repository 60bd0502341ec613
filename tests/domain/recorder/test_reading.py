"""When an account counts as not read: at once where only its owner helps, else after three silent minutes."""

from typing import Any

import pytest

from apps.bus.domain.message import MINUTE, SECOND
from apps.recorder.domain.reading import unread

NOW = 1_000 * MINUTE


def asked(**other: Any) -> Any:
    usual: dict[str, Any] = {
        "state": "ok", "is_on": True, "is_removed": False, "is_open": True, "last": NOW - MINUTE,
        "stood": NOW - 500 * MINUTE, "now": NOW,
    }  # fmt: skip
    return unread(**usual | other)


def test_what_was_read_a_minute_ago_is_read() -> None:
    assert asked() is None
    assert asked(state="lost") is None  # a hiccup loses nothing
    assert asked(state="new", last=None, stood=NOW - MINUTE) is None  # it has just been added


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"state": "displaced"}, "signed in elsewhere"),
        ({"state": "refused"}, "login refused"),
        ({"is_on": False}, "login switched off"),
        ({"state": "off"}, "login switched off"),
        ({"state": "lost", "last": NOW - 4 * MINUTE}, "broker not reached"),
        ({"state": "paused", "last": NOW - 4 * MINUTE}, "the login rests"),
        ({"state": "new", "last": None, "stood": NOW - 4 * MINUTE}, "not connected yet"),
        ({"last": NOW - 3 * MINUTE - SECOND}, "nothing heard"),
        ({"is_removed": True}, "login removed"),
        ({"is_open": False}, "closed at the firm"),
    ],
    ids=lambda one: str(one)[:30],
)
def test_what_is_not_read_says_why_since_when_and_what_helps(
    other: dict[str, Any], why: str
) -> None:
    found = asked(**other)
    assert found is not None
    assert (found.why, found.since) == (why, other.get("last", NOW - MINUTE))
    assert found.cure
    assert found.is_closed == (why in ("closed at the firm", "login removed"))
