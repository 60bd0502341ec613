"""What paper trading is asked for: each body with its fields read, what is on the grid and what was put there."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from apps.brokers.domain.order import OrderType, Side, TimeInForce
from apps.brokers.domain.routing import Mode
from apps.brokers.domain.ticket import MOST_CONTRACTS, MOST_TARGETS
from apps.brokers.fields import Asked, AskedDecimal, Contracts, text_of
from apps.marketdata.domain.contract import UnknownSymbol, root_of
from apps.marketdata.domain.instrument import INSTRUMENTS, Instrument
from apps.papertrading.domain.settings import paper_settings

Notice = dict[str, str]


def _choices(kind: Any) -> list[tuple[str, str]]:
    return [(item.value, item.value) for item in kind]


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
    targets = TargetAsked(many=True, required=False, max_length=MOST_TARGETS)
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
    side = serializers.ChoiceField(choices=_choices(Side))
    type = serializers.ChoiceField(choices=_choices(OrderType))
    quantity = Contracts(required=False, help_text=f"1 to {MOST_CONTRACTS}; or give risk_percent.")
    risk_percent = AskedDecimal(
        max_digits=7, decimal_places=4, help_text="Of the balance, lost at the bracket's stop."
    )
    limit = AskedDecimal()
    stop = AskedDecimal()
    trail_points = AskedDecimal()
    tif = serializers.ChoiceField(choices=_choices(TimeInForce), default=TimeInForce.DAY.value)
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


class ChangeAsked(Asked):
    """What of a working order shall be otherwise; what is left out stays."""

    quantity = Contracts(required=False, allow_null=True, default=None, help_text="Only smaller.")
    limit = AskedDecimal()
    stop = AskedDecimal()
    trail_points = AskedDecimal()
    snap = serializers.BooleanField(default=False)


class TargetMoved(Asked):
    """Where a target shall lie."""

    order = serializers.IntegerField(min_value=1, max_value=2**62)
    limit = AskedDecimal(required=True)


class StopsAsked(Asked):
    """Where the stop and the targets of a position shall lie. A position without a stop gets one."""

    stop = AskedDecimal(help_text="Every stop of the position moves there.")
    trail_points = AskedDecimal(help_text="The new distance of its trailing stop.")
    target = AskedDecimal(help_text="For a position with one target.")
    targets = TargetMoved(many=True, required=False, max_length=MOST_TARGETS)
    snap = serializers.BooleanField(default=False)

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        """Refuse a wish for nothing."""
        named = ("stop", "trail_points", "target")
        if not given.get("targets") and all(given[name] is None for name in named):
            raise serializers.ValidationError({"stop": ["Give a stop or a target."]})
        return given


class CloseAsked(Asked):
    """How much of a position is closed."""

    quantity = Contracts(required=False, allow_null=True, default=None, help_text="Null: all.")
    reverse = serializers.BooleanField(
        default=False, help_text="Open the opposite position at once; the rules judge it."
    )


class AccountAsked(Asked):
    """One account."""

    account = serializers.IntegerField(min_value=1, max_value=2**62)


class FlattenAsked(Asked):
    """One account, or all of them."""

    account = serializers.IntegerField(
        min_value=1, max_value=2**62, required=False, allow_null=True, default=None
    )


class AnswerAsked(Asked):
    """A yes or no to a held order."""

    order = serializers.IntegerField(min_value=1, max_value=2**62)
    yes = serializers.BooleanField()


class PayoutAsked(AccountAsked):
    """Money that was taken out."""

    amount = AskedDecimal(required=True, decimal_places=4)


class ResetAsked(AccountAsked):
    """A paper account that shall begin anew."""

    balance = AskedDecimal(decimal_places=4, help_text="Null: what it began with.")


class PaperAccountAsked(Asked):
    """A new paper account."""

    name = serializers.CharField(max_length=40, help_text="As you call it; each name once.")
    firm = serializers.CharField(max_length=40, required=False, allow_blank=True, default="")
    start_balance = AskedDecimal(
        decimal_places=4, required=False, allow_null=False, default=Decimal(50_000)
    )
    tz = serializers.CharField(max_length=40, default="America/Chicago")
    reset = serializers.TimeField(default="17:00", help_text="When its trading day begins anew.")
    fees = serializers.DictField(
        child=serializers.DecimalField(max_digits=9, decimal_places=4, min_value=0),
        default=dict,
        help_text='A side, where they differ: {"MNQ": "0.52"}.',
    )
    paper = serializers.DictField(
        default=dict, help_text='How it is filled: {"slippage_ticks": [0, 2]}.'
    )

    def validate_paper(self, given: dict[str, Any]) -> dict[str, Any]:
        """Refuse what the venue would not understand."""
        try:
            paper_settings(given)
        except ValueError as problem:
            raise serializers.ValidationError(f"{problem}.") from None
        return given

    def config(self) -> dict[str, Any]:
        """Return the settings as rows keep them."""
        fees = {root: f"{fee:f}" for root, fee in self.validated_data["fees"].items()}
        return {**self.validated_data, "fees": fees}


class RouteTargetAsked(Asked):
    """A target of a routed order."""

    r = AskedDecimal(max_digits=8, decimal_places=4, required=True)
    quantity = Contracts(required=False, allow_null=True, default=None, help_text="Null: the rest.")

    def plain(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return it as routes keep it."""
        return {"r": text_of(given["r"]), "quantity": given["quantity"]}


class SizingAsked(Asked):
    """How large an order for a signal is, in what it trades, and how it ends."""

    quantity = Contracts(required=False, allow_null=True, default=None)
    risk_percent = AskedDecimal(max_digits=7, decimal_places=4)
    root = serializers.ChoiceField(
        choices=["", *INSTRUMENTS], required=False, help_text="Traded instead, e.g. MNQ for NQ."
    )
    targets = RouteTargetAsked(many=True, required=False, max_length=MOST_TARGETS)
    break_even_r = AskedDecimal(max_digits=8, decimal_places=4, default=Decimal(1), allow_null=True)

    def sizing(self) -> dict[str, Any]:
        """Return what was given as routes keep it, without what was left out."""
        given = self.validated_data
        sent = set(self.initial_data)
        named: dict[str, Any] = {
            "quantity": given["quantity"],
            "risk_percent": text_of(given["risk_percent"]),
            "root": given.get("root", ""),
            "targets": [RouteTargetAsked().plain(one) for one in given.get("targets") or ()],
            "break_even_r": text_of(given["break_even_r"]),
        }
        return {name: value for name, value in named.items() if name in sent}


class RouteAsked(SizingAsked):
    """What shall become of a strategy's signals in one account."""

    account = serializers.IntegerField(min_value=1, max_value=2**62)
    mode = serializers.ChoiceField(choices=_choices(Mode))


class ExecuteAsked(SizingAsked):
    """In which accounts a signal is executed; size and targets are those of the route unless given."""

    accounts = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**62),
        required=False,
        min_length=1,
        max_length=20,
        help_text="Left out: those that the strategy is routed to, or your only paper account.",
    )
    confirmed = serializers.BooleanField(default=False)


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
