"""Tokens: shown once, kept as a hash, good for what they say, worthless once revoked."""

import re
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from apps.users import services
from apps.users.models import ApiToken, Scope
from tests.cast import Actor
from tests.factories import a_strategy
from tests.integration.users.people import PASSWORD, enter, proven, somebody

pytestmark = pytest.mark.django_db
PAGE = "/settings/tokens/"
ASK = "/api/auth/check-auth/"


def bearer(secret: str, kind: str = "Bearer") -> Client:
    return Client(headers={"authorization": f"{kind} {secret}"})


def made(scope: str = "read", name: str = "sheet") -> tuple[Client, str]:
    """Make a token on the page; return the browser and the secret that it showed."""
    somebody()
    client = proven()
    answer = client.post(PAGE, {"name": name, "scope": scope, "days": "0"})
    found = re.search(r"th_[\w-]{43}", answer.content.decode())
    assert found, answer.content
    return client, found[0]


def test_a_token_is_shown_once_and_kept_as_a_hash(tmp_path) -> None:
    client, secret = made()
    assert bearer(secret).get(ASK).json()["user"]["username"] == "dora"
    assert secret.encode() not in client.get(PAGE).content
    row = ApiToken.objects.get()
    assert row.digest == services.digest_of(secret)
    assert len(row.digest) == 64
    dump = tmp_path / "rows.json"
    call_command("dumpdata", "users", "sessions", output=str(dump), verbosity=0)
    assert secret not in dump.read_text()


def test_the_page_that_shows_it_is_kept_by_no_cache() -> None:
    somebody()
    answer = proven().post(PAGE, {"name": "sheet", "scope": "read", "days": "0"})
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize("secret", ["", "wrong", "th_wrong", "th_" + "x" * 43, "ü", "x" * 5000])
def test_a_wrong_token_is_refused_even_where_strangers_may_ask(secret: str) -> None:
    made()
    for path in (ASK, "/api/realtime/active-trades/", "/api/system/csrf-token/"):
        answer = Client(
            headers={"authorization": f"Bearer {secret}".encode().decode("latin-1")}
        ).get(path)
        assert answer.status_code == 401, path
        assert answer.json()["code"] == "wrong_token"
        assert answer["WWW-Authenticate"].startswith("Bearer")


def test_a_token_is_no_password_and_no_other_scheme() -> None:
    _, secret = made()
    for kind in ("Token", "Basic", "Bearer:"):
        assert bearer(secret, kind).get("/api/realtime/active-trades/").status_code == 401
    assert bearer(secret, "bearer").get("/api/realtime/active-trades/").status_code == 200
    assert Client().get(f"/api/realtime/active-trades/?token={secret}").status_code == 401


def test_a_revoked_token_opens_nothing_and_asks_first() -> None:
    client, secret = made()
    row = ApiToken.objects.get()
    assert client.get(f"{PAGE}{row.pk}/revoke/").status_code == 200
    assert bearer(secret).get(ASK).status_code == 200, "to look is not to revoke"
    assert client.post(f"{PAGE}{row.pk}/revoke/").status_code == 302
    assert bearer(secret).get(ASK).status_code == 401
    page = client.get(PAGE).content.decode()
    assert "Revoked" in page
    revoked_at = ApiToken.objects.get().revoked_at
    client.post(f"{PAGE}{row.pk}/revoke/")
    assert ApiToken.objects.get().revoked_at == revoked_at


