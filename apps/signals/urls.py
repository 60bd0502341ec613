"""API: signals."""

from django.urls import path

from apps.signals import api

urlpatterns = [
    path("realtime/pending-signals/", api.PendingSignals.as_view(), name="pending-signals"),
    path("realtime/signal-status/<row:id>/", api.SignalStatus.as_view(), name="signal-status"),
]
