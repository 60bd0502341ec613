"""The gateway of one login: what is queued goes out once, and what became of it comes home.

A dispatch is marked `sending`, and that is committed, before the call. So whatever happens between the call and its
answer, a lost line or the end of this process, leaves a row that says "perhaps": it is never sent again, its tag is
looked for at the broker until it is found, or until the broker certainly has none. A broker forgets its session: an
order that may have been sent in the one before, and does not show, stays unknown until a person settles it. Between the
mark and the words there may be a wait (for the token, for the limit of calls): so whether it is still wanted is asked
again right before them. Looking for what may have been sent is the resolver's business (`resolving.py`).
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q
from django.utils import timezone

from apps.brokers import dispatches, lapsing
from apps.brokers.dispatches import name_of, price
from apps.brokers.domain.abroad import FRESH_S, TOO_LATE, Errand
from apps.brokers.domain.comparing import Differs
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
from apps.brokers.models import WAITING, Connection, Difference, Dispatch
from apps.brokers.outcomes import Outcomes
from apps.brokers.reconciling import differs_in
from apps.brokers.resolving import ABSENT_S, Resolver
from apps.brokers.store import live_of
from apps.bus.domain.message import to_instant

log = logging.getLogger(__name__)
S = Dispatch.Status

NEWS_S: Final = 60.0  # what a person did at the broker is booked here by then
LAPSED: Final = timedelta(days=1)  # what could not leave makes us look at what is held for so long
# ends that the broker itself has told; one that expired may only have vanished from its lists
TOLD_OVER: Final = (BrokerStatus.FILLED, BrokerStatus.CANCELLED, BrokerStatus.REJECTED)


Ending = tuple[str, str] | tuple[str, str, str]  # status and reason, and what there is to say of it


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
        self._outcomes = Outcomes(thread, now)
        self._resolver = Resolver(connection, broker, thread, self._outcomes, now)
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
                await self._resolver.resolve(fresh)
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
            if stays and row.is_exit and stays[1] == TOO_LATE:
                await self._in_database(lapsing.end, row, self._now())
            elif stays:
                await self._outcomes.finish(row, *stays)
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
            await self._outcomes.finish(row, S.REFUSED, problem.code, problem.text)
        except (NotSent, LoginRefused, Unavailable) as problem:
            await self._outcomes.later(row, S.QUEUED, str(problem))
        except BrokerError as problem:  # OutcomeUnknown, and what nobody has thought of
            # what was lost may be on its way from now on: until here somebody waited for its answer
            await self._in_database(dispatches.write, row.pk, sent_at=self._now())
            await self._outcomes.later(row, S.UNKNOWN, str(problem))
        else:
            await self._outcomes.finish(row, S.SENT, remote=remote)

    def _claim(self, row: Dispatch) -> bool:
        """Say that it is being sent, committed before a word goes out; False: somebody else does it, or it is too late."""
        if lapsing.has_lapsed(row, self._now()):
            return False  # whoever ends what has aged need not fear that it is sent meanwhile
        row.attempts += 1
        queued = Dispatch.objects.filter(pk=row.pk, status=S.QUEUED)
        row.payload = row.payload | {"claimed": to_instant(self._now()), "text": name_of(row)}
        changed = {
            "status": S.SENDING, "sent_at": self._now(), "attempts": row.attempts, "payload": row.payload,
        }  # fmt: skip
        return bool(queued.update(**changed))

    def _stays(self, row: Dispatch) -> Ending | tuple[()] | None:
        """Return how a queued dispatch ends without a call; (): it waits; None: it goes out."""
        if lapsing.has_lapsed(row, self._now()):
            return (S.NOT_SENT if row.is_exit else S.EXPIRED), TOO_LATE
        if row.errand == Errand.PLACE:
            wanted = Dispatch.objects.filter(errand=Errand.CANCEL, tag=row.tag, status=S.QUEUED)
            if wanted.exists():
                return S.NOT_SENT, "CANCELLED"
            return None if row.is_exit else self._entry_stays(row)
        if row.errand == Errand.LIQUIDATE or not row.tag or "remote" in row.payload:
            return None
        placed = dispatches.placed_by(row.tag)
        if placed is not None and placed.status in WAITING:
            return ()
        if placed is not None and placed.status != S.SENT and not dispatches.marked(row, row.tag):
            return S.REFUSED, "TooLate"  # else it arrived all the same, later than we looked for it
        return None

    def _entry_stays(self, row: Dispatch) -> Ending | None:
        """Return how an entry ends that may not leave, None if it may. No exit is ever asked this."""
        if not live_of(row.account).get("is_on"):
            return S.NOT_SENT, "LIVE_OFF"
        if not row.account.user.is_active:
            return S.NOT_SENT, "USER_OFF"
        if (difference := differs_in(row.account, row.contract)) is not None:
            return S.NOT_SENT, "DIFFERS", f"{difference.words} Settle it under Live orders first."
        return None

    async def _fits(self, row: Dispatch) -> bool:
        """Let an exit that had to wait be no larger than what is held there now; False: it does not go out.

        Meanwhile a person may have closed it in the broker's own program, and an exit of nothing opens something.
        """
        if row.errand != Errand.PLACE or not row.is_exit:
            return True
        waited = row.attempts > 0 or self._age(row) > FRESH_S
        if not waited and not await self._in_database(self._is_in_doubt, row):
            return True
        row.attempts += 1
        try:
            if await self._in_database(self._is_behind, row):
                raise NotSent("an exit before it is under way: what is held then is not known yet")
            account = await self._in_database(dispatches.account_of, row)
            held = await self._broker.held(account, row.contract)
        except OrderRefused as problem:
            await self._outcomes.finish(row, S.REFUSED, problem.code, problem.text)
            return False
        except BrokerError as problem:
            await self._outcomes.later(row, S.QUEUED, str(problem))
            return False
        size = min(row.payload["quantity"], max(0, -held * Side(row.payload["side"]).sign))
        if not size:
            await self._outcomes.finish(row, S.NOT_SENT, "FLAT")
            return False
        if size < row.payload["quantity"]:
            await self._in_database(dispatches.tell_smaller, row, size)
        return True

    def _is_in_doubt(self, row: Dispatch) -> bool:
        """Return whether less may be held than is to be closed: both sides differ, or the engine has not heard of it yet.

        Less was found held just now then, or something could not leave, and the trader did it in the broker's program.
        """
        standing = Difference.objects.filter(account=row.account_id, gone_at__isnull=True)
        if standing.filter(kind=Differs.POSITION, subject=row.contract).exists():
            return True
        now = self._now()
        if lapsing.lapsed(row).filter(done_at__gt=now - LAPSED).exists():
            return True
        if self._is_liquidated(row):
            return True
        looked = Dispatch.objects.filter(
            account=row.account_id, contract=row.contract, is_exit=True, errand=Errand.PLACE,
            done_at__gt=now - timedelta(seconds=NEWS_S),
        )  # fmt: skip
        return any(one.reason == "FLAT" or "meant" in one.payload for one in looked)

    def _is_liquidated(self, row: Dispatch) -> bool:
        """Return whether a liquidation went out just now: it closes whatever is held, and so what this exit is for."""
        mine = Dispatch.objects.filter(
            account=row.account_id, contract=row.contract, errand=Errand.LIQUIDATE
        )
        lately = Q(status=S.SENT, done_at__gt=self._now() - timedelta(seconds=ABSENT_S))
        return mine.filter(Q(status__in=(S.SENDING, S.UNKNOWN)) | lately).exists()

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
        account = await self._in_database(dispatches.account_of, row)
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

    def _age(self, row: Dispatch) -> float:
        return (self._now() - row.created_at).total_seconds()
