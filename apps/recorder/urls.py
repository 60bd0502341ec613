"""API: strategies as recorders, and what they recorded."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
