"""API: paper accounts, orders, positions and fills; what is asked for goes to the engine, which answers with facts."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Q, QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from apps.brokers import queries as books
from apps.brokers import services
from apps.brokers.answers import (
    AGAIN,
    ID,
    PROBLEM,
    WISH,
    Listing,
    Wishing,
    blocked,
    granted,
    key_of,
    own_account,
    read,
)
from apps.brokers.asked import AccountAsked, Notice, OrderAsked, on_grid
from apps.brokers.domain.order import OrderStatus
from apps.brokers.models import Order, Position
from apps.brokers.queries import PositionView
from apps.marketdata.domain.instrument import instrument
from apps.papertrading import asked, queries
from apps.papertrading.filters import DayFilter, FillFilter, OrderFilter, PositionFilter
from apps.papertrading.serializers import (
    AccountSerializer,
    AccountStatusSerializer,
    CancelAllAnswerSerializer,
    ChangedSerializer,
    DaySerializer,
    ExecutionReportSerializer,
    FillSerializer,
    FlattenAnswerSerializer,
    OrderSerializer,
    PlacedSerializer,
    PositionSerializer,
)
from apps.signals.models import Strategy
from apps.trades.api import NotGranted

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

    @extend_schema(responses={200: ExecutionReportSerializer, 400: PROBLEM})
    def get(self, request: Request) -> Response:
        """Return fills, slippage, latency and fees of your orders, by type and in all."""
        chosen = self.filter_queryset(self.get_queryset())
        return Response(self.get_serializer(queries.execution_report(chosen)).data)


# ---- orders ----


class PlaceOrder(Wishing):
    """Places an order."""

    serializer_class = OrderAsked

    @extend_schema(
        parameters=[AGAIN], responses={201: PlacedSerializer, 202: PlacedSerializer, **WISH}
    )
    def post(self, request: Request) -> Response:
        """Place an order: market, limit, stop, stop-limit or trailing stop, with a bracket if you like.

        201: it is on its way. 202: it is held until you answer it. 409 `blocked`: a rule does not let it go.
        """
        wish = read(OrderAsked, request.data)
        account = own_account(request.user, wish.validated_data["account"])
        strategy = wish.validated_data["strategy"]
        if strategy and not Strategy.objects.of(request.user).filter(pk=strategy).exists():
            raise NotFound(f"You have no strategy {strategy}.")
        with granted(*wish.fields):
            order = services.place_order(
                user=request.user, account=account, key=key_of(request), **wish.plain()
            )
        prices = wish.prices() if wish.validated_data["snap"] else iter(())
        _, notices = on_grid(instrument(order.root), prices, snap=True)
        return placed(request.user, order, notices)


def placed(user: Any, order: Order, notices: list[Notice]) -> Response:
    """Return the answer to an order: on its way, held, or blocked with the rules' reasons."""
    named = Q(key=order.key) | Q(parent=order.key)
    order, *legs = sorted(books.orders(user).filter(named), key=lambda one: (one.parent, one.pk))
    if order.status == OrderStatus.BLOCKED:
        return blocked(order)
    body = {
        **OrderSerializer(order).data,
        "legs": [OrderSerializer(leg).data for leg in legs],
        "notices": notices,
    }
    is_held = order.status == OrderStatus.HELD
    return Response(body, status.HTTP_202_ACCEPTED if is_held else status.HTTP_201_CREATED)


def _own_order(user: Any, id: int) -> Order:
    found = queries.orders(user).filter(pk=id).first()
    if found is None:
        raise NotFound(f"You have no order {id}.")
    return found


class CancelOrder(Wishing):
    """Takes an order back."""

    serializer_class = OrderSerializer

    @extend_schema(parameters=[ID], request=None, responses={200: OrderSerializer, **WISH})
    def delete(self, request: Request, id: int) -> Response:
        """Ask for one of your orders to be taken back. What was filled before the venue hears of it stays filled."""
        order = _own_order(request.user, id)
        with granted():
            order = services.cancel_order(user=request.user, order=order)
        return Response(OrderSerializer(order).data)


class ChangeOrder(Wishing):
    """Changes an order."""

    serializer_class = asked.ChangeAsked

    @extend_schema(parameters=[ID], responses={200: OrderSerializer, **WISH})
    def put(self, request: Request, id: int) -> Response:
        """Ask for one of your working orders to be moved or made smaller; what is left out stays."""
        order = _own_order(request.user, id)
        wish = read(asked.ChangeAsked, request.data)
        given = wish.validated_data
        names = ("limit", "stop", "trail_points")
        prices = ((name, given[name]) for name in names if given[name] is not None)
        used, _ = on_grid(instrument(order.root), prices, snap=given["snap"])
        with granted(*wish.fields):
            order = services.modify_order(
                user=request.user, order=order, quantity=given["quantity"], **used
            )
        return Response(OrderSerializer(order).data)


class AnswerOrder(Wishing):
    """Answers a held order."""

    serializer_class = asked.AnswerAsked

    @extend_schema(parameters=[AGAIN], responses={200: OrderSerializer, **WISH})
    def post(self, request: Request) -> Response:
        """Say yes or no to an order that waits for you. After a yes the rules are asked once more."""
        wish = read(asked.AnswerAsked, request.data)
        order = _own_order(request.user, wish.validated_data["order"])
        with granted():
            order = services.answer_order(
                user=request.user,
                order=order,
                yes=wish.validated_data["yes"],
                key=key_of(request),
            )
        if order.status == OrderStatus.BLOCKED:
            return blocked(order)
        return Response(OrderSerializer(order).data)


