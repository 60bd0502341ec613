"""Facts about brokers: how a login stands, and what was heard of its accounts for the first time."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import ClassVar

from apps.bus.domain.message import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionChanged(Fact):
    """A login at a broker stands otherwise than before."""

    name: ClassVar[str] = "connection.changed"
    connection: int
    called: str
    state: str
    reason: str = ""

    @property
    def key(self) -> str:
        """Return the connection and the moment."""
        return f"{self.name}:{self.connection}:{self.state}:{self.at}"

    @property
    def of(self) -> str:
        """Return the connection's number."""
        return str(self.connection)


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerFillSeen(Fact):
    """A broker's fill was kept, or one that was kept is taken back (`is_active` False) or has its fees now.

    at:   the fill's own time; `version` counts what was told of it, from 1
    """

    name: ClassVar[str] = "broker.fill_seen"
    account: int
    fill: int
    remote: str
    contract: str
    side: str
    quantity: int
    price: Decimal
    trade_date: date
    is_active: bool = True
    version: int = 1

    @property
    def key(self) -> str:
        """Return the account, the broker's own name of the fill, and how often it was told."""
        return f"{self.name}:{self.account}:{self.remote}:{self.version}"

    @property
    def of(self) -> str:
        """Return the broker account's number."""
        return str(self.account)


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerOrderSeen(Fact):
    """A broker's order is new, or stands otherwise than before."""

    name: ClassVar[str] = "broker.order_seen"
    account: int
    remote: str
    tag: str
    status: str
    filled: int
    reason: str = ""

    @property
    def key(self) -> str:
        """Return the order, what is known of it, and where it stands since when."""
        stands = f"{self.status}:{self.filled}:{self.at}"
        return f"{self.name}:{self.account}:{self.remote}:{self.tag}:{stands}"

    @property
    def of(self) -> str:
        """Return the broker account's number."""
        return str(self.account)


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerAccountChanged(Fact):
    """An account appeared at a broker (`is_new`), was closed by the firm, or was opened again.

    at: when that was read, as far as known; `version` counts what was told of it, from 1
    """

    name: ClassVar[str] = "broker.account_changed"
    account: int
    called: str
    is_open: bool
    is_new: bool = False
    version: int = 1

    @property
    def key(self) -> str:
        """Return the account and how often it was told."""
        return f"{self.name}:{self.account}:{self.version}"

    @property
    def of(self) -> str:
        """Return the broker account's number."""
        return str(self.account)
