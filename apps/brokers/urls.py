"""API: logins at brokers, and where the desk and a broker disagree."""

from django.urls import path

from apps.brokers import connections_api as api
from apps.brokers import differences_api

urlpatterns = [
    path("accounts/get-all-at-accounts/", api.BrokerAccounts.as_view(), name="broker-accounts"),
    path("accounts/add-tradovate/", api.AddTradovate.as_view(), name="add-tradovate"),
    path("accounts/test-tradovate-connection/", api.TestTradovate.as_view(), name="test-tradovate"),
    path("accounts/connections/", api.Connections.as_view(), name="connections"),
    path("accounts/connections/<row:id>/", api.ConnectionItem.as_view(), name="connection"),
    path("accounts/connections/<row:id>/reconnect/", api.Reconnect.as_view(), name="reconnect"),
    path("accounts/differences/", differences_api.Differences.as_view(), name="broker-differences"),
    path(
        "accounts/differences/<row:id>/repair/",
        differences_api.Repair.as_view(),
        name="repair-difference",
    ),
]
