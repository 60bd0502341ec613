"""What a webhook puts into the inbox beside new signals (`messages.Alert`)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar

from apps.bus.domain.message import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted(Command):
    """What all have: the id that the sender was told, whose it is, and its own time if it said one.

    Units:  time: ns UTC; symbol: as the sender spells it; prices: Decimal
    """

    id: str
    user: int
    strategy: int
    symbol: str | None = None
    time: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepOutsideView(Posted):
    """Keep what the sender believes about its own trade beside the signal; move nothing of ours."""

    name: ClassVar[str] = "alert.outside_view"
    stage: str
    sender_id: str
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeOrderAlert(Posted):
    """Do what an order alert asks: buy, sell, close, close_long or close_short."""

    name: ClassVar[str] = "alert.order"
    action: str
    quantity: int | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    order_type: str | None = None
    sender_strategy: str | None = None
    account_group: str | None = None
    comment: str | None = None
    market_position: str | None = None
    prev_market_position: str | None = None
    market_position_size: int | None = None
    max_position_size: int | None = None
    risk_percent: Decimal | None = None
    expires_s: int = 60