def test_a_read_only_token_reads_and_a_full_one_writes() -> None:
    _, reads = made()
    dora = ApiToken.objects.get().user
    _, writes = services.make_token(user=dora, name="bot", scope=Scope.FULL)
    strategy = a_strategy(dora)
    path = f"/api/strategies/{strategy.pk}/"
    change = {"name": "renamed"}
    if bearer(reads).get(path).status_code == 404:
        path = "/api/signal-lab/create/"
    answer = bearer(reads).post(path, change, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (403, "READ_ONLY_TOKEN")
    answer = bearer(writes).post(path, change, content_type="application/json")
    assert answer.status_code not in (401, 403), answer.content


def test_a_full_token_needs_no_form_token() -> None:
    _, secret = made("full")
    client = Client(enforce_csrf_checks=True, headers={"authorization": f"Bearer {secret}"})
    answer = client.post("/api/signal-lab/create/", {}, content_type="application/json")
    assert answer.status_code == 400, answer.content


def test_a_read_only_token_beside_a_login_stays_read_only() -> None:
    client, secret = made()
    answer = client.post(
        "/api/signal-lab/create/", {}, content_type="application/json",
        headers={"authorization": f"Bearer {secret}"},
    )  # fmt: skip
    assert answer.status_code == 403


def test_the_token_of_somebody_who_may_not_come_in_is_worthless() -> None:
    _, secret = made("full")
    user = ApiToken.objects.get().user
    for change in ({"is_active": False}, {"must_confirm": True}):
        before = {name: getattr(user, name) for name in change}
        type(user).objects.filter(pk=user.pk).update(**change)
        assert bearer(secret).get(ASK).status_code == 401
        type(user).objects.filter(pk=user.pk).update(**before)
    assert bearer(secret).get(ASK).status_code == 200


def test_the_last_use_is_noted_once_a_minute() -> None:
    client, secret = made()
    assert "last used never" in client.get(PAGE).content.decode()
    bearer(secret).get(ASK)
    first = ApiToken.objects.get().last_used_at
    assert first is not None
    bearer(secret).get(ASK)
    assert ApiToken.objects.get().last_used_at == first
    ApiToken.objects.update(last_used_at=timezone.now() - timedelta(hours=1))
    bearer(secret).get(ASK)
    assert ApiToken.objects.get().last_used_at >= first


def test_an_expired_token_opens_nothing_and_is_listed_among_the_ended() -> None:
    somebody()
    client = proven()
    answer = client.post(PAGE, {"name": "sheet", "scope": "read", "days": "30"})
    secret = re.search(r"th_[\w-]{43}", answer.content.decode())
    assert secret
    row = ApiToken.objects.get()
    assert row.expires_at - row.created_at == timedelta(days=30)
    assert bearer(secret[0]).get(ASK).status_code == 200
    ApiToken.objects.update(expires_at=timezone.now())
    assert bearer(secret[0]).get(ASK).json()["code"] == "wrong_token"
    page = client.get(PAGE).content.decode()
    assert "expired" in page.partition("Revoked or expired")[2]
    assert "good until" not in page


def test_anothers_tokens_cannot_be_listed_or_revoked(alice: Actor) -> None:
    row, secret = services.make_token(user=alice.user, name="alices-sheet", scope=Scope.READ)
    somebody()
    client = enter()
    assert b"alices-sheet" not in client.get(PAGE).content
    for method in (client.get, client.post):
        assert method(f"{PAGE}{row.pk}/revoke/").status_code == 404
    assert bearer(secret).get(ASK).status_code == 200


def test_making_one_asks_once_more_who_one_is() -> None:
    client = Client()
    client.force_login(somebody(), backend="django.contrib.auth.backends.ModelBackend")
    assert client.get(PAGE).status_code == 200
    answer = client.post(PAGE, {"name": "sheet", "scope": "full", "days": "0"})
    assert answer["Location"].startswith("/accounts/reauthenticate/")
    assert not ApiToken.objects.exists()
    after = client.post(answer["Location"], {"password": PASSWORD}, follow=True)
    assert re.search(rb"th_[\w-]{43}", after.content), "what was asked for is done then"
    assert ApiToken.objects.get().scope == "full"


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"name": "", "scope": "read", "days": "0"},
        {"name": "x" * 61, "scope": "read", "days": "0"},
        {"name": "x", "scope": "root", "days": "0"},
        {"name": "x", "scope": "read"},
        {"name": "x", "scope": "read", "days": "7"},
    ],
)
def test_a_token_needs_a_name_and_a_known_scope(form: dict[str, str]) -> None:
    somebody()
    assert proven().post(PAGE, form).status_code == 200
    assert not ApiToken.objects.exists()


def test_there_is_an_end_to_tokens(monkeypatch) -> None:
    monkeypatch.setattr(services, "AT_MOST", 1)
    client, _ = made()
    answer = client.post(PAGE, {"name": "one more", "scope": "read", "days": "0"})
    assert b"as many tokens as one may have" in answer.content
    assert ApiToken.objects.count() == 1


def test_a_name_is_shown_as_text() -> None:
    client, _ = made(name="<script>x</script>")
    assert b"<script>x" not in client.get(PAGE).content
