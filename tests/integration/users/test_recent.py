"""A second factor that was shown a moment ago: what does count, and what does not."""

import time
from types import SimpleNamespace

import pytest
from allauth.mfa.models import Authenticator
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path

from apps.users import recent
from tests.integration.users.people import PASSWORD, code_of, enter, give_second_factor, somebody
from tradehub.urls import handler404, handler500, urlpatterns  # noqa: F401  the handlers of these addresses

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.integration.users.test_recent")]
GUARDED, PROOF = "/guarded/", "/accounts/2fa/reauthenticate/"


@recent.second_factor_required
def guarded(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"open by {request.method} {request.POST.get('account', '')}")


urlpatterns = [*urlpatterns, path("guarded/", guarded)]


def inside() -> tuple[Client, str]:
    """Come in with password and code."""
    secret, _ = give_second_factor(somebody())
    client = enter()
    client.post("/accounts/2fa/authenticate/", {"code": code_of(secret)})
    return client, secret


def asks(client: Client) -> bool:
    return client.get(GUARDED).status_code == 302


def test_a_stranger_signs_in_first() -> None:
    assert Client().get(GUARDED)["Location"] == f"/accounts/login/?next={GUARDED}"


def test_without_a_second_factor_one_is_set_up_first() -> None:
    somebody()
    client = enter()
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    answer = client.get(GUARDED, follow=True)
    assert answer.redirect_chain[-1][0] == "/settings/security/"
    assert recent.NEEDED in answer.content.decode()


def test_the_factor_is_shown_once_more_and_leads_back() -> None:
    client, secret = inside()
    there = client.get(GUARDED)["Location"]
    assert there == f"{PROOF}?next=%2Fguarded%2F", "to have come in with it is not enough"
    back = client.post(there, {"code": code_of(secret)}, follow=True)
    assert back.content == b"open by GET "


def test_a_form_that_was_sent_is_answered_after_the_proof() -> None:
    client, secret = inside()
    there = client.post(GUARDED, {"account": "7"})["Location"]
    assert client.post(there, {"code": code_of(secret)}).content == b"open by POST 7"


def test_a_password_or_a_wrong_code_is_no_proof() -> None:
    client, _ = inside()
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    assert asks(client)
    client.post(PROOF, {"code": "000000"})
    assert asks(client)


def test_a_proof_grows_old(monkeypatch: pytest.MonkeyPatch) -> None:
    client, secret = inside()
    client.post(PROOF, {"code": code_of(secret)})
    assert not asks(client)
    later = time.time() + recent.RECENT_S + 1
    monkeypatch.setattr(recent, "time", SimpleNamespace(time=lambda: later))
    assert asks(client)


def test_the_proof_of_a_factor_that_is_gone_is_none() -> None:
    client, secret = inside()
    client.post(PROOF, {"code": code_of(secret)})
    user = Authenticator.objects.all()[0].user
    Authenticator.objects.all().delete()
    assert asks(client)
    give_second_factor(user)
    assert asks(client), "nor does it stand for the one that came after"


def test_who_has_passkeys_alone_is_asked_for_one() -> None:
    client, _ = inside()
    Authenticator.objects.filter(type=Authenticator.Type.TOTP).update(
        type=Authenticator.Type.WEBAUTHN
    )
    assert client.get(GUARDED)["Location"].startswith("/accounts/2fa/webauthn/reauthenticate/")


def test_recovery_codes_alone_are_no_second_factor() -> None:
    client, _ = inside()
    Authenticator.objects.exclude(type=Authenticator.Type.RECOVERY_CODES).delete()
    assert client.get(GUARDED)["Location"] == "/accounts/2fa/"
