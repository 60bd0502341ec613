"""The one socket of a page: who may come in, what he asks to hear. What he hears is the hub's."""

import asyncio
from typing import Any, Final

import msgspec
from channels.generic.websocket import AsyncWebsocketConsumer
from django.contrib.sessions.models import Session
from django.utils import timezone

from apps.dashboards import topics
from apps.dashboards.hub import Client, Hub, frame, hub
from apps.dashboards.line import Line

LONGEST: Final = 8_192  # characters of one message
AT_ONCE: Final = 200  # connections of one user
MESSAGES: Final = 100  # of one connection
PER_S: Final = 10.0
CHECK_S: Final = 60.0
NOT_SIGNED_IN: Final = 4401  # close codes
TOO_SLOW: Final = 4408
TOO_MUCH: Final = 4429


class Wish(msgspec.Struct, forbid_unknown_fields=True):
    """What a browser may say."""

    subscribe: list[Any] = []
    unsubscribe: list[Any] = []


class DeskConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels is not typed
    """One browser at `/ws/dashboard/`.

    It says {"subscribe": [...]} and {"unsubscribe": [...]}; it hears readings, facts and counts, and
    {"refused": [...]} for what it may not hear.
    """

    channel_layer_alias = (
        "none"  # the hub listens once for all; a layer per browser would cost much
    )
    hub: Hub
    client: Client | None = None
    tasks: tuple["asyncio.Task[None]", ...] = ()

    async def connect(self) -> None:
        """Let somebody in who is signed in and has not too many pages open."""
        user = self.scope["user"]
        self.hub = hub()
        if not user.is_authenticated or self.hub.connections(user) >= AT_ONCE:
            await self.close()
            return
        await self.accept()
        self.heard: list[float] = []
        line = self.scope.get("line") or Line()
        self.client = Client(user, self.base_send, line)
        await self.hub.join(self.client)
        self.tasks = (asyncio.create_task(self._pump()), asyncio.create_task(self._stay()))

    async def disconnect(self, code: int) -> None:
        """Forget him."""
        for task in self.tasks:
            task.cancel()
        if self.client is not None:
            self.hub.leave(self.client)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Change what he hears."""
        if self.client is None:
            return
        if self._is_too_much(text_data):
            await self.close(TOO_MUCH)
            return
        try:
            wish = msgspec.json.decode(text_data or "", type=Wish)
        except (msgspec.MsgspecError, UnicodeError) as problem:
            cure = 'write {"subscribe": ["price.NQ"]}'
            self.client.hear_fact(frame({"problem": f"not understood: {problem}; {cure}"}))
            return
        self.hub.unsubscribe(
            self.client, [topic for topic in wish.unsubscribe if isinstance(topic, str)]
        )
        await self._subscribe(self.client, wish.subscribe)

    async def _subscribe(self, client: Client, wanted: list[Any]) -> None:
        allowed: list[str] = []
        refused = []
        for topic in wanted:
            why = topics.refusal(client.user, topic)
            if why is None and len(client.topics | {*allowed, topic}) > topics.AT_MOST:
                why = f"more than {topics.AT_MOST} topics"
            if why is None:
                allowed.append(topic)
            else:
                refused.append({"topic": str(topic)[:80], "detail": why})
        if refused:
            client.hear_fact(frame({"refused": refused}))
        if allowed:
            await self.hub.subscribe(client, dict.fromkeys(allowed))

    def _is_too_much(self, text: str | None) -> bool:
        now = asyncio.get_running_loop().time()
        self.heard = [at for at in self.heard if at > now - PER_S] + [now]
        return len(self.heard) > MESSAGES or text is None or len(text) > LONGEST

    async def _pump(self) -> None:
        assert self.client is not None
        await self.client.pump()
        await self.close(TOO_SLOW)

    async def _stay(self) -> None:
        """End the connection of somebody who has signed out elsewhere."""
        key = self.scope["session"].session_key
        while True:
            await asyncio.sleep(CHECK_S)
            if not await signed_in(key):
                await self.close(NOT_SIGNED_IN)
                return


async def signed_in(session_key: str) -> bool:
    """Return whether a session is still good."""
    good = Session.objects.filter(session_key=session_key, expire_date__gt=timezone.now())
    return await good.aexists()
