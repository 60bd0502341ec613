"""A second factor that was shown a moment ago: what real money asks for.

@second_factor_required
def arm(request): ...          # a page: sends him to the proof and back

if not second_factor_recent(request): ...   # anything else: the API, a service's caller
"""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from allauth.account.authentication import get_authentication_records
from allauth.account.internal.flows.reauthentication import suspend_request
from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from apps.users.models import User

FACTORS: Final = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
RECENT_S: Final = 300
NEEDED: Final = "This asks for a second factor. Set one up here, then try again."


def has_second_factor(user: User) -> bool:
    """Return whether somebody has an authenticator app or a passkey; recovery codes alone are none."""
    return bool(Authenticator.objects.filter(user_id=user.pk, type__in=FACTORS).exists())


def second_factor_recent(request: HttpRequest, *, within_s: int = RECENT_S) -> bool:
    """Return whether the asker has a second factor and has shown it once more, in this session, a moment ago.

    His password does not count, nor the sign-in itself, nor a factor that has been taken away since. A token
    never passes: its session has proved nothing.
    """
    user: Any = request.user
    if not user.is_authenticated or not has_second_factor(user):
        return False
    since = time.time() - within_s
    shown = {
        record.get("id")
        for record in get_authentication_records(request, user)
        if record["method"] == "mfa" and record.get("reauthenticated") and record["at"] > since
    }
    return bool(shown) and Authenticator.objects.filter(user_id=user.pk, pk__in=shown).exists()


View = Callable[..., HttpResponse]


def second_factor_required(view: View) -> View:
    """Let a view be asked only by whom `second_factor_recent` knows; send the others to the proof and back.

    A form that was sent is answered after the proof. Who has no second factor is sent to where he sets one up.
    """

    @login_required
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if second_factor_recent(request):
            return view(request, *args, **kwargs)
        user: Any = request.user
        if not has_second_factor(user):
            messages.warning(request, NEEDED)
            return redirect("mfa_index")
        has_app = Authenticator.objects.filter(
            user_id=user.pk, type=Authenticator.Type.TOTP
        ).exists()
        proof = "mfa_reauthenticate" if has_app else "mfa_reauthenticate_webauthn"
        return suspend_request(request, reverse(proof))  # type: ignore[no-any-return]

    return guarded
