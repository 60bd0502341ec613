"""Exits that could not leave in time: they end with an alarm, and the engine hears when the line is back.

What lay there for longer would find another position: the trader was told to close it in the broker's own program, did
so, and trades on. Ended here is what no gateway looks at, too, because its login is switched off or turned away.
"""

import logging
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import QuerySet, Sum

from apps.brokers import dispatches
from apps.brokers.domain.abroad import STALE_S, TOO_LATE, Errand, Line, Stage, line_of
from apps.brokers.domain.books import ON_ITS_WAY
from apps.brokers.domain.comparing import in_words
from apps.brokers.domain.facts import OrderSent
from apps.brokers.domain.live_facts import ExitNotSent
from apps.brokers.domain.messages import ReportBroker
from apps.brokers.domain.order import OrderType, Origin, Role
from apps.brokers.models import (
    AbroadLine,
    Account,
    BrokerAccount,
    BrokerPosition,
    Connection,
    Dispatch,
    Order,
    Position,
)
from apps.bus import bus
from apps.bus.domain.message import to_instant
from apps.bus.models import FactRow, Inbox

log = logging.getLogger(__name__)
S = Dispatch.Status

ONE_ALARM: Final = timedelta(seconds=60)  # what ends together is told once
LATELY: Final = 100  # dispatches of an account
CURE: Final = (
    "Press Close or Kill again once the login answers, or close it in the broker's own program."
)


def has_lapsed(row: Dispatch, now: datetime) -> bool:
    """Return whether a dispatch is too old to be sent."""
    limit = row.fresh_s
    if limit is None and row.is_exit and row.errand in (Errand.PLACE, Errand.LIQUIDATE):
        limit = STALE_S
    return limit is not None and (now - row.created_at).total_seconds() > limit


def end_aged(now: datetime) -> int:
    """End every exit that waits for too long, whoever's login, and return how many."""
    queued = Dispatch.objects.filter(status=S.QUEUED, is_exit=True)
    waiting = list(queued.select_related("account").order_by("id"))
    held_back = _held_back(now) if waiting else set()
    aged = [row for row in waiting if has_lapsed(row, now) or row.tag in held_back]
    for row in aged:
        end(row, now)
    return len(aged)


def _held_back(now: datetime) -> set[str]:
    """Return the marks of orders behind which an exit waits for too long, for a change or an end that had begun before it."""
    rows = AbroadLine.objects.filter(plain__stage=Stage.HERE, plain__type=OrderType.MARKET)
    exits = [one for one in map(_line, rows) if one.is_exit and not one.head]
    keys = {f"{OrderSent.name}:{one.order}": one.place for one in exits}
    pressed = FactRow.objects.filter(
        key__in=keys, recorded_at__lt=now - timedelta(seconds=STALE_S)
    ).values_list("key", flat=True)
    places = {keys[key] for key in pressed}
    lines = AbroadLine.objects.filter(account__in={account for account, _, _ in places})
    return {one.tag for one in map(_line, lines) if one.place in places}


def _line(row: AbroadLine) -> Line:
    return line_of(row.plain)


def end(row: Dispatch, now: datetime) -> None:
    """End an exit that could not leave in time. Told to the engine first: told never it would wait for ever."""
    is_his = _is_a_person_s(row)  # asked first: the engine ends the order when it hears
    dispatches.tell_outcome(row, S.NOT_SENT, TOO_LATE)
    with transaction.atomic():
        is_first = _is_first(row, now, is_his=is_his)
        queued = Dispatch.objects.filter(pk=row.pk, status=S.QUEUED)
        words = f"{TOO_LATE}: {row.reason}" if row.reason else TOO_LATE
        if not queued.update(status=S.NOT_SENT, reason=words[:200], done_at=now):
            return
        log.error("dispatch %s could not leave in time: %s", row.pk, row.reason)
        if is_first:
            bus.publish(
                ExitNotSent(
                    at=to_instant(now), user=row.user_id, account=row.account_id,
                    called=row.account.name, dispatch=row.key, contract=row.contract, words=_words(row),
                )
            )  # fmt: skip


def _is_a_person_s(row: Dispatch) -> bool:
    """Return whether a person asked for the exit, or waits for it behind a change that makes room for it."""
    if not row.payload.get("is_automated", True):
        return True
    mine = Order.objects.filter(account=row.account_id, contract=row.contract, role=Role.EXIT)
    return bool(mine.filter(origin=Origin.PERSON, status__in=ON_ITS_WAY).exists())


