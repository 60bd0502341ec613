"""Money at the broker against ours: compared while an account is flat at both, and booked with one click.

A balance is compared only if it was told after the last fill that we know of, and once the engine has heard all that
the broker said. Until then nothing can be told, which is neither a difference nor the end of one.
"""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from apps.brokers.domain.abroad import Stage, line_of
from apps.brokers.domain.account import BadAccount, Reason, cents
from apps.brokers.domain.books import ON_ITS_WAY
from apps.brokers.domain.comparing import Found, cash, dollars
from apps.brokers.domain.correcting import reason_of
from apps.brokers.domain.facts import DifferenceBooked
from apps.brokers.domain.messages import BookDifference, ReportBroker, ReportFees
from apps.brokers.models import (
    WAITING,
    AbroadLine,
    Account,
    BrokerAccount,
    BrokerFill,
    BrokerOrder,
    BrokerPosition,
    Difference,
    Dispatch,
    Order,
    Position,
)
from apps.brokers.models.remote import AT_WORK
from apps.brokers.services import wish_id
from apps.bus.models import FactRow, Inbox
from apps.trades.services import Refused, ask_engine

MUCH: Final = Decimal(
    100
)  # dollars by which a difference that was told has to move to be told anew

AS: Final = {
    Reason.FEES: "as fees of today",
    Reason.TRANSFER: "as money that was moved, so no part of the day's result",
    Reason.OTHER: "as a part of today's result",
}


@dataclass(frozen=True, slots=True)
class Compared:
    """How the balances of an account stand. `can_tell`: they can be compared now; `found`: what they differ by."""

    can_tell: bool
    found: Found | None = None


def compared(account: BrokerAccount) -> Compared:
    """Compare a broker's balance of an account with the desk's, as both are this moment."""
    now = BrokerAccount.objects.select_related("account").get(pk=account.pk)
    desk = now.account
    if desk is None or now.balance is None or now.cash_read_at is None:
        return Compared(can_tell=False)
    found = cash(desk.balance, now.balance)
    if found is None:
        return Compared(can_tell=True)
    if _is_busy(now, desk) or not _is_settled(now, desk):
        return Compared(can_tell=False)
    return Compared(can_tell=True, found=found)


def _is_busy(remote: BrokerAccount, desk: Account) -> bool:
    """Return whether something is held or on its way at either side."""
    lines = AbroadLine.objects.filter(account=desk)
    return (
        Position.objects.filter(account=desk, closed_at__isnull=True).exists()
        or Order.objects.filter(account=desk, status__in=ON_ITS_WAY).exists()
        or any(line_of(row.plain).stage is not Stage.OVER for row in lines)
        or Dispatch.objects.filter(account=desk, status__in=WAITING).exists()
        or BrokerPosition.objects.filter(account=remote).exclude(net=0).exists()
        or BrokerOrder.objects.filter(account=remote, status__in=AT_WORK).exists()
    )


def _is_settled(remote: BrokerAccount, desk: Account) -> bool:
    """Return whether the broker's balance has all fills in it that we know of, and ours all that it told."""
    seen = BrokerFill.objects.filter(account=remote).order_by("-id")
    last = seen.values_list("seen_at", flat=True).first()
    if last is not None and remote.cash_read_at <= last:
        return False
    kinds = (ReportBroker.name, ReportFees.name)
    waits = Inbox.objects.filter(handled=False, kind__in=kinds, user_id=desk.user_id)
    return not waits.exists()


def has_moved(row: Difference, found: Found) -> bool:
    """Return whether a difference that was told is so much another by now that it has to be told anew."""
    was, now = row.detail.get("told"), found.detail["amount"]
    return was is not None and abs(Decimal(now) - Decimal(was)) >= MUCH


def book(
    *, user: Any, difference: Difference, reason: str, amount: str, source: str = "page"
) -> str:
    """Let the desk's balance become the broker's, as a fact of the engine, and say in words what was booked.

    Asked for twice it is booked once: the engine books only what is still at the balance that was compared.

    reason: fees, transfer (a payout or a deposit) or other
    amount: the difference that the trader saw, theirs less ours; another one by now is shown first

    Raises:  Refused, NoAnswer
    """
    try:
        why = reason_of(reason)
    except BadAccount:
        detail = f"is {reason!r}: choose one of {', '.join(Reason)}"
        raise Refused("BAD_VALUE", detail, "reason") from None
    saw = _amount(amount)
    remote = BrokerAccount.objects.of(user).filter(account=difference.account_id).first()
    if remote is None:
        raise Refused("GONE", "this account is used with no broker any more", "difference")
    now = compared(remote)
    if not now.can_tell:
        detail = (
            "the balances can't be compared at this moment: something is held or on its way, or the "
            "broker has not told its balance since the last fill; try again when it is flat, within a minute"
        )
        raise Refused("NOT_FLAT", detail, "difference")
    if now.found is None:
        if _is_booked(difference, saw):
            return _said(saw, why)
        raise Refused("GONE", "this difference is gone already: both sides agree", "difference")
    told = now.found.detail
    if Decimal(told["amount"]) != saw:
        detail = f"the difference is {dollars(Decimal(told['amount']))} by now: look at it again"
        raise Refused("CHANGED", detail, "amount")
    wish = BookDifference(
        id=wish_id(), user=user.pk,
        account=difference.account_id, difference=difference.pk, ours=told["ours"],
        theirs=told["theirs"], reason=why.value,
    )  # fmt: skip
    try:
        ask_engine(user, wish, None, source, holds=True)
    except Refused as refused:
        if refused.reason != "CHANGED" or not _is_booked(difference, saw):
            raise
    return _said(saw, why)


def _amount(text: str) -> Decimal:
    try:
        read = Decimal(text)
    except InvalidOperation:
        read = Decimal("NaN")
    if not read.is_finite():
        detail = f"is {text!r}: send the difference as it is shown, e.g. -3.60"
        raise Refused("BAD_VALUE", detail, "amount")
    return read


def _is_booked(difference: Difference, amount: Decimal) -> bool:
    """Return whether this very difference has been booked, by another click or one whose answer was lost."""
    booked = FactRow.objects.filter(
        user_id=difference.user_id, name=DifferenceBooked.name, of=str(difference.account_id)
    )
    told = booked.order_by("-seq").values_list("payload", flat=True)[:10]
    return any(
        one["difference"] == difference.pk and Decimal(one["amount"]) == amount for one in told
    )


def _said(amount: Decimal, why: Reason) -> str:
    return f"{dollars(cents(amount))} is booked {AS[why]}: the balance is the broker's now."
