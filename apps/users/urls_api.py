"""API: who is asking."""

from django.urls import path

from apps.users import api

urlpatterns = [
    path("auth/check-auth/", api.check_auth, name="check-auth"),
    path("system/csrf-token/", api.csrf_token, name="csrf-token"),
]
