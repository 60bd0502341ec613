"""Accounts, orders, positions and fills as rows, and a live engine that they trade in."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from itertools import count
from typing import Any

from apps.brokers.domain.ports import FeedChanged, FeedState, TicksArrived
from apps.brokers.models import Account, AccountDay, Fill, Order, Position
from apps.bus import transport
from apps.bus.domain.message import SECOND
from apps.engine.live import LiveEngine
from apps.marketdata.domain.messages import ClockTicked, ContractListed
from apps.marketdata.domain.tick import Tick
from apps.marketdata.price import moment
from tests.cast import Actor
from tests.factories import ENTERED, NOW, NQ, at

_numbers = count(1)
SEVENTEEN = "2025-12-02T23:00:00Z"  # in Chicago: the account's day is over


def an_account(user: Any, name: str = "Alpha", **fields: Any) -> Account:
    """Return a trader's paper account, the same for the same name."""
    known = Account.objects.of(user).filter(name=name).first()
    if known is not None:
        return known  # type: ignore[no-any-return]
    balance = Decimal(fields.pop("balance", "50000"))
    usual: dict[str, Any] = {
        "kind": "paper", "firm": "Topstep", "start_balance": Decimal(50_000), "balance": balance,
        "trade_date": at_date(NOW), "day_ends": at(SEVENTEEN), "day_start_balance": balance,
    }  # fmt: skip
    row = Account.objects.create(user=user, name=name, **(usual | fields))
    row.refresh_from_db()
    return row


def at_date(text: str) -> Any:
    """Return the date of a moment."""
    return moment(text).date()


def an_order(account: Account, *, asked: str = ENTERED, **fields: Any) -> Order:
    """Return a working buy limit, or an order with other fields."""
    usual: dict[str, Any] = {
        "key": f"o{next(_numbers)}", "contract": "NQZ5", "root": "NQ", "side": "buy",
        "type": "limit", "tif": "day", "role": "entry", "origin": "person", "quantity": 1,
        "limit": "19990.00", "reference": "20005.25", "status": "working",
    }  # fmt: skip
    if fields.get("type", "limit") != "limit":
        usual["limit"] = None
    row = Order.objects.create(
        user=account.user, account=account, at=moment(asked), at_ns=at(asked), **(usual | fields)
    )
    row.refresh_from_db()
    return row


def a_position(
    account: Account, *, size: int = 2, entry: str = "20000.00", sign: int = 1, **fields: Any
) -> Position:
    """Return an open long, or what other fields make of it; `closed` is when it was closed, at the entry."""
    ticks, key = NQ.to_ticks(entry), fields.pop("key", f"p{next(_numbers)}")
    closed = fields.pop("closed", None)
    usual: dict[str, Any] = {
        "key": key, "contract": "NQZ5", "root": "NQ", "sign": sign, "most": size,
        "lots": [] if closed else [[size, ticks, at(ENTERED), key]], "size": 0 if closed else size,
        "entered": size, "entered_paid": size * ticks, "high": ticks + 40, "low": ticks - 8,
        "opened_at": moment(ENTERED), "opened_ns": at(ENTERED), "fees": Decimal("7.80"),
    }  # fmt: skip
    if closed:
        usual |= {
            "closed_at": moment(closed), "closed_ns": at(closed), "exited": size,
            "exited_paid": size * ticks,
        }  # fmt: skip
    row = Position.objects.create(user=account.user, account=account, **(usual | fields))
    row.refresh_from_db()
    return row


def a_fill(order: Order, *, price: str = "20005.50", when: str = ENTERED, **fields: Any) -> Fill:
    """Return a fill of an order, a tick worse than asked for."""
    usual: dict[str, Any] = {
        "key": f"f{next(_numbers)}", "contract": order.contract, "side": order.side, "quantity": 1,
        "price": price, "fees": Decimal("3.90"), "realized": Decimal(0), "slippage_ticks": 1,
        "latency_ms": 120, "rests_on": "quote",
    }  # fmt: skip
    row = Fill.objects.create(
        user=order.user, account=order.account, order=order, at=moment(when), at_ns=at(when),
        **(usual | fields),
    )  # fmt: skip
    row.refresh_from_db()
    return row


def a_day(account: Account, trade_date: str, *, net: str = "100.00", **fields: Any) -> AccountDay:
    """Return a closed trading day."""
    ended = f"{trade_date}T23:00:00Z"
    usual: dict[str, Any] = {
        "start_balance": Decimal(50_000), "balance": Decimal(50_000) + Decimal(net),
        "realized": Decimal(net) + 8, "fees": Decimal(8), "trades": 1, "wins": 1, "losses": 0,
    }  # fmt: skip
    return AccountDay.objects.create(
        user=account.user, account=account, trade_date=at_date(ended), ended_ns=at(ended),
        **(usual | fields),
    )  # fmt: skip


class Desk:
    """A live engine on its own thread, fed by hand. It begins with one price, 20005.25."""

    def __init__(self) -> None:
        self.at, self.id = at(NOW), 0
        self.engine = LiveEngine([ContractListed("NQZ5", "NQ")])

    def trades(self, *prices: str, apart: int = SECOND) -> None:
        """Let the market trade at these prices, and wait until the last one has been heard."""
        for price in prices:
            self.at, self.id = self.at + apart, self.id + 1
            tick = Tick(self.at, NQ.to_ticks(price), 5, self.id)
            self.engine.put(TicksArrived("NQZ5", (tick,), live=True))
        self.wait()

    def wait(self) -> None:
        """Wait until the engine has heard and told everything that was put."""
        self.at += 1
        self.engine.put(ClockTicked(self.at))
        until = threading.Event()
        for _ in range(20_000):
            if self.engine.queue.empty() and self.engine.at >= self.at:
                break
            until.wait(0.005)
        else:
            raise AssertionError(f"the engine has stopped: {self.engine.failure}")


@contextmanager
def trading() -> Iterator[Desk]:
    """Start a desk, and end it."""
    transport.use(transport.MemoryTransport())
    desk = Desk()
    desk.engine.start()
    try:
        desk.engine.put(FeedChanged(FeedState.LIVE, "NQZ5", desk.at, desk.at))
        desk.trades("20005.25", apart=0)
        yield desk
    finally:
        desk.engine.stop()
        transport.use(None)


def send(actor: Actor, method: str, path: str, body: Any = None, **headers: str) -> Any:
    """Return what the API answers."""
    ask = getattr(actor.client, method)
    return ask(f"/api/{path}", body or {}, content_type="application/json", headers=headers)
