"""API: how accounts stand under their rules, what the rules would say of an order, a trader's own limits and lockouts."""

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from apps.brokers import live
from apps.brokers import queries as books
from apps.brokers.answers import PROBLEM, WISH, Listing, Wishing, granted, key_of, own_account
from apps.brokers.asked import AccountAsked, OrderAsked
from apps.brokers.models import Account
from apps.marketdata import price
from apps.risk import portfolio, queries, services, status
from apps.risk.compliance import breaks, compliance
from apps.risk.serializers import (
    ComplianceSerializer,
    DayNowSerializer,
    ExposureSerializer,
    KilledSerializer,
    LockedSerializer,
    LockoutAsked,
    NothingAsked,
    OwnLimitsAsked,
    OwnLimitsSerializer,
    RiskStatusSerializer,
    VerdictSerializer,
)
from apps.trades.domain.telling import sentence
from apps.users.asked import ANYTHING, read

ACCOUNT = OpenApiParameter("account", int, description="One account; all open ones if left out.")
LIST = {400: PROBLEM, 404: PROBLEM}


class _Accounts(Listing):
    """The asker's accounts, each as it stands now."""

    asks = ("account",)
    filter_backends = ()

    def get_queryset(self) -> QuerySet[Account]:
        """Return the accounts that are asked about.

        Raises:  ValidationError, NotFound
        """
        rows = books.accounts(self.request.user)
        given = self.request.query_params.get("account")
        if not given:
            return rows.filter(is_open=True)
        if not given.isascii() or not given.isdigit() or len(given) > 18:
            raise ValidationError({"account": [f"{given[:40]!r} is no account's number."]})
        if not (found := rows.filter(pk=int(given))).exists():
            raise NotFound(f"You have no account {given}.")
        return found


class RiskStatus(_Accounts):
    """How near accounts are to their limits."""

    serializer_class = RiskStatusSerializer

    def shown(self, rows: Iterable[Any]) -> Iterable[Any]:
        """Return them under their rules."""
        return portfolio.under_rules(self.request.user, rows)

    @extend_schema(parameters=[ACCOUNT], responses={200: RiskStatusSerializer(many=True), **LIST})
    def get(self, request: Request) -> Response:
        """Return level, limits, liquidation lines and locks of your accounts."""
        return self.answer(self.get_queryset())


class DailyPnl(_Accounts):
    """The running day."""

    serializer_class = DayNowSerializer

    def shown(self, rows: Iterable[Any]) -> Iterable[Any]:
        """Return them with what is open in them."""
        return books.account_views(self.request.user, rows)

    @extend_schema(parameters=[ACCOUNT], responses={200: DayNowSerializer(many=True), **LIST})
    def get(self, request: Request) -> Response:
        """Return what the running trading day has brought your accounts, with what is open."""
        return self.answer(self.get_queryset())


class ExposureNow(_Accounts):
    """What accounts hold."""

    serializer_class = ExposureSerializer

    def shown(self, rows: Iterable[Any]) -> Iterable[Any]:
        """Return them under their rules."""
        return portfolio.under_rules(self.request.user, rows)

    @extend_schema(parameters=[ACCOUNT], responses={200: ExposureSerializer(many=True), **LIST})
    def get(self, request: Request) -> Response:
        """Return what your accounts hold of each contract, and what is lost if every stop is hit."""
        return self.answer(self.get_queryset())


class RuleCompliance(_Accounts):
    """Each rule of each account."""

    serializer_class = ComplianceSerializer

    def shown(self, rows: Iterable[Any]) -> Iterable[Any]:
        """Return them with every rule, what would break one, and what happened."""
        mine, at = portfolio.under_rules(self.request.user, rows), price.now()
        told = status.incidents_of(self.request.user, [one.row for one in mine])
        return [
            {
                "row": one.row, "state": one.state, "rules": one.rules,
                "checks": compliance(one, at), "breaks": breaks(one),
                "incidents": told[one.row.pk],
            }
            for one in mine
        ]  # fmt: skip

    @extend_schema(parameters=[ACCOUNT], responses={200: ComplianceSerializer(many=True), **LIST})
    def get(self, request: Request) -> Response:
        """Return how your accounts stand against each rule, what would break one, violations and near misses."""
        return self.answer(self.get_queryset())


