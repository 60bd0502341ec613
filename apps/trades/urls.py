"""API: trades and the Signal Lab."""

from django.urls import path

from apps.trades import api

urlpatterns = [
    path("realtime/active-trades/", api.ActiveTrades.as_view(), name="active-trades"),
    path("realtime/trade-mfe/<row:id>/", api.TradeMfe.as_view(), name="trade-mfe"),
    path("realtime/mfe-history/<row:id>/", api.MfeHistory.as_view(), name="mfe-history"),
    path("signal-lab/trades/", api.Trades.as_view(), name="lab-trades"),
    path("signal-lab/trades/<row:id>/close/", api.CloseEntry.as_view(), name="lab-close"),
    path("signal-lab/stats/", api.LabStats.as_view(), name="lab-stats"),
    path("signal-lab/create/", api.CreateEntry.as_view(), name="lab-create"),
    path("signal-lab/automated-entries/", api.AutomatedEntries.as_view(), name="lab-automated"),
]
