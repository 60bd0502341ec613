"""Live orders: letting them out, the kill switch, and the one-click repairs of what differs at the broker."""

import uuid
from collections import Counter
from collections.abc import Container, Mapping
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from apps.brokers import cash, dispatches, services, switches
from apps.brokers.domain.abroad import Errand, tag_of
from apps.brokers.domain.account import BadAccount, Kind, passage_of
from apps.brokers.domain.comparing import STOPS, Differs
from apps.brokers.domain.live_facts import KillPressed
from apps.brokers.domain.messages import Flatten
from apps.brokers.domain.order import OrderStatus, Role, Side
from apps.brokers.models import (
    WAITING,
    Account,
    BrokerAccount,
    BrokerOrder,
    BrokerPosition,
    Connection,
    Difference,
    Dispatch,
    LiveSwitch,
    Order,
    Position,
)
from apps.brokers.models.remote import AT_WORK
from apps.brokers.reconciling import let_go, reconcile
from apps.brokers.taking_over import take_over
from apps.bus import bus
from apps.bus.domain.message import to_instant
from apps.trades.services import Refused

ANSWER_S: float = settings.ENGINE_PATIENCE_SECONDS


def to_type(account: Account, per_order: int) -> str:
    """Return what has to be typed to let live orders out: the account and the size."""
    return f"{account.stake.upper()} {account.name} {per_order}"


def check_switch(
    *, user: Any, account: Account, typed: str, automatic: bool = False, **sizes: int
) -> None:
    """Make sure that orders of an account may be let out within these sizes by what was typed. Changes nothing.

    All that is asked for but the second factor, so that nobody shows it for a form that is refused afterwards.

    Raises:  Refused
    """
    if account.kind == Kind.PAPER:
        raise Refused(
            "PAPER", f"{account.name} is a paper account: nothing leaves the desk", "account"
        )
    remote = BrokerAccount.objects.of(user).filter(account=account).first()
    if remote is None or not remote.is_open:
        detail = (
            f"no open account of a broker is adopted for {account.name}; adopt one under Accounts"
        )
        raise Refused("NOT_CONNECTED", detail, "account")
    try:
        read = passage_of({"is_on": True, "automatic": automatic, **sizes})
    except BadAccount as problem:
        field, _, detail = str(problem).partition(": ")
        raise Refused("BAD_VALUE", detail, field) from None
    if read.per_order > read.per_position:
        detail = (
            f"{read.per_order} is more than the {read.per_position} of a position; make it smaller"
        )
        raise Refused("BAD_VALUE", detail, "per_order")
    wanted = to_type(account, read.per_order)
    if account.stake.is_dear and typed.strip() != wanted:
        raise Refused("NOT_TYPED", f"type exactly: {wanted}", "typed")


def switch_on(
    *, user: Any, account: Account, typed: str, is_proved: bool, source: str = "page",
    automatic: bool = False, **sizes: int,
) -> LiveSwitch:  # fmt: skip
    """Let orders of an account leave for its broker, within these sizes.

    is_proved: its owner has shown his second factor just now; asked for where real money or a firm's account is meant
    sizes:     per_order, per_position, per_day

    Raises:  Refused
    """
    limits: dict[str, Any] = sizes
    with transaction.atomic():
        switches.locked(
            account
        )  # whoever gives it a firm meanwhile waits, and then finds its orders on
        account = Account.objects.get(pk=account.pk)
        check_switch(user=user, account=account, typed=typed, automatic=automatic, **sizes)
        if account.stake.is_dear and not is_proved:
            meant = "real money leaves" if account.kind == Kind.LIVE else "a firm's account trades"
            detail = f"show your second factor first: {meant} only after it"
            raise Refused("SECOND_FACTOR", detail, "account")
        return _switch(account, source, is_on=True, automatic=automatic, **limits)


def switch_off(*, account: Account, source: str = "page", reason: str = "") -> LiveSwitch:
    """Let no entry leave any more. Exits go on leaving."""
    return _switch(account, source, reason, is_on=False)


def _switch(account: Account, source: str, reason: str = "", **values: Any) -> LiveSwitch:
    with transaction.atomic():
        row = switches.keep(account, source, reason, **values)
        told = Account.objects.select_related("live_switch").get(pk=account.pk)
        services.tell_engine(told, source)
    return row


