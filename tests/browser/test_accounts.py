"""The account in a real browser: a passkey is added, opens the door alone, stands after the password, and is taken away."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import PATIENCE_MS, pressed, scanned
from tests.browser.test_looks import faults
from tests.services.desk import Desk

AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture(params=["desk", "phone"])
def page(desk: Desk, browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A browser with a fingerprint reader, at an address with a name: numbers can't own a passkey."""
    size = {"width": 390 if request.param == "phone" else 1440, "height": 844}
    base = desk.url.replace("127.0.0.1", "localhost")
    context = browser.new_context(viewport=size, base_url=base)  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda said: said.type == "error" and page not in scanned and complaints.append(said.text),
    )
    reader = context.new_cdp_session(page)
    reader.send("WebAuthn.enable")
    reader.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    yield page
    context.close()
    assert complaints == []


def sign_in(page: Page, desk: Desk) -> None:
    page.goto("/accounts/login/")
    page.get_by_label("User").fill("demo")
    page.get_by_label("Password").fill(desk.password)
    pressed(page.get_by_role("button", name="Sign in"))


def sign_out(page: Page) -> None:
    page.locator("#user-menu summary").click()
    pressed(page.get_by_role("button", name="Sign out"))
    expect(page).to_have_url(re.compile("/accounts/login/$"))


def test_a_passkey_from_its_making_to_its_end(page: Page, desk: Desk) -> None:
    sign_in(page, desk)
    page.goto("/accounts/2fa/webauthn/add/")
    page.get_by_label("Password").fill(desk.password)
    pressed(page.get_by_role("button", name="Go on"))
    page.get_by_label("Name").fill("laptop")
    pressed(page.get_by_role("button", name="Add it"))
    expect(page.locator(".codes li")).to_have_count(10)
    sign_out(page)
    pressed(page.get_by_role("button", name="Use a passkey"))
    expect(page.locator("#user-menu")).to_be_visible()
    sign_out(page)
    sign_in(page, desk)
    expect(page.get_by_role("heading", name="And your second factor")).to_be_visible()
    pressed(page.get_by_role("button", name="Use a passkey"))
    expect(page.locator("#user-menu")).to_be_visible()
    page.goto("/settings/security/")
    pressed(page.get_by_role("link", name="Remove laptop"))
    page.get_by_label("Password").fill(desk.password)
    pressed(page.get_by_role("button", name="Go on"))
    pressed(page.get_by_role("button", name="Remove it"))
    expect(page.get_by_text("The passkey is removed.")).to_be_visible()


@pytest.mark.parametrize("path", ["signup", "password/reset", "login"])
def test_the_door_shuts_nobody_out(page: Page, path: str) -> None:
    page.goto(f"/accounts/{path}/")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert faults(page) == []


@pytest.mark.parametrize(
    "path", ["/accounts/2fa/totp/activate/", "/accounts/password/change/", "/accounts/email/"]
)
def test_pages_that_guard_the_account_shut_nobody_out(page: Page, desk: Desk, path: str) -> None:
    sign_in(page, desk)
    page.goto(path)
    if "reauthenticate" in page.url:
        page.get_by_label("Password").fill(desk.password)
        pressed(page.get_by_role("button", name="Go on"))
        expect(page).to_have_url(re.compile(f"{path}$"))
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert faults(page) == []
