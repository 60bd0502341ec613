"""Account groups: the name under which an alert reaches several accounts, each with its own multiplier."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from apps.brokers.domain.account import BadAccount

PAPER: Final = "paper"
MOST_MEMBERS: Final = 50
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_MOST: Final = Decimal(100)


@dataclass(frozen=True, slots=True)
class Group:
    """A trader's own accounts under one name; members are (account, multiplier)."""

    id: int
    user: int
    name: str
    members: tuple[tuple[int, Decimal], ...] = ()

    def plain(self) -> dict[str, Any]:
        """Return what `group_for` reads."""
        members = [{"account": one, "multiplier": f"{size:f}"} for one, size in self.members]
        return {"name": self.name, "members": members}


def group_for(id: int, user: int, config: Mapping[str, Any]) -> Group:
    """Return a group as a page, the API or a row wrote it.

    Raises:  BadAccount  a value that can't be used, by its field
    """
    name = group_name(config.get("name"))
    listed = list(config.get("members") or ())
    if len(listed) > MOST_MEMBERS:
        raise BadAccount(f"members: {len(listed)} are too many; at most {MOST_MEMBERS}")
    members = tuple((int(one["account"]), multiplier(one.get("multiplier", 1))) for one in listed)
    if len({account for account, _ in members}) < len(members):
        raise BadAccount("members: an account is named twice; name it once, with one multiplier")
    return Group(id, user, name, members)


def group_name(said: object) -> str:
    """Return a group's name as it is compared.

    Raises:  BadAccount
    """
    name = str(said or "").strip().lower()
    if _NAME.fullmatch(name) is None:
        cure = "use 1 to 40 letters, digits, - and _, beginning with a letter or digit"
        raise BadAccount(f"name: {name[:50]!r} can't be sent in an alert; {cure}")
    if name == PAPER or name.startswith(f"{PAPER}_"):
        cure = "an alert asks for the paper accounts of a group by it; use another name"
        raise BadAccount(f"name: {name!r} begins with {PAPER}; {cure}")
    return name


def multiplier(said: object) -> Decimal:
    """Return by how much an alert's quantity is multiplied.

    Raises:  BadAccount
    """
    try:
        read = Decimal(str(said))
    except InvalidOperation:
        raise BadAccount(f"multiplier: {said!r} is no number; e.g. 1, 0.5 or 3") from None
    if not read.is_finite() or not 0 < read <= _MOST or read != round(read, 4):
        cure = f"must be above 0 and at most {_MOST}, with at most 4 decimals"
        raise BadAccount(f"multiplier: {said} {cure}")
    return read


def found(groups: Iterable[Group], user: int, said: str) -> tuple[Group | None, bool]:
    """Return a trader's own group of the name an alert says, and whether it asks for paper accounts alone."""
    name = said.strip().lower()
    on_paper = name == PAPER or name.startswith(f"{PAPER}_")
    name = name.removeprefix(PAPER).removeprefix("_") if on_paper else name
    mine = (one for one in groups if one.user == user and one.name == name)
    return next(mine, None), on_paper
