"""Addresses of the pages and of their regions."""

from django.urls import path

from apps.dashboards import import_pages as imports
from apps.dashboards import manager_pages as manager
from apps.dashboards import (
    pages,
    performance_pages,
    simulate_pages,
    story_pages,
    strategy_pages,
    ticket_pages,
    trade_pages,
)
from apps.dashboards import prop_pages as prop

app_name = "desk"

urlpatterns = [
    path("", pages.main, name="main"),
    path("desk/region/<slug:name>/", pages.region, name="region"),
    path("desk/chart/<str:contract>/", pages.candles, name="chart"),
    path("desk/preferences/", pages.preferences, name="preferences"),
    path("desk/account/", manager.account, name="account"),
    path("manager/", ticket_pages.page, name="manager"),
    path("manager/order/", ticket_pages.order, name="order"),
    path("manager/verdict/", ticket_pages.verdict, name="verdict"),
    path("manager/orders/<row:pk>/answer/", manager.answer, name="answer"),
    path("manager/orders/<row:pk>/move/", manager.move, name="move"),
    path("manager/orders/<row:pk>/cancel/", manager.cancel, name="cancel"),
    path("manager/cancel-all/", manager.cancel_all, name="cancel_all"),
    path("manager/positions/<row:pk>/close/", manager.close, name="close_position"),
    path("manager/positions/<row:pk>/stop-to-entry/", manager.stop_to_entry, name="to_entry"),
    path("manager/flatten/", manager.flatten, name="flatten"),
    path("manager/execute/<str:key>/", manager.execute, name="execute"),
    path("manager/open-account/", manager.open_account, name="open_account"),
    path("prop/", prop.page, name="prop"),
    path("prop/region/<slug:name>/", prop.region, name="prop_region"),
    path("prop/open/", prop.open_new, name="prop_open"),
    path("prop/simulate/", simulate_pages.simulate, name="simulate"),
    path("prop/simulate/<row:pk>/", simulate_pages.study, name="study"),
    path("prop/simulate/<row:pk>/cancel/", simulate_pages.cancel, name="cancel_study"),
    path("prop/<row:pk>/line/", prop.line, name="prop_line"),
    path("prop/<row:pk>/<slug:what>/", prop.deed, name="prop_deed"),
    path("performance/", performance_pages.page, name="performance"),
    path("performance/curve/", performance_pages.curve, name="performance_curve"),
    path("performance/positions.csv", performance_pages.positions_csv, name="performance_csv"),
    path("recorders/import/", imports.page, name="imports"),
    path("recorders/import/<row:pk>/", imports.one, name="import"),
    path("recorders/import/<row:pk>/rows/<row:row_pk>/", imports.settle, name="import_row"),
    path("recorders/import/<row:pk>/<slug:what>/", imports.deed, name="import_deed"),
    path("recorders/days/<row:pk>/", imports.days, name="recorder_days"),
    path("health/", pages.health, name="health"),
    path("signals/", story_pages.signal_list, name="signals"),
    path("signals/<str:key>/", story_pages.signal, name="signal"),
    path("signals/<str:key>/story/", story_pages.story_region, name="story"),
    path("signals/<str:key>/tracks/", story_pages.tracks_region, name="tracks"),
    path("signals/<str:key>/path/", story_pages.path, name="path"),
    path("trades/enter/", trade_pages.enter, name="enter"),
    path("trades/<row:pk>/close/", trade_pages.close, name="close"),
    path("strategies/", strategy_pages.strategies, name="strategies"),
    path("strategies/<row:pk>/", strategy_pages.strategy, name="strategy"),
    path("strategies/<row:pk>/senders/", strategy_pages.change, name="senders"),
    path("strategies/<row:pk>/rotate/", strategy_pages.rotate, name="rotate"),
    path("strategies/<row:pk>/try/", strategy_pages.try_payload, name="try"),
    path("manual/webhooks/", strategy_pages.manual, name="manual"),
]
