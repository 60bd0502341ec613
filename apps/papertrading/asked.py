"""What paper trading is asked for beside orders: each body with its fields read."""

from collections.abc import Mapping
from datetime import time
from decimal import Decimal
from typing import Any

from rest_framework import serializers

from apps.brokers.asked import AccountAsked, choices
from apps.brokers.domain.account import BadAccount
from apps.brokers.domain.gate import windows
from apps.brokers.domain.routing import MOST_MULTIPLE, Mode
from apps.brokers.domain.ticket import MOST_TARGETS
from apps.brokers.fields import AskedDecimal, Contracts, text_of
from apps.marketdata.domain.instrument import INSTRUMENTS
from apps.papertrading.domain.settings import paper_settings
from apps.users.asked import Asked


class ChangeAsked(Asked):
    """What of a working order shall be otherwise; what is left out stays."""

    quantity = Contracts(required=False, allow_null=True, default=None, help_text="Only smaller.")
    limit = AskedDecimal()
    stop = AskedDecimal()
    trail_points = AskedDecimal()
    confirmed = serializers.BooleanField(
        default=False, help_text="Yes to a stop that moves away, so that more can be lost."
    )
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
    targets = TargetMoved.up_to(MOST_TARGETS)
    confirmed = serializers.BooleanField(
        default=False, help_text="Yes to a stop that moves away, so that more can be lost."
    )
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
    reset = serializers.TimeField(default=time(17), help_text="When its trading day begins anew.")
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

    r = AskedDecimal(max_digits=8, decimal_places=4, required=True, max_value=MOST_MULTIPLE)
    quantity = Contracts(required=False, allow_null=True, default=None, help_text="Null: the rest.")

    def plain(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return it as routes keep it."""
        return {"r": text_of(given["r"]), "quantity": given["quantity"]}


class SizingAsked(Asked):
    """How large an order for a signal is, in what it trades, and how it ends."""

    quantity = Contracts(required=False, allow_null=True, default=None)
    risk_percent = AskedDecimal(max_digits=7, decimal_places=4, max_value=MOST_MULTIPLE)
    root = serializers.ChoiceField(  # type: ignore[assignment]  # it is declared, so it is a field
        choices=["", *INSTRUMENTS], required=False, help_text="Traded instead, e.g. MNQ for NQ."
    )
    targets = RouteTargetAsked.up_to(MOST_TARGETS)
    break_even_r = AskedDecimal(
        max_digits=8, decimal_places=4, default=Decimal(1), allow_null=True, max_value=MOST_MULTIPLE
    )

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
    mode = serializers.ChoiceField(choices=choices(Mode))
    windows = serializers.ListField(
        child=serializers.RegexField(r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$"),
        required=False,
        max_length=10,
        help_text="Entries are made in these hours of New York alone, e.g. 09:30-11:30.",
    )
    cooldown_s = serializers.IntegerField(
        required=False, min_value=0, max_value=86_400, help_text="Between two entries; 0: none."
    )
    most_trades = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=1_000,
        help_text="Entries a trading day; 0: no bound.",
    )

    def validate_windows(self, given: list[str]) -> list[str]:
        """Refuse one that begins when it ends, as the engine would."""
        try:
            return list(windows(given))
        except BadAccount as problem:
            raise serializers.ValidationError(f"{str(problem).partition(': ')[2]}.") from None

    def gates(self) -> dict[str, Any]:
        """Return when entries are let through, as it was given."""
        names = ("windows", "cooldown_s", "most_trades")
        return {name: self.validated_data[name] for name in names if name in self.validated_data}


class MemberAsked(Asked):
    """An account of a group."""

    account = serializers.IntegerField(min_value=1, max_value=2**62)
    multiplier = AskedDecimal(max_digits=8, decimal_places=4, default=Decimal(1))


class GroupAsked(Asked):
    """A group of accounts, whole: members that are left out are no members any more."""

    name = serializers.CharField(max_length=40, help_text="As alerts say it: topstep, main.")
    members = MemberAsked.up_to(50)

    def given(self) -> dict[str, Any]:
        """Return it as a group is kept."""
        members = [
            {"account": one["account"], "multiplier": text_of(one["multiplier"]) or "1"}
            for one in self.validated_data.get("members") or ()
        ]
        return {"name": self.validated_data["name"], "members": members}


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
