"""The simulator: a study is worked out once, tells how far it is, stops when its trader wants that."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from apps.brokers.models import Position
from apps.bus import transport
from apps.bus.domain.message import DAY, HOUR, to_datetime
from apps.risk import studying, tasks
from apps.risk.domain.reading import rules_for
from apps.risk.models import RuleSet, RuleSetVersion, Study
from apps.risk.services import add_version, cancel_study, start_study
from apps.trades.services import Refused
from tests.cast import Actor
from tests.factories import a_price, a_strategy, a_trade, at
from tests.integration.papertrading.rows import a_position, an_account

pytestmark = pytest.mark.django_db
RULES = {
    "firm": "F", "plan": "P", "target": "1000", "drawdown": {"type": "static", "amount": "1000"},
    "min_days": 2,
}  # fmt: skip
FIRST = at("2025-10-01T15:00:00Z")


@pytest.fixture(autouse=True)
def _own_transport() -> Iterator[None]:
    transport.use(transport.MemoryTransport())
    a_price("20005.00")
    yield
    transport.use(None)


@pytest.fixture
def version(db: None) -> RuleSetVersion:
    """A rule set of one target and one floor."""
    rule_set = RuleSet.objects.create(name="P", firm="F", slug="p")
    return add_version(rule_set=rule_set, rules=rules_for(RULES), made_by=None)


def trade_days(account: Any, nets: list[int]) -> None:
    """Close one position a day with these results."""
    for number, net in enumerate(nets):
        opened = FIRST + number * DAY
        row = a_position(account, size=1, closed=to_datetime(opened + HOUR).isoformat())
        Position.objects.filter(pk=row.pk).update(
            opened_ns=opened, realized=Decimal(net) + 8, fees=8, high=80_010, low=79_990
        )


def test_a_study_tells_when_and_why_and_how_likely(alice: Actor, version: RuleSetVersion) -> None:
    account = an_account(alice.user)
    trade_days(account, [400, -100, 300, 500, 200] * 6)
    study = start_study(user=alice.user, version=version, account=account)
    tasks.run_study(study.pk)
    study.refresh_from_db()
    assert (study.state, study.progress, study.problem) == ("done", 100, "")
    assert study.result is not None
    assert study.result["verdict"] == "passed"
    assert study.result["trade"] == 4
    assert Decimal(study.result["profit"]) == 1100
    odds = study.result["odds"]
    assert Decimal(odds["low"]) <= Decimal(odds["probability"]) <= Decimal(odds["high"])
    text = alice.client.get(f"/prop/simulate/{study.pk}/").content.decode()
    assert "Passed" in text
    assert "paths passed, 95 % interval" in text
    assert "Wed 1 Oct 2025" in text


def test_the_same_study_gives_the_same_figures(alice: Actor, version: RuleSetVersion) -> None:
    account = an_account(alice.user)
    trade_days(account, [400, -300, -200, 500] * 8)
    study = start_study(user=alice.user, version=version, account=account)
    tasks.run_study(study.pk)
    study.refresh_from_db()
    first = study.result
    Study.objects.filter(pk=study.pk).update(state=Study.State.WAITING, result=None)
    tasks.run_study(study.pk)
    study.refresh_from_db()
    assert study.result == first


def test_a_strategys_signal_lab_trades_are_walked_at_a_fixed_size(
    alice: Actor, version: RuleSetVersion
) -> None:
    strategy = a_strategy(alice.user)
    trade = a_trade(alice.user, prices=("19969.00",))
    trade.__class__.objects.filter(pk=trade.pk).update(strategy=strategy)
    study = start_study(
        user=alice.user, version=version, strategy=strategy, contracts=2, micros=True
    )
    tasks.run_study(study.pk)
    study.refresh_from_db()
    assert study.result is not None
    risk = trade.entry_price - trade.initial_stop
    assert -2 * risk * 2 - 20 < Decimal(study.result["profit"]) < -2 * risk * 2


def test_a_cancelled_study_stops_and_keeps_no_result(alice: Actor, version: RuleSetVersion) -> None:
    account = an_account(alice.user)
    trade_days(account, [100, -100] * 20)
    study = start_study(user=alice.user, version=version, account=account)
    assert studying.claim(study.pk) is not None
    assert alice.client.post(f"/prop/simulate/{study.pk}/cancel/").status_code == 302
    study.refresh_from_db()
    studying.run(study)
    study.refresh_from_db()
    assert (study.state, study.result) == ("cancelled", None)
    assert not cancel_study(study=study)


def test_a_study_is_taken_once_and_one_whose_worker_died_again(
    alice: Actor, version: RuleSetVersion
) -> None:
    study = start_study(user=alice.user, version=version, account=an_account(alice.user))
    assert studying.claim(study.pk) is not None
    assert studying.claim(study.pk) is None
    assert studying.left_over() == []
    long_ago = timezone.now() - timedelta(minutes=5)
    Study.objects.filter(pk=study.pk).update(touched_at=long_ago, made_at=long_ago)
    assert studying.left_over() == [study.pk]
    tasks.run_study(study.pk)
    study.refresh_from_db()
    assert study.state == "done"


def test_too_few_trades_claim_nothing_and_say_how_many_are_needed(
    alice: Actor, version: RuleSetVersion
) -> None:
    account = an_account(alice.user)
    study = start_study(user=alice.user, version=version, account=account)
    tasks.run_study(study.pk)
    text = alice.client.get(f"/prop/simulate/{study.pk}/").content.decode()
    assert "No closed trade yet" in text
    assert "30 trades on 20 days" in text
    trade_days(account, [100, 200])
    study = start_study(user=alice.user, version=version, account=account)
    tasks.run_study(study.pk)
    text = alice.client.get(f"/prop/simulate/{study.pk}/").content.decode()
    assert "Too little to claim a chance" in text


def test_a_running_study_shows_its_progress_without_a_script(
    alice: Actor, version: RuleSetVersion
) -> None:
    study = start_study(user=alice.user, version=version, account=an_account(alice.user))
    Study.objects.filter(pk=study.pk).update(state="running", progress=40)
    text = alice.client.get(f"/prop/simulate/{study.pk}/").content.decode()
    assert '<meta http-equiv="refresh" content="2">' in text
    assert 'aria-valuenow="40"' in text


def test_only_so_many_at_a_time(alice: Actor, version: RuleSetVersion) -> None:
    account = an_account(alice.user)
    for _ in range(3):
        start_study(user=alice.user, version=version, account=account)
    with pytest.raises(Refused) as refused:
        start_study(user=alice.user, version=version, account=account)
    assert refused.value.reason == "BUSY"


def test_the_form_takes_only_ones_own_trades(
    alice: Actor, bob: Actor, version: RuleSetVersion
) -> None:
    account = an_account(alice.user)
    given = {"source": f"a{account.pk}", "rule_set": version.rule_set_id, "contracts": "1",
             "unit": "micros", "days": "60"}  # fmt: skip
    answer = bob.client.post("/prop/simulate/", given)
    assert answer.status_code == 422
    assert alice.client.post("/prop/simulate/", given).status_code == 302
    study = Study.objects.get()
    assert bob.client.get(f"/prop/simulate/{study.pk}/").status_code == 404
    assert bob.client.post(f"/prop/simulate/{study.pk}/cancel/").status_code == 404
    listed = alice.client.get("/prop/simulate/").content.decode()
    assert f"/prop/simulate/{study.pk}/" in listed