def _is_first(row: Dispatch, now: datetime, *, is_his: bool) -> bool:
    """Return whether an exit that ends has to be told: of one outage once, and of each press that it swallows."""
    before = lapsed(row).order_by("-done_at").values_list("done_at", flat=True).first()
    if before is None:
        return True
    if before > now - ONE_ALARM:
        return False
    return is_his or _has_answered(row, before)


def _has_answered(row: Dispatch, since: datetime) -> bool:
    """Return whether the broker's calls were answered since then: a stream may be up while they are not."""
    login = Connection.objects.filter(accounts__account=row.account_id, polled_at__gt=since)
    sent = Dispatch.objects.filter(account=row.account_id, status=S.SENT, done_at__gt=since)
    return bool(login.exists() or sent.exists())


def of_press(press: str, account: Account, at: int, age: timedelta) -> list[ExitNotSent]:
    """Return what is told of a press that waited for the engine too long: each contract that is still open, and the cure."""
    there = BrokerPosition.objects.filter(account__account=account)
    nets = dict(there.values_list("contract", "net"))
    here = Position.objects.filter(account=account, closed_at__isnull=True)
    unread = {one for one in here.values_list("contract", flat=True) if one not in nets}
    minutes = max(2, round(age.total_seconds() / 60))
    began = f"What was pressed {minutes} minutes ago waited for the engine and is not carried out any more."
    return [
        ExitNotSent(
            at=at, user=account.user_id, account=account.pk, called=account.name,
            dispatch=f"{press}.{account.pk}.{contract}"[:120], contract=contract,
            words=f"{began} By the broker's last word {in_words(nets[contract])} is open in {contract}. {CURE}"
            if contract in nets
            else f"{began} By the desk's books something is open in {contract}. {CURE}",
        )
        for contract in sorted({one for one, net in nets.items() if net} | unread)
    ]  # fmt: skip


def lapsed(row: Dispatch) -> QuerySet[Dispatch]:
    """Return the exits of a dispatch's account and contract that could not leave in time."""
    mine = Dispatch.objects.filter(account=row.account_id, contract=row.contract, is_exit=True)
    return mine.filter(status=S.NOT_SENT, reason__startswith=TOO_LATE)


def _words(row: Dispatch) -> str:
    """Return what could not leave and why, what is still open, and what to do."""
    what = f"{row.contract} could not be closed"
    if row.errand == Errand.PLACE and row.payload.get("type") != "market":
        what = f"{row.contract}: the {str(row.payload.get('type')).replace('_', ' ')} could not be placed"
    why = row.reason.rstrip(".") or "nothing could be sent"
    return f"{what} within two minutes ({why}), and it is not sent any more. {_open(row)} {CURE}"


def _open(row: Dispatch) -> str:
    """Return what is held in the contract by the broker's last word, and by the desk's books where they say otherwise."""
    there = BrokerPosition.objects.filter(account__account=row.account_id, contract=row.contract)
    net = there.aggregate(net=Sum("net"))["net"] or 0
    held = Position.objects.filter(
        account=row.account_id, contract=row.contract, closed_at__isnull=True
    )
    here = sum(one.sign * one.size for one in held)
    said = f"By the broker's last word {in_words(net)} is open there"
    return f"{said}." if here == net else f"{said}, by the desk's books {in_words(here)}."


# ---- the line is back ----


def tell_line_back() -> int:
    """Tell the engine of each account that can be reached again since something could not leave; return how many."""
    adopted = BrokerAccount.objects.filter(
        account__isnull=False, connection__is_on=True, connection__state=Connection.State.OK
    )
    return sum(map(_tell_back, adopted.select_related("connection")))


def _tell_back(account: BrokerAccount) -> bool:
    newest = Dispatch.objects.filter(account=account.account_id).order_by("-id")[:LATELY]
    ended = [
        one
        for one in newest
        if one.is_exit and one.status == S.NOT_SENT and one.reason.startswith(TOO_LATE)
    ]
    login = account.connection
    heard = [at for at in (login.heard_at, login.polled_at) if at is not None]
    if not ended or not heard:
        return False
    last = ended[0]
    key = f"line:{last.account_id}:{last.pk}"
    if last.done_at is None or max(heard) <= last.done_at or Inbox.objects.filter(key=key).exists():
        return False
    said = ReportBroker(account=last.account_id, what="line", at=0)
    bus.submit(said, user=last.user_id, source="gateway", key=key)
    return True
