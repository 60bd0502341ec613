"""How many queries each page and each address of the API may cost, against `baseline.json`.

A page's count must not depend on how much there is to show. After a change that is meant, write the new
numbers with `UPDATE_BASELINE=1 pytest tests/queries`.
"""

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.brokers.models import (
    Account,
    AccountGroup,
    BrokerAccount,
    Connection,
    Dispatch,
    GroupMember,
    Route,
)
from apps.bus import transport
from apps.marketdata.price import moment
from apps.notifications import services as notifications
from apps.notifications.domain.kinds import Kind
from apps.notifications.domain.wording import Notice
from apps.recorder import files
from apps.recorder.models import AccountDayMark, Import, ImportedRow, Recorder
from apps.recorder.services import settle
from apps.signals.models import WebhookRefusal
from tests.cast import Actor
from tests.factories import a_price, a_signal, a_strategy, a_trade
from tests.integration.papertrading.rows import a_fill, a_position, an_account, an_order
from tests.integration.recorder.rows import a_broker_account, a_recorder
from tests.integration.recorder.rows import a_fill as recorded_fill

pytestmark = pytest.mark.django_db
BASELINE = Path(__file__).with_name("baseline.json")
PATHS = (
    "/",
    "/desk/region/strip/",
    "/desk/region/active/",
    "/desk/region/pending/",
    "/desk/region/today/",
    "/desk/region/closed/",
    "/desk/region/sessions/",
    "/desk/region/events/",
    "/desk/chart/NQZ5/?seconds=60",
    "/signals/",
    "/signals/{key}/",
    "/signals/{key}/story/",
    "/signals/{key}/tracks/",
    "/signals/{key}/path/",
    "/trades/enter/",
    "/manager/",
    "/manager/verdict/",
    "/manager/flatten/",
    "/desk/region/position/",
    "/desk/region/orders/",
    "/desk/region/orders/?tab=fills",
    "/desk/region/orders/?tab=history",
    "/desk/region/fills/",
    "/desk/region/ladder/",
    "/desk/region/queue/",
    "/desk/region/gauges/",
    "/desk/region/asked/",
    "/desk/region/way-out/",
    "/desk/region/risk/",
    "/desk/region/lock/",
    "/desk/region/accounts/",
    "/performance/",
    "/performance/curve/",
    "/performance/positions.csv",
    "/performance/?books=recorded",
    "/performance/curve/?books=recorded",
    "/performance/positions.csv?books=recorded",
    "/recorders/import/",
    "/recorders/import/{importing}/",
    "/recorders/days/{broker}/",
    "/recorders/",
    "/recorders/list/",
    "/recorders/{strategy}/",
    "/recorders/{strategy}/curve/",
    "/recorders/{strategy}/region/now/",
    "/recorders/{strategy}/region/undecided/",
    "/recorders/{strategy}/region/figures/",
    "/recorders/{strategy}/region/curve/",
    "/recorders/{strategy}/region/calendar/",
    "/recorders/{strategy}/region/positions/",
    "/recorders/{strategy}/region/log/",
    "/strategies/",
    "/strategies/silent/",
    "/settings/groups/",
    "/strategies/{strategy}/routes/",
    "/api/accounts/groups/",
    "/live/",
    "/live/{abroad}/orders/",
    "/connections/",
    "/connections/region/",
    "/api/accounts/connections/",
    "/api/accounts/get-all-at-accounts/",
    "/health/",
    "/notices/",
    "/notices/list/",
    "/notices/bell/",
    "/settings/notifications/",
    "/api/notifications/",
    "/manual/webhooks/",
    "/api/realtime/current-price/",
    "/api/realtime/current-candle/",
    "/api/realtime/recent-ticks/",
    "/api/realtime/active-trades/",
    "/api/realtime/pending-signals/",
    "/api/realtime/trade-mfe/{trade}/",
    "/api/realtime/mfe-history/{trade}/",
    "/api/realtime/signal-status/{signal}/",
    "/api/strategies/",
    "/api/strategies/{strategy}/positions/",
    "/api/recorder/positions/{strategy}/",
    "/api/recorder/undecided/",
    "/api/recorder/import/accounts/",
    "/api/risk/rule-sets/",
    "/api/dashboard/summary/?books=recorded",
    "/api/strategy/performance/",
    "/api/dashboard/summary/",
    "/api/signal-lab/trades/",
    "/api/signal-lab/stats/",
    "/api/signal-lab/automated-entries/",
)


@pytest.fixture(autouse=True)
def _market() -> Iterator[None]:
    transport.use(transport.MemoryTransport())
    a_price("20020.00")
    yield
    transport.use(None)


