"""API: what strategies, accounts and everything came to."""

from fractions import Fraction
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from apps.analytics import lab, recorded
from apps.analytics.books import Scope, by_strategy, performance_of, strategy
from apps.analytics.chosen import Books, chosen, summary
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
        if account is not None and self.books(asked) is not Books.RECORDED:
            own_account(self.request.user, account)
        elif account is not None and broker_account(self.request.user, account) is None:
            raise NotFound(f"You have no broker account {account}.")
        return Scope(account, strategy, given.get("since"), given.get("until"))

    def books(self, asked: Any) -> Books | None:
        """Return which books are asked for, None: whichever have something."""
        named = asked.validated_data.get("books")
        return Books(named) if named else None

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
        made = chosen(request.user, scope, self.books(asked))
        found = recorded.closed(request.user, Scope(None, row.pk, scope.since, scope.until))
        body = {
            "row": row, "books": made.books, "performance": made.performance, "lab": in_lab,
            "recorded": performance_of(found),
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
        made = chosen(request.user, self.scope(asked), self.books(asked))
        body = {
            "books": made.books,
            "all": made.performance.figures,
            "strategies": by_strategy(request.user, made.rows),
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
        books, told = summary(request.user, self.scope(asked), self.books(asked))
        return Response(self.get_serializer({"books": books, "told": told}).data)


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
        made = chosen(request.user, self.scope(asked, row.pk), self.books(asked))
        body = {"row": row, "books": made.books, "performance": made.performance}
        return Response(self.get_serializer(body).data)
