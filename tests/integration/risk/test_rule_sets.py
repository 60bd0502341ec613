"""Rule sets: seeded once, kept in versions, refused with field, value and cure, previewed before they are kept."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.bus.domain.message import to_instant
from apps.risk.domain.presets import PRESETS
from apps.risk.domain.reading import rules_for
from apps.risk.models import AccountRules, RuleSet, RuleSetVersion
from apps.risk.services import add_version, seed_presets
from tests.cast import Actor
from tests.integration.papertrading.rows import a_position, an_account

pytestmark = pytest.mark.django_db
ADMIN = "/admin/risk/ruleset/"
OWN = {"firm": "My own", "plan": "Daily stop", "daily_loss": {"amount": "500"}}


def form(rules: Any, **more: Any) -> dict[str, Any]:
    text = rules if isinstance(rules, str) else json.dumps(rules)
    usual = {
        "name": "Daily stop", "firm": "My own", "slug": "daily-stop", "is_active": "on",
        "rules": text, "note": "", "versions-TOTAL_FORMS": "0", "versions-INITIAL_FORMS": "0",
    }  # fmt: skip
    return usual | more


def own_set() -> RuleSet:
    row = RuleSet.objects.create(name="Daily stop", firm="My own", slug="daily-stop")
    add_version(rule_set=row, rules=rules_for(OWN), made_by=None)
    return row


def test_every_preset_is_there_after_a_migration_and_seeding_again_adds_nothing() -> None:
    seed_presets()
    assert set(RuleSet.objects.filter(is_preset=True).values_list("slug", flat=True)) == set(
        PRESETS
    )
    assert RuleSetVersion.objects.count() == len(PRESETS)
    assert seed_presets() == 0


def test_a_preset_that_has_changed_comes_as_a_version_on_top_of_what_people_wrote(
    carol: Actor,
) -> None:
    seed_presets()
    slug, plain = next(iter(PRESETS.items()))
    row = RuleSet.objects.get(slug=slug)
    row.versions.update(rules={**plain, "policy_words": "as it was"})
    mine = add_version(
        rule_set=row, rules=rules_for({**plain, "policy_words": "mine"}), made_by=carol.user
    )
    assert seed_presets() == 1
    newest = row.versions.first()
    assert (newest.number, newest.rules, newest.is_shipped) == (3, plain, True)
    mine.refresh_from_db()
    assert mine.rules["policy_words"] == "mine"


def test_saving_in_the_admin_makes_a_version_and_leaves_the_one_before_as_it_was(
    carol: Actor,
) -> None:
    row = own_set()
    tighter = {**OWN, "daily_loss": {"amount": "400"}}
    answer = carol.client.post(f"{ADMIN}{row.pk}/change/", form(tighter, note="After a bad week"))
    assert answer.status_code == 302, answer.content[:3000]
    newest, first = row.versions.all()
    assert (newest.number, newest.note, newest.made_by) == (2, "After a bad week", carol.user)
    assert newest.rules["daily_loss"]["amount"] == "400"
    assert first.rules["daily_loss"]["amount"] == "500"
    carol.client.post(f"{ADMIN}{row.pk}/change/", form(tighter))
    assert row.versions.count() == 2, "the same rules are the same version"


def test_an_account_keeps_the_version_that_it_was_opened_under(alice: Actor, carol: Actor) -> None:
    row = own_set()
    kept = AccountRules.objects.create(account=an_account(alice.user), version=row.versions.first())
    tighter = {**OWN, "daily_loss": {"amount": "400"}}
    carol.client.post(f"{ADMIN}{row.pk}/change/", form(tighter))
    kept.refresh_from_db()
    assert kept.version.number == 1
    answer = carol.client.post(f"{ADMIN}{row.pk}/delete/", {"post": "yes"})
    assert answer.status_code == 403, "accounts live under it"


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        (
            {"firm": "F", "plan": "P", "drawdown": {"type": "static", "amount": "500"},
             "daily_loss": {"amount": "900"}},
            "daily_loss.amount: &#x27;900&#x27; is above the maximum loss of 500",
        ),
        (
            {"firm": "F", "plan": "P", "drawdown": {"type": "eod", "amount": "500"}},
            "drawdown.type: &#x27;eod&#x27; must be one of static",
        ),
        (
            {"firm": "F", "plan": "P", "drawdown": {"type": "static", "amount": "0"}},
            "drawdown.amount: &#x27;0&#x27; must lie between 0.01",
        ),
        ({"firm": "F", "plan": "P", "dayly_loss": {}}, "dayly_loss: {} is no rule; known are"),
        ({"plan": "P"}, "firm: None is missing"),
        ('{"firm": "F",\n  "plan": }', "Line 2, column 11 is no JSON"),
        ("[]", "rules: [] must be an object with named fields"),
    ],
)  # fmt: skip
def test_rules_that_can_not_be_are_refused_at_their_field(
    carol: Actor, rules: Any, said: str
) -> None:
    answer = carol.client.post(f"{ADMIN}add/", form(rules))
    assert answer.status_code == 200
    assert said in answer.content.decode()
    assert not RuleSet.objects.filter(slug="daily-stop").exists()


def test_a_preview_tells_what_the_rules_would_have_done_and_keeps_nothing(
    alice: Actor, carol: Actor
) -> None:
    row, account = own_set(), an_account(alice.user)
    closed = timezone.now() - timedelta(days=2)
    position = a_position(account, closed=closed.isoformat())
    position.__class__.objects.filter(pk=position.pk).update(
        opened_ns=to_instant(closed) - 60_000_000_000, realized="-900", fees="8"
    )
    static = {"firm": "My own", "plan": "Static", "drawdown": {"type": "static", "amount": "600"}}
    asked = form(static, _preview="1", preview_account=str(account.pk))
    text = carol.client.post(f"{ADMIN}{row.pk}/change/", asked).content.decode()
    assert "Nothing is kept yet." in text
    assert "With the last 30 days of Alpha the rules would have" in text
    found = text.partition("would have: ")[2][:300]
    assert "failed. Equity of 49,092.00 met the floor of the maximum loss, 49,400.00" in found
    assert "<code>drawdown.amount</code>: not there → <b>600</b>" in text
    assert "<code>daily_loss.amount</code>: 500 → <b>not there</b>" in text
    assert row.versions.count() == 1


def test_the_pages_of_rules_are_for_staff(alice: Actor) -> None:
    row = own_set()
    for path in (
        ADMIN,
        f"{ADMIN}{row.pk}/change/",
        "/admin/risk/study/",
        "/admin/brokers/account/",
    ):
        assert alice.client.get(path).status_code == 302


def test_what_the_engine_writes_can_be_looked_at_and_not_changed(
    alice: Actor, carol: Actor
) -> None:
    account = an_account(alice.user)
    a_position(account)
    for area in ("brokers/position", "brokers/order", "brokers/fill", "brokers/accountday",
                 "brokers/route", "risk/standing", "risk/accountrules", "risk/study"):  # fmt: skip
        assert carol.client.get(f"/admin/{area}/").status_code == 200, area
        assert carol.client.get(f"/admin/{area}/add/").status_code == 403, area
    path = f"/admin/brokers/account/{account.pk}/change/"
    carol.client.post(path, {"name": "Bravo", "is_open": "on", "balance": "1"})
    account.refresh_from_db()
    assert account.balance == 50_000
