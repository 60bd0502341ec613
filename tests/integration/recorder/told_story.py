"""One trade at the simulator, whatever goes wrong meanwhile, and what has to have come of it in the end."""

import threading
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.core.cache import cache
from django.db.models import Q
from django.test import Client

from apps.analytics import recorded
from apps.analytics.books import performance_of
from apps.brokers.models import BrokerAccount, Connection
from apps.brokers.reading import poll
from apps.brokers.tradovate.simulator.account import BALANCE
from apps.bus import bus
from apps.bus.models import FactRow
from apps.notifications import subscribers as notices
from apps.notifications.models import Notice
from apps.recorder import recorders
from apps.recorder.models import RecordedFill, RecordedPosition, Recorder
from apps.recorder.tasks import hear
from tests.integration.brokers.playground import ACCOUNT, CONTRACT, ScriptedSimulator


class Wall:
    """The simulator's wall clock: the real one, or as far ahead of it as a test says. So no fault is waited out."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


class Story:
    """A strategy recorded in the simulator's account, which trades there by another program."""

    def __init__(
        self,
        market: ScriptedSimulator,
        wall: Wall,
        row: Connection,
        recorder: Recorder | None = None,
    ) -> None:
        self.market, self.wall, self.row = market, wall, row
        self.recorder = recorder or self._recording()
        bus.catch_up(notices.NAME)  # he is told of what happens from now on
        self._orders = 0

    def _recording(self) -> Recorder:
        account = BrokerAccount.objects.get(connection=self.row)
        made, _ = recorders.create(
            user=self.row.user, name="NQ Fade", symbol="NQ1!", account=account
        )
        return recorders.start(recorder=made, by="alice")

    # ---- what happens at the broker ----

    def trades(self, action: str, quantity: int = 1) -> None:
        """Fill an order of the strategy, and let a minute pass."""
        self._orders += 1
        tag = f"th{self.recorder.strategy_id}-{self._orders}"
        order = {
            "accountId": ACCOUNT, "accountSpec": "DEMO1001", "action": action, "symbol": CONTRACT,
            "orderQty": quantity, "orderType": "Market", "isAutomated": True, "clOrdId": tag,
        }  # fmt: skip

        async def fill() -> None:
            place = self.market.book.operations()["order/placeorder"]
            assert place(order).body.get("orderId")
            await self.market.move(60)

        self.market.run(fill())

    def goes_wrong(self, *faults: dict[str, Any]) -> None:
        """Begin faults, in the simulator's own loop."""

        async def begin() -> None:
            for fault in faults:
                self.market.fault(fault)

        self.market.run(begin())

    def tells_everything_again(self, times: int = 1) -> None:
        """Tell every row of the day once more to every socket, as a session's end does; the newest first."""
        names = ("account", "order", "orderVersion", "command", "commandReport", "fill", "fillFee",
                 "position", "cashBalance")  # fmt: skip

        async def again() -> None:
            for entity in names * times:
                for row in reversed(self.market.entities.all(entity)):
                    for connection in self.market.connections:
                        told = {"entityType": entity, "eventType": "Updated", "entity": row}
                        connection.event("props", told)

        self.market.run(again())

    # ---- what the desk does ----

    def reads(self, times: int = 1) -> None:
        """Poll and settle, as the schedule has it done every minute."""
        for _ in range(times):
            cache.clear()  # the minute is over, and with it what it may be asked
            poll(self.row.pk)
            hear()

    def until(self, found: Callable[[], Any], what: str, seconds: float = 50) -> Any:
        """Settle what the stream brings until it comes to this."""
        end, pause = time.monotonic() + seconds, threading.Event()
        while time.monotonic() < end:
            hear()
            if said := found():
                return said
            pause.wait(0.05)
        raise AssertionError(f"no {what} in {seconds:g} s; {self.told()}, {self.stands()}")

    def stands(self) -> str:
        """Return how the login stands."""
        return str(Connection.objects.get(pk=self.row.pk).state)

    def is_told(self, state: str) -> bool:
        """Return whether the trader was told of how his login stands, in words on his page of notices."""
        bus.catch_up(notices.NAME)
        row = FactRow.objects.filter(name="connection.changed", payload__state=state).last()
        if row is None:
            return False
        mine = Notice.objects.filter(Q(key=row.key) | Q(parts__has_key=row.key))
        return mine.filter(user=self.row.user).exists()

    def clicks_reconnect(self, client: Client) -> None:
        """Press the button on the page of logins."""
        page = client.get("/connections/").content.decode()
        path = f"/connections/{self.row.pk}/reconnect/"
        assert path in page, "there is a button for it"
        assert client.post(path).status_code == 302

    # ---- what has to have come of it ----

    def told(self) -> list[str]:
        """Return what the recorder told, in order."""
        rows = FactRow.objects.filter(key__startswith="recorder:").order_by("seq")
        return [row.name.partition(".")[2] for row in rows]

    def is_closed(self) -> bool:
        """Return whether the position is recorded as closed, with every fee."""
        rows = RecordedPosition.objects.filter(closed_ns__isnull=False, fees_known=True)
        return rows.exists()

    def made(self) -> Decimal:
        """Return what the broker's cash says: everything realised and paid since the account was opened."""
        (cash,) = self.market.entities.all("cashBalance")
        return Decimal(str(cash["amount"])).quantize(Decimal("0.01")) - BALANCE

    def holds(self, quantity: int = 1) -> None:
        """One position, opened once, closed once, and worth what the broker's cash says."""
        (row,) = RecordedPosition.objects.all()
        assert (row.size, row.entered, row.exited, row.status) == (0, quantity, quantity, "closed")
        assert self.told() == ["opened", "closed"]
        assert RecordedFill.objects.filter(position=row).count() == 2
        assert row.realized is not None and row.fees_known and row.fees > 0
        assert row.realized - row.fees == self.made()
        (one,) = recorded.closed(self.row.user)
        assert one.result.net == performance_of([one]).figures.net == self.made()
