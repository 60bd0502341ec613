"""The workplace of staff: facts, trades and signals can be looked at and not be changed."""

import pytest
from django.urls import reverse

from apps.bus import bus
from apps.bus.models import FactRow, Inbox
from apps.signals.models import Signal, Strategy, WebhookRefusal
from apps.trades.domain.messages import CloseTrade, CommandRefused
from apps.trades.models import Trade
from tests.cast import Actor
from tests.factories import a_fact, a_signal, a_strategy, a_trade

pytestmark = pytest.mark.django_db(transaction=True)
READ_ONLY = (Signal, Trade, FactRow, Inbox, WebhookRefusal)


@pytest.fixture
def rows(alice: Actor) -> None:
    a_trade(alice.user, signal=a_signal(alice.user))
    a_fact(CommandRefused(at=1, user=1, command="c", reason="NO_PRICE", detail="stop: none yet"))
    bus.submit(CloseTrade(id="m1", user=1, trade="t"), user=1, source="api")
    Strategy.objects.update(settings={"buffer": "nonsense"})


def _page(model: type, name: str, *args: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{name}", args=args)  # type: ignore[attr-defined]


@pytest.mark.parametrize("model", [*READ_ONLY, Strategy])
def test_staff_sees_a_list_and_each_row(model: type, carol: Actor, rows: None) -> None:
    assert carol.client.get(_page(model, "changelist")).status_code == 200
    for row in model.objects.all():  # type: ignore[attr-defined]
        assert carol.client.get(_page(model, "change", row.pk)).status_code == 200


@pytest.mark.parametrize("model", READ_ONLY)
def test_nobody_edits_what_the_engine_writes(model: type, carol: Actor, rows: None) -> None:
    assert carol.client.get(_page(model, "add")).status_code == 403
    for row in model.objects.all():  # type: ignore[attr-defined]
        assert carol.client.post(_page(model, "change", row.pk), {}).status_code == 403
        assert carol.client.post(_page(model, "delete", row.pk), {"post": "yes"}).status_code == 403


def test_the_audit_reads_like_a_sentence(carol: Actor, rows: None) -> None:
    html = carol.client.get(_page(FactRow, "changelist")).content.decode()
    assert "Not done. Stop: none yet. NO_PRICE" in html


def test_a_strategys_wrong_settings_are_shown_with_their_cure(carol: Actor, rows: None) -> None:
    html = carol.client.get(_page(Strategy, "changelist")).content.decode()
    assert "must be a number" in html


def test_settings_that_do_not_fit_are_refused(carol: Actor, alice: Actor) -> None:
    row = a_strategy(alice.user)
    form = {"name": row.name, "symbol": "NQ1!", "is_active": "on"}
    for wrong in ('{"buffer": "x"}', '{"wings": 2}', "[1]", '{"buffer": "0.10"}'):
        answer = carol.client.post(_page(Strategy, "change", row.pk), form | {"settings": wrong})
        assert answer.status_code == 200, wrong
    right = form | {"settings": '{"require_body": true}'}
    assert carol.client.post(_page(Strategy, "change", row.pk), right).status_code == 302
    row.refresh_from_db()
    assert row.settings == {"require_body": True}


def test_a_trader_is_not_staff(alice: Actor, rows: None) -> None:
    assert alice.client.get(_page(Trade, "changelist")).status_code == 302
    assert a_strategy(alice.user).token_hash not in str(alice.client.get("/").content)
