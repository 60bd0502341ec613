"""Prop Portfolio: what it shows, to whom, what it costs, and that its forms reach the engine."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.brokers.models import Account
from apps.bus import transport
from apps.risk.domain.messages import NearMiss
from apps.risk.domain.own_limits import OwnLimits
from apps.risk.domain.presets import PRESETS
from apps.risk.domain.standing import Lock, LockKind
from apps.risk.models import AccountRules, RuleSet
from apps.risk.services import seed_presets
from tests.cast import Actor
from tests.factories import NOW, a_fact, a_price, at
from tests.integration.papertrading.rows import a_day, a_position, an_account, an_order, at_date
from tests.integration.risk_api.test_readings import ruled

pytestmark = pytest.mark.django_db
REGIONS = ("banner", "tiles", "accounts", "detail")
DEEDS = ("own", "lockout", "lift", "payout", "reset", "rules")
BARE = {"X-Requested-With": "dialog"}


@pytest.fixture(autouse=True)
def _own_transport() -> Iterator[None]:
    transport.use(transport.MemoryTransport())
    a_price("20005.00")
    yield
    transport.use(None)


def page(actor: Actor, path: str = "/prop/", status: int = 200, **headers: str) -> str:
    answer = actor.client.get(path, headers=headers)
    assert answer.status_code == status, answer.content[:2000]
    return answer.content.decode()


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def of_presets(account: Account, slug: str = "topstep-combine-50k") -> AccountRules:
    seed_presets()
    version = RuleSet.objects.get(slug=slug).versions.first()
    return AccountRules.objects.create(account=account, version=version)


def test_without_an_account_it_says_what_would_be_here(alice: Actor) -> None:
    text = words(page(alice))
    assert "No account yet" in text
    assert "Open a paper account" in text


def test_an_account_shows_what_is_left_and_the_price_at_which_it_breaks(alice: Actor) -> None:
    account = an_account(alice.user)
    ruled(account)
    held = a_position(account)
    an_order(account, side="sell", type="stop", role="stop", stop="19990.00", quantity=2,
             parent=held.key)  # fmt: skip
    of_presets(account)
    text = words(page(alice))
    assert "LONG 2 NQ" in text
    assert "30.00 pts to 19,975.00" in text, "2 NQ: 1,200 of 1,000 + 200 open profit left"
    assert "NQ falls 30.00 pts with LONG 2 NQ held 19,975.00" in text
    assert "Contracts, 5 minis 2 of 5 minis" in text.replace(" : kept", "")
    assert "Topstep on automation:" not in text, "these rules have no sentence"
    assert "Daily loss" in text


def test_locks_are_told_with_what_they_block(alice: Actor) -> None:
    an_account(alice.user)
    locked = an_account(alice.user, "Bravo")
    lock = Lock(LockKind.DAILY, at(NOW), at(NOW) + 10**13, "94 % of the daily loss limit is used",
                at_date(NOW))  # fmt: skip
    ruled(locked, locks=[lock])
    text = words(page(alice))
    assert "Bravo is locked until" in text
    assert "Exits, cancels and flatten always pass" in text
    assert "Locked to" in text


def test_passed_and_failed_accounts_have_lists_of_their_own(alice: Actor) -> None:
    ruled(an_account(alice.user), failed_at=at(NOW), failed_why="MAX_LOSS_BROKEN")
    ruled(an_account(alice.user, "Bravo"), passed_at=at(NOW))
    assert "No account is open." in words(page(alice))
    failed = words(page(alice, "/prop/?show=failed"))
    assert "Rules of Alpha" in failed
    assert "The account has failed" in failed
    assert "Rules of Bravo" in words(page(alice, "/prop/?show=passed"))


def test_days_are_shown_with_the_floor_that_held_and_with_todays_alone(alice: Actor) -> None:
    account = an_account(alice.user, balance="50300")
    ruled(account, floor=Decimal(48_300), highest_close=Decimal(50_300))
    a_day(account, "2025-11-28", net="300")
    a_day(account, "2025-12-01", net="0")
    text = words(page(alice))
    assert "Mon 1 Dec $0.00 1 $50,000.00 $48,300.00 $1,700.00" in text
    assert "Fri 28 Nov +$300.00 1 $50,300.00 $48,000.00 $2,300.00" in text
    told = alice.client.get(f"/prop/{account.pk}/line/").json()
    assert told["floor"] == ["48000.0000", "48300.0000"]
    assert told["floor_now"] == "48300"


def test_violations_and_near_misses_are_told_in_words(alice: Actor) -> None:
    account = an_account(alice.user)
    ruled(account)
    a_fact(NearMiss(at=at(NOW), user=alice.user.pk, account=account.pk, number=1, limit="max_loss",
                    level="danger", used_pct=Decimal("81.25"), trade_date=at_date(NOW)))  # fmt: skip
    assert "the maximum loss was danger at 81.25 % and held." in words(page(alice))


def test_old_and_unsure_rules_say_so(alice: Actor) -> None:
    slug = next(one for one, plain in PRESETS.items() if plain.get("unsure"))
    account = an_account(alice.user)
    of_presets(account, slug)
    transport.set_market_time(at("2027-03-01T15:00:00Z"), live=True)
    text = words(page(alice))
    assert "days old" in text
    assert "Unsure, compare with your contract:" in text


def test_own_limits_say_what_holds_now_and_what_waits(alice: Actor) -> None:
    account = an_account(alice.user)
    ruled(account, own=OwnLimits(max_trades=3), own_next=OwnLimits(max_trades=6))
    text = words(page(alice))
    assert "Trades a day 3 trades, 6 trades from the next reset" in text
    assert "Own rules: loosening waits" in text
    asked = page(alice, f"/prop/{account.pk}/own/", **BARE)
    assert 'value="6"' in asked, "what he has asked for stays asked for"


@pytest.mark.parametrize("what", DEEDS)
def test_every_form_asks_in_a_dialog_and_on_a_page_of_its_own(alice: Actor, what: str) -> None:
    account = an_account(alice.user)
    ruled(account)
    path = f"/prop/{account.pk}/{what}/"
    assert "<html" not in page(alice, path, **BARE)
    assert "<html" in page(alice, path)
    assert "Alpha" in page(alice, path, **BARE)


def test_a_lockout_says_that_nobody_can_undo_it(alice: Actor) -> None:
    account = an_account(alice.user)
    assert "It can't be undone" in words(page(alice, f"/prop/{account.pk}/lockout/", **BARE))


@pytest.mark.parametrize("path", ["/prop/", "/prop/open/", "/prop/simulate/", "/prop/{pk}/line/",
                                  "/prop/{pk}/own/", "/prop/region/tiles/"])  # fmt: skip
def test_nobody_sees_it_without_signing_in(alice: Actor, path: str) -> None:
    account = an_account(alice.user)
    assert Client().get(path.format(pk=account.pk)).status_code in (302, 401)


def test_another_trader_finds_nothing_of_it(alice: Actor, bob: Actor) -> None:
    account = an_account(alice.user)
    ruled(account)
    assert "Alpha" not in page(bob, f"/prop/?account={account.pk}")
    for what in ("line", *DEEDS):
        assert bob.client.get(f"/prop/{account.pk}/{what}/").status_code == 404
    for what in DEEDS:
        assert bob.client.post(f"/prop/{account.pk}/{what}/", {"length": "15"}).status_code == 404


def test_addresses_that_make_no_sense_are_answered_quietly(alice: Actor) -> None:
    an_account(alice.user)
    for query in ("account=x", "account=99999999999999999999", "show=none", "account=&show="):
        page(alice, f"/prop/?{query}")
    assert alice.client.get("/prop/region/none/").status_code == 404
    assert alice.client.get(f"/prop/{Account.objects.get().pk}/none/").status_code == 404


@pytest.mark.parametrize("path", ["/prop/", *(f"/prop/region/{name}/" for name in REGIONS)])
def test_more_accounts_cost_no_more_queries(alice: Actor, path: str) -> None:
    def cost() -> int:
        alice.client.get(path)
        with CaptureQueriesContext(connection) as queries:
            page(alice, path)
        return len(queries)

    def add(name: str) -> None:
        account = an_account(alice.user, name)
        ruled(account)
        a_position(account)
        a_day(account, "2025-12-01")

    add("Alpha")
    few = cost()
    for name in ("Bravo", "Charlie", "Delta"):
        add(name)
    assert cost() == few
    assert few <= 26, f"{path} costs {few} queries"


def test_a_missing_rule_set_or_a_bad_amount_is_said_at_its_field(alice: Actor) -> None:
    account = an_account(alice.user)
    cases: list[tuple[str, dict[str, Any], str]] = [
        ("rules", {"rule_set": ""}, "This field is required."),
        ("rules", {"rule_set": "4711"}, "Select a valid choice."),
        ("own", {"max_trades": "-1"}, "greater than or equal to 0"),
        ("own", {"max_daily_loss": "much"}, "must be an amount"),
        ("lockout", {"length": "7"}, "Select a valid choice."),
        ("payout", {"amount": ""}, "This field is required."),
    ]
    for what, given, said in cases:
        answer = alice.client.post(f"/prop/{account.pk}/{what}/", given)
        assert answer.status_code == 422, what
        assert said in words(answer.content.decode()), what
