"""Using a broker's account here no more: what it did stays, and it is free to be used anew under another name."""

from functools import partial

from django.db import transaction
from django.utils import timezone

from apps.brokers import closing, live, reconciling
from apps.brokers.logins import State
from apps.brokers.models import (
    WAITING,
    Account,
    BrokerAccount,
    BrokerOrder,
    BrokerPosition,
    Dispatch,
    LiveSwitch,
)
from apps.brokers.models.remote import AT_WORK
from apps.trades.services import Refused

OUT = "close it on the Trade Manager or at the broker"
THEN = "stop using the account here"


def release(*, account: BrokerAccount, source: str = "page") -> Account:
    """Close the desk's account of a broker's account and return it. Nothing changes at the broker.

    Its orders no longer leave, the engine takes no entry for it any more, and only then it is let go: whatever came in
    between is seen, and leaves it in use.

    Raises:  Refused   it is not used here, or something is open or on its way
             NoAnswer  the engine did not answer: it stays in use
    """
    desk = account.account
    if desk is None:
        raise Refused("NOT_USED", f"{account.name} is not used on this desk")
    _flat(account, desk)
    if LiveSwitch.objects.filter(account=desk, is_on=True).exists():
        live.switch_off(account=desk, source=source, reason="RELEASED")
    desk = _read_anew(desk)
    closing.shut(desk, partial(_flat, account, desk), source)
    _let_go(account, desk, source)
    return desk


def _read_anew(desk: Account) -> Account:
    found: Account = Account.objects.select_related("user", "live_switch").get(pk=desk.pk)
    return found


def _flat(account: BrokerAccount, desk: Account) -> None:
    """Make sure that nothing is open in an account, here or, as far as it can be known, at the broker.

    Raises:  Refused
    """
    closing.flat(desk, OUT, THEN)
    if Dispatch.objects.filter(account=desk, status__in=WAITING).exists():
        detail = f"an order of {desk.name} is on its way to the broker: wait until Live orders shows it as settled"
        raise Refused("IN_USE", detail)
    login = account.connection
    if not login.is_on or login.state in (State.REFUSED, State.DISPLACED):
        return  # nothing is known of it now, and nothing could be closed through it
    mine = BrokerPosition.objects.filter(account=account).exclude(net=0)
    if (there := mine.first()) is not None:
        raise Refused(
            "IN_USE",
            f"the broker holds {there.contract} in {account.name}: {OUT} first, then {THEN}",
        )
    if BrokerOrder.objects.filter(account=account, status__in=AT_WORK).exists():
        detail = f"an order works at the broker in {account.name}: take it back there first, then stop using the account here"
        raise Refused("IN_USE", detail)


def _let_go(account: BrokerAccount, desk: Account, source: str) -> None:
    """End what reaches an account and keep that it is closed, all of it or, cut off in between, nothing."""
    with transaction.atomic():
        # before the first fact: who takes in what the broker says has this row, too, and then tells
        BrokerAccount.objects.select_for_update(no_key=True).filter(pk=account.pk).first()
        closing.end_reach(desk, source)
        reconciling.end_all(desk, timezone.now())
        desk.is_open = False
        desk.save(update_fields=["is_open"])
        BrokerAccount.objects.filter(pk=account.pk, account=desk).update(account=None)
