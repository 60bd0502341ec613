"""Rows of this app: what the engine keeps of each account (`desk.py`), and what brokers say of theirs (`remote.py`)."""

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
from apps.brokers.models.remote import (
    BrokerAccount,
    BrokerFill,
    BrokerOrder,
    BrokerPosition,
    Connection,
)

__all__ = [
    "OPEN",
    "Account",
    "AccountDay",
    "AccountGroup",
    "BrokerAccount",
    "BrokerFill",
    "BrokerOrder",
    "BrokerPosition",
    "Connection",
    "Fill",
    "GroupMember",
    "Order",
    "Position",
    "Route",
    "money_field",
]
