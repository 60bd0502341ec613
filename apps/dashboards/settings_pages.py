"""Settings: how somebody likes his pages, how he comes in, where he is signed in, and his programs' tokens."""

from datetime import timedelta
from typing import Any, Final

from allauth.account.decorators import reauthentication_required
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.dashboards import shell
from apps.dashboards.preferences_form import PreferencesForm, TokenForm
from apps.users.models import ApiToken, Scope
from apps.users.queries import activity
from apps.users.services import (
    TooManyTokens,
    ended_tokens,
    good_tokens,
    make_token,
    revoke_token,
    sessions_of,
    sign_out_elsewhere,
)

PAGE: Final = "settings"
# allauth's pages that stand inside the desk; its others stand at the door.
FRAMED: Final = frozenset(
    {
        "account_email", "account_change_password", "account_set_password",
        "mfa_activate_totp", "mfa_deactivate_totp",
        "mfa_view_recovery_codes", "mfa_generate_recovery_codes",
        "mfa_add_webauthn", "mfa_edit_webauthn", "mfa_remove_webauthn",
    }
)  # fmt: skip


def frame(request: HttpRequest) -> dict[str, Any]:
    """Give allauth's own views what stands around a page of the desk: a context processor."""
    found = request.resolver_match
    if found is None or found.url_name not in FRAMED or not request.user.is_authenticated:
        return {}
    return shell.around(request, PAGE) | {"tab": "security"}


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def preferences(request: HttpRequest) -> HttpResponse:
    """Show and keep how somebody likes his pages."""
    form = PreferencesForm(request.POST or None, instance=request.user)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, "Kept.")
        return redirect("desk:settings")
    _user(request).refresh_from_db()  # what the form could not use is not the user's
    return _page(request, "preferences", form=form)


@login_required
@never_cache
@require_GET
def security(request: HttpRequest) -> HttpResponse:
    """Show how somebody comes in: password, address, second factor."""
    parts = list(Authenticator.objects.filter(user=request.user.pk).order_by("created_at"))
    codes = next(
        (one.wrap() for one in parts if one.type == Authenticator.Type.RECOVERY_CODES), None
    )
    return _page(
        request,
        "security",
        addresses=EmailAddress.objects.filter(user=request.user.pk).order_by("-primary", "email"),
        totp=next((one for one in parts if one.type == Authenticator.Type.TOTP), None),
        passkeys=[one.wrap() for one in parts if one.type == Authenticator.Type.WEBAUTHN],
        codes_left=len(codes.get_unused_codes()) if codes else None,
        deeds=activity(request.user),
    )


@login_required
@never_cache
@require_GET
def sessions(request: HttpRequest) -> HttpResponse:
    """Show where somebody is signed in."""
    return _page(request, "sessions", sessions=sessions_of(_user(request)))


@login_required
@require_POST
def end_session(request: HttpRequest, pk: int) -> HttpResponse:
    """Sign out of one other place."""
    if not sign_out_elsewhere(request, user=_user(request), pk=pk):
        raise Http404(pk)
    messages.success(request, "Signed out there.")
    return redirect("desk:sessions")


@login_required
@require_POST
def end_sessions(request: HttpRequest) -> HttpResponse:
    """Sign out everywhere but here."""
    ended = sign_out_elsewhere(request, user=_user(request))
    places = "one place" if ended == 1 else f"{ended} places"
    messages.success(
        request, f"Signed out of {places}." if ended else "You are only signed in here."
    )
    return redirect("desk:sessions")


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
@reauthentication_required(allow_get=True)  # type: ignore[untyped-decorator]
@sensitive_variables("secret")
def tokens(request: HttpRequest) -> HttpResponse:
    """Show somebody's tokens, and make one; its secret is on this one answer and nowhere else."""
    usual = {"scope": Scope.READ, "days": 90}
    form = TokenForm(request.POST or None, initial=usual)
    made = None
    if request.method == "POST" and form.is_valid():
        name, scope = form.cleaned_data["name"], Scope(form.cleaned_data["scope"])
        good_for = timedelta(days=form.cleaned_data["days"]) or None
        try:
            row, secret = make_token(user=_user(request), name=name, scope=scope, good_for=good_for)
        except TooManyTokens:
            form.add_error(None, "You have as many tokens as one may have. Revoke one first.")
        else:
            made = {"row": row, "secret": secret}
            form = TokenForm(initial=usual)
    return _page(
        request,
        "tokens",
        form=form,
        made=made,
        good=good_tokens(_user(request)),
        ended=ended_tokens(_user(request))[:20],
    )


@login_required
@require_http_methods(["GET", "POST"])
def revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask once, then make a token worthless."""
    if request.method == "POST":
        row = revoke_token(user=_user(request), pk=pk)
        if row is None:
            raise Http404(pk)
        messages.success(request, f"{row.name} is revoked: it opens nothing any more.")
        return redirect("desk:tokens")
    row = ApiToken.objects.of(request.user).filter(pk=pk, revoked_at=None).first()
    if row is None:
        raise Http404(pk)
    return _page(request, "revoke", tab="tokens", token=row)


def _page(request: HttpRequest, name: str, *, tab: str = "", **context: Any) -> HttpResponse:
    shown = shell.around(request, PAGE) | {"tab": tab or name} | context
    return render(
        request, f"settings/{name}.html", shown | {"demo": settings.MARKET != "tradovate"}
    )


def _user(request: HttpRequest) -> Any:
    return request.user