class CheckOrder(Wishing):
    """Asks the rules before anything is sent."""

    serializer_class = OrderAsked

    @extend_schema(responses={200: VerdictSerializer, 400: PROBLEM, 404: PROBLEM, 409: PROBLEM})
    def post(self, request: Request) -> Response:
        """Return what the rules would say of an order by the prices of the moment. Nothing is sent."""
        wish = read(OrderAsked, request.data)
        account = own_account(request.user, wish.validated_data["account"])
        with granted(*wish.fields):
            found = queries.preview(request.user, account, wish.plain())
        only_closes: dict[str, Any] = {
            "decision": "allowed", "level": "none", "reasons": [], "limits": [],
            "worst_loss": "0.00", "minis": "0", "allowed_minis": None,
        }  # fmt: skip
        said = only_closes if found.verdict is None else found.verdict.plain()
        told = list(said["reasons"])
        if found.barred is not None:
            code, detail = found.barred
            told, said = (
                [(code, sentence(detail.partition(": ")[2])), *told],
                said | {"decision": "blocked"},
            )
        reasons = [{"code": code, "detail": detail} for code, detail in told]
        more = {"quantity": found.quantity, "closes": found.closes, "sizes": found.sizes}
        return Response(VerdictSerializer({**said, "reasons": reasons, **more}).data)


class OwnLimits(Wishing):
    """A trader's own limits."""

    serializer_class = OwnLimitsAsked

    @extend_schema(responses={200: OwnLimitsSerializer, **WISH})
    def post(self, request: Request) -> Response:
        """Set all your own limits of an account: tighter ones hold at once, looser ones from the next day on."""
        wish = read(OwnLimitsAsked, request.data)
        account = own_account(request.user, wish.validated_data["account"])
        with granted(*wish.fields):
            now, later = services.set_own_limits(account=account, limits=wish.plain(), source="api")
        body = {
            "account": account.pk,
            "now": now.plain(),
            "next_day": None if later is None else later.plain(),
        }
        return Response(OwnLimitsSerializer(body).data)


class LockOut(Wishing):
    """Locks a trader out of himself."""

    serializer_class = LockoutAsked

    @extend_schema(responses={200: LockedSerializer, **WISH})
    def post(self, request: Request) -> Response:
        """Refuse new entries in an account for a while. Nobody can undo it; it can only become longer."""
        wish = read(LockoutAsked, request.data)
        account = own_account(request.user, wish.validated_data["account"])
        with granted("until"):
            told = services.lock_out(account=account, until=wish.ends, source="api").payload
        body = {
            "account": account.pk,
            "kind": told["kind"],
            "until": told["until_at"],
            "blocks": told["blocks"],
        }
        return Response(LockedSerializer(body).data)


class KillSwitch(Wishing):
    """Out of everything."""

    asks = ANYTHING  # a way out never fails for a word
    serializer_class = NothingAsked

    @extend_schema(responses={200: KilledSerializer, 400: PROBLEM})
    def post(self, request: Request) -> Response:
        """Switch live orders off, end every order and close every position of all accounts. Never refused.

        Where the engine does not answer, the brokers' liquidations go out without it; look at the broker's platform, too.
        """
        done = live.kill(user=request.user, source="api", key=key_of(request))
        return Response(KilledSerializer(done).data)


class LiftLock(Wishing):
    """Lifts the lock of the maximum loss."""

    serializer_class = AccountAsked

    @extend_schema(responses={200: LockedSerializer, **WISH})
    def post(self, request: Request) -> Response:
        """Lift the lock of the maximum loss of an account, in a later session than the one in which it began."""
        wish = read(AccountAsked, request.data)
        account = own_account(request.user, wish.validated_data["account"])
        with granted():
            told = services.lift_lock(account=account, source="api").payload
        body = {"account": account.pk, "kind": told["kind"], "until": None, "blocks": ""}
        return Response(LockedSerializer(body).data)
