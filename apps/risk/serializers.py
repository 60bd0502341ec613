"""The shapes that risk answers in, and what it is asked for. Money and prices are decimal text."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.brokers.fields import AskedDecimal, InstantField, MoneyField, text_of
from apps.brokers.queries import AccountView
from apps.bus.domain.message import MINUTE, to_instant
from apps.bus.models import FactRow
from apps.marketdata import price
from apps.marketdata.fields import MomentField, PriceField
from apps.risk import status
from apps.risk.compliance import Break, Check
from apps.risk.domain.line import Line
from apps.risk.domain.standing import Lock
from apps.risk.portfolio import UnderRules
from apps.risk.status import Exposure, LimitNow
from apps.users.asked import Asked


class PercentField(serializers.CharField):
    """A part of the whole as per cent with 2 decimals: 0.5 is "50.00"."""

    def to_representation(self, value: Any) -> str:
        """Write it."""
        return f"{value * 100:.2f}"


class LimitSerializer(serializers.Serializer[LimitNow]):
    """One money limit now: equity must stay above its floor."""

    name = serializers.CharField(source="limit.name", help_text="daily_loss, own_daily, max_loss.")
    level = serializers.CharField(help_text="safe, warning, danger or locked.")
    amount = MoneyField(source="limit.amount")
    floor = MoneyField(source="limit.floor")
    inclusive = serializers.BooleanField(
        source="limit.inclusive", help_text="Touching the floor breaks it already."
    )
    left = MoneyField(allow_null=True, help_text="Null: a held contract has no price.")
    used_pct = PercentField(source="used", allow_null=True)


class LineSerializer(serializers.Serializer[Line]):
    """Where an account breaks its nearest limit if only this family moves."""

    family = serializers.CharField()
    contract = serializers.CharField(help_text="Whose price it is.")
    price = PriceField(source="level")
    points_left = PriceField()
    limit = serializers.CharField()
    floor = MoneyField()


class LockSerializer(serializers.Serializer[Lock]):
    """Why new entries are refused."""

    kind = serializers.CharField(help_text="daily, max_loss, own or lockout.")
    since = InstantField()
    until = InstantField(allow_null=True, help_text="Null: until a person lifts it.")
    reason = serializers.CharField()
    blocks = serializers.CharField(help_text="What it stops, and what it does not.")


class RulesNameSerializer(serializers.Serializer[Any]):
    """Under which rules an account lives."""

    firm = serializers.CharField()
    plan = serializers.CharField()
    stage = serializers.CharField()
    automation = serializers.CharField(help_text="Whether orders may come from a program.")
    verified_on = serializers.DateField(allow_null=True)


class _UnderRules(serializers.Serializer[UnderRules]):
    """What every answer about an account begins with."""

    account = serializers.IntegerField(source="row.pk")
    name = serializers.CharField(source="row.name")
    kind = serializers.CharField(source="row.kind")
    state = serializers.CharField(help_text="open, passed or failed.")
    rules = RulesNameSerializer(allow_null=True)


class RiskStatusSerializer(_UnderRules):
    """How near an account is to each limit, and at which price it breaks one."""

    level = serializers.SerializerMethodField(help_text="safe, warning, danger or locked.")
    balance = MoneyField(source="row.balance")
    equity = MoneyField(source="view.equity", allow_null=True)
    limits = serializers.SerializerMethodField()
    lines = LineSerializer(many=True)
    locks = LockSerializer(source="standing.locks", many=True)
    lockout_until = InstantField(source="standing.lockout_until", allow_null=True)
    failed_at = InstantField(source="standing.failed_at", allow_null=True)
    failed_why = serializers.CharField(source="standing.failed_why")
    minis = serializers.SerializerMethodField(help_text="Held and pending, as the rules count.")
    allowed_minis = serializers.IntegerField(source="standing.minis", allow_null=True)
    losses_in_row = serializers.IntegerField(source="standing.streak")
    own_limits = serializers.SerializerMethodField(help_text="What you allow yourself today.")
    own_limits_next_day = serializers.SerializerMethodField(help_text="Null: the same.")

    def get_level(self, one: UnderRules) -> str:
        """Return the worst of all limits and locks."""
        return str(status.level_of(one))

    @extend_schema_field(LimitSerializer(many=True))
    def get_limits(self, one: UnderRules) -> Any:
        """Return every money limit."""
        return [LimitSerializer(limit).data for limit in status.limits_now(one)]

    def get_minis(self, one: UnderRules) -> str:
        """Return how many minis are held and pending."""
        return f"{one.minis.normalize():f}"

    def get_own_limits(self, one: UnderRules) -> dict[str, Any]:
        """Return a trader's own limits."""
        return one.standing.own.plain()

    def get_own_limits_next_day(self, one: UnderRules) -> dict[str, Any] | None:
        """Return what holds from the next day on."""
        later = one.standing.own_next
        return None if later is None else later.plain()


