"""API: paper accounts with their orders, fills, positions and days as they are."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from apps.brokers import closing, services
from apps.brokers import queries as books
from apps.brokers.answers import (
    AGAIN,
    PROBLEM,
    WISH,
    Listing,
    Wishing,
    granted,
    key_of,
    own_account,
)
from apps.brokers.asked import AccountAsked
from apps.brokers.models import Order, Position
from apps.brokers.queries import PositionView
from apps.papertrading import asked, queries
from apps.papertrading.filters import DayFilter, FillFilter, OrderFilter, PositionFilter
from apps.papertrading.serializers import (
    AccountSerializer,
    AccountStatusSerializer,
    DaySerializer,
    ExecutionReportSerializer,
    FillSerializer,
    OrderSerializer,
    PositionSerializer,
)
from apps.users.asked import read

# ---- what there is ----


class Orders(Listing):
    """A list of orders."""

    serializer_class = OrderSerializer
    filterset_class = OrderFilter

    def get_queryset(self) -> QuerySet[Order]:
        """Return the asker's own orders, newest first."""
        return queries.orders(self.request.user)

    @extend_schema(responses={200: OrderSerializer(many=True), 400: PROBLEM})
    def get(self, request: Request) -> Response:
        """Return your orders, newest first: working and ended, with their brackets' legs."""
        return self.answer(self.filter_queryset(self.get_queryset()))


class Fills(Listing):
    """A list of fills."""

    serializer_class = FillSerializer
    filterset_class = FillFilter

    def get_queryset(self) -> QuerySet[Any]:
        """Return the asker's own fills, newest first."""
        return queries.fills(self.request.user)

    @extend_schema(responses={200: FillSerializer(many=True), 400: PROBLEM})
    def get(self, request: Request) -> Response:
        """Return your fills, newest first."""
        return self.answer(self.filter_queryset(self.get_queryset()))


class Positions(Listing):
    """A list of positions, each against the price of the moment."""

    serializer_class = PositionSerializer
    filterset_class = PositionFilter

    def get_queryset(self) -> QuerySet[Position]:
        """Return the asker's own positions, newest first."""
        return queries.positions(self.request.user)

    def shown(self, rows: Iterable[Position]) -> list[PositionView]:
        """Return them with their prices and orders."""
        return queries.views(self.request.user, rows)

    @extend_schema(responses={200: PositionSerializer(many=True), 400: PROBLEM})
    def get(self, request: Request) -> Response:
        """Return your open positions, newest first; closed ones with `status=closed`."""
        return self.answer(self.filter_queryset(self.get_queryset()))


ACCOUNT = OpenApiParameter("account", int, description="One account; all of yours if left out.")


def _chosen(request: Request) -> QuerySet[Any]:
    """Return the accounts that a list is about.

    Raises:  ValidationError, NotFound
    """
    rows = queries.accounts(request.user)
    given = request.query_params.get("account")
    if not given:
        return rows
    if not given.isascii() or not given.isdigit() or len(given) > 18:
        raise ValidationError({"account": [f"{given[:40]!r} is no account's number."]})
    if not (found := rows.filter(pk=int(given))).exists():
        raise NotFound(f"You have no account {given}.")
    return found


