"""The gateway of one login: what is queued goes out once, and what became of it comes home.

A dispatch is marked `sending`, and that is committed, before the call. So whatever happens between the call and its
answer, a lost line or the end of this process, leaves a row that says "perhaps": it is never sent again, its tag is
looked for at the broker until it is found, or until the broker certainly has none. A broker forgets its session: an
order that may have been sent in the one before, and does not show, stays unknown until a person settles it. Between the
mark and the words there may be a wait (for the token, for the limit of calls): so whether it is still wanted is asked
again right before them.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

from apps.brokers import dispatches
from apps.brokers.dispatches import price
from apps.brokers.domain.abroad import FRESH_S, Errand
from apps.brokers.domain.order import OrderType, Side
from apps.brokers.domain.ports import (
    Broker,
    BrokerError,
    LoginRefused,
    NotSent,
    OrderRefused,
    StillWanted,
    Unavailable,
)
from apps.brokers.domain.seen import BrokerStatus, OrderSeen
from apps.brokers.logins import DatabaseThread
from apps.brokers.models import WAITING, BrokerAccount, Connection, Dispatch
from apps.brokers.reading import take_home
from apps.brokers.store import live_of
from apps.bus.domain.message import SECOND, to_instant

log = logging.getLogger(__name__)
S = Dispatch.Status

ABSENT_S: Final = 6.0  # a call that was lost may still be on its way for so long
LOOK_AGAIN_S: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
NEWS_S: Final = 60.0  # what a person did at the broker is booked here by then
# ends that the broker itself has told; one that expired may only have vanished from its lists
TOLD_OVER: Final = (BrokerStatus.FILLED, BrokerStatus.CANCELLED, BrokerStatus.REJECTED)
# calls and looks of an end or a liquidation, which may be asked for again; about four looks until a call is settled
TRIES: Final = 20
# a person settles it; it may show itself all the same
UNDECIDED: Final = (
    "its session is over and the broker tells nothing of it: look, and settle it here"
)
UNDECIDED_AGAIN: Final = timedelta(minutes=5)


class Gateway:
    """Carries out the dispatches of one login's accounts: exits beside entries, each of them one at a time.

    Never two for one login.
    """

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
        self._in_hand: set[int] = set()
        self._is_sure = False

    async def start(self) -> None:
        """Take over, after a start or a fault: what is being sent by nobody any more is unknown now."""
        self._is_sure = True
        await self._in_database(self._take_over, frozenset(self._in_hand))

    def doubt(self) -> None:
        """Take over again before the next step."""
        self._is_sure = False

    async def step(self, *, is_exit: bool | None = None) -> int:
        """Carry out what is due and return how many dispatches were touched: exits first, each tag in its order.

        is_exit: only exits, or only entries; two steps may run beside each other for them, so that no exit waits
        """
        if not self._is_sure:
            await self.start()
        touched = 0
        for row in await self._in_database(self._due, is_exit):
            fresh = await self._in_database(dispatches.read, row.pk)
            if fresh.status == S.QUEUED:
                touched += await self._carry_out(fresh)
            elif fresh.status == S.UNKNOWN:
                await self._resolve(fresh)
                touched += 1
        return touched

    def _take_over(self, in_hand: frozenset[int]) -> None:
        mine = Dispatch.objects.filter(account__remote__connection=self._connection)
        lost = mine.filter(status=S.SENDING).exclude(pk__in=in_hand)
        lost.update(status=S.UNKNOWN, next_at=None, sent_at=self._now())

    def _due(self, is_exit: bool | None) -> list[Dispatch]:
        mine = Dispatch.objects.filter(
            account__remote__connection=self._connection, status__in=(S.QUEUED, S.UNKNOWN)
        )
        if is_exit is not None:
            mine = mine.filter(is_exit=is_exit)
        now = self._now()
        due = [one for one in mine.order_by("id") if one.next_at is None or one.next_at <= now]
        return sorted(due, key=lambda one: (not one.is_exit, one.pk))

    # ---- one dispatch ----

    async def _carry_out(self, row: Dispatch) -> int:
        if (stays := await self._in_database(self._stays, row)) is not None:
            if stays:
                await self._finish(row, *stays)
            return bool(stays)
        self._in_hand.add(row.pk)
        try:
            if await self._fits(row) and await self._in_database(self._claim, row):
                await self._send(row)
        finally:
            self._in_hand.discard(row.pk)
        return 1

    async def _send(self, row: Dispatch) -> None:
        try:
            remote = await self._call(row)
        except OrderRefused as problem:
            await self._finish(row, S.REFUSED, problem.code, problem.text)
        except (NotSent, LoginRefused, Unavailable) as problem:
            await self._later(row, S.QUEUED, str(problem))
        except BrokerError as problem:  # OutcomeUnknown, and what nobody has thought of
            # what was lost may be on its way from now on: until here somebody waited for its answer
            await self._in_database(dispatches.write, row.pk, sent_at=self._now())
            await self._later(row, S.UNKNOWN, str(problem))
        else:
            await self._finish(row, S.SENT, remote=remote)

    def _claim(self, row: Dispatch) -> bool:
        """Say that it is being sent, committed before a word goes out; False: somebody else does it."""
        row.attempts += 1
        queued = Dispatch.objects.filter(pk=row.pk, status=S.QUEUED)
        row.payload = row.payload | {"claimed": to_instant(self._now())}
        changed = {
            "status": S.SENDING, "sent_at": self._now(), "attempts": row.attempts, "payload": row.payload,
        }  # fmt: skip
        return bool(queued.update(**changed))

    def _stays(self, row: Dispatch) -> tuple[str, str] | tuple[()] | None:
        """Return how a queued dispatch ends without a call; (): it waits; None: it goes out."""
        if row.fresh_s is not None and self._age(row) > row.fresh_s:
            return S.EXPIRED, "TOO_LATE"
        if row.errand == Errand.PLACE:
            wanted = Dispatch.objects.filter(errand=Errand.CANCEL, tag=row.tag, status=S.QUEUED)
            if wanted.exists():
                return S.NOT_SENT, "CANCELLED"
            if not row.is_exit and not live_of(row.account).get("is_on"):
                return S.NOT_SENT, "LIVE_OFF"
            return None
        if row.errand == Errand.LIQUIDATE or not row.tag or "remote" in row.payload:
            return None
        placed = dispatches.placed_by(row.tag)
        if placed is not None and placed.status in WAITING:
            return ()
        if placed is not None and placed.status != S.SENT:
            return S.REFUSED, "TooLate"
        return None

    async def _fits(self, row: Dispatch) -> bool:
        """Let an exit that had to wait be no larger than what is held there now; False: it does not go out.

        Meanwhile a person may have closed it in the broker's own program, and an exit of nothing opens something.
        """
        if row.errand != Errand.PLACE or not row.is_exit:
            return True
        waited = row.attempts > 0 or self._age(row) > FRESH_S
        if not waited and not await self._in_database(self._is_news, row):
            return True
        row.attempts += 1
        try:
            if await self._in_database(self._is_behind, row):
                raise NotSent("an exit before it is under way: what is held then is not known yet")
            account = await self._in_database(self._remote, row)
            held = await self._broker.held(account, row.contract)
        except OrderRefused as problem:
            await self._finish(row, S.REFUSED, problem.code, problem.text)
            return False
        except BrokerError as problem:
            await self._later(row, S.QUEUED, str(problem))
            return False
        size = min(row.payload["quantity"], max(0, -held * Side(row.payload["side"]).sign))
        if not size:
            await self._finish(row, S.NOT_SENT, "FLAT")
            return False
        if size < row.payload["quantity"]:
            await self._in_database(dispatches.tell_smaller, row, size)
        return True

    def _is_news(self, row: Dispatch) -> bool:
        """Return whether less was found held just now than was to be closed: the engine may not have heard of it yet."""
        lately = self._now() - timedelta(seconds=NEWS_S)
        looked = Dispatch.objects.filter(
            account=row.account_id, contract=row.contract, is_exit=True, errand=Errand.PLACE,
            done_at__gt=lately,
        )  # fmt: skip
        return any(one.reason == "FLAT" or "meant" in one.payload for one in looked)

    def _is_behind(self, row: Dispatch) -> bool:
        """Return whether something that closes at the market went out just now for the same contract."""
        others = Dispatch.objects.filter(
            account=row.account_id, contract=row.contract, is_exit=True,
            errand__in=(Errand.PLACE, Errand.LIQUIDATE),
        ).exclude(pk=row.pk)  # fmt: skip
        lately = self._now() - timedelta(seconds=ABSENT_S)
        unsure = others.filter(status__in=(S.SENDING, S.UNKNOWN))
        # what was sent before the session began has long done what it could
        under_way = [one for one in unsure if not dispatches.is_undecided(one)]
        for one in (*under_way, *others.filter(status=S.SENT, done_at__gt=lately)):
            if one.errand == Errand.LIQUIDATE or one.payload.get("type") == OrderType.MARKET:
                return True
        return False

    def _still(self, row: Dispatch) -> StillWanted:
        """Return what asks, right before an order's words go out, whether it is still wanted."""
        began = self._now()

        def ask() -> None:
            fresh = dispatches.read(row.pk)
            if stays := self._stays(fresh):
                raise NotSent(f"{stays[1]}: not wanted any more when its turn came")
            if row.is_exit and self._now() - began > timedelta(seconds=FRESH_S):
                raise NotSent("it had to wait: what is held has to be looked at again")
            dispatches.write(row.pk, sent_at=self._now())

        async def still() -> None:
            await self._in_database(ask)

        return still

    async def _call(self, row: Dispatch) -> dict[str, str]:
        account = await self._in_database(self._remote, row)
        is_automated = bool(row.payload.get("is_automated", True))
        if row.errand == Errand.PLACE:
            order = dispatches.new_order(row, account)
            placed = await self._broker.place(order, self._still(row))
            legs = zip((leg.tag for leg in order.legs), placed.legs, strict=False)
            return {order.tag: placed.order, **dict(legs)}
        if row.errand == Errand.LIQUIDATE:
            await self._broker.liquidate(account, row.contract, is_automated=is_automated)
            return {}
        if row.errand == Errand.CANCEL:
            known = await self._in_database(dispatches.mirrored, row)
            if known is not None and known.status in TOLD_OVER:  # its twin's end was its own, too
                raise OrderRefused("TooLate", f"the broker has it as {known.status.value}")
            number = await self._in_database(dispatches.number_of, row)
            if not number:
                number = (await self._at_work(row, account)).remote
            await self._broker.cancel(account, number, is_automated=is_automated)
            return {}
        await self._broker.modify(
            await self._at_work(row, account), is_automated=is_automated,
            quantity=row.payload.get("quantity"), limit=price(row.payload.get("limit")),
            stop=price(row.payload.get("stop")),
        )  # fmt: skip
        return {}

    async def _at_work(self, row: Dispatch, account: str) -> OrderSeen:
        """Return the order that is to be changed or ended: as we were told of it, else as it is found by its tag.

        The broker finds tags of its current session only, and orders that protect a position outlive it.

        Raises:  OrderRefused TooLate  it is over, or nobody knows it
        """
        known = await self._in_database(dispatches.mirrored, row)
        order = known or await self._look(account, row.tag)
        if order is None or order.is_over:
            raise OrderRefused("TooLate", "the broker has no such order at work")
        return order

    async def _look(self, account: str, tag: str) -> OrderSeen | None:
        """Return the broker's order. A look changes nothing, so what goes wrong with it was never sent."""
        try:
            return await self._broker.find(account, tag, is_exit=True)
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
                held = await self._broker.held(account, row.contract)
                outcome = self._judge_again(row, is_done=not held)
            elif row.errand == Errand.CANCEL:
                known = await self._in_database(dispatches.mirrored, row)
                is_done = known is not None and known.is_over
                outcome = self._judge_again(row, is_done=is_done)
            else:
                found = await self._broker.find(account, row.tag, is_exit=row.is_exit)
                if found is None:
                    found = await self._in_database(dispatches.mirrored, row)
                if found is None and row.errand == Errand.PLACE and not self._reaches_back(row):
                    await self._resolve_by_legs(row, account)
                    return
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

    async def _resolve_by_legs(self, row: Dispatch, account: str) -> None:
        """Look whether a leg of it works, which outlives its entry; else nobody but a person can tell what became of it."""
        for tag in [leg["tag"] for leg in row.payload.get("legs", ())]:
            leg = await self._in_database(dispatches.marked, row, tag)
            leg = leg or await self._broker.find(account, tag, is_exit=row.is_exit)
            if leg is None:
                continue
            entry = {row.tag: leg.parent} if leg.parent else {}
            if leg.parent and not await self._takes_home(row, account, leg.parent):
                await self._later(row, S.UNKNOWN, f"its leg {leg.remote} is there")
                return
            await self._finish(row, S.SENT, remote={**entry, tag: leg.remote})
            return
        if not self._is_settled(row):
            await self._later(row, S.UNKNOWN, row.reason)
            return
        log.error("dispatch %s: nobody can tell whether it was sent", row.pk)
        payload, next_at = row.payload | {"undecided": True}, self._now() + UNDECIDED_AGAIN
        fields = {"payload": payload, "reason": UNDECIDED, "attempts": row.attempts}
        await self._in_database(dispatches.write_waiting, row.pk, **fields, next_at=next_at)

    async def _takes_home(self, row: Dispatch, account: str, number: str) -> bool:
        """Ask for an order of the session before by its number and keep what is told; False: nothing is told now."""
        asked = dispatches.new_order(row, account)
        sent = OrderSeen(
            account, number, asked.contract, asked.side, asked.type, BrokerStatus.PENDING,
            to_instant(row.sent_at or row.created_at), asked.quantity, limit=asked.limit, stop=asked.stop,
            tif=asked.tif, tag=row.tag, text=asked.text,
        )  # fmt: skip
        told = await self._broker.recall((sent,))
        if told:
            await self._in_database(take_home, self._connection, told, "poll")
        return bool(told)

    def _reaches_back(self, row: Dispatch) -> bool:
        """Return whether the broker would still tell of what was sent when this was claimed."""
        claimed = row.payload.get("claimed") or to_instant(row.created_at)
        return self._broker.reaches_back((to_instant(self._now()) - claimed) / SECOND)

    def _judge(self, row: Dispatch, found: OrderSeen | None) -> str | None:
        """Return what a look at the broker's order tells of a dispatch; None: too early to say."""
        if row.errand == Errand.PLACE:
            return S.SENT if found is not None else S.NOT_SENT if self._is_settled(row) else None
        if found is None or found.is_over:
            return S.SENT  # there is nothing left that could be changed or ended
        wanted = row.payload
        same = (
            wanted.get("quantity") in (None, found.quantity)
            and price(wanted.get("limit")) in (None, found.limit)
            and price(wanted.get("stop")) in (None, found.stop)
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
        await self._in_database(dispatches.write_waiting, row.pk, **fields, next_at=next_at)

    async def _finish(
        self, row: Dispatch, status: str, reason: str = "", text: str = "",
        remote: dict[str, str] | None = None,
    ) -> None:  # fmt: skip
        """Tell the engine, then write it down: told twice it changes nothing, told never it would wait for ever."""
        await self._in_database(dispatches.tell_outcome, row, status, reason)
        words = f"{reason}: {text}" if text else reason
        await self._in_database(
            dispatches.write, row.pk, status=status, reason=words[:200], done_at=self._now(),
            remote=remote or {}, attempts=row.attempts,
        )  # fmt: skip

    def _age(self, row: Dispatch) -> float:
        return (self._now() - row.created_at).total_seconds()

    def _remote(self, row: Dispatch) -> str:
        return BrokerAccount.objects.get(account_id=row.account_id).remote