def _populated(user: Any, minutes: range) -> dict[str, Any]:
    """Make a pending signal, an active, a watched and a closed trade, a position and orders for each minute."""
    for minute in minutes:
        bar = f"2025-12-02T14:{minute:02d}:00Z"
        a_signal(user, bar=bar)
        other = a_strategy(user, f"Other {minute}")
        a_signal(user, bar=bar, strategy=other)
        WebhookRefusal.objects.create(
            strategy=other, received_at=timezone.now(), code="UNREADABLE", detail="", body="?"
        )
        entered = a_signal(user, bar=bar, status="ENTERED", direction="BULLISH")
        active = a_trade(user, signal=entered, entered=f"2025-12-02T14:{minute:02d}:30Z")
        a_trade(user, prices=("20060.00", "20014.00"), entered=f"2025-12-02T14:{minute:02d}:40Z")
        a_trade(user, prices=("19969.00",), entered=f"2025-12-02T14:{minute:02d}:50Z")
        account = an_account(user)
        group = AccountGroup.objects.create(user=user, name=f"g{minute}")
        GroupMember.objects.create(user=user, group=group, account=account)
        position = a_position(account, place=minute)
        an_order(account, side="sell", type="stop", role="stop", stop="19980.00", place=minute)
        an_order(account, status="held")
        login = Connection.objects.create(
            user=user, name=f"Login {minute}", environment="demo", login=str(minute)
        )
        abroad = there = an_account(user, name=f"There {minute}", kind="demo")
        BrokerAccount.objects.create(
            user=user, connection=login, remote="1", name="DEMO1", account=there
        )
        Dispatch.objects.create(
            user=user, key=f"d{minute}", account=there, order=f"o{minute}", errand="place",
            status="sent", contract="NQZ5", at_ns=1,
        )  # fmt: skip
        a_fill(an_order(account, status="filled", ended_ns=position.opened_ns))
        files.open_account(user=user, name=f"File {minute}")
        told = Notice(Kind.CLOSED, "NQ closed", "", path="/manager/")
        notifications.notify(user=user, key=f"n{minute}", told=told, now=moment(bar))
    recorder = Recorder.objects.filter(user=user).first() or a_recorder(
        user, a_broker_account(user)
    )
    for there in Account.objects.filter(user=user, routes=None):
        Route.objects.create(user=user, strategy=recorder.strategy, account=there)
    for minute in minutes:
        for signed in (1, -1):
            recorded_fill(recorder.account, signed, "20000.00", 2 * minute + (signed < 0))
    settle(account=recorder.account)
    broker, importing = recorder.account_id, _imported(recorder.account, minutes)
    return {
        "abroad": abroad.pk,
        "broker": broker,
        "importing": importing,
        "strategy": recorder.strategy_id,
        "key": entered.key,
        "signal": entered.pk,
        "trade": active.pk,
    }


def _imported(account: Any, minutes: range) -> int:
    """Make an import with a row to settle and a marked day for each minute."""
    done = Import.objects.create(
        user=account.user, file_name="fills.csv", sha256="", size=1, zone="UTC", state="done", made_by="a",
        done_at=timezone.now(),
    )  # fmt: skip
    for minute in minutes:
        ImportedRow.objects.create(
            importing=done, account=account, family="tradovate", key=str(minute), state="conflict", row=minute,
            contract="NQZ5", side="buy", quantity=1, price=1, at_ns=1, grain_ns=1,
        )  # fmt: skip
        day = timezone.now().date() - timedelta(days=minute)
        AccountDayMark.objects.create(account=account, trade_date=day, state="gap", why="Not read.")
    return done.pk


def _cost(actor: Actor, path: str) -> int:
    actor.client.get(path)  # whatever is looked up once per process
    with CaptureQueriesContext(connection) as queries:
        answer = actor.client.get(path)
    assert answer.status_code == 200, (path, answer.content[:300])
    return len(queries)


@pytest.mark.parametrize("path", PATHS)
def test_a_page_costs_what_its_baseline_says(path: str, alice: Actor) -> None:
    names = _populated(alice.user, range(1, 3))
    few = _cost(alice, path.format(**names))
    names = _populated(alice.user, range(10, 15))
    assert _cost(alice, path.format(**names)) == few
    baseline = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    if os.environ.get("UPDATE_BASELINE"):
        baseline[path] = few
        BASELINE.write_text(json.dumps(dict(sorted(baseline.items())), indent=2) + "\n")
    assert few == baseline.get(path), f"{path} costs {few} queries"