class Accounts(Listing):
    """A list of accounts with their settings."""

    serializer_class = AccountSerializer
    filter_backends = ()

    @extend_schema(responses=AccountSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Return your paper accounts and their settings, oldest first."""
        return self.answer(queries.accounts(request.user))


class AccountStatus(Listing):
    """Accounts as they stand."""

    asks = ("account",)
    serializer_class = AccountStatusSerializer
    filter_backends = ()

    def shown(self, rows: Iterable[Any]) -> Iterable[Any]:
        """Return them with what is open in them."""
        return books.account_views(self.request.user, rows)

    @extend_schema(
        parameters=[ACCOUNT],
        responses={200: AccountStatusSerializer(many=True), 400: PROBLEM, 404: PROBLEM},
    )
    def get(self, request: Request) -> Response:
        """Return balance, equity, margin and the day of your paper accounts."""
        return self.answer(_chosen(request))


class DailyPnl(Listing):
    """Trading days."""

    serializer_class = DaySerializer
    filterset_class = DayFilter

    def get_queryset(self) -> QuerySet[Any]:
        """Return the asker's closed days, newest first."""
        return queries.days(self.request.user)

    @extend_schema(
        operation_id="paper_daily_pnl", responses={200: DaySerializer(many=True), 400: PROBLEM}
    )
    def get(self, request: Request) -> Response:
        """Return the trading days of your accounts, newest first; those that still run come first."""
        chosen = DayFilter(request.query_params, self.get_queryset(), request=request)
        over = self.filter_queryset(self.get_queryset())
        asked_for = chosen.form.cleaned_data if chosen.is_valid() else {}
        return self.answer(queries.Days(_running(request.user, asked_for), over))


def _running(user: Any, chosen: Mapping[str, Any]) -> list[Any]:
    """Return the days that still run, narrowed as the others are."""
    account, since, until = (chosen.get(name) for name in ("account", "since", "until"))
    rows = queries.accounts(user).filter(is_open=True)
    return [
        day
        for day in queries.running_days(rows)
        if (account is None or day.account_id == account)
        and (since is None or day.trade_date >= since)
        and (until is None or day.trade_date <= until)
    ]


class ExecutionReport(Listing):
    """How orders were carried out."""

    serializer_class = ExecutionReportSerializer
    filterset_class = OrderFilter
    pagination_class = None

    def get_queryset(self) -> QuerySet[Order]:
        """Return the asker's own orders."""
        return queries.orders(self.request.user)

    @extend_schema(filters=True, responses={200: ExecutionReportSerializer, 400: PROBLEM})
    def get(self, request: Request) -> Response:
        """Return fills, slippage, latency and fees of your orders, by type and in all."""
        chosen = self.filter_queryset(self.get_queryset())
        return Response(self.get_serializer(queries.execution_report(chosen)).data)


# ---- accounts ----


class OpenAccount(Wishing):
    """Opens a paper account."""

    serializer_class = asked.PaperAccountAsked

    @extend_schema(responses={201: AccountSerializer, 400: PROBLEM, 409: PROBLEM})
    def post(self, request: Request) -> Response:
        """Open a paper account. Its name is yours once, so asking again makes no second one."""
        wish = read(asked.PaperAccountAsked, request.data)
        with granted(*wish.fields):
            account = services.open_account(user=request.user, **wish.config())
        account.refresh_from_db()
        return Response(AccountSerializer(account).data, status=status.HTTP_201_CREATED)


class ResetAccount(Wishing):
    """Begins an account anew."""

    serializer_class = asked.ResetAsked

    @extend_schema(parameters=[AGAIN], responses={200: AccountStatusSerializer, **WISH})
    def post(self, request: Request) -> Response:
        """Begin a flat paper account anew, with its first balance or another."""
        wish = read(asked.ResetAsked, request.data)
        account = own_account(request.user, wish.validated_data["account"])
        balance = wish.validated_data["balance"]
        with granted("balance"):
            account = services.reset_account(
                user=request.user, account=account, key=key_of(request),
                balance=f"{account.start_balance if balance is None else balance:f}",
            )  # fmt: skip
        return Response(AccountStatusSerializer(queries.status_of(request.user, account)).data)


class CloseAccount(Wishing):
    """Closes a paper account."""

    serializer_class = AccountAsked

    @extend_schema(responses={200: AccountSerializer, **WISH})
    def post(self, request: Request) -> Response:
        """Close a flat paper account: it takes no order, its routes end, it goes out of its groups, its history stays.

        409 `in_use`: it holds something, or an order of it works or waits. Closing it again is no error.
        """
        wish = read(AccountAsked, request.data)
        account = own_account(request.user, wish.validated_data["account"])
        with granted():
            closing.close(account=account, source="api")
        return Response(AccountSerializer(account).data)


class ReopenAccount(Wishing):
    """Opens a closed paper account again."""

    serializer_class = AccountAsked

    @extend_schema(responses={200: AccountSerializer, **WISH})
    def post(self, request: Request) -> Response:
        """Open a closed paper account again, as it stood; routes and groups that it was in are set anew."""
        wish = read(AccountAsked, request.data)
        account = own_account(request.user, wish.validated_data["account"])
        with granted():
            closing.reopen(account=account, source="api")
        return Response(AccountSerializer(account).data)


class Payout(Wishing):
    """Takes money out of an account."""

    serializer_class = asked.PayoutAsked

    @extend_schema(parameters=[AGAIN], responses={200: AccountStatusSerializer, **WISH})
    def post(self, request: Request) -> Response:
        """Record that money was taken out: the balance falls, no floor does."""
        wish = read(asked.PayoutAsked, request.data)
        account = own_account(request.user, wish.validated_data["account"])
        with granted("amount"):
            account = services.take_payout(
                user=request.user, account=account, key=key_of(request),
                amount=f"{wish.validated_data['amount']:f}",
            )  # fmt: skip
        return Response(AccountStatusSerializer(queries.status_of(request.user, account)).data)
