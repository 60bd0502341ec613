"""What a trader's forms do to his accounts while the real engine runs on its own thread."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from apps.brokers.models import Account, Order
from apps.bus.models import FactRow
from apps.engine.journal import Journal
from apps.risk import store
from apps.risk.models import AccountRules, RuleSet, Standing
from apps.risk.queries import standing_in
from apps.risk.services import seed_presets
from tests.cast import Actor
from tests.integration.papertrading.rows import Desk, send, trading

pytestmark = pytest.mark.django_db(transaction=True)
PLACE = "paper-trading/place-order/"


@pytest.fixture
def desk() -> Iterator[Desk]:
    with trading() as made:
        yield made


def rule_set(slug: str = "topstep-combine-50k-daily-loss") -> RuleSet:
    seed_presets()
    return RuleSet.objects.get(slug=slug)


@pytest.fixture
def account(alice: Actor, desk: Desk) -> Account:
    """Alice's account, opened on the page under a shipped rule set."""
    given = {"name": "Alpha", "rule_set": rule_set().pk, "balance": ""}
    answer = alice.client.post("/prop/open/", given)
    assert answer.status_code == 302, answer.content[:3000]
    desk.wait()
    return Account.objects.get(name="Alpha")


def post(actor: Actor, account: Account, what: str, status: int = 302, **given: Any) -> str:
    answer = actor.client.post(f"/prop/{account.pk}/{what}/", given)
    assert answer.status_code == status, answer.content[:3000]
    return answer.content.decode()


def buy(actor: Actor, account: Account, quantity: int = 1) -> dict[str, Any]:
    wish = {"account": account.pk, "symbol": "NQ", "side": "buy", "type": "market",
            "quantity": quantity, "bracket": {"stop_points": "10"}}  # fmt: skip
    return dict(send(actor, "post", PLACE, wish).json())


def reason() -> str:
    """Return why the newest entry was not sent."""
    return str(Order.objects.filter(role="entry").order_by("-id")[0].reason)


def test_an_account_opened_under_rules_stands_under_them_in_the_engine(
    desk: Desk, account: Account
) -> None:
    standing = standing_in(account)
    assert standing.rules is not None
    assert (standing.rules.plan, standing.version) == ("Combine 50K with daily loss limit", 1)
    assert standing.floor == 48_000
    assert AccountRules.objects.get(account=account).version.rule_set == rule_set()
    assert (account.firm, account.start_balance) == ("Topstep", 50_000)


def test_other_rules_bring_their_own_day(alice: Actor, desk: Desk, account: Account) -> None:
    apex = RuleSet.objects.filter(firm="Apex", name__contains="50K")[0]
    post(alice, account, "rules", rule_set=apex.pk, floor="49,100")
    desk.wait()
    account.refresh_from_db()
    assert (account.firm, account.tz, f"{account.reset:%H:%M}") == (
        "Apex", "America/New_York", "18:00"
    )  # fmt: skip
    standing = standing_in(account)
    assert standing.rules is not None
    assert (standing.rules.firm, standing.floor) == ("Apex", Decimal(49100))


def test_tighter_limits_hold_at_once_and_looser_ones_wait(
    alice: Actor, desk: Desk, account: Account
) -> None:
    post(alice, account, "own", max_trades="2", max_minis="1")
    buy(alice, account, 2)
    assert reason() == "MAX_CONTRACTS"
    post(alice, account, "own", max_trades="9", max_minis="1")
    desk.wait()
    standing = standing_in(account)
    assert standing.own.max_trades == 2
    assert standing.own_next is not None
    assert standing.own_next.max_trades == 9


def test_a_lockout_refuses_entries_and_can_only_become_longer(
    alice: Actor, desk: Desk, account: Account
) -> None:
    post(alice, account, "lockout", length="60")
    buy(alice, account)
    assert reason() == "LOCKED_OUT"
    assert "it can only become longer" in post(alice, account, "lockout", 422, length="15")
    post(alice, account, "lockout", length="day")
    shown = alice.client.get("/prop/").content.decode()
    assert "Locked by your own lockout" in shown
    assert "Locked to" in shown


def test_a_lock_that_is_not_there_can_not_be_lifted(
    alice: Actor, desk: Desk, account: Account
) -> None:
    assert "No lock of the maximum loss is on it." in post(alice, account, "lift", 422)


def test_a_payout_lowers_the_balance_and_not_the_line(
    alice: Actor, desk: Desk, account: Account
) -> None:
    post(alice, account, "payout", amount="$1,000")
    account.refresh_from_db()
    assert (account.balance, account.payouts) == (49_000, 1_000)
    assert standing_in(account).floor == 48_000
    assert "1 payout" in alice.client.get("/prop/").content.decode()
    said = post(alice, account, "payout", 422, amount="1000000000000")
    assert "must lie between" in said or "more than" in said


def test_a_reset_begins_anew_under_the_same_rules(
    alice: Actor, desk: Desk, account: Account
) -> None:
    post(alice, account, "payout", amount="1500")
    post(alice, account, "reset", balance="50000")
    account.refresh_from_db()
    assert (account.balance, account.payouts) == (50_000, 0)
    standing = standing_in(account)
    assert standing.rules is not None
    assert standing.floor == 48_000


def test_after_a_restart_every_account_is_watched_as_before(
    alice: Actor, desk: Desk, account: Account
) -> None:
    post(alice, account, "own", max_trades="2")
    before = {one.account: one.plain() for one in store.load()}
    desk.engine.stop()
    assert {one.account: one.plain() for one in Journal().load().standings} == before
    with trading() as again:
        order = buy(alice, account)
        assert order["status"] == "sent", order
        again.trades("20005.50", "20006.00")
        assert Order.objects.get(pk=order["id"]).status == "filled"
    assert Standing.objects.get(account=account).level == "safe"


def test_nothing_is_changed_while_the_engine_is_away_and_it_says_so(alice: Actor) -> None:
    with trading() as desk:
        alice.client.post("/prop/open/", {"name": "Alpha", "rule_set": "", "balance": "25000"})
        desk.wait()
    account = Account.objects.get()
    said = post(alice, account, "own", 422, max_trades="2")
    assert "The engine has not answered" in said
    assert not FactRow.objects.filter(name="risk.own_changed").exists()
