"""The e-mail addresses of an account: allauth's page, which also says so when no letter was sent."""

from typing import Any, Final

from allauth.account.internal.flows.email_verification import (
    consume_email_verification_rate_limit,
)
from allauth.account.models import EmailAddress
from allauth.account.views import EmailView
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

ASKS_FOR_LETTER: Final = ("action_add", "action_send")
NO_SECOND: Final = (
    "No letter was sent to {address}: one went there less than three minutes ago. "
    "If it does not come, send it again after that."
)
LAST: Final = (
    "{address} was not removed: it is your last address. Without one a forgotten password can't be reset, and no letter reaches you. "
    "Tick that you know it, then remove it."
)


class Addresses(EmailView):  # type: ignore[misc]  # allauth has no types
    """Somebody's addresses. allauth sends one letter in three minutes to each, and passes over more in silence."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Do what was asked; say it where a letter was asked for and none may go yet, and ask before the last one goes."""
        address = request.POST.get("email", "").strip().lower()
        if "action_remove" in request.POST and "sure" not in request.POST and self._is_last(request, address):  # fmt: skip
            messages.warning(request, LAST.format(address=address))
            return redirect("account_email")
        asks = any(one in request.POST for one in ASKS_FOR_LETTER)
        too_soon = asks and not consume_email_verification_rate_limit(
            request, address, dry_run=True
        )
        answer: HttpResponse = super().post(request, *args, **kwargs)
        if too_soon and self._waits(request, address):
            messages.warning(request, NO_SECOND.format(address=address))
        return answer

    @staticmethod
    def _is_last(request: HttpRequest, address: str) -> bool:
        """Return whether the asker has this address and no other."""
        mine = EmailAddress.objects.filter(user_id=request.user.pk).values_list("email", flat=True)
        return [one.lower() for one in mine] == [address]

    @staticmethod
    def _waits(request: HttpRequest, address: str) -> bool:
        """Return whether the asker has the address and has not confirmed it: then he looks out for a letter."""
        mine = EmailAddress.objects.filter(user_id=request.user.pk, verified=False)
        return bool(mine.filter(email=address).exists())
