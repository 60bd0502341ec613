"""Calls for one login: each with a token that is good, each error in the port's words, orders never twice."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Raw

from apps.brokers.domain.ports import BrokerError, LoginRefused, NotSent, StillWanted, Unavailable
from apps.brokers.tradovate.answers import Outcome, of_login, of_order, of_read, outcome_of
from apps.brokers.tradovate.quota import Lane
from apps.brokers.tradovate.rest import NotFound, Rest, TradovateError, Unauthorised, WrongHost
from apps.brokers.tradovate.session import Session, Token
from apps.brokers.tradovate.wall import WallClock

CHUNK = 10  # more ids in one `items` were answered by 404
Row = dict[str, Any]


class Missing(BrokerError):
    """What was asked for is not there (404)."""


class Calls:
    """REST calls with the session's token."""

    def __init__(self, rest: Rest, session: Session, wall: WallClock) -> None:
        self._rest = rest
        self._session = session
        self._wall = wall

    async def send(
        self, path: str, body: Mapping[str, Any], lane: Lane, still: StillWanted | None = None
    ) -> Outcome:
        """Send what must not be executed twice. It goes out again only if the server did not know our token.

        still: asked each time right before it goes out; what it raises is raised

        Raises:  OrderRefused, OutcomeUnknown, NotSent, LoginRefused
        """
        for attempt in (1, 2):
            token = await self._token(for_order=True)
            try:
                answer = await self._rest.post(
                    path, body, token=token.access, lane=lane, still=still
                )
                return outcome_of(answer)
            except Unauthorised as problem:
                if attempt == 2 or await self._is_taken(token):
                    raise of_order(problem) from None
            except TradovateError as problem:
                await self._hear(problem, token)
                raise of_order(problem) from None
        raise NotSent("no token is taken")

    async def get(self, path: str, query: Mapping[str, str], lane: Lane) -> Raw:
        """Return what a query answers.

        Raises:  Missing, Unavailable, LoginRefused, BrokerError
        """
        for attempt in (1, 2):
            token = await self._token(for_order=False)
            try:
                return await self._rest.get(path, token=token.access, query=query, lane=lane)
            except Unauthorised as problem:
                if attempt == 2 or await self._is_taken(token):
                    raise of_read(problem) from None
            except NotFound as problem:
                raise Missing(str(problem)) from None
            except TradovateError as problem:
                await self._hear(problem, token)
                raise of_read(problem) from None
        raise Unavailable("no token is taken")

    async def rows(
        self, path: str, query: Mapping[str, str] | None = None, *, lane: Lane
    ) -> list[Row]:
        """Return the rows that a query answers."""
        data = await self.get(path, query or {}, lane)
        try:
            return msgspec.json.decode(data, type=list[Row])
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise Unavailable(f"{path}: the answer can't be read") from None

    async def one(self, path: str, query: Mapping[str, str], *, lane: Lane) -> Row:
        """Return the one row that a query answers."""
        data = await self.get(path, query, lane)
        try:
            return msgspec.json.decode(data, type=Row)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise Unavailable(f"{path}: the answer can't be read") from None

    async def items(self, entity: str, numbers: Sequence[int], *, lane: Lane) -> list[Row]:
        """Return rows by their ids; those that are gone are left out."""
        rows: list[Row] = []
        for start in range(0, len(numbers), CHUNK):
            ids = ",".join(str(number) for number in numbers[start : start + CHUNK])
            try:
                rows += await self.rows(f"{entity}/items", {"ids": ids}, lane=lane)
            except Missing:
                continue
        return rows

    async def dependents(self, entity: str, masters: Sequence[int], *, lane: Lane) -> list[Row]:
        """Return the rows of an entity that belong to these masters, of whichever session the broker tells."""
        rows: list[Row] = []
        for start in range(0, len(masters), CHUNK):
            ids = ",".join(str(number) for number in masters[start : start + CHUNK])
            try:
                rows += await self.rows(f"{entity}/ldeps", {"masterids": ids}, lane=lane)
            except Missing:
                continue
        return rows

    async def _token(self, *, for_order: bool) -> Token:
        try:
            return await self._session.token()
        except TradovateError as problem:
            means = of_login(problem, self._wall.now())
            if for_order and not isinstance(means, LoginRefused):
                raise NotSent(str(means)) from None
            raise means from None

    async def _is_taken(self, token: Token) -> bool:
        """Return whether the token is good and it is this call that is not allowed; a bad one is given up."""
        try:
            return await self._session.is_taken(token)
        except TradovateError as problem:
            await self._hear(problem, token)
            means = of_login(problem, self._wall.now())
            raise (means if isinstance(means, LoginRefused) else NotSent(str(means))) from None

    async def _hear(self, problem: TradovateError, token: Token) -> None:
        await self._session.hear(problem, token)
        if isinstance(problem, WrongHost):
            await self._session.move()
