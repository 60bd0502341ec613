"""That dear orders are on: whose money or account is at stake, for every page, the door, wrong addresses and the admin."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user
from django.http import HttpRequest

from apps.brokers.domain.account import Stake
from apps.brokers.models import Account
from apps.brokers.queries import dear_first, let_out


@dataclass(frozen=True, slots=True)
class Note:
    """One banner: what is at stake, in which accounts."""

    stake: Stake
    names: str

    @property
    def words(self) -> str:
        """Return what is lost there."""
        return "real money" if self.stake is Stake.LIVE else "the account is a prop firm's"


def notes_of(accounts: Iterable[Account]) -> list[Note]:
    """Return a banner for real money and one for firms' accounts, of those accounts whose orders are on."""
    names: dict[Stake, list[str]] = {}
    for one in dear_first(accounts):
        firm = f" ({one.firm})" if one.stake is Stake.FIRM else ""
        names.setdefault(one.stake, []).append(f"{one.name}{firm}")
    return [Note(stake, ", ".join(found)) for stake, found in names.items()]


def live_now(request: HttpRequest) -> dict[str, Any]:
    """Give templates `live_now`, the banners of orders that are on: a context processor that asks when it is read."""
    kept: list[list[Note]] = []

    def notes() -> list[Note]:
        if not kept:
            kept.append(_notes(request))
        return kept[0]

    return {"live_now": notes}


def _notes(request: HttpRequest) -> list[Note]:
    user = getattr(request, "user", None)
    if (user is None or not user.is_authenticated) and hasattr(request, "session"):
        user = get_user(request)  # the API's manual asks nobody who he is, but his browser knows
    return notes_of(let_out(user)) if user is not None else []


def beside_the_user(request: HttpRequest) -> list[str] | None:
    """Return what the admin writes beside its user menu, and in which colour; nothing while no order can leave."""
    found = _notes(request)
    if not found:
        return None
    words = "; ".join(f"{one.stake.upper()} orders are on: {one.names}" for one in found)
    return [words, "danger" if found[0].stake is Stake.LIVE else "warning"]
