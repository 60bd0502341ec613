"""Money that was moved at a broker, in the account's plan: it is no result, whichever way it went."""

from datetime import date
from decimal import Decimal

import pytest

from apps.brokers.models import Account
from apps.brokers.queries import account_views
from apps.risk.domain.planner import PaidOut
from apps.risk.domain.reading import rules_for
from apps.risk.domain.standing import Standing
from apps.risk.portfolio import UnderRules
from tests.cast import Actor

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def test_a_deposit_is_no_profit_towards_the_target_and_a_payout_no_loss(alice: Actor) -> None:
    """What the planner says of an account rests on what was traded, whichever way money was moved."""
    account = Account.objects.create(
        user=alice.user, name="Alpha", kind="demo", start_balance=50_000, balance=50_000
    )
    rules = rules_for({"firm": "Firm", "plan": "Plan", "start_balance": "50000", "target": "3000"})
    account.refresh_from_db()
    standing = Standing(account.pk, alice.user.pk, rules=rules)
    for moved in (5_000, -1_500):
        account.balance += moved
        account.payouts -= moved
    view = account_views(alice.user, [account])[0]
    kept = UnderRules(view, standing, None, (PaidOut(date(2026, 1, 5), Decimal(1_500)),))
    assert account.balance == 53_500
    plan = kept.plan
    assert plan is not None and (plan.profit, plan.target_left) == (0, 3_000)
