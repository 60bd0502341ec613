"""API: the notification centre, and Discord's switch."""

from django.urls import path

from apps.notifications import api

urlpatterns = [
    path("notifications/", api.Notices.as_view(), name="notifications"),
    path("notifications/read/", api.Read.as_view(), name="notifications-read"),
    path("user/toggle-discord-dms/", api.ToggleDiscord.as_view(), name="toggle-discord-dms"),
]