class RuleCheckSerializer(serializers.Serializer[Check]):
    """One rule now."""

    code = serializers.CharField()
    mark = serializers.CharField(
        help_text="pass, warn, fail, or open: a goal that is still to be reached."
    )
    rule = serializers.CharField()
    detail = serializers.CharField()


class BreakSerializer(serializers.Serializer[Break]):
    """What would break a rule."""

    what = serializers.CharField()
    where = serializers.CharField()


class IncidentSerializer(serializers.Serializer[FactRow]):
    """What a rule did to an account, or how near it came."""

    fact = serializers.CharField(source="name")
    at = MomentField()
    told = serializers.DictField(source="payload")


class ComplianceSerializer(_UnderRules):
    """How an account stands against each of its rules."""

    checks = RuleCheckSerializer(many=True)
    breaks = BreakSerializer(many=True, help_text="What would break a rule.")
    incidents = IncidentSerializer(many=True, help_text="Newest first.")


class DayNowSerializer(serializers.Serializer[AccountView]):
    """The running trading day of an account."""

    account = serializers.IntegerField(source="row.pk")
    name = serializers.CharField(source="row.name")
    kind = serializers.CharField(source="row.kind")
    trade_date = serializers.DateField(source="row.trade_date", allow_null=True)
    ends_at = InstantField(source="row.day_ends", allow_null=True)
    start_balance = MoneyField(source="row.day_start_balance")
    realized_pnl = MoneyField(source="row.realized_today", help_text="Before fees.")
    fees = MoneyField(source="row.fees_today")
    net_pnl = MoneyField(source="net_today", help_text="Realised, after fees.")
    unrealized_pnl = MoneyField(source="unrealized", allow_null=True)
    total_pnl = serializers.SerializerMethodField(help_text="Net and open profit.")
    trades = serializers.IntegerField(source="row.trades_today")
    wins = serializers.IntegerField(source="row.wins_today")
    losses = serializers.IntegerField(source="row.losses_today")

    def get_total_pnl(self, view: AccountView) -> str | None:
        """Return the day's result with what is open; None where a price is missing."""
        if view.unrealized is None:
            return None
        return MoneyField().to_representation(view.net_today + view.unrealized)


class HeldSerializer(serializers.Serializer[Exposure]):
    """What an account holds of one contract."""

    contract = serializers.CharField()
    symbol = serializers.CharField()
    long = serializers.IntegerField()
    short = serializers.IntegerField()
    net = serializers.IntegerField(help_text="Long less short.")
    last = PriceField(allow_null=True)
    notional = MoneyField(allow_null=True, help_text="Of the net; below 0: short.")
    unrealized_pnl = MoneyField(source="unrealized", allow_null=True)
    at_stops = MoneyField(allow_null=True, help_text="Lost from here if every stop is hit.")
    uncovered = serializers.IntegerField(help_text="Contracts that no stop protects.")


class ExposureSerializer(serializers.Serializer[UnderRules]):
    """What an account is exposed to."""

    account = serializers.IntegerField(source="row.pk")
    name = serializers.CharField(source="row.name")
    kind = serializers.CharField(source="row.kind")
    minis = serializers.SerializerMethodField(help_text="Held and pending, as the rules count.")
    allowed_minis = serializers.IntegerField(source="standing.minis", allow_null=True)
    margin = MoneyField(source="view.margin")
    contracts = serializers.SerializerMethodField()

    def get_minis(self, one: UnderRules) -> str:
        """Return how many minis are held and pending."""
        return f"{one.minis.normalize():f}"

    @extend_schema_field(HeldSerializer(many=True))
    def get_contracts(self, one: UnderRules) -> Any:
        """Return what is held of each contract."""
        return [HeldSerializer(held).data for held in status.exposures(one.view)]


# ---- the check before an order ----


class ReasonSerializer(serializers.Serializer[Any]):
    """Why an order is blocked, or needs a yes."""

    code = serializers.CharField()
    detail = serializers.CharField()


class LimitUseSerializer(serializers.Serializer[Any]):
    """A limit now, and once everything has gone to its stop."""

    name = serializers.CharField()
    amount = serializers.CharField()
    used_now_pct = serializers.CharField()
    used_after_pct = serializers.CharField()
    left_after = serializers.CharField()


