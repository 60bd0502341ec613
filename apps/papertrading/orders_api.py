"""API: orders and positions. What is asked for goes to the engine; its first fact, or its refusal, is the answer."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Q
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from apps.brokers import queries as books
from apps.brokers import services
from apps.brokers.answers import (
    AGAIN,
    ID,
    WISH,
    Wishing,
    blocked,
    granted,
    key_of,
    own_account,
)
from apps.brokers.asked import AccountAsked, Notice, OrderAsked, on_grid
from apps.brokers.domain.order import OrderStatus
from apps.brokers.models import Order, Position
from apps.brokers.queries import PositionView
from apps.marketdata.domain.instrument import instrument
from apps.papertrading import asked, queries
from apps.papertrading.serializers import (
    CancelAllAnswerSerializer,
    ChangedSerializer,
    FlattenAnswerSerializer,
    OrderSerializer,
    PlacedSerializer,
)
from apps.signals.models import Strategy
from apps.trades.api import NotGranted
from apps.users.asked import ANYTHING, read


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

    asks = ANYTHING  # a way out never fails for a word
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
                user=request.user,
                order=order,
                quantity=given["quantity"],
                confirmed=given["confirmed"],
                **used,
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

    asks = ANYTHING  # a way out never fails for a word
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

    asks = asked.CloseAsked
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
                    services.modify_order(
                        user=user,
                        order=order,
                        confirmed=wish.validated_data["confirmed"],
                        **{name: used[field]},
                    )
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
        side="sell" if view.is_bullish else "buy", quantity=row.size, stop=stop, strategy=row.place,
    )  # fmt: skip


class Flatten(Wishing):
    """The way out."""

    asks = ANYTHING  # a way out never fails for a word
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
