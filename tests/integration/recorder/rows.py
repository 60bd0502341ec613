"""Brokers' rows as `take_in` keeps them, and recorders on them."""

from decimal import Decimal
from itertools import count
from typing import Any

from apps.brokers.models import BrokerAccount, BrokerFill, BrokerOrder, Connection
from apps.bus.domain.message import MINUTE
from apps.marketdata.domain.calendar import trade_date
from apps.recorder import recorders
from apps.recorder.models import RecordedPosition, Recorder
from tests.factories import at

_numbers = count(1)
BEGAN = at("2025-12-02T14:30:00Z")


def a_login(user: Any, **fields: Any) -> Connection:
    usual = {"environment": "demo", "login": "me", "device_id": "d"}
    known = Connection.objects.filter(user=user, name=fields.get("name", "My Tradovate")).first()
    return known or Connection.objects.create(user=user, name="My Tradovate", **usual | fields)


def a_broker_account(user: Any, name: str = "DEMO1001", **fields: Any) -> BrokerAccount:
    made: BrokerAccount = BrokerAccount.objects.create(
        user=user, connection=a_login(user), remote=str(next(_numbers)), name=name, **fields
    )
    return made


def a_recorder(
    user: Any, account: BrokerAccount | None, name: str = "NQ Fade", **fields: Any
) -> Recorder:
    """Return a recorder that records from the first fill on, unless `since` says otherwise; None: it does not."""
    since = fields.pop("since", 0)
    made, _secret = recorders.create(user=user, name=name, symbol="NQ1!", account=account, **fields)
    return made if since is None else recorders.start(recorder=made, by="alice", since=since)


def an_order(
    account: BrokerAccount, remote: str, type: str = "market", **fields: Any
) -> BrokerOrder:
    usual = {"contract": "NQZ5", "side": "buy", "tif": "day", "status": "filled", "at_ns": BEGAN}
    made: BrokerOrder = BrokerOrder.objects.create(
        user=account.user, account=account, remote=remote, type=type, **usual | fields
    )
    return made


def a_fill(
    account: BrokerAccount, signed: int, price: str, minute: float, **fields: Any
) -> BrokerFill:
    """Return a fill so many minutes after 9:30 in New York; +2 bought, -2 sold."""
    number, moment = next(_numbers), BEGAN + int(minute * MINUTE)
    usual = {
        "remote": str(number), "order": f"o{number}", "contract": "NQZ5", "fees": Decimal("2.00"),
        "source": "poll", "trade_date": trade_date(moment), "at_ns": moment,
    }  # fmt: skip
    made: BrokerFill = BrokerFill.objects.create(
        user=account.user, account=account, side="buy" if signed > 0 else "sell",
        quantity=abs(signed), price=Decimal(price), **usual | fields,
    )  # fmt: skip
    return made


def recorded(account: BrokerAccount) -> list[tuple[str, int, int, str, str | None]]:
    """Return positions in short: strategy, signed most, open, status, gross; the first opened first."""
    rows = RecordedPosition.objects.filter(account=account).order_by("opened_ns", "id")
    return [
        (
            row.strategy.name, row.sign * row.most, row.size, row.status,
            None if row.realized is None else f"{row.realized:.2f}",
        )
        for row in rows.select_related("strategy")
    ]  # fmt: skip