class SizeLimitSerializer(serializers.Serializer[Any]):
    """What an order would bring a limit of Live orders to, in contracts."""

    name = serializers.CharField(help_text="order, position or day.")
    then = serializers.IntegerField()
    most = serializers.IntegerField()


class VerdictSerializer(serializers.Serializer[Any]):
    """What the rules would say of an order. The engine's own answer is the one that counts."""

    decision = serializers.CharField(help_text="allowed, confirm or blocked.")
    level = serializers.CharField(help_text="none, caution, danger or blocked.")
    reasons = ReasonSerializer(many=True)
    limits = LimitUseSerializer(many=True)
    worst_loss = serializers.CharField(allow_null=True, help_text="Null: no stop bounds it.")
    minis = serializers.CharField()
    allowed_minis = serializers.IntegerField(allow_null=True)
    quantity = serializers.IntegerField()
    closes = serializers.IntegerField(help_text="Contracts that only close what is held.")
    sizes = SizeLimitSerializer(
        many=True, help_text="Of an entry at a broker, the limits that its owner set when he let orders out."
    )  # fmt: skip


# ---- what is asked for ----


class OwnLimitsAsked(Asked):
    """All of a trader's own limits. One that is left out is none: that loosens, so it holds from the next day on."""

    account = serializers.IntegerField(min_value=1, max_value=2**62)
    max_daily_loss = AskedDecimal(decimal_places=2)
    max_trades = serializers.IntegerField(
        min_value=0, max_value=1440, required=False, allow_null=True, default=None
    )
    max_losses_in_row = serializers.IntegerField(
        min_value=1, max_value=1440, required=False, allow_null=True, default=None
    )
    cooldown_minutes = serializers.IntegerField(
        min_value=1, max_value=1440, required=False, allow_null=True, default=None
    )
    max_minis = serializers.IntegerField(
        min_value=0, max_value=1440, required=False, allow_null=True, default=None
    )

    def plain(self) -> dict[str, Any]:
        """Return the limits that were given."""
        given = dict(self.validated_data)
        given.pop("account")
        given["max_daily_loss"] = text_of(given["max_daily_loss"])
        return {name: value for name, value in given.items() if value is not None}


class OwnLimitsSerializer(serializers.Serializer[Any]):
    """A trader's own limits, now and from the next day on."""

    account = serializers.IntegerField()
    now = serializers.DictField()
    next_day = serializers.DictField(allow_null=True, help_text="Null: the same.")


class LockoutAsked(Asked):
    """Until when no new entries shall be possible. Nobody can undo it."""

    account = serializers.IntegerField(min_value=1, max_value=2**62)
    until = serializers.DateTimeField(required=False, allow_null=True, default=None)
    minutes = serializers.IntegerField(
        min_value=1, max_value=366 * 1440, required=False, allow_null=True, default=None
    )

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        """Refuse a lockout without one clear end."""
        until = given["until"]
        if (until is None) == (given["minutes"] is None):
            raise serializers.ValidationError({"until": ["Give either until or minutes."]})
        if until is not None and not 1990 <= until.year < 2100:
            raise serializers.ValidationError({"until": ["Give a moment within a year."]})
        return given

    @property
    def ends(self) -> int:
        """Return the market time at which it ends, ns UTC."""
        given: Mapping[str, Any] = self.validated_data
        if given["until"] is not None:
            return to_instant(given["until"])
        return price.now() + int(given["minutes"]) * MINUTE


class LockedSerializer(serializers.Serializer[Any]):
    """A lock that was set or lifted."""

    account = serializers.IntegerField()
    kind = serializers.CharField()
    until = serializers.CharField(allow_null=True)
    blocks = serializers.CharField(help_text="Empty: nothing any more.")


class NothingAsked(serializers.Serializer[Any]):
    """A wish without anything to say."""


class UnreachableSerializer(serializers.Serializer[Any]):
    """An account to which nothing can be sent now: close it in the broker's own program."""

    account = serializers.IntegerField()
    called = serializers.CharField()
    login = serializers.CharField(help_text="The connection that is off or barred.")
    why = serializers.CharField()


class KilledSerializer(serializers.Serializer[Any]):
    """What the kill switch has done."""

    accounts = serializers.ListField(child=serializers.IntegerField(), help_text="At brokers.")
    engine_answered = serializers.BooleanField()
    sent_directly = serializers.IntegerField(
        help_text="Liquidations that went to the gateway without the engine."
    )
    unreachable = UnreachableSerializer(many=True)
    key = serializers.CharField(help_text="The same key is the same wish.")
