"""API: health."""

from django.urls import path

from apps.system import api

urlpatterns = [
    path("health/system/", api.DeskHealth.as_view(), name="health-system"),
    path("health/<slug:component>/", api.ComponentHealth.as_view(), name="health-component"),
]