def kill(*, user: Any, source: str = "page", key: str | None = None) -> dict[str, Any]:
    """Get out of everything: nothing may leave, every order ends, every position closes. Never refused.

    The engine takes everything back and closes it, at brokers by their own liquidation. What it does not know of, or all of
    it if it does not answer, is liquidated without it: every contract in which a broker holds or works on something. What
    that trades is booked later. `unreachable` names the accounts to which nothing can go now.
    """
    wish, began = key or uuid.uuid4().hex, timezone.now()
    released = Q(is_open=False, remote__isnull=True)
    accounts = list(Account.objects.of(user).exclude(kind=Kind.PAPER).exclude(released))
    now = to_instant(timezone.now())
    for account in accounts:
        switch_off(account=account, source=source, reason="KILL")
        bus.publish(
            KillPressed(
                at=now, user=user.pk, account=account.pk, called=account.name, wish=wish, source=source
            )
        )  # fmt: skip
    name = wish if len(wish) <= 40 else tag_of(wish)  # long ones that begin alike are two presses
    flat = Flatten(id=f"kill{name}", user=user.pk, is_kill=True)
    fact = bus.ask(
        flat, user=user.pk, source=source, key=f"kill:{user.pk}:{wish}", timeout=ANSWER_S
    )
    directly = 0
    for account in accounts:
        asked = set() if fact is None else _asked(account, began)
        directly += _liquidate(account, f"kill.{wish}", but=asked)
    return {
        "accounts": [one.pk for one in accounts], "engine_answered": fact is not None,
        "sent_directly": directly, "unreachable": [one for one in map(_barred, accounts) if one],
        "key": wish,
    }  # fmt: skip


def _asked(account: Account, since: datetime) -> set[str]:
    """Return the contracts of which a liquidation is on its way."""
    mine = Dispatch.objects.filter(account=account, errand=Errand.LIQUIDATE)
    lately = mine.filter(Q(status__in=WAITING) | Q(created_at__gte=since))
    return set(lately.values_list("contract", flat=True))


def _barred(account: Account) -> dict[str, Any] | None:
    """Return an account to which nothing can be sent now, and why; None: it can be reached."""
    remote = BrokerAccount.objects.filter(account=account).select_related("connection").first()
    if remote is None or not account.is_open:
        return None
    login = remote.connection
    states = Connection.State
    if login.is_on and login.state not in (states.REFUSED, states.DISPLACED, states.OFF):
        return None
    why = states(login.state).label if login.is_on else "Switched off"
    return {"account": account.pk, "called": account.name, "login": login.name, "why": why}


def _liquidate(account: Account, wish: str, contract: str = "", but: Container[str] = ()) -> int:
    """Queue a liquidation of each contract that the broker holds or works in, without the engine."""
    remote = BrokerAccount.objects.filter(account=account).first()
    if remote is None:
        return 0
    held = BrokerPosition.objects.filter(account=remote).exclude(net=0)
    work = BrokerOrder.objects.filter(account=remote, status__in=AT_WORK)
    contracts = {*held.values_list("contract", flat=True), *work.values_list("contract", flat=True)}
    wanted = {contract} if contract else {one for one in contracts if one not in but}
    for one in sorted(wanted):
        _dispatch(account, Errand.LIQUIDATE, f"{wish}.{account.pk}.{one}", one, "", {})
    return len(wanted)


def _dispatch(
    account: Account, errand: Errand, key: str, contract: str, tag: str, payload: dict[str, Any]
) -> Dispatch:
    row, _ = Dispatch.objects.get_or_create(
        key=key[:120],
        defaults={
            "user_id": account.user_id, "account": account, "order": "", "errand": errand,
            "tag": tag, "contract": contract, "payload": {"is_automated": False, **payload},
            "is_exit": True, "at_ns": to_instant(timezone.now()),
        },
    )  # fmt: skip
    return row


# ---- repairs ----


