"""What the tests of notifications have in common: a worker with a clock, and facts."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import count
from typing import Any

from apps.brokers.domain.facts import PositionClosed
from apps.bus import bus
from apps.notifications import sending, services
from apps.notifications.discord import Discord as Line
from apps.notifications.domain.kinds import Kind
from apps.notifications.domain.wording import Notice as Told
from apps.notifications.models import Delivery, DiscordLink, Notice
from apps.notifications.subscribers import NAME
from tests.cast import Actor
from tests.factories import NOW, at
from tests.services.discord import Discord

_numbers = count(1)


@dataclass
class Desk:
    """Somebody's desk with the worker that sends."""

    discord: Discord
    who: Actor
    now: datetime
    lines: list[Any] = field(default_factory=list)

    def stamp(self) -> float:
        """Return the moment as Discord's clock shows it."""
        return self.now.timestamp()

    def clock(self) -> datetime:
        """Return the moment."""
        return self.now

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)

    def link(self, snowflake: str = "100") -> DiscordLink:
        """Have the trader linked."""
        return services.link_discord(user=self.who.user, snowflake=snowflake, username="alice_d")

    def tell(self, title: str = "", kind: Kind = Kind.CLOSED) -> Notice:
        """Keep a notice."""
        number = next(_numbers)
        told = Told(kind, title or f"Notice {number}", "Net +$10.00.", path="/manager/")
        row = services.notify(user=self.who.user, key=f"t:{number}", told=told, now=self.now)
        assert row is not None
        return row

    def send(self, open_line: Any = Line) -> int:
        """Let the worker run once."""
        return sending.send_discord(clock=self.clock, open_line=open_line)

    def delivery(self, row: Notice, channel: str = "discord") -> Delivery:
        """Return how far a notice is."""
        return Delivery.objects.get(notice=row, channel=channel)


def hear() -> int:
    """Let the worker hear what was said."""
    return bus.catch_up(NAME)


def closed(user: int, account: int, **fields: Any) -> PositionClosed:
    """Return the fact that a position is flat again."""
    usual: dict[str, Any] = {
        "at": at(NOW), "user": user, "account": account, "position": f"p{next(_numbers)}",
        "contract": "MNQZ5", "strategy": 0, "direction": "long", "quantity": 2,
        "realized": Decimal("46.00"), "fees": Decimal("1.00"), "net": Decimal("45.00"),
        "r": Fraction(3, 2), "mfe_ticks": 10, "mae_ticks": -4, "opened_at": at(NOW),
    }  # fmt: skip
    return PositionClosed(**(usual | fields))
