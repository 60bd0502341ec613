"""API: what trading came to."""

from django.urls import path

from apps.analytics import api

urlpatterns = [
    path(
        "strategies/<row:id>/analytics/",
        api.StrategyAnalytics.as_view(),
        name="strategy-analytics",
    ),
    path("strategy/performance/", api.StrategyPerformance.as_view(), name="strategy-performance"),
    path("dashboard/summary/", api.DashboardSummary.as_view(), name="dashboard-summary"),
    path(
        "dashboard/analytics/<row:id>/",
        api.DashboardAnalytics.as_view(),
        name="dashboard-analytics",
    ),
]
