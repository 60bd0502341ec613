"""API: signals into orders. Executing one by hand, and what becomes of a strategy's signals in each account."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from apps.brokers import services
from apps.brokers.answers import (
    AGAIN,
    ID,
    PROBLEM,
    WISH,
    Listing,
    Wishing,
    granted,
    key_of,
    own_account,
    problem_of,
    reasons_of,
)
from apps.brokers.domain.order import OrderStatus
from apps.brokers.domain.routing import Mode
from apps.brokers.models import Account, Order, Route
from apps.papertrading import asked, queries
from apps.papertrading.serializers import ExecutionSerializer, RouteSerializer
from apps.signals.models import Strategy
from apps.signals.queries import rows as signal_rows
from apps.trades.api import EngineSilent
from apps.trades.services import NoAnswer, Refused
from apps.users.asked import read


class ExecuteSignal(Wishing):
    """Executes a confirmed signal."""

    serializer_class = asked.ExecuteAsked

    @extend_schema(parameters=[ID, AGAIN], responses={201: ExecutionSerializer, **WISH})
    def post(self, request: Request, id: int) -> Response:
        """Enter one of your confirmed signals now, at the market, bracketed from its own stop.

        Each account is answered by itself; where every one of them refuses, the first refusal is the answer.
        """
        signal = signal_rows(request.user).filter(pk=id).select_related("trade").first()
        if signal is None:
            raise NotFound(f"You have no signal {id}.")
        wish = read(asked.ExecuteAsked, request.data)
        routes = {one.account_id: one for one in queries.routes(request.user, signal.strategy_id)}
        accounts = _accounts(request.user, wish.validated_data.get("accounts"), routes)
        key = key_of(request)
        results, refusals = [], []
        for account in accounts:
            sizing = _sizing(wish, routes.get(account.pk))
            try:
                order = services.execute_signal(
                    user=request.user, signal=signal, account=account,
                    confirmed=wish.validated_data["confirmed"],
                    key=f"{key}.{account.pk}" if key else None, **sizing,
                )  # fmt: skip
            except Refused as refused:
                refusals.append(problem_of(refused, tuple(wish.fields)))
                results.append(_refused(account, refused.reason.lower(), refused.detail))
            except NoAnswer:
                refusals.append(EngineSilent())
                results.append(_refused(account, "no_answer", EngineSilent.default_detail))
            else:
                results.append(_executed(account, order))
        if len(refusals) == len(accounts):
            raise refusals[0]
        body = ExecutionSerializer({"signal": signal.pk, "results": results}).data
        return Response(body, status=status.HTTP_201_CREATED)


def _executed(account: Account, order: Order) -> dict[str, Any]:
    if order.status == OrderStatus.BLOCKED:
        return _refused(account, "blocked", reasons_of(order)) | {"order": order}
    return {"account": account.pk, "order": order, "code": "", "detail": ""}


def _refused(account: Account, code: str, detail: str) -> dict[str, Any]:
    return {"account": account.pk, "order": None, "code": code, "detail": detail}


def _accounts(user: Any, wished: list[int] | None, routes: dict[int, Route]) -> list[Account]:
    """Return the accounts in which a signal is executed.

    Raises:  NotFound, ValidationError
    """
    if wished is not None:
        return [own_account(user, id) for id in dict.fromkeys(wished)]
    routed = [one.account for one in routes.values() if one.mode != Mode.OBSERVE]
    if routed:
        return routed
    only = list(queries.accounts(user).filter(is_open=True)[:2])
    if len(only) != 1:
        raise ValidationError({"accounts": ["Say in which accounts."]}, code="required")
    return only


def _sizing(wish: asked.ExecuteAsked, route: Route | None) -> dict[str, Any]:
    """Return size, symbol and targets: as asked for, else as routed, else one contract."""
    sizing: dict[str, Any] = {"quantity": None, "risk_percent": None, "root": "", "targets": []}
    names = (*sizing, "break_even_r")
    if route is not None:
        sizing |= {name: route.config[name] for name in names if name in route.config}
    given = wish.sizing()
    if given.get("quantity") or given.get("risk_percent"):
        sizing |= {"quantity": None, "risk_percent": None}
    sizing |= given
    sizing["quantity"] = 0 if sizing["risk_percent"] else sizing["quantity"] or 1
    return sizing


class Routes(Listing):
    """What becomes of a strategy's signals."""

    serializer_class = RouteSerializer
    filter_backends = ()

    @extend_schema(parameters=[ID], responses={200: RouteSerializer(many=True), 404: PROBLEM})
    def get(self, request: Request, id: int) -> Response:
        """Return in which accounts a strategy's signals are observed, approved or executed."""
        _own_strategy(request.user, id)
        return self.answer(queries.routes(request.user, id))

    @extend_schema(
        parameters=[ID],
        request=asked.RouteAsked,
        responses={200: RouteSerializer, 400: PROBLEM, 404: PROBLEM, 409: PROBLEM},
    )
    def put(self, request: Request, id: int) -> Response:
        """Say what becomes of a strategy's signals in one account, from the next one on."""
        strategy = _own_strategy(request.user, id)
        wish = read(asked.RouteAsked, request.data)
        account = own_account(request.user, wish.validated_data["account"])
        with granted(*wish.fields):
            route = services.set_route(
                user=request.user, strategy=strategy, account=account,
                mode=wish.validated_data["mode"], **({"break_even_r": "1"} | wish.sizing() | wish.gates()),
            )  # fmt: skip
        return Response(RouteSerializer(route).data)


class OneRoute(Listing):
    """What becomes of a strategy's signals in one account."""

    serializer_class = RouteSerializer
    filter_backends = ()

    @extend_schema(
        parameters=[ID, OpenApiParameter("account", int, OpenApiParameter.PATH)],
        responses={204: None, 404: PROBLEM},
    )
    def delete(self, request: Request, id: int, account: int) -> Response:
        """Let none of a strategy's signals reach an account any more; what is open there stays."""
        _own_strategy(request.user, id)
        route = queries.routes(request.user, id).filter(account=account).first()
        if route is None:
            raise NotFound(f"Strategy {id} has no route into an account {account} of yours.")
        services.end_route(route=route)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _own_strategy(user: Any, id: int) -> Strategy:
    found: Strategy | None = Strategy.objects.of(user).filter(pk=id).first()
    if found is None:
        raise NotFound(f"You have no strategy {id}.")
    return found
