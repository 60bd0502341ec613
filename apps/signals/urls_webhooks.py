"""The addresses that senders post to. A slash at the end is optional: a redirect would lose the post."""

from django.urls import re_path

from apps.signals import webhooks

app_name = "webhooks"

urlpatterns = [
    re_path(r"^webhook/tradingview/?$", webhooks.receive, name="tradingview"),
    re_path(r"^webhook/?$", webhooks.receive, name="any"),
    re_path(r"^webhook/(?P<token>[^/]+)/test/?$", webhooks.try_out, name="try"),
    re_path(r"^webhook/(?P<token>[^/]+)/?$", webhooks.receive, name="strategy"),
    re_path(r"^api/live-signals-v2/?$", webhooks.receive_v2, name="live-signals-v2"),
]
