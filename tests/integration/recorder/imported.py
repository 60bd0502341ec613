"""Files of exports as tests invent them, and the broker's accounts that they are of."""

from collections.abc import Sequence
from typing import Any

from apps.brokers.models import BrokerAccount, BrokerFill, Connection
from apps.recorder import importing, recorders
from apps.recorder.models import Import, Recorder
from tests.factories import at

NINJA = "Instrument,Action,Quantity,Price,Time,ID,E/X,Position,Order ID,Name,Commission,Rate,Account,Connection,\n"


def an_account(user: Any, name: str = "DEMO1", *, broker: str = "tradovate") -> BrokerAccount:
    """Return a broker's account of a person."""
    connection, _ = Connection.objects.get_or_create(
        user=user,
        name="Mine",
        defaults={"broker": broker, "environment": "demo", "login": "me", "device_id": "d"},
    )
    return BrokerAccount.objects.get_or_create(
        user=user, connection=connection, name=name, defaults={"remote": f"r{name}"}
    )[0]


def told_by_broker(account: BrokerAccount, remote: str, side: str, quantity: int, price: str, when: str,
                   contract: str = "MNQH5", source: str = "poll", **more: Any) -> BrokerFill:  # fmt: skip
    """Keep a fill as the broker's API tells it."""
    ns = at(when)
    from apps.marketdata.domain.calendar import trade_date

    return BrokerFill.objects.create(
        user=account.user, account=account, remote=remote, contract=contract, side=side, quantity=quantity,
        price=price, at_ns=ns, trade_date=trade_date(ns), source=source, **more,
    )  # fmt: skip


def ninja(*rows: tuple[str, int, str, str, str], account: str = "DEMO1") -> str:
    """Return a grid of executions: side, contracts, price, time of day in Chicago, id."""
    lines = [
        f"MNQ MAR25,{side},{size},{price},1/28/2025 {time},{id_},Entry,-,o{id_},n,$1.50,1,{account},C,\n"
        for side, size, price, time, id_ in rows
    ]
    return NINJA + "".join(lines)


def pairs(*rows: tuple[int, int, int, str, str, str, str]) -> str:
    """Return Tradovate's performance: buy id, sell id, contracts, prices and times of day in Chicago."""
    lines = [
        f"MNQH5,-2,0,0.25,{buy},{sell},{size},{bought},{sold},$1.00,01/28/2025 {at_},01/28/2025 {out},1min\n"
        for buy, sell, size, bought, sold, at_, out in rows
    ]
    head = "symbol,_priceFormat,_priceFormatType,_tickSize,buyFillId,sellFillId,qty,buyPrice,sellPrice,pnl,boughtTimestamp,soldTimestamp,duration\n"
    return head + "".join(lines)


def uploaded(user: Any, text: str | bytes, zone: str = "America/Chicago", **more: Any) -> Import:
    """Upload a file and have it looked at."""
    raw = text.encode() if isinstance(text, str) else text
    return importing.accept(
        user=user, name="fills.csv", chunks=[raw], zone=zone, at_once=True, **more
    )


def imported(user: Any, text: str | bytes, only_good: bool = False, **more: Any) -> Import:
    """Upload a file and import it."""
    found = uploaded(user, text, **more)
    importing.apply(importing=found, only_good=only_good, at_once=True)
    return found


def known(account: BrokerAccount) -> Sequence[tuple[str, int, str, str]]:
    """Return what the desk holds of an account: side, contracts, price and source of what is active."""
    rows = BrokerFill.objects.filter(account=account, is_active=True)
    rows = rows.order_by("at_ns", "quantity", "id")
    return [(row.side, row.quantity, f"{row.price.normalize():f}", row.source) for row in rows]


def recording(user: Any, name: str, account: BrokerAccount, root: str) -> Recorder:
    """Return a recorder of an account that records from the beginning of all that is kept."""
    made, _ = recorders.create(user=user, name=name, symbol=f"{root}1!", account=account)
    return recorders.start(recorder=made, by=user.get_username(), since=0)
