"""Rows of this app: what the engine keeps of each account (`desk.py`), what leaves for brokers (`live.py`), what brokers say of theirs (`remote.py`), how we are logged in there (`tokens.py`)."""

from apps.brokers.models.desk import (
    OPEN,
    Account,
    AccountDay,
    AccountGroup,
    Fill,
    GroupMember,
    Order,
    Position,
    Route,
    money_field,
)
from apps.brokers.models.live import (
    WAITING,
    AbroadLine,
    Difference,
    Dispatch,
    LiveSwitch,
)
from apps.brokers.models.remote import (
    BrokerAccount,
    BrokerFill,
    BrokerOrder,
    BrokerPosition,
    Connection,
)
from apps.brokers.models.tokens import LoginToken

__all__ = [
    "OPEN",
    "WAITING",
    "AbroadLine",
    "Account",
    "AccountDay",
    "AccountGroup",
    "BrokerAccount",
    "BrokerFill",
    "BrokerOrder",
    "BrokerPosition",
    "Connection",
    "Difference",
    "Dispatch",
    "Fill",
    "GroupMember",
    "LiveSwitch",
    "LoginToken",
    "Order",
    "Position",
    "Route",
    "money_field",
]
