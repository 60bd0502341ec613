"""Entering and closing a trade by hand: the wish goes to the engine, the answer comes back as a fact."""

import re
import uuid
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from django.conf import settings as house

from apps.bus import bus, transport
from apps.bus.domain.message import SECOND, Command
from apps.bus.models import FactRow
from apps.marketdata import price
from apps.trades.domain.messages import CloseTrade, CommandRefused, EnterTrade
from apps.trades.domain.trade import State
from apps.trades.models import Trade

PATIENCE_S: float = house.ENGINE_PATIENCE_SECONDS  # wall time for the engine's answer
HOLDS_S: Final = 5  # market time in which a wish may still be carried out
_FIELD: Final = re.compile(r"[a-z_]+(\[\d+\])?(\.[a-z_]+(\[\d+\])?)*")


class Refused(Exception):
    """A wish that was not granted. `reason` is its code, `field` what to change, if that is known.

    others: what else is wrong with it, as far as that is known: field and detail each
    """

    def __init__(
        self, reason: str, detail: str, field: str = "", others: Iterable[tuple[str, str]] = ()
    ) -> None:
        super().__init__(detail)
        self.reason, self.detail, self.field = reason, detail, field
        self.others = tuple(others)

    @property
    def told(self) -> tuple[tuple[str, str], ...]:
        """Return everything that is wrong with it."""
        return ((self.field, self.detail), *self.others)


class NoAnswer(Exception):
    """The engine did not answer in time; the wish expires by itself."""


def enter_trade(
    *,
    user: Any,
    symbol: str,
    direction: str,
    stop: str,
    note: str = "",
    settings: Mapping[str, Any] | None = None,
    key: str | None = None,
    source: str = "api",
) -> Trade:
    """Enter a Signal Lab trade at the market's last price and return its row.

    `stop` is decimal text; `settings` are those of methodology, 16, e.g. plan_target_r. The same `key` is the same wish: it gives the trade that was made then.

    Raises:  Refused, NoAnswer
    """
    if not transport.market_time().live:
        detail = "There is no live market to enter at. Wait until the feed is live again."
        raise Refused("NOT_LIVE", detail)
    wish = EnterTrade(
        id=f"m{uuid.uuid4().hex}", user=user.pk, symbol=symbol, direction=direction, stop=stop,
        note=note, settings=dict(settings) if settings else None,
    )  # fmt: skip
    return Trade.objects.of(user).get(key=ask_engine(user, wish, key, source).of)  # type: ignore[no-any-return]


def plan_settings(target_r: Decimal | None, break_even: bool) -> dict[str, Any]:
    """Return a trader's plan as settings, without what is usual: no target, stop to entry at 1 R."""
    plan: dict[str, Any] = {}
    if target_r is not None:
        plan["plan_target_r"] = f"{target_r.normalize():f}"
    if not break_even:
        plan["plan_break_even"] = False
    return plan


def close_trade(*, user: Any, id: int, key: str | None = None, source: str = "api") -> Trade:
    """Close the trader's own plan at the market's last price and return the row; the tracks go on.

    Raises:  Trade.DoesNotExist  he has no such trade
             Refused, NoAnswer
    """
    trade: Trade = Trade.objects.of(user).get(pk=id)
    if trade.state != State.ACTIVE:
        raise Refused("NOT_ACTIVE", f"{trade.trade_id} has ended already: {trade.state}.")
    wish = CloseTrade(id=f"m{uuid.uuid4().hex}", user=user.pk, trade=trade.key)
    ask_engine(user, wish, key, source)
    trade.refresh_from_db()
    return trade


def ask_engine(
    user: Any, wish: Command, key: str | None, source: str, *, holds: bool = False
) -> FactRow:
    """Submit a wish and return the first fact that answers it, see `wish_engine`.

    Raises:  Refused, NoAnswer
    """
    asked = wish_engine(user, wish, key, source, holds=holds)
    fact = bus.answer_to(asked, timeout=PATIENCE_S)
    if fact is None:
        raise NoAnswer
    return granted(fact)


def wish_engine(
    user: Any, wish: Command, key: str | None, source: str, *, holds: bool = False
) -> int:
    """Submit a wish and return its inbox id, by which `bus.answer_to` finds the answer.

    It is carried out within 5 s of market time or not at all, unless it `holds`, as every way out does. The same
    `key` is the same wish.
    """
    expires = price.now() + int(HOLDS_S * max(1.0, house.SPEED)) * SECOND
    return bus.submit(
        wish,
        user=user.pk,
        source=source,
        key=f"{wish.name}:{user.pk}:{key}" if key else None,
        expires_market_at=None if holds else expires,
    )


def granted(fact: FactRow) -> FactRow:
    """Return the fact that answers a wish, if it does not refuse it.

    Raises:  Refused
    """
    if fact.name == CommandRefused.name:
        detail = str(fact.payload["detail"])
        field, colon, rest = detail.partition(": ")
        is_field = bool(colon) and _FIELD.fullmatch(field) is not None
        raise Refused(
            str(fact.payload["reason"]), rest if is_field else detail, field if is_field else ""
        )
    return fact
