"""Whether a broker account is read: only what is read can be recorded. Instants are ns UTC of the wall clock."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from apps.bus.domain.message import MINUTE

QUIET: Final = 3 * MINUTE  # it is read whole each minute; a shorter silence loses nothing
CLOSED: Final = "closed at the firm"
# how a login stands: in words, what helps, and whether it stays so until its owner does that
_STANDS: Final[Mapping[str, tuple[str, str, bool]]] = {
    "displaced": ("signed in elsewhere", "connect again", True),
    "refused": ("login refused", "correct the login", True),
    "off": ("login switched off", "switch it on", True),
    "lost": ("broker not reached", "look at the login", False),
    "paused": ("the login rests", "look at the login", False),
    "new": ("not connected yet", "test the login", False),
}
_SILENT: Final = ("nothing heard", "look at the login", False)


@dataclass(frozen=True, slots=True)
class Unread:
    """Why an account is not read, what helps, and when it was read last; `since` None: never.

    is_closed: the firm closed the account: no login helps
    """

    why: str
    cure: str
    since: int | None
    is_closed: bool = False


def unread(
    *, state: str, is_on: bool, is_removed: bool, is_open: bool, last: int | None, stood: int, now: int,
) -> Unread | None:  # fmt: skip
    """Return why an account is not read now, None while it is.

    state: how its login stands; last: when it was read or its stream was up, None = never; stood: since when it stands so.
    A login that the desk gets back by itself counts as lost after three silent minutes, not at the first hiccup.
    """
    if not is_open:
        return Unread(CLOSED, "choose another account", last, is_closed=True)
    if is_removed:
        return Unread("login removed", "choose another account", last, is_closed=True)
    why, cure, stays = _STANDS["off"] if not is_on else _STANDS.get(state, _SILENT)
    if not stays and now - max(last or 0, stood) <= QUIET:
        return None
    return Unread(why, cure, last)
