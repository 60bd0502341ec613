"""Accounts of prop firms in a broker's demo environment: as dear as money, and never taken for it or for play money."""

from collections.abc import Iterator
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.utils import timezone

from apps.brokers import live, services
from apps.brokers.models import Account, BrokerAccount, LiveSwitch
from apps.brokers.store import live_of
from apps.bus import transport
from apps.bus.models import FactRow, Inbox
from apps.risk.domain.reading import rules_for
from apps.risk.models import RuleSet, RuleSetVersion
from apps.risk.services import add_version
from apps.trades.services import Refused
from tests.cast import Actor
from tests.integration.brokers.shared import a_connection, let_out
from tests.integration.papertrading.rows import an_account
from tests.integration.users.people import code_of, enter, give_second_factor, somebody

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]

SIZES = {"per_order": 2, "per_position": 2, "per_day": 6}
FORM = {name: str(size) for name, size in SIZES.items()}
RULES = {
    "firm": "Apex", "plan": "50K", "start_balance": "50000", "automation": "manual_only",
    "drawdown": {"type": "static", "amount": "2000"},
}  # fmt: skip


@pytest.fixture(autouse=True)
def _bus() -> Iterator[None]:
    transport.use(transport.MemoryTransport())
    yield
    transport.use(None)


def at_broker(user: Any, firm: str = "Apex", name: str = "Alpha", kind: str = "demo") -> Account:
    """Return an account of a demo environment whose orders are off."""
    made = an_account(user, name, kind=kind, firm=firm)
    row = a_connection(user, name=f"Login of {name}", login=f"login-{name}")
    remote = BrokerAccount.objects.create(
        user=user, connection=row, remote=f"1{made.pk}", name=f"DEMO{made.pk}", account=made
    )
    BrokerAccount.objects.filter(pk=remote.pk).update(
        created_at=timezone.now() - timedelta(minutes=1)
    )
    return made


def a_version() -> RuleSetVersion:
    rule_set = RuleSet.objects.create(name="Apex 50K", firm="Apex", slug="apex-50")
    return add_version(rule_set=rule_set, rules=rules_for(RULES), made_by=None)


def is_on(account: Account) -> bool:
    return bool(live_of(Account.objects.get(pk=account.pk)).get("is_on"))


def switched() -> list[tuple[bool, str]]:
    found = FactRow.objects.filter(name="live.switched").order_by("seq")
    return [(one.payload["is_on"], one.payload["reason"]) for one in found]


def test_orders_of_a_firm_s_account_are_let_out_by_name_size_and_second_factor(
    alice: Actor,
) -> None:
    account = at_broker(alice.user)
    asked: dict[str, Any] = {"user": alice.user, "account": account, **SIZES}
    for typed, is_proved, reason in (
        ("FIRM Alpha 2", False, "SECOND_FACTOR"),
        ("", True, "NOT_TYPED"),
        ("LIVE Alpha 2", True, "NOT_TYPED"),
    ):
        with pytest.raises(Refused) as refused:
            live.switch_on(**asked, typed=typed, is_proved=is_proved)
        assert refused.value.reason == reason
    assert not LiveSwitch.objects.exists()
    live.switch_on(**asked, typed="FIRM Alpha 2", is_proved=True)
    assert is_on(account)


def test_that_it_is_a_firm_s_is_asked_of_the_row_and_not_of_an_old_copy(alice: Actor) -> None:
    old = at_broker(alice.user, firm="")
    Account.objects.filter(pk=old.pk).update(firm="Apex")
    with pytest.raises(Refused) as refused:
        live.switch_on(user=alice.user, account=old, typed="", is_proved=False, **SIZES)
    assert (refused.value.reason, LiveSwitch.objects.exists()) == ("NOT_TYPED", False)


def test_the_page_asks_for_the_factor_and_every_page_says_firm() -> None:
    user = somebody()
    secret, _ = give_second_factor(user)
    browser = enter()
    browser.post("/accounts/2fa/authenticate/", {"code": code_of(secret)})
    account = at_broker(user)
    page = browser.get("/live/").content.decode()
    assert "An account of a firm asks" not in page and "FIRM Alpha" in page
    assert 'data-env="firm">FIRM<' in page and ">DEMO<" not in page
    assert browser.post(f"/live/{account.pk}/switch/", FORM).status_code == 400
    form = FORM | {"typed": "FIRM Alpha 2"}
    asked = browser.post(f"/live/{account.pk}/switch/", form)["Location"]
    assert asked.startswith("/accounts/2fa/reauthenticate/") and not is_on(account)
    browser.post(asked, {"code": code_of(secret)}, follow=True)
    assert is_on(account)
    for path in ("/", "/signals/", "/settings/", "/accounts/2fa/", "/nowhere/"):
        shown = browser.get(path, follow=True).content.decode()
        assert "<b>FIRM</b> orders are on for Alpha (Apex)" in shown, path
        assert "<b>LIVE</b> orders" not in shown, path
    assert "Orders from this page reach Alpha, an account of Apex." in browser.get("/").content.decode()  # fmt: skip


