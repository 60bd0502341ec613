"""API: prices, candles, ticks."""

from django.urls import path

from apps.marketdata import api

urlpatterns = [
    path("realtime/current-price/", api.CurrentPrice.as_view(), name="current-price"),
    path("realtime/current-candle/", api.CurrentCandle.as_view(), name="current-candle"),
    path("realtime/recent-ticks/", api.RecentTicks.as_view(), name="recent-ticks"),
]
