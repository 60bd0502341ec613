"""How many queries each page and each address of the API may cost, against `baseline.json`.

A page's count must not depend on how much there is to show. After a change that is meant, write the new
numbers with `UPDATE_BASELINE=1 pytest tests/queries`.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.brokers.models import BrokerAccount, Connection
from apps.bus import transport
from tests.cast import Actor
from tests.factories import a_price, a_signal, a_trade
from tests.integration.papertrading.rows import a_fill, a_position, an_account, an_order

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
    "/strategies/",
    "/connections/",
    "/connections/region/",
    "/api/accounts/connections/",
    "/api/accounts/get-all-at-accounts/",
    "/health/",
    "/manual/webhooks/",
    "/api/realtime/current-price/",
    "/api/realtime/current-candle/",
    "/api/realtime/recent-ticks/",
    "/api/realtime/active-trades/",
    "/api/realtime/pending-signals/",
    "/api/realtime/trade-mfe/{trade}/",
    "/api/realtime/mfe-history/{trade}/",
    "/api/realtime/signal-status/{signal}/",
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
        entered = a_signal(user, bar=bar, status="ENTERED", direction="BULLISH")
        active = a_trade(user, signal=entered, entered=f"2025-12-02T14:{minute:02d}:30Z")
        a_trade(user, prices=("20060.00", "20014.00"), entered=f"2025-12-02T14:{minute:02d}:40Z")
        a_trade(user, prices=("19969.00",), entered=f"2025-12-02T14:{minute:02d}:50Z")
        account = an_account(user)
        position = a_position(account, place=minute)
        an_order(account, side="sell", type="stop", role="stop", stop="19980.00", place=minute)
        an_order(account, status="held")
        login = Connection.objects.create(
            user=user, name=f"Login {minute}", environment="demo", login=str(minute)
        )
        BrokerAccount.objects.create(user=user, connection=login, remote="1", name="DEMO1")
        a_fill(an_order(account, status="filled", ended_ns=position.opened_ns))
    return {"key": entered.key, "signal": entered.pk, "trade": active.pk}


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
