"""API: the rule sets that are offered, and using a broker's account on this desk under one."""

from collections.abc import Iterable
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from apps.brokers import releasing
from apps.brokers.answers import ID, PROBLEM, Listing, Wishing, granted
from apps.brokers.models import BrokerAccount
from apps.brokers.queries import broker_accounts
from apps.risk import portfolio
from apps.risk.adopting import Adopted, adopt
from apps.risk.domain.reading import rules_for
from apps.risk.domain.wording import in_short, unsure_words
from apps.risk.models import RuleSetVersion
from apps.users.asked import Asked, read


class RuleSetSerializer(serializers.Serializer[RuleSetVersion]):
    """A rule set that is offered, by its newest version."""

    id = serializers.IntegerField(source="rule_set_id")
    name = serializers.CharField(source="rule_set.name")
    firm = serializers.CharField(source="rule_set.firm")
    version = serializers.IntegerField(source="number")
    in_short = serializers.SerializerMethodField()
    unsure = serializers.SerializerMethodField(
        help_text="What you have to compare with your own contract; empty: nothing."
    )
    verified_on = serializers.DateField(
        allow_null=True, help_text="When the firm's page was read; null: not yet."
    )

    def get_in_short(self, one: RuleSetVersion) -> str:
        """Return its limits in a few words."""
        return in_short(rules_for(one.rules))

    def get_unsure(self, one: RuleSetVersion) -> str:
        """Return what is not sure of it."""
        return unsure_words(rules_for(one.rules))


class AdoptAsked(Asked):
    """Under which name an account is used on this desk, and whose rules it lives under."""

    name = serializers.CharField(max_length=40)
    firm = serializers.CharField(
        max_length=40, default="", allow_blank=True, help_text="A rule set brings its own."
    )
    rule_set = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=1, max_value=2**62,
        help_text="Of the firm behind the account, see `risk/rule-sets/`; null: your own limits alone.",
    )  # fmt: skip
    floor = serializers.DecimalField(
        18, 4, required=False, allow_null=True, default=None,
        help_text="Only for an account with a history elsewhere: the equity at which it fails today.",
    )  # fmt: skip

    def validate_rule_set(self, id: int | None) -> RuleSetVersion | None:
        """Return the newest version of what was chosen."""
        if id is None:
            return None
        version = portfolio.newest_version(id)
        if version is None:
            raise serializers.ValidationError(
                f"There is no rule set {id} on offer; /api/risk/rule-sets/ lists them."
            )
        return version

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        """Refuse a floor of no rules."""
        if given["floor"] is not None and given["rule_set"] is None:
            cure = "It is a rule set's floor: give the rule_set too, or leave it out."
            raise serializers.ValidationError({"floor": [cure]})
        return given


class AdoptedSerializer(serializers.Serializer[Adopted]):
    """The desk's own account, and the rules under which it lives."""

    id = serializers.IntegerField(source="account.pk")
    name = serializers.CharField(source="account.name")
    kind = serializers.CharField(source="account.kind", help_text="demo or live: real money.")
    firm = serializers.CharField(source="account.firm")
    is_open = serializers.BooleanField(source="account.is_open")
    rule_set = serializers.IntegerField(
        source="version.rule_set_id", allow_null=True, default=None, help_text="Null: none."
    )
    rule_set_version = serializers.IntegerField(
        source="version.number", allow_null=True, default=None
    )
    not_ruled = serializers.CharField(
        help_text="Why the rule set that was chosen does not hold: choose its rules before it trades. Empty: it holds."
    )


class RuleSets(Listing):
    """The rule sets that are offered."""

    filter_backends = ()
    serializer_class = RuleSetSerializer

    def shown(self, rows: Iterable[Any]) -> Iterable[Any]:
        """Return the newest version of each."""
        return [one.versions.all()[0] for one in rows]

    @extend_schema(operation_id="rule_sets", responses={200: RuleSetSerializer(many=True)})
    def get(self, request: Request) -> Response:
        """Return the rule sets that are offered, by firm and name; they are the same for everybody."""
        return self.answer(portfolio.rule_sets().filter(versions__isnull=False).distinct())


def _own(request: Request, id: int) -> BrokerAccount:
    found: BrokerAccount | None = broker_accounts(request.user).filter(pk=id).first()
    if found is None:
        raise NotFound(f"You have no broker account {id}.")
    return found


class Adopt(Wishing):
    """Uses a broker's account on this desk, or uses it here no more."""

    serializer_class = AdoptAsked

    @extend_schema(
        parameters=[ID],
        responses={201: AdoptedSerializer, 400: PROBLEM, 404: PROBLEM, 409: PROBLEM},
    )
    def post(self, request: Request, id: int) -> Response:
        """Use an account of a broker on this desk, under a name of its own and, if you like, a rule set."""
        found = _own(request, id)
        wish = read(AdoptAsked, request.data)
        given = dict(wish.validated_data)
        floor, version = given.pop("floor"), given.pop("rule_set")
        with granted(*wish.fields):
            made = adopt(
                account=found, version=version, floor=None if floor is None else f"{floor.normalize():f}",
                source="api", **given,
            )  # fmt: skip
        return Response(AdoptedSerializer(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        parameters=[ID], request=None,
        responses={204: None, 404: PROBLEM, 409: PROBLEM, 503: PROBLEM},
    )  # fmt: skip
    def delete(self, request: Request, id: int) -> Response:
        """Use an account of a broker here no more, when nothing is open in it. What it did stays, under its name; nothing changes at the broker."""
        found = _own(request, id)
        with granted():
            releasing.release(account=found, source="api")
        return Response(status=status.HTTP_204_NO_CONTENT)
