"""How allauth lets people in here: its forms, letters and steps as this desk wants them."""

from typing import Any

import structlog
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.forms import LoginForm
from allauth.account.models import EmailAddress
from allauth.account.stages import EmailVerificationStage
from allauth.core.internal.httpkit import clean_client_ip, get_client_ip
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.forms import (
    AddWebAuthnForm,
    AuthenticateWebAuthnForm,
    LoginWebAuthnForm,
    ReauthenticateWebAuthnForm,
)
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse

from apps.users.models import User
from apps.users.secret import seal, unseal

log = structlog.get_logger(__name__)
NO_LETTER = "No letter could be sent: the mail server does not answer. Try again later, or ask whoever runs the desk."


class SignInForm(LoginForm):  # type: ignore[misc]  # allauth has no types
    """The sign-in. Its field is called `username`, by which axes counts wrong passwords."""

    def add_prefix(self, field_name: str) -> str:
        """Return the name of a field on the page."""
        return super().add_prefix("username" if field_name == "login" else field_name)  # type: ignore[no-any-return]


class Credential:
    """What a browser sends of a passkey is read with care: what is none is wrong, and breaks nothing."""

    def full_clean(self) -> None:
        """Clean the form; a credential that cannot even be read is an incorrect one."""
        try:
            super().full_clean()  # type: ignore[misc]
        except (KeyError, TypeError, ValueError, AttributeError, IndexError):
            self.cleaned_data: dict[str, Any] = {}
            self.add_error("credential", "This passkey cannot be read.")

    def add_error(self, field: str | None, error: Any) -> None:
        """Note what is wrong; of a passkey it is not said in the words for a code."""
        if getattr(error, "code", None) == "incorrect_code":
            error = "This passkey was not accepted. Try once more, or another way in."
        super().add_error(field, error)  # type: ignore[misc]


class AddPasskey(Credential, AddWebAuthnForm):  # type: ignore[misc]
    """A new passkey."""


class LoginPasskey(Credential, LoginWebAuthnForm):  # type: ignore[misc]
    """A passkey in place of the password."""


class SecondPasskey(Credential, AuthenticateWebAuthnForm):  # type: ignore[misc]
    """A passkey after the password."""


class AgainPasskey(Credential, ReauthenticateWebAuthnForm):  # type: ignore[misc]
    """A passkey, once more."""


class ConfirmOwnAddress(EmailVerificationStage):  # type: ignore[misc]
    """Who signed up by himself shows first that his address is his; the demo, and whom staff made, need not."""

    def handle(self) -> tuple[HttpResponseBase | None, bool]:
        """Go on, or send the letter and stop."""
        user = self.login.user
        if user is not None and not user.must_confirm:
            return None, True
        return super().handle()  # type: ignore[no-any-return]


class Entrance(DefaultAccountAdapter):  # type: ignore[misc]
    """The desk's own answers to allauth's questions."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": "Wrong user or password.",
        "incorrect_password": "Wrong password.",
        "enter_current_password": "That is not your password now.",
        "too_many_login_attempts": "Too many wrong codes. Wait five minutes, then try again.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Return whether strangers may make themselves an account."""
        return bool(settings.SIGNUP_OPEN)

    def save_user(self, request: HttpRequest, user: User, form: Any, commit: bool = True) -> User:
        """Remember of whoever signs up that he has an address to confirm."""
        user.must_confirm = True
        return super().save_user(request, user, form, commit)  # type: ignore[no-any-return]

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        """Return where a changed password leads: back to what guards the account, with the word that it is kept."""
        return reverse("desk:security")

    def send_notification_mail(
        self,
        template_prefix: str,
        user: User,
        context: dict[str, Any] | None = None,
        email: str | None = None,
    ) -> None:
        """Tell by letter what was changed; where the last address was taken away, there once more."""
        if not email and not EmailAddress.objects.get_primary_email(user):
            email = (context or {}).get("deleted_email")
        super().send_notification_mail(template_prefix, user, context, email)

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return from where somebody asks, behind as many proxies as are set.

        Where fewer of them have written, or what they wrote is no address, one cannot be told from another by it, and
        anybody may have written it: then all count as the nearest, which nobody can make up.

        Raises:  PermissionDenied  a server in front says none at all
        """
        try:
            found = get_client_ip(request)
        except ImproperlyConfigured:  # fewer entries than proxies
            found = None
        found = found or clean_client_ip(request.META.get("REMOTE_ADDR") or "")
        if not found:
            raise PermissionDenied("From where this comes cannot be told.")
        return str(found)

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Leave the counting of wrong passwords to axes; allauth counts wrong codes."""

    def get_login_stages(self) -> list[str]:
        """Return the steps of a sign-in, with our own way to ask for an address."""
        ours = f"{__name__}.{ConfirmOwnAddress.__name__}"
        theirs = "allauth.account.stages.EmailVerificationStage"
        return [ours if one == theirs else one for one in super().get_login_stages()]

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send a letter. Where that fails it is said to everybody alike, so it betrays no account."""
        try:
            super().send_mail(template_prefix, email, context)
        except OSError as problem:  # smtplib's own are such too
            log.error("letter not sent", letter=template_prefix, problem=type(problem).__name__)
            messages.error(self.request, NO_LETTER)


class SecondFactor(DefaultMFAAdapter):  # type: ignore[misc]
    """What second factors are called here, and how their secrets are kept: sealed, as a broker's password is."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": "That was not it. A code is good for half a minute, and each only once.",
        "unverified_email": (
            "An address of yours is not confirmed yet. Open the link in its letter, or remove the address under E-mail; "
            "then set the second factor up."
        ),
        "add_email_blocked": (
            "An address can't be added while a second factor is on. Turn the authenticator app off and remove "
            "the passkeys, add the address and open its letter, then set the second factor up again."
        ),
    }

    def encrypt(self, text: str) -> str:
        """Seal the key of an app, or the seed of recovery codes."""
        return seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        """Open it again.

        Raises:  Unreadable
        """
        return unseal(encrypted_text)

    def generate_authenticator_name(self, user: User, type: str) -> str:
        """Return a name for somebody's next passkey."""
        count = Authenticator.objects.filter(user_id=user.pk, type=type).count()
        return f"Passkey {count + 1}"

    def get_totp_label(self, user: User) -> str:
        """Return the name that an app shows beside the code."""
        return user.get_username()


def address_confirmed(email_address: EmailAddress, **_: Any) -> None:
    """Let somebody in who has shown that his address is his."""
    User.objects.filter(pk=email_address.user_id).update(must_confirm=False)
