"""Closing a paper account and opening it again. What it did stays; closed, it takes no order and is in no choice."""

from collections.abc import Callable
from functools import partial
from typing import Final

from django.db import transaction

from apps.brokers import grouping, services
from apps.brokers.domain.account import Kind
from apps.brokers.domain.messages import ListAccount
from apps.brokers.models import OPEN, Account, Order, Position, Route
from apps.brokers.store import config_of
from apps.trades.services import NoAnswer, Refused, ask_engine

OUT: Final = "flatten it on the Trade Manager"


def close(*, account: Account, source: str = "page") -> Account:
    """Close a flat paper account and return it. Closed already: nothing happens.

    Raises:  Refused   it is a broker's, it holds something, or an order of it works or waits
             NoAnswer  the engine did not answer: it stays open
    """
    if account.kind != Kind.PAPER:
        cure = f"choose Stop using it here beside {account.name} under Brokers"
        raise Refused("AT_A_BROKER", f"{account.name} is an account of a broker: {cure}")
    if not account.is_open:
        return account
    check = partial(flat, account, OUT, "close the account")
    check()
    shut(account, check, source)
    with transaction.atomic():
        end_reach(account, source)
        account.is_open = False
        account.save(update_fields=["is_open"])
    return account


def reopen(*, account: Account, source: str = "page") -> Account:
    """Open a closed paper account again, as it stood. Open already: nothing happens.

    Its routes and its places in groups ended with it: nothing trades in it by itself until they are set anew.

    Raises:  Refused  it is a broker's
    """
    if account.kind != Kind.PAPER:
        cure = "use it anew under Brokers, under another name"
        raise Refused("AT_A_BROKER", f"{account.name} was an account of a broker: {cure}")
    if account.is_open:
        return account
    services.change_account(account=account, source=source, is_open=True)
    return account


# ---- what every way to close an account has in common ----


def shut(account: Account, check: Callable[[], None], source: str) -> None:
    """Have the engine take no entry for an account any more, and only then see that nothing came in between.

    Raises:  Refused, NoAnswer  it stays open, and the engine is told so
    """
    config = config_of(account) | {"is_open": False}
    wish = ListAccount(
        id=services.wish_id(), user=account.user_id, account=account.pk, config=config
    )
    try:
        ask_engine(account.user, wish, None, source)
        check()
    except (Refused, NoAnswer):
        with transaction.atomic():
            services.tell_engine(account, source)  # as it was: what came first has to be dealt with
        raise


def flat(account: Account, out: str, then: str) -> None:
    """Make sure that nothing is open in an account on this desk.

    out, then: how to get out of what it holds, and what can be done after that, for the refusal

    Raises:  Refused
    """
    held = Position.objects.filter(account=account, closed_at__isnull=True).first()
    if held is not None:
        raise Refused("IN_USE", f"{account.name} holds {held.contract}: {out} first, then {then}")
    if Order.objects.filter(account=account, status__in=OPEN).exists():
        detail = f"an order of {account.name} works or waits: take it back on the Trade Manager first, then {then}"
        raise Refused("IN_USE", detail)


def end_reach(account: Account, source: str) -> None:
    """End what reaches an account, its routes and its places in groups, with the caller's transaction."""
    for route in Route.objects.filter(account=account):
        services.end_route(route=route, source=source)
    for group in grouping.groups(account.user).filter(members__account=account):
        others = [
            {"account": one.account_id, "multiplier": one.multiplier}
            for one in group.members.all()
            if one.account_id != account.pk and one.account.is_open
        ]
        grouping.change_group(group=group, name=group.name, members=others, source=source)
