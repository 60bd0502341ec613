"""Every address of the desk."""

from allauth.account.decorators import secure_admin_login
from csp.decorators import csp_update
from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

# The page of the documentation brings its style inside itself.
docs = csp_update({"style-src": "'unsafe-inline'"})(
    SpectacularSwaggerSplitView.as_view(url_name="schema")
)

# The admin has no door of its own: whoever has a second factor shows it at the one there is.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

handler404 = "apps.users.pages.not_found"
handler500 = "apps.users.pages.broken"

urlpatterns = [
    path("", include("apps.dashboards.urls")),
    path("", include("apps.signals.urls_webhooks")),
    path("accounts/", include("apps.users.urls")),
    path("admin/", admin.site.urls),
    path("api/", include("apps.users.urls_api")),
    path("api/", include("apps.system.urls")),
    path("api/", include("apps.marketdata.urls")),
    path("api/", include("apps.signals.urls")),
    path("api/", include("apps.trades.urls")),
    path("api/", include("apps.brokers.urls")),
    path("api/", include("apps.papertrading.urls")),
    path("api/", include("apps.risk.urls")),
    path("api/", include("apps.analytics.urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", docs, name="docs"),
]
