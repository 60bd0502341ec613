"""The gateway of one login: what is queued goes out once, and what became of it comes home.

A dispatch is marked `sending`, and that is committed, before the call. So whatever happens between the call and its
answer, a lost line or the end of this process, leaves a row that says "perhaps": it is never sent again, its tag is
looked for at the broker until it is found, or until the broker certainly has none.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.utils import timezone

from apps.brokers.domain.abroad import Errand
from apps.brokers.domain.messages import ReportBroker
from apps.brokers.domain.order import OrderType, Side, TimeInForce
from apps.brokers.domain.ports import (
    Broker,
    BrokerError,
    Leg,
    LoginRefused,
    NewOrder,
    NotSent,
    OrderRefused,
    Unavailable,
)
from apps.brokers.domain.seen import OrderSeen
from apps.brokers.logins import DatabaseThread
from apps.brokers.models import WAITING, BrokerAccount, Connection, Dispatch
from apps.brokers.store import live_of
from apps.bus import bus
from apps.bus.domain.message import to_instant

log = logging.getLogger(__name__)
S = Dispatch.Status

ABSENT_S: Final = 6.0  # a call that was lost may still be on its way for so long
LOOK_AGAIN_S: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
TRIES: Final = 5  # of an end or a liquidation, which may be asked for again


class Gateway:
    """Carries out the dispatches of one login's accounts, one at a time for each account. Never two for one login."""

    def __init__(
        self,
        connection: Connection,
        broker: Broker,
        thread: DatabaseThread,
        *,
        now: Callable[[], datetime] = timezone.now,
    ) -> None:
        self._connection, self._broker, self._now = connection, broker, now
        self._in_database = thread.run

    async def start(self) -> None:
        """Take over after a start: what was being sent when the last process ended is unknown now."""
        await self._in_database(self._doubt)

    async def step(self) -> int:
        """Carry out what is due and return how many dispatches were touched: exits first, each tag in its order."""
        touched = 0
        for row in await self._in_database(self._due):
            fresh = await self._in_database(_read, row.pk)
            if fresh.status == S.QUEUED:
                touched += await self._carry_out(fresh)
            elif fresh.status == S.UNKNOWN:
                await self._resolve(fresh)
                touched += 1
        return touched

    def _doubt(self) -> None:
        mine = Dispatch.objects.filter(account__remote__connection=self._connection)
        mine.filter(status=S.SENDING).update(status=S.UNKNOWN, next_at=None)

    def _due(self) -> list[Dispatch]:
        mine = Dispatch.objects.filter(
            account__remote__connection=self._connection, status__in=(S.QUEUED, S.UNKNOWN)
        )
        now = self._now()
        due = [one for one in mine.order_by("id") if one.next_at is None or one.next_at <= now]
        return sorted(due, key=lambda one: (not one.is_exit, one.pk))

    # ---- one dispatch ----

    async def _carry_out(self, row: Dispatch) -> int:
        if (stays := await self._in_database(self._stays, row)) is not None:
            if stays:
                await self._finish(row, *stays)
            return bool(stays)
        if not await self._in_database(self._claim, row):
            return 0
        try:
            remote = await self._call(row)
        except OrderRefused as problem:
            await self._finish(row, S.REFUSED, problem.code, problem.text)
        except (NotSent, LoginRefused, Unavailable) as problem:
            await self._later(row, S.QUEUED, str(problem))
        except BrokerError as problem:  # OutcomeUnknown, and what nobody has thought of
            await self._later(row, S.UNKNOWN, str(problem))
        else:
            await self._finish(row, S.SENT, remote=remote)
        return 1

    def _claim(self, row: Dispatch) -> bool:
        """Say that it is being sent, committed before a word goes out; False: somebody else does it."""
        row.attempts += 1
        queued = Dispatch.objects.filter(pk=row.pk, status=S.QUEUED)
        changed = {"status": S.SENDING, "sent_at": self._now(), "attempts": row.attempts}
        return bool(queued.update(**changed))

    def _stays(self, row: Dispatch) -> tuple[str, str] | tuple[()] | None:
        """Return how a queued dispatch ends without a call; (): it waits; None: it goes out."""
        age = (self._now() - row.created_at).total_seconds()
        if row.fresh_s is not None and age > row.fresh_s:
            return S.EXPIRED, "TOO_LATE"
        if row.errand == Errand.PLACE:
            if row.is_exit:
                return None
            wanted = Dispatch.objects.filter(errand=Errand.CANCEL, tag=row.tag, status=S.QUEUED)
            if wanted.exists():
                return S.NOT_SENT, "CANCELLED"
            if not live_of(row.account).get("is_on"):
                return S.NOT_SENT, "LIVE_OFF"
            return None
        if row.errand == Errand.LIQUIDATE or not row.tag:
            return None
        placed = Dispatch.objects.filter(errand=Errand.PLACE, tag=_head_of(row.tag)).first()
        if placed is not None and placed.status in WAITING:
            return ()
        if placed is not None and placed.status != S.SENT:
            return S.REFUSED, "TooLate"
        return None

    async def _call(self, row: Dispatch) -> dict[str, str]:
        account = await self._in_database(self._remote, row)
        is_automated = bool(row.payload.get("is_automated", True))
        if row.errand == Errand.PLACE:
            order = new_order(row, account)
            placed = await self._broker.place(order)
            legs = zip((leg.tag for leg in order.legs), placed.legs, strict=False)
            return {order.tag: placed.order, **dict(legs)}
        if row.errand == Errand.LIQUIDATE:
            await self._broker.liquidate(account, row.contract, is_automated=is_automated)
            return {}
        if row.errand == Errand.CANCEL and "remote" in row.payload:  # an order that is none of ours
            await self._broker.cancel(account, row.payload["remote"], is_automated=is_automated)
            return {}
        found = await self._look(account, row.tag)
        if found is None or found.is_over:
            raise OrderRefused("TooLate", "the broker has no such order at work")
        if row.errand == Errand.CANCEL:
            await self._broker.cancel(account, found.remote, is_automated=is_automated)
        else:
            await self._broker.modify(
                found, is_automated=is_automated, quantity=row.payload.get("quantity"),
                limit=_price(row.payload.get("limit")), stop=_price(row.payload.get("stop")),
            )  # fmt: skip
        return {}

    async def _look(self, account: str, tag: str) -> OrderSeen | None:
        """Return the broker's order. A look changes nothing, so what goes wrong with it was never sent."""
        try:
            return await self._broker.find(account, tag)
        except OrderRefused:
            raise
        except BrokerError as problem:
            raise NotSent(str(problem)) from problem

    # ---- what nobody knows ----

    async def _resolve(self, row: Dispatch) -> None:
        """Ask the broker what became of a call that had no answer."""
        account = await self._in_database(self._remote, row)
        row.attempts += 1
        try:
            if row.errand == Errand.LIQUIDATE:
                seen = await self._broker.snapshot()
                held = any(
                    one.net and (one.account, one.contract) == (account, row.contract)
                    for one in seen.positions
                )
                outcome = self._judge_again(row, is_done=not held)
            elif "remote" in row.payload:
                outcome = self._judge_again(row, is_done=False)
            else:
                found = await self._broker.find(account, row.tag)
                outcome = self._judge(row, found)
                if found is not None and outcome == S.SENT:
                    await self._finish(row, S.SENT, remote={row.tag: found.remote})
                    return
        except BrokerError as problem:
            await self._later(row, S.UNKNOWN, str(problem))
            return
        if outcome is None:
            await self._later(row, S.UNKNOWN, row.reason)
        elif outcome == S.QUEUED:
            await self._later(row, S.QUEUED, row.reason)
        else:
            await self._finish(row, outcome, "" if outcome == S.SENT else "NOT_SENT")

    def _judge(self, row: Dispatch, found: OrderSeen | None) -> str | None:
        """Return what a look at the broker's order tells of a dispatch; None: too early to say."""
        if row.errand == Errand.PLACE:
            return S.SENT if found is not None else S.NOT_SENT if self._is_settled(row) else None
        if found is None or found.is_over:
            return S.SENT  # there is nothing left that could be changed or ended
        if row.errand == Errand.CANCEL:
            return self._judge_again(row, is_done=False)
        wanted = row.payload
        same = (
            wanted.get("quantity") in (None, found.quantity)
            and _price(wanted.get("limit")) in (None, found.limit)
            and _price(wanted.get("stop")) in (None, found.stop)
        )
        return S.SENT if same else S.REFUSED if self._is_settled(row) else None

    def _judge_again(self, row: Dispatch, *, is_done: bool) -> str | None:
        """An end and a liquidation may be asked for again: done twice they do no more than once."""
        if is_done:
            return S.SENT
        if not self._is_settled(row):
            return None
        return S.QUEUED if row.attempts < TRIES else S.REFUSED

    def _is_settled(self, row: Dispatch) -> bool:
        if row.sent_at is None:
            return True
        return (self._now() - row.sent_at).total_seconds() >= ABSENT_S

    # ---- what is written down ----

    async def _later(self, row: Dispatch, status: str, reason: str) -> None:
        wait = LOOK_AGAIN_S[min(row.attempts, len(LOOK_AGAIN_S)) - 1]
        log.warning("dispatch %s is %s: %s", row.pk, status, reason)
        fields = {"status": status, "reason": reason[:200], "attempts": row.attempts}
        next_at = self._now() + timedelta(seconds=wait)
        await self._in_database(_write, row.pk, **fields, next_at=next_at)

    async def _finish(
        self, row: Dispatch, status: str, reason: str = "", text: str = "",
        remote: dict[str, str] | None = None,
    ) -> None:  # fmt: skip
        """Tell the engine, then write it down: told twice it changes nothing, told never it would wait for ever."""
        await self._in_database(tell_outcome, row, status, reason, self._now())
        words = f"{reason}: {text}" if text else reason
        await self._in_database(
            _write, row.pk, status=status, reason=words[:200], done_at=self._now(),
            remote=remote or {}, attempts=row.attempts,
        )  # fmt: skip

    def _remote(self, row: Dispatch) -> str:
        return BrokerAccount.objects.get(account_id=row.account_id).remote


