"""Which broker account a name in a file means: as it was imported last time, else the account that is called so."""

from typing import Any, Final

from apps.brokers.models import BrokerAccount
from apps.recorder.imports.layouts import LAYOUTS
from apps.recorder.models import Import
from apps.recorder.queries import broker_accounts

_LOOKED_AT: Final = 500  # imports, the latest first


def last_time(importing: Import, name: str) -> int | None:
    """Return the account that a name in files of this family was imported into last, of what was not undone."""
    family = LAYOUTS[importing.layout].family
    layouts = [one.name for one in LAYOUTS.values() if one.family == family]
    done = Import.objects.filter(
        user_id=importing.user_id, state=Import.State.DONE, layout__in=layouts
    )
    kept = done.exclude(pk=importing.pk).order_by("-done_at", "-pk")
    for accounts in kept.values_list("accounts", flat=True)[:_LOOKED_AT]:
        if (found := accounts.get(name)) is not None:
            return int(found)
    return None


def account_for(importing: Import, name: str) -> int | None:
    """Return which of a person's broker accounts a name in a file means; one who has a single one means it by no name."""
    own = list(broker_accounts(importing.user).filter(is_open=True))
    last = last_time(importing, name)
    if any(one.pk == last for one in own):
        return last
    word = name.strip().casefold()
    found = [one for one in own if word and word in _names(one)]
    if not word and len(own) == 1:
        found = own
    return found[0].pk if len(found) == 1 else None


def _names(account: BrokerAccount) -> set[str]:
    return {one.casefold() for one in (account.name, account.nickname, account.remote)}


def elsewhere(importing: Import) -> dict[str, dict[str, Any]]:
    """Return the names that go to another account than last time, each with that one: fills would be there twice."""
    own = broker_accounts(importing.user).in_bulk()
    found: dict[str, dict[str, Any]] = {}
    for name, chosen in importing.accounts.items():
        last = last_time(importing, name)
        if chosen is not None and last in own and last != chosen:
            found[name] = {"account": last, "called": str(own[last])}
    return found


def strangers(importing: Import) -> dict[str, str]:
    """Return the names that go to an account which is not called so and to which they never went, each with that one's."""
    own = broker_accounts(importing.user).in_bulk()
    return {
        name: str(own[chosen])
        for name, chosen in importing.accounts.items()
        if name.strip() and chosen in own
        and name.strip().casefold() not in _names(own[chosen])
        and last_time(importing, name) != chosen
    }  # fmt: skip
