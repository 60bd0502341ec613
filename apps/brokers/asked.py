"""What a trader asks for when he orders: each field read, and every price known by its name."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from apps.brokers.domain.order import OrderType, Side, TimeInForce
from apps.brokers.domain.ticket import MOST_CONTRACTS, MOST_TARGETS
from apps.brokers.fields import AskedDecimal, Contracts, text_of
from apps.marketdata.domain.contract import UnknownSymbol, root_of
from apps.marketdata.domain.instrument import Instrument
from apps.users.asked import Asked

Notice = dict[str, str]


def choices(kind: Any) -> list[tuple[str, str]]:
    """Return a closed set as a field's choices."""
    return [(item.value, item.value) for item in kind]


class AccountAsked(Asked):
    """One account."""

    account = serializers.IntegerField(min_value=1, max_value=2**62)


class TargetAsked(Asked):
    """Where a part of the position is taken off with a gain: at a price, or at a multiple of the risk."""

    price = AskedDecimal()
    r = AskedDecimal(max_digits=8, decimal_places=4)
    quantity = Contracts(required=False, allow_null=True, default=None, help_text="Null: the rest.")

    def plain(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return it as a wish carries it."""
        named = {name: text_of(given[name]) for name in ("price", "r") if given[name] is not None}
        return {**named, "quantity": given["quantity"]}


class BracketAsked(Asked):
    """What protects an entry: exactly one kind of stop, and up to five targets."""

    stop = AskedDecimal(help_text="A price.")
    stop_points = AskedDecimal(help_text="Or its distance from the entry.")
    trail_points = AskedDecimal(help_text="Or the distance of a trailing stop.")
    targets = TargetAsked.up_to(MOST_TARGETS)
    break_even_r = AskedDecimal(
        max_digits=8,
        decimal_places=4,
        help_text="The stop moves to the entry when this R has traded.",
    )

    def plain(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return it as a wish carries it."""
        named = {
            name: text_of(given[name])
            for name in ("stop", "stop_points", "trail_points", "break_even_r")
            if given[name] is not None
        }
        targets = [TargetAsked().plain(one) for one in given.get("targets") or ()]
        return {**named, "targets": targets}


class OrderAsked(Asked):
    """An order that a trader wants to place. Prices are decimal text."""

    account = serializers.IntegerField(min_value=1, max_value=2**62)
    symbol = serializers.CharField(max_length=32, help_text="NQ1!, MNQ, NQZ6 ...")
    side = serializers.ChoiceField(choices=choices(Side))
    type = serializers.ChoiceField(choices=choices(OrderType))
    quantity = Contracts(required=False, help_text=f"1 to {MOST_CONTRACTS}; or give risk_percent.")
    risk_percent = AskedDecimal(
        max_digits=7, decimal_places=4, help_text="Of the balance, lost at the bracket's stop."
    )
    limit = AskedDecimal()
    stop = AskedDecimal()
    trail_points = AskedDecimal()
    tif = serializers.ChoiceField(choices=choices(TimeInForce), default=TimeInForce.DAY.value)
    bracket = BracketAsked(required=False, allow_null=True, default=None)
    strategy = serializers.IntegerField(
        min_value=1,
        max_value=2**62,
        required=False,
        allow_null=True,
        default=None,
        help_text="Whose position it belongs to; null: yours by hand.",
    )
    confirmed = serializers.BooleanField(
        default=False, help_text="You have seen what it can lose; it will not be held."
    )
    snap = serializers.BooleanField(
        default=False, help_text="Put prices off the grid on the nearest tick, with a notice."
    )

    def validate_symbol(self, symbol: str) -> str:
        """Refuse what names no instrument."""
        try:
            root_of(symbol)
        except UnknownSymbol as unknown:
            raise serializers.ValidationError(f"{unknown}.") from None
        return symbol

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        """Refuse an order whose size is not clear."""
        if ("quantity" in given) == (given["risk_percent"] is not None):
            cure = "Give either a quantity or a risk_percent."
            raise serializers.ValidationError({"quantity": [cure]}, code="required")
        return given

    def plain(self) -> dict[str, Any]:
        """Return the fields of `PlaceOrder`, without the account."""
        given = dict(self.validated_data)
        given.pop("account")
        for name in ("risk_percent", "limit", "stop", "trail_points"):
            given[name] = text_of(given[name])
        bracket = given["bracket"]
        given["bracket"] = None if bracket is None else BracketAsked().plain(bracket)
        return {**given, "strategy": given["strategy"] or 0, "quantity": given.get("quantity", 0)}

    def prices(self) -> Iterator[tuple[str, Decimal]]:
        """Yield every price and distance that was given, with its field."""
        given = self.validated_data
        bracket = given["bracket"] or {}
        for where, part, names in (
            ("", given, ("limit", "stop", "trail_points")),
            ("bracket.", bracket, ("stop", "stop_points", "trail_points")),
        ):
            yield from ((where + name, part[name]) for name in names if part.get(name) is not None)
        for number, one in enumerate(bracket.get("targets") or ()):
            if one["price"] is not None:
                yield f"bracket.targets[{number}].price", one["price"]


def on_grid(
    product: Instrument, prices: Iterator[tuple[str, Decimal]], *, snap: bool
) -> tuple[dict[str, str], list[Notice]]:
    """Return each price as text on the grid, and what was moved there.

    Raises:  ValidationError  one is off the grid and must not be moved; it names the nearest price
    """
    used: dict[str, str] = {}
    notices: list[Notice] = []
    for field, asked in prices:
        near = product.snap(asked)
        used[field] = f"{near:f}"
        if near == asked:
            continue
        if not snap:
            cure = f"{asked.normalize():f} is off the grid of {product.tick_size}: the nearest price is {near}."
            raise ValidationError({field: [cure]}, code="off_tick")
        text = f"{asked.normalize():f}"
        detail = f"{text} is off the grid of {product.tick_size} and was put on {near}."
        notices.append({"field": field, "asked": text, "used": f"{near:f}", "detail": detail})
    return used, notices