class CancelAll(Wishing):
    """Takes back the orders of an account."""

    serializer_class = AccountAsked

    @extend_schema(parameters=[AGAIN], responses={200: CancelAllAnswerSerializer, **WISH})
    def post(self, request: Request) -> Response:
        """Ask for all orders of an account to be taken back, but the stops that protect its positions."""
        account = own_account(
            request.user, read(AccountAsked, request.data).validated_data["account"]
        )
        with granted():
            fact = services.cancel_all(user=request.user, account=account, key=key_of(request))
        return Response({"account": account.pk, "orders": fact.payload["orders"]})


# ---- positions ----


def _own_position(user: Any, id: int) -> Position:
    found = queries.positions(user).filter(pk=id).first()
    if found is None:
        raise NotFound(f"You have no position {id}.")
    return found


def _changed(user: Any, position: Position, keys: Iterable[str], notices: list[Notice]) -> Response:
    position.refresh_from_db()
    orders = books.orders(user).filter(key__in=list(keys)).order_by("id")
    body = {
        "position": queries.views(user, [position])[0],
        "orders": orders,
        "notices": notices,
    }
    return Response(ChangedSerializer(body).data)


class ClosePosition(Wishing):
    """Closes a position."""

    serializer_class = ChangedSerializer

    @extend_schema(
        parameters=[ID, AGAIN, asked.CloseAsked],
        request=None,
        responses={200: ChangedSerializer, **WISH},
    )
    def delete(self, request: Request, id: int) -> Response:
        """Close one of your positions at the market, `quantity` contracts of it, or turn it round."""
        position = _own_position(request.user, id)
        wish = read(asked.CloseAsked, request.query_params)
        if position.closed_at is not None:
            raise NotGranted(f"Position {id} is flat already.", "flat")
        with granted(*wish.fields):
            fact = services.close_position(
                user=request.user, position=position, key=key_of(request), **wish.validated_data
            )
        order = str(fact.payload["order"])
        return _changed(request.user, position, (order, f"{order}-r"), [])


class UpdateStops(Wishing):
    """Moves what protects a position."""

    serializer_class = asked.StopsAsked

    @extend_schema(parameters=[ID], responses={200: ChangedSerializer, **WISH})
    def put(self, request: Request, id: int) -> Response:
        """Move stop and targets of one of your positions; a position without a stop gets one for all it holds."""
        user = request.user
        position = _own_position(user, id)
        wish = read(asked.StopsAsked, request.data)
        if position.closed_at is not None:
            raise NotGranted(f"Position {id} is flat already.", "flat")
        view = queries.views(user, [position])[0]
        moves = list(_moves(view, wish.validated_data))
        prices = ((field, value) for field, _, _, value in moves)
        snap = wish.validated_data["snap"]
        used, notices = on_grid(view.instrument, prices, snap=snap)
        keys = []
        for field, order, name, _ in moves:
            with granted(name):
                if order is None:
                    keys.append(_protect(user, view, used[field]).key)
                else:
                    services.modify_order(user=user, order=order, **{name: used[field]})
                    keys.append(order.key)
        return _changed(user, position, keys, notices)


def _moves(view: PositionView, given: Mapping[str, Any]) -> Iterable[tuple[str, Any, str, Any]]:
    """Yield the field, the order (None: a new stop), what of it is changed, and to which value.

    Raises:  ValidationError  there is no such order
    """
    stops = view.protections
    trailing = [one for one in stops if one.trail is not None]
    if given["stop"] is not None:
        fixed = [one for one in stops if one.trail is None]
        if trailing and not fixed:
            cure = "Its stop trails the price: change its trail_points."
            raise ValidationError({"stop": [cure]}, code="trailing")
        yield from (("stop", one, "stop", given["stop"]) for one in fixed)
        if not fixed:
            yield ("stop", None, "stop", given["stop"])
    if given["trail_points"] is not None:
        if not trailing:
            raise ValidationError({"trail_points": ["It has no trailing stop."]}, code="no_order")
        yield from (
            ("trail_points", one, "trail_points", given["trail_points"]) for one in trailing
        )
    if given["target"] is not None:
        if len(view.targets) != 1:
            cure = f"It has {len(view.targets)} targets: name each with its order in `targets`."
            raise ValidationError({"target": [cure]}, code="not_one")
        yield ("target", view.targets[0], "limit", given["target"])
    by_id = {one.pk: one for one in view.targets}
    for number, move in enumerate(given.get("targets") or ()):
        if move["order"] not in by_id:
            cure = f"Order {move['order']} is no target of this position."
            raise ValidationError({f"targets[{number}].order": [cure]}, code="no_order")
        yield (f"targets[{number}].limit", by_id[move["order"]], "limit", move["limit"])


def _protect(user: Any, view: PositionView, stop: str) -> Order:
    """Give a position the stop that it has not."""
    row = view.row
    return services.place_order(
        user=user, account=row.account, symbol=row.contract, type="stop", tif="gtc",
        side="sell" if view.is_long else "buy", quantity=row.size, stop=stop, strategy=row.place,
    )  # fmt: skip


class Flatten(Wishing):
    """The way out."""

    serializer_class = asked.FlattenAsked

    @extend_schema(parameters=[AGAIN], responses={200: FlattenAnswerSerializer, **WISH})
    def post(self, request: Request) -> Response:
        """Close every position and cancel every entry of one account, or of all. No rule refuses it."""
        id = read(asked.FlattenAsked, request.data).validated_data["account"]
        account = None if id is None else own_account(request.user, id)
        if account is None and not books.accounts(request.user).exists():
            raise NotFound("You have no account.")
        with granted():
            fact = services.flatten(user=request.user, account=account, key=key_of(request))
        return Response({"accounts": queries.flattened(fact)})


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
