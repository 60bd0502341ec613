"""API: risk."""

from django.urls import path

from apps.risk import adopt_api, api

urlpatterns = [
    path("accounts/<row:id>/adopt/", adopt_api.Adopt.as_view(), name="adopt"),
    path("risk/rule-sets/", adopt_api.RuleSets.as_view(), name="rule-sets"),
    path("realtime/risk-status/", api.RiskStatus.as_view(), name="risk-status"),
    path("realtime/daily-pnl/", api.DailyPnl.as_view(), name="daily-pnl"),
    path("realtime/exposure/", api.ExposureNow.as_view(), name="exposure"),
    path("risk/rule-compliance/", api.RuleCompliance.as_view(), name="rule-compliance"),
    path("risk/check/", api.CheckOrder.as_view(), name="risk-check"),
    path("risk/own-limits/", api.OwnLimits.as_view(), name="own-limits"),
    path("risk/lockout/", api.LockOut.as_view(), name="lockout"),
    path("risk/kill-switch/", api.KillSwitch.as_view(), name="kill-switch"),
    path("risk/lift-lock/", api.LiftLock.as_view(), name="lift-lock"),
]
