"""The e-mail addresses of an account: allauth's page, which also says so when no letter was sent."""

from typing import Any, Final

from allauth.account.internal.flows.email_verification import (
    consume_email_verification_rate_limit,
)
from allauth.account.models import EmailAddress
from allauth.account.views import EmailView
from django.contrib import messages
from django.http import HttpRequest, HttpResponse

ASKS_FOR_LETTER: Final = ("action_add", "action_send")
NO_SECOND: Final = (
    "No letter was sent to {address}: one went there less than three minutes ago. "
    "If it does not come, send it again after that."
)


class Addresses(EmailView):  # type: ignore[misc]  # allauth has no types
    """Somebody's addresses. allauth sends one letter in three minutes to each, and passes over more in silence."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Do what was asked; say it where a letter was asked for and none may go yet."""
        address = request.POST.get("email", "").strip().lower()
        asks = any(one in request.POST for one in ASKS_FOR_LETTER)
        too_soon = asks and not consume_email_verification_rate_limit(
            request, address, dry_run=True
        )
        answer: HttpResponse = super().post(request, *args, **kwargs)
        if too_soon and self._waits(request, address):
            messages.warning(request, NO_SECOND.format(address=address))
        return answer

    @staticmethod
    def _waits(request: HttpRequest, address: str) -> bool:
        """Return whether the asker has the address and has not confirmed it: then he looks out for a letter."""
        mine = EmailAddress.objects.filter(user_id=request.user.pk, verified=False)
        return bool(mine.filter(email=address).exists())
