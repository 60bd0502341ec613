"""API: paper trading, and signals into orders."""

from django.urls import path

from apps.papertrading import api, groups_api, orders_api, routes_api

urlpatterns = [
    path("paper-trading/place-order/", orders_api.PlaceOrder.as_view(), name="paper-place"),
    path("paper-trading/orders/", api.Orders.as_view(), name="paper-orders"),
    path(
        "paper-trading/cancel-order/<row:id>/",
        orders_api.CancelOrder.as_view(),
        name="paper-cancel",
    ),
    path(
        "paper-trading/change-order/<row:id>/",
        orders_api.ChangeOrder.as_view(),
        name="paper-change",
    ),
    path("paper-trading/answer-order/", orders_api.AnswerOrder.as_view(), name="paper-answer"),
    path("paper-trading/cancel-all/", orders_api.CancelAll.as_view(), name="paper-cancel-all"),
    path("paper-trading/fills/", api.Fills.as_view(), name="paper-fills"),
    path("paper-trading/positions/", api.Positions.as_view(), name="paper-positions"),
    path(
        "paper-trading/close-position/<row:id>/",
        orders_api.ClosePosition.as_view(),
        name="paper-close",
    ),
    path(
        "paper-trading/update-stops/<row:id>/", orders_api.UpdateStops.as_view(), name="paper-stops"
    ),
    path("paper-trading/flatten/", orders_api.Flatten.as_view(), name="paper-flatten"),
    path("paper-trading/open-account/", api.OpenAccount.as_view(), name="paper-open"),
    path("paper-trading/reset-account/", api.ResetAccount.as_view(), name="paper-reset"),
    path("paper-trading/close-account/", api.CloseAccount.as_view(), name="paper-shut"),
    path("paper-trading/reopen-account/", api.ReopenAccount.as_view(), name="paper-reopen"),
    path("paper-trading/payout/", api.Payout.as_view(), name="paper-payout"),
    path("paper-trading/accounts/", api.Accounts.as_view(), name="paper-accounts"),
    path("paper-trading/account-status/", api.AccountStatus.as_view(), name="paper-status"),
    path("paper-trading/daily-pnl/", api.DailyPnl.as_view(), name="paper-daily-pnl"),
    path("paper-trading/execution-report/", api.ExecutionReport.as_view(), name="paper-execution"),
    path(
        "realtime/execute-signal/<row:id>/",
        routes_api.ExecuteSignal.as_view(),
        name="execute-signal",
    ),
    path("accounts/groups/", groups_api.Groups.as_view(), name="account-groups"),
    path("accounts/groups/<row:id>/", groups_api.OneGroup.as_view(), name="account-group"),
    path("strategies/<row:id>/routes/", routes_api.Routes.as_view(), name="strategy-routes"),
    path(
        "strategies/<row:id>/routes/<row:account>/",
        routes_api.OneRoute.as_view(),
        name="strategy-route",
    ),
]