def test_money_and_a_firm_s_account_have_a_banner_each_and_play_money_none(carol: Actor) -> None:
    for firm, name, kind in (("Apex", "Alpha", "demo"), ("", "Bravo", "live"), ("", "Calm", "demo")):  # fmt: skip
        let_out(at_broker(carol.user, firm, name, kind))
    page = carol.client.get("/signals/").content.decode()
    first, second = page.index("<b>LIVE</b> orders are on"), page.index("<b>FIRM</b> orders are on")
    assert first < second and page.count('class="live-note"') == 2
    assert "for Bravo: real money" in page and "Calm: " not in page
    admin = " ".join(carol.client.get("/admin/").content.decode().split())
    assert "LIVE orders are on: Bravo; FIRM orders are on: Alpha (Apex)" in admin


def test_the_rules_of_a_firm_put_orders_off_that_were_let_out_as_play_money(alice: Actor) -> None:
    """Nobody has shown a factor for it: so no entry leaves until he has."""
    account = at_broker(alice.user, firm="")
    let_out(account)
    rules = f"/prop/{account.pk}/rules/"
    assert "without a second factor" in alice.client.get(rules).content.decode()
    answer = alice.client.post(rules, {"rule_set": str(a_version().rule_set_id)}, follow=True)
    assert "Its orders are off: let them out again under Live orders" in answer.content.decode()
    assert not is_on(account) and switched() == [(False, "FIRM")]
    told = Inbox.objects.filter(kind="account.list").last()
    assert told is not None and '"is_on":false' in told.payload and '"firm":"Apex"' in told.payload
    told_page = alice.client.get("/live/").content.decode()
    assert "FIRM Alpha" in told_page


def test_what_was_let_out_as_a_firm_s_stays_on_with_other_rules_and_another_name(
    alice: Actor,
) -> None:
    account = at_broker(alice.user, firm="Topstep")
    let_out(account)
    services.change_account(account=account, firm="Apex")
    services.change_account(account=account, name="Other")
    plain = at_broker(alice.user, firm="", name="Plain")
    let_out(plain)
    services.change_account(account=plain, name="Plainer")
    assert is_on(account) and is_on(plain) and switched() == []


def test_an_old_copy_of_an_account_does_not_tell_the_engine_that_its_orders_are_on(
    alice: Actor,
) -> None:
    account = at_broker(alice.user)
    let_out(account)
    old = Account.objects.select_related("live_switch").get(pk=account.pk)
    live.switch_off(account=account)
    services.change_account(account=old, name="Other")
    told = Inbox.objects.filter(kind="account.list").last()
    assert told is not None and '"is_on":false' in told.payload


def test_firms_accounts_that_were_on_before_the_factor_was_asked_for_are_asked_anew(
    alice: Actor,
) -> None:
    rows = [
        at_broker(alice.user, *about) for about in (("Apex", "A"), ("", "B"), ("", "C", "live"))
    ]
    for one in rows:
        let_out(one)
    import_module("apps.brokers.migrations.0011_firms_accounts_asked_anew").switch_off(apps, None)
    assert [is_on(one) for one in rows] == [False, True, True]


@pytest.mark.parametrize(("kind", "firm", "asks"), [("demo", "", False), ("demo", "Apex", True), ("live", "", True)])  # fmt: skip
def test_the_pages_say_who_is_asked_without_a_rule_set(
    alice: Actor, kind: str, firm: str, asks: bool
) -> None:
    account = at_broker(alice.user, firm=firm, kind=kind)
    let_out(account)
    page = alice.client.get("/live/").content.decode()
    assert ("wait for your yes: no rules say that they may enter" in page) is asks
    assert ("enter by themselves where the firm allows it" in page) is not asks
    assert ("It counts as play money" in page) is not asks
    made = alice.client.post("/api/strategies/", {"name": "Fade", "symbol": "NQ1!"}, content_type="application/json")  # fmt: skip
    routes = alice.client.get(f"/strategies/{made.json()['id']}/routes/").content.decode()
    assert ("each order waits for your yes" in routes) is asks
