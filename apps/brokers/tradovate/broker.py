"""Tradovate as a broker: orders out, its rows back. Implements the port `Broker`.

broker = TradovateBroker(settings)
placed = await broker.place(order)      # never sent twice: OutcomeUnknown says that nobody knows
await broker.follow(heard, state)       # until cancelled
await broker.close()
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any

from apps.brokers.domain.merging import vanished
from apps.brokers.domain.ports import (
    BrokerError,
    FeedState,
    Leg,
    LoginRefused,
    NewOrder,
    NotSent,
    OrderRefused,
    Placed,
    StillWanted,
    Unavailable,
)
from apps.brokers.domain.seen import (
    AccountSeen,
    CashSeen,
    FillSeen,
    OrderSeen,
    PositionSeen,
    Seen,
    Snapshot,
)
from apps.brokers.tradovate.answers import of_login
from apps.brokers.tradovate.bodies import change_body, leg_body, number_of, order_body
from apps.brokers.tradovate.calls import Calls, Missing
from apps.brokers.tradovate.hosts import TradovateSettings
from apps.brokers.tradovate.line import Line, Purpose
from apps.brokers.tradovate.quota import Lane, Quota
from apps.brokers.tradovate.rest import Rest
from apps.brokers.tradovate.rows import Rows
from apps.brokers.tradovate.session import Session
from apps.brokers.tradovate.stream import Stream
from apps.brokers.tradovate.wall import WallClock
from apps.bus.domain.message import HOUR, MINUTE, SECOND
from apps.marketdata.domain.calendar import is_open, session_close, trade_date

log = logging.getLogger(__name__)

# around 18:00 New York, when the exchange's day begins: from its close an hour before on, and a little later, the lists
# of the broker may be those of either session
LISTS_EARLY, LISTS_LATE = HOUR, 5 * MINUTE
LEAVE_SECONDS = 5.0


class TradovateBroker:
    """One login at Tradovate. Belongs to one event loop.

    quota: shared with everybody who calls for this login
    session: the owner of the token; a login of its own if there is none
    """

    def __init__(
        self,
        settings: TradovateSettings,
        *,
        wall: WallClock | None = None,
        chance: Random | None = None,
        quota: Quota | None = None,
        session: Callable[[Rest], Session] | None = None,
    ) -> None:
        self._settings = settings
        self._wall = wall or WallClock()
        self._chance = chance or Random()
        self.rest = Rest(settings.addresses, self._wall, self._chance, quota)
        self.session = (
            session(self.rest)
            if session is not None
            else Session(settings, self.rest, self._wall, self._chance)
        )
        self._calls = Calls(self.rest, self.session, self._wall)
        self._names: dict[
            int, str
        ] = {}  # of contracts, and below of accounts: neither ever changes
        self._accounts: dict[str, str] = {}
        self.dropped: Counter[str] = Counter()

    # --- what it knows ---

    async def accounts(self, lane: Lane = Lane.RECONCILE) -> tuple[AccountSeen, ...]:
        """Return the accounts that this login may see."""
        rows = self._rows()
        rows.put("account", await self._calls.rows("account/list", lane=lane))
        seen = tuple(row for row in rows.seen() if isinstance(row, AccountSeen))
        self._know(seen)
        return seen

    async def snapshot(self, lane: Lane = Lane.POLL) -> Snapshot:
        """Return everything that is told of the current session, by ten queries or so."""
        rows = self._rows()
        # fills before orders: so the order of a fill that is read is there already
        for entity in ("account", "fill", "fillFee", "command", "commandReport", "orderVersion"):
            rows.put(entity, await self._calls.rows(f"{entity}/list", lane=lane))
        # reports of executions after orders: so an order that is over owes every fill that it got
        for entity in ("order", "executionReport", "position", "cashBalance"):
            rows.put(entity, await self._calls.rows(f"{entity}/list", lane=lane))
        if orphans := rows.orphans():
            rows.put("order", await self._calls.items("order", orphans, lane=lane))
        await self._complete(rows, lane=lane)
        told = rows.seen()
        self.dropped.update(rows.dropped)
        snapshot = Snapshot(
            self._wall.now(),
            accounts=tuple(row for row in told if isinstance(row, AccountSeen)),
            orders=tuple(row for row in told if isinstance(row, OrderSeen)),
            fills=tuple(row for row in told if isinstance(row, FillSeen)),
            positions=tuple(row for row in told if isinstance(row, PositionSeen)),
            cash=tuple(row for row in told if isinstance(row, CashSeen)),
        )
        self._know(snapshot.accounts)
        return snapshot

    async def recall(
        self, orders: Sequence[OrderSeen], lane: Lane = Lane.RECONCILE
    ) -> tuple[Seen, ...]:
        """Ask for orders by their numbers, and for what was filled of them, as far as the broker still tells.

        One that is unknown there (404) has ended and nobody knows how. What can't be had now is left out.
        """
        rows, gone, known = self._rows(), [], {one.remote: one for one in orders}
        for one in orders:
            try:
                row = await self._calls.one("order/item", {"id": one.remote}, lane=lane)
            except LoginRefused:
                raise
            except Missing:
                gone.append(vanished(one))
            except BrokerError as problem:
                log.warning("tradovate.recall order=%s failed: %s", one.remote, problem)
            else:
                rows.put("order", [row] if str(row.get("id")) == one.remote else [])
        if found := rows.ids("order"):
            rows.put("fill", await self._calls.dependents("fill", found, lane=lane))
            fees = await self._calls.items("fillFee", rows.ids("fill"), lane=lane)
            rows.put("fillFee", fees)
        await self._complete(rows, lane=lane)
        for number in found:
            rows.recall(known[str(number)])
        told = [
            replace(row, filled=max(row.filled, known[row.remote].filled))
            if isinstance(row, OrderSeen)
            else row
            for row in rows.seen()
        ]
        self.dropped.update(rows.dropped)
        return (*gone, *told)

    def reaches_back(self, seconds: float) -> bool:
        """Return whether the lists that `find` reads tell for certain what was sent so many seconds ago.

        They are emptied some time between the close of a session and the beginning of the next one.
        """
        now = self._wall.now()
        since = now - round(seconds * SECOND) - LISTS_LATE
        if is_open(since) and session_close(since) <= now:
            return False
        return trade_date(since) == trade_date(now + LISTS_EARLY)

    async def find(self, account: str, tag: str, *, is_exit: bool = False) -> OrderSeen | None:
        """Return the order that carries our tag; None only after both lists were read without it.

        The lists reach back to the beginning of the exchange's session, no further, but for orders that still work.
        """
        rows = self._rows()
        lane = Lane.EXIT if is_exit else Lane.ORDER
        number = number_of(account, "account")
        query = {"masterid": str(number)}
        rows.put("order", await self._calls.rows("order/deps", query, lane=lane))
        rows.put("command", await self._calls.rows("command/list", lane=lane))
        order = rows.tagged(tag)
        if order is None:
            await self._complete(rows, lane=lane)
            order = rows.tagged(tag)
        if order is None:
            return None
        if rows.row("order", order) is None:  # it came into being between the two queries
            rows.put("order", await self._calls.items("order", [order], lane=lane))
        of_order = {"masterid": str(order)}
        for entity in ("orderVersion", "fill"):
            rows.put(entity, await self._calls.rows(f"{entity}/deps", of_order, lane=lane))
        await self._name_contracts(rows, lane=lane)
        found = rows.tell("order", order)
        self.dropped.update(rows.dropped)
        if not isinstance(found, OrderSeen):
            raise Unavailable(f"order {order} carries the tag and can't be read")
        return found if found.account == account else None

    async def held(self, account: str, contract: str) -> int:
        """Return how many contracts an account holds of one at this moment, signed. Never held back."""
        number = await self._contract_id(contract)
        query = {"masterid": str(number_of(account, "account"))}
        rows = await self._calls.rows("position/deps", query, lane=Lane.EXIT)
        try:
            return sum(int(row["netPos"]) for row in rows if row["contractId"] == number)
        except (KeyError, TypeError, ValueError):
            raise Unavailable("the broker's position can't be read") from None

    # --- what it does ---

    async def place(self, order: NewOrder, still: StillWanted | None = None) -> Placed:
        """Send an order, with its bracket where it has one; an exit waits for nobody."""
        lane = Lane.EXIT if order.is_exit else Lane.ORDER
        body = await self._body(order, lane)
        if not order.legs:
            told = await self._calls.send("order/placeorder", body, lane, still)
            return Placed(str(told.order_id))
        if len(order.legs) > 2:
            raise OrderRefused("Unsupported", f"{len(order.legs)} legs: a bracket has at most two")
        side = order.side.opposite
        for number, leg in enumerate(order.legs, start=1):
            body[f"bracket{number}"] = leg_body(leg, side, order)
        told = await self._calls.send("order/placeoso", body, lane, still)
        legs = tuple(str(number) for number in (told.oso1_id, told.oso2_id) if number)
        return Placed(str(told.order_id), legs)

    async def place_pair(self, first: NewOrder, other: Leg) -> Placed:
        """Send two orders of one side of which one cancels the other."""
        body = await self._body(first, Lane.EXIT)
        body["other"] = leg_body(other, first.side, first)
        told = await self._calls.send("order/placeoco", body, Lane.EXIT)
        return Placed(str(told.order_id), (str(told.oco_id),) if told.oco_id else ())

    async def modify(
        self,
        order: OrderSeen,
        *,
        quantity: int | None = None,
        limit: Decimal | None = None,
        stop: Decimal | None = None,
        is_automated: bool = True,
    ) -> None:
        """Ask for a working order to be changed. The whole intended state goes out, as the broker wants it."""
        body = change_body(order, quantity, limit, stop, is_automated=is_automated)
        await self._calls.send("order/modifyorder", body, Lane.EXIT)

    async def cancel(self, account: str, order: str, *, is_automated: bool = True) -> None:
        """Ask for an order to be taken back."""
        body = {"orderId": number_of(order, "order"), "isAutomated": is_automated}
        await self._calls.send("order/cancelorder", body, Lane.EXIT)

    async def liquidate(self, account: str, contract: str, *, is_automated: bool = False) -> None:
        """Cancel every order of a contract and close its position at the market.

        A customTag50 was answered by 404 here, so there is none.
        """
        body = {
            "accountId": number_of(account, "account"),
            "contractId": await self._contract_id(contract),
            "admin": False,
            "isAutomated": is_automated,
        }
        await self._calls.send("order/liquidateposition", body, Lane.EXIT)

    # --- what it hears ---

    async def follow(
        self, heard: Callable[[Sequence[Seen]], None], state: Callable[[FeedState, str], None]
    ) -> None:
        """Follow the login's stream until cancelled, or until only its owner could help.

        Raises:  LoginRefused, SignedInElsewhere  nothing more is tried
        """
        stream = Stream(
            self._rows, self._name_contracts, self._complete, self._wall, heard, state, self.dropped
        )
        line = Line(
            Purpose.TRADING,
            self.session,
            lambda: self.rest.hosts,
            self._wall,
            self._chance,
            stream,
        )
        beside = [
            asyncio.create_task(stream.pump()),
            asyncio.create_task(self.session.keep_fresh()),
        ]
        line.dropped = self.dropped
        running = asyncio.create_task(line.run())
        try:
            await asyncio.wait([running, *beside], return_when=asyncio.FIRST_COMPLETED)
            for task in beside:
                if task.done():
                    task.result()  # they only end by a fault of our own
        finally:
            line.stop()
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(running), LEAVE_SECONDS)
            for task in (running, *beside):
                task.cancel()
            await asyncio.gather(running, *beside, return_exceptions=True)
        if line.fatal is not None:
            raise of_login(line.fatal, self._wall.now())

    async def close(self) -> None:
        """Let go of the connections."""
        self.rest.quota.flush()
        await self.rest.close()

    # --- inside ---

    async def _body(self, order: NewOrder, lane: Lane) -> dict[str, Any]:
        body = order_body(order)
        if order.account not in self._accounts:
            try:
                await self.accounts(lane)
            except LoginRefused:
                raise
            except BrokerError as problem:
                raise NotSent(str(problem)) from None
        if name := self._accounts.get(order.account):
            body["accountSpec"] = name
        return body

    async def _complete(self, rows: Rows, *, lane: Lane = Lane.RECONCILE) -> None:
        """Fetch what the lists leave out: of orders that outlived their session what they ask for, and our mark."""
        if bare := rows.bare():
            for entity in ("orderVersion", "command"):
                rows.put(entity, await self._calls.dependents(entity, bare, lane=lane))
        await self._name_contracts(rows, lane=lane)

    async def _name_contracts(self, rows: Rows, *, lane: Lane = Lane.RECONCILE) -> None:
        """Fill the names of the contracts in that are spoken of."""
        if missing := [number for number in rows.unnamed() if number not in self._names]:
            for row in await self._calls.items("contract", missing, lane=lane):
                self._names[row["id"]] = str(row["name"])
        rows.put(
            "contract",
            [
                {"id": number, "name": self._names[number]}
                for number in rows.unnamed()
                if number in self._names
            ],
        )

    async def _contract_id(self, name: str) -> int:
        for number, known in self._names.items():
            if known == name:
                return number
        try:
            row = await self._calls.one("contract/find", {"name": name}, lane=Lane.EXIT)
            number = int(row["id"])
        except Missing:
            raise OrderRefused("InvalidContract", f"{name} is unknown at the broker") from None
        except LoginRefused:
            raise
        except (BrokerError, KeyError, TypeError, ValueError) as problem:
            raise NotSent(f"the number of {name} can't be had: {problem}") from None
        self._names[number] = name
        return number

    def _rows(self) -> Rows:
        return Rows(is_live=self._settings.environment == "live")

    def _know(self, accounts: Sequence[AccountSeen]) -> None:
        self._accounts = {account.remote: account.name for account in accounts}