def repair(
    *, user: Any, difference: Difference, how: str, stop: str = "", reason: str = "",
    amount: str = "", source: str = "page",
) -> str:  # fmt: skip
    """Mend one difference with one click and return what is being done, in words.

    how: take_over the broker's position, close it at the broker, cancel an order there, place a stop,
         forget an order that the broker does not have, or that never arrived there
         it is ours: the order there that looks like one of which nobody knew whether it was sent
         book what the balances differ by: for this reason, if it is still this amount, see `cash.book`

    Raises:  Refused, NoAnswer
    """
    account = difference.account
    if difference.gone_at is not None:
        raise Refused("GONE", "this difference is gone already: both sides agree", "difference")
    if how not in REPAIRS[difference.kind]:
        detail = f"{how!r} does not mend this; use one of {', '.join(REPAIRS[difference.kind])}"
        raise Refused("BAD_VALUE", detail, "how")
    if how == "book":
        words = cash.book(
            user=user, difference=difference, reason=reason, amount=amount, source=source
        )
        reconcile(BrokerAccount.objects.get(account=account))
        return words
    if difference.kind == Differs.UNDECIDED:
        return _settle(account, difference, how)
    if how == "take_over":
        return take_over(account, difference)
    if how == "close":
        _liquidate(
            account, f"kill.repair{difference.pk}.{uuid.uuid4().hex[:8]}", difference.subject
        )
        return f"Closing {difference.subject} at the broker, with all its orders there."
    if how == "cancel":
        detail = difference.detail
        key = f"repair.{difference.pk}.{uuid.uuid4().hex[:8]}"
        payload = {"remote": detail["remote"]}
        _dispatch(account, Errand.CANCEL, key, detail["contract"], detail.get("tag", ""), payload)
        return "Cancelling that order at the broker."
    if how == "forget":
        let_go(account, difference, source)
        return "The desk lets go of that order."
    return _place_stops(user, account, difference, stop, source)


def _place_stops(
    user: Any, account: Account, difference: Difference, stop: str, source: str
) -> str:
    """Place what stops are missing, for each strategy its own: an exit can only close what its own place holds.

    Raises:  Refused, NoAnswer
    """
    side, contract = difference.detail["side"], difference.subject
    left = abs(difference.detail["net"]) - difference.detail["covered"]
    bare = places_without_stop(account, contract, side)
    if not bare:
        detail = (
            "the desk sees no position without a stop: take the broker's position over first, "
            "or let go of a stop that the broker does not have"
        )
        raise Refused("FLAT", detail, "difference")
    for place, size in bare:
        quantity, left = min(size, left), left - min(size, left)
        if not quantity:
            break
        order = services.place_order(
            user=user, account=account, symbol=contract, side=side, type="stop", stop=stop, tif="gtc",
            confirmed=True, source=source, quantity=quantity, strategy=place,
        )  # fmt: skip
        if order.status == OrderStatus.REJECTED:
            raise Refused("REJECTED", f"the stop was not placed: {order.reason}", "stop")
    return f"A stop at {stop} is on its way to the broker."


def places_without_stop(account: Account, contract: str, side: str) -> list[tuple[int, int]]:
    """Return each strategy's number, 0 = by hand, with how much of its position no working stop of it closes."""
    mine = {"account": account, "contract": contract}
    stops = Order.objects.filter(
        **mine, side=side, status=OrderStatus.WORKING, type__in=STOPS
    ).exclude(role=Role.ENTRY)
    covered: Counter[int] = Counter()
    for order in stops:
        covered[order.place] += order.quantity - order.filled
    sign = 1 if side == Side.SELL else -1
    held = Position.objects.filter(**mine, sign=sign, closed_at__isnull=True).order_by("id")
    bare = [(one.place, one.size - covered[one.place]) for one in held]
    return [(place, size) for place, size in bare if size > 0]


REPAIRS: Final[Mapping[str, tuple[str, ...]]] = {
    Differs.POSITION: ("take_over", "close"),
    Differs.ORPHAN: ("cancel",),
    Differs.MISSING: ("forget",),
    Differs.UNPROTECTED: ("stop", "close"),
    Differs.UNDECIDED: ("forget", "ours"),
    Differs.CASH: ("book",),
}
HOWS: Final = tuple(dict.fromkeys(how for hows in REPAIRS.values() for how in hows))


def _settle(account: Account, difference: Difference, how: str) -> str:
    """Settle by a person's word what became of an order of which nobody could tell."""
    number = str(difference.detail.get("remote", "")) if how == "ours" else ""
    if how == "ours" and not number:
        detail = (
            "no single order at the broker looks like it; end what is too much there by its own row"
        )
        raise Refused("NOT_FOUND", detail, "how")
    row = Dispatch.objects.filter(
        account=account, tag=difference.subject, errand=Errand.PLACE
    ).first()
    if row is None or not dispatches.settle(row, number=number):
        raise Refused("GONE", "it has been settled already", "difference")
    if number:
        return f"The desk takes the broker's order {number} for its own."
    return "The desk lets go of that order."
