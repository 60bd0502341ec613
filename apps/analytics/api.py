"""API: what strategies, accounts and everything came to."""

from fractions import Fraction
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from apps.analytics import lab, queries, recorded
from apps.analytics.books import Performance, Scope, by_strategy, performance_of, strategy
from apps.analytics.domain.performance import measure
from apps.analytics.serializers import (
    AnalyticsScopeSerializer,
    CurvesSerializer,
    ScopeSerializer,
    StrategyAnalyticsSerializer,
    StrategyPerformanceSerializer,
    SummarySerializer,
)
from apps.brokers.answers import ID, PROBLEM, own_account
from apps.recorder.queries import broker_account
from apps.signals.models import Strategy
from apps.trades.domain.outcome import Variant
from apps.users.asked import read

ANSWERS: dict[int, Any] = {400: PROBLEM, 404: PROBLEM}


class _Measuring(GenericAPIView[Any]):
    """Figures over the asker's own closed trades."""

    pagination_class = None
    filter_backends = ()

    def scope(self, asked: Any, strategy: int | None = None) -> Scope:
        """Return over which trades figures are asked for.

        Raises:  NotFound  the account is not the asker's
        """
        given = asked.validated_data
        account = given.get("account")
        if account is not None and given["books"] == "desk":
            own_account(self.request.user, account)
        elif account is not None and broker_account(self.request.user, account) is None:
            raise NotFound(f"You have no broker account {account}.")
        return Scope(account, strategy, given.get("since"), given.get("until"))

    def made(self, scope: Scope, books: str) -> Performance:
        """Return what the positions of these books came to."""
        user = self.request.user
        if books == "recorded":
            return performance_of(recorded.closed(user, scope))
        return performance_of(queries.closed(user, scope))

    def own_strategy(self, id: int) -> Strategy:
        """Return one of the asker's strategies.

        Raises:  NotFound  he has no such strategy, whoever else has
        """
        found = strategy(self.request.user, id)
        if found is None:
            raise NotFound(f"You have no strategy {id}.")
        return found


class StrategyAnalytics(_Measuring):
    """A strategy in figures."""

    asks = AnalyticsScopeSerializer
    serializer_class = StrategyAnalyticsSerializer

    @extend_schema(
        parameters=[ID, AnalyticsScopeSerializer],
        responses={200: StrategyAnalyticsSerializer, **ANSWERS},
    )
    def get(self, request: Request, id: int) -> Response:
        """Return every figure of one of your strategies: its positions in dollars, its Signal Lab trades in R.

        An account narrows the positions alone: Signal Lab trades have none.
        """
        row = self.own_strategy(id)
        asked = read(AnalyticsScopeSerializer, request.query_params)
        scope, given = self.scope(asked, row.pk), asked.validated_data
        in_lab = lab.performance(
            request.user, scope,
            variant=Variant(given["variant"]),
            target=Fraction(given["target"]), fee_r=Fraction(given["fee_r"]),
        )  # fmt: skip
        found = self.made(Scope(None, row.pk, scope.since, scope.until), "recorded")
        body = {
            "row": row, "performance": self.made(scope, given["books"]), "lab": in_lab,
            "recorded": found,
        }  # fmt: skip
        return Response(self.get_serializer(body).data)


class StrategyPerformance(_Measuring):
    """All strategies side by side."""

    asks = ScopeSerializer
    serializer_class = StrategyPerformanceSerializer

    @extend_schema(
        operation_id="strategy_performance",
        parameters=[ScopeSerializer],
        responses={200: StrategyPerformanceSerializer, **ANSWERS},
    )
    def get(self, request: Request) -> Response:
        """Return the figures of each of your strategies, of what you entered by hand, and of everything."""
        asked = read(ScopeSerializer, request.query_params)
        told: Any = recorded if asked.validated_data["books"] == "recorded" else queries
        rows = told.closed(request.user, self.scope(asked))
        body = {
            "all": measure([one.result for one in rows]),
            "strategies": by_strategy(request.user, rows),
        }
        return Response(self.get_serializer(body).data)


class DashboardSummary(_Measuring):
    """The books at a glance."""

    asks = ScopeSerializer
    serializer_class = SummarySerializer

    @extend_schema(
        operation_id="dashboard_summary",
        parameters=[ScopeSerializer],
        responses={200: SummarySerializer, **ANSWERS},
    )
    def get(self, request: Request) -> Response:
        """Return the figures of today, this week, this month and of everything, and what is open."""
        asked = read(ScopeSerializer, request.query_params)
        told = recorded if asked.validated_data["books"] == "recorded" else queries
        return Response(self.get_serializer(told.summary(request.user, self.scope(asked))).data)


class DashboardAnalytics(_Measuring):
    """A strategy as it is drawn."""

    asks = ScopeSerializer
    serializer_class = CurvesSerializer

    @extend_schema(
        operation_id="dashboard_analytics",
        parameters=[ID, ScopeSerializer],
        responses={200: CurvesSerializer, **ANSWERS},
    )
    def get(self, request: Request, id: int) -> Response:
        """Return one of your strategies as a page draws it: equity and drawdown by day, calendar, cells."""
        row = self.own_strategy(id)
        asked = read(ScopeSerializer, request.query_params)
        made = self.made(self.scope(asked, row.pk), asked.validated_data["books"])
        return Response(self.get_serializer({"row": row, "performance": made}).data)