def tell_outcome(row: Dispatch, status: str, reason: str, now: datetime) -> None:
    """Bring what became of a dispatch to the engine, once."""
    said = ReportBroker(
        account=row.account_id, what="dispatch", at=to_instant(now), tag=row.tag,
        errand=row.errand, status="sent" if status == S.SENT else status, reason=reason,
    )  # fmt: skip
    bus.submit(
        said, user=row.user_id, source="gateway", key=f"dispatch:{row.key}:{status}:{reason}"[:200]
    )


def new_order(row: Dispatch, account: str) -> NewOrder:
    """Return the order that a dispatch asks to be placed."""
    asked: dict[str, Any] = row.payload
    return NewOrder(
        account=account, contract=row.contract, side=Side(asked["side"]),
        type=OrderType(asked["type"]), quantity=asked["quantity"], tag=row.tag,
        limit=_price(asked["limit"]), stop=_price(asked["stop"]), trail=_price(asked["trail"]),
        tif=TimeInForce(asked["tif"]), text="tradehub", is_automated=asked["is_automated"],
        legs=tuple(
            Leg(
                OrderType(leg["type"]), limit=_price(leg["limit"]), stop=_price(leg["stop"]),
                trail=_price(leg["trail"]), tag=leg["tag"],
            )
            for leg in asked["legs"]
        ),
    )  # fmt: skip


def _read(number: int) -> Dispatch:
    row: Dispatch = Dispatch.objects.select_related("account").get(pk=number)
    return row


def _write(number: int, **fields: Any) -> None:
    Dispatch.objects.filter(pk=number).update(**fields)


def _head_of(tag: str) -> str:
    """Return the tag of the entry with which an order went out; an exit alone went out by itself."""
    return f"{tag[:-1]}e" if "-" in tag else tag


def _price(text: Any) -> Decimal | None:
    return None if text is None else Decimal(str(text))
