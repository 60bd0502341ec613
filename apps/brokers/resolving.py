"""What may have been sent and nobody knows: looked for at the broker until it is found, or certainly is not there.

A broker forgets its session. An order that was claimed in the one before, and does not show, stays unknown until a
person settles it: a likeness alone is never taken for ours.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from apps.brokers import dispatches
from apps.brokers.dispatches import price
from apps.brokers.domain.abroad import Errand
from apps.brokers.domain.ports import Broker, BrokerError
from apps.brokers.domain.seen import BrokerStatus, OrderSeen
from apps.brokers.logins import DatabaseThread
from apps.brokers.models import Connection, Dispatch
from apps.brokers.outcomes import Outcomes
from apps.brokers.reading import take_home
from apps.bus.domain.message import SECOND, to_instant

log = logging.getLogger(__name__)
S = Dispatch.Status

ABSENT_S: Final = 6.0  # a call that was lost may still be on its way for so long
# calls and looks of an end or a liquidation, which may be asked for again; about four looks until a call is settled
TRIES: Final = 20
# a person settles it; it may show itself all the same
UNDECIDED: Final = (
    "its session is over and the broker tells nothing of it: look, and settle it here"
)
UNDECIDED_AGAIN: Final = timedelta(minutes=5)


class Resolver:
    """Finds out what became of one login's calls that had no answer."""

    def __init__(
        self,
        connection: Connection,
        broker: Broker,
        thread: DatabaseThread,
        outcomes: Outcomes,
        now: Callable[[], datetime],
    ) -> None:
        self._connection, self._broker, self._now = connection, broker, now
        self._in_database, self._outcomes = thread.run, outcomes

    async def resolve(self, row: Dispatch) -> None:
        """Ask the broker what became of a call that had no answer."""
        account = await self._in_database(dispatches.account_of, row)
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
                    await self._by_legs(row, account)
                    return
                outcome = self._judge(row, found)
                if found is not None and outcome == S.SENT:
                    await self._outcomes.finish(row, S.SENT, remote={row.tag: found.remote})
                    return
        except BrokerError as problem:
            await self._outcomes.later(row, S.UNKNOWN, str(problem))
            return
        if outcome is None:
            await self._outcomes.later(row, S.UNKNOWN, row.reason)
        elif outcome == S.QUEUED:
            await self._outcomes.later(row, S.QUEUED, row.reason)
        else:
            await self._outcomes.finish(row, outcome, "" if outcome == S.SENT else "NOT_SENT")

    async def _by_legs(self, row: Dispatch, account: str) -> None:
        """Look whether a leg of it works, which outlives its entry; else nobody but a person can tell what became of it."""
        for tag in [leg["tag"] for leg in row.payload.get("legs", ())]:
            leg = await self._in_database(dispatches.marked, row, tag)
            leg = leg or await self._broker.find(account, tag, is_exit=row.is_exit)
            if leg is None:
                continue
            entry = {row.tag: leg.parent} if leg.parent else {}
            if leg.parent and not await self._takes_home(row, account, leg.parent):
                await self._outcomes.later(row, S.UNKNOWN, f"its leg {leg.remote} is there")
                return
            await self._outcomes.finish(row, S.SENT, remote={**entry, tag: leg.remote})
            return
        if not self._is_settled(row):
            await self._outcomes.later(row, S.UNKNOWN, row.reason)
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
