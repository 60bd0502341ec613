"""Whether an account that somebody named for his files is the account that a login lists: certain, perhaps, or not."""

import re
from enum import StrEnum
from typing import Final

_SHORTEST: Final = 4  # letters and digits that a name has to have before a part of it says anything


class Likeness(StrEnum):
    """How far two names mean one account."""

    SAME = "same"
    PERHAPS = "perhaps"
    OTHER = "other"


def likeness(called: str, name: str, number: str, nickname: str = "") -> Likeness:
    """Compare what somebody called an account with the name and the number that the broker gives it.

    Capitals and spaces at the ends do not count. A nickname is its owner's own word: it proves nothing, but it may be meant.
    """
    word = _plain(called)
    if word in (_plain(name), _plain(number)):
        return Likeness.SAME
    short = _bare(called)
    for other in (name, number, nickname):
        if _are_alike(short, _bare(other)):
            return Likeness.PERHAPS
    return Likeness.OTHER


def _are_alike(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    if len(short) >= _SHORTEST and short in long:
        return True
    digits = [re.sub(r"\D", "", name) for name in (one, other)]
    return len(digits[0]) >= _SHORTEST and digits[0] == digits[1]


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())


def _bare(name: str) -> str:
    """Return a name without anything but its letters and digits."""
    return "".join(one for one in name.casefold() if one.isalnum())
