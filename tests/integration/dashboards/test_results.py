"""A result is read in the unit that its trader prefers, wherever it is one figure; what is not known there names another."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from apps.bus import transport
from apps.bus.domain.message import MINUTE
from apps.dashboards.templatetags.results import result_beside, result_head, result_in
from apps.recorder.models import Recorder
from apps.recorder.services import settle
from apps.trades.queries import views
from tests.cast import Actor
from tests.factories import a_price, a_signal, a_trade
from tests.integration.papertrading.rows import a_position, an_account
from tests.integration.recorder.rows import BEGAN, a_broker_account, a_fill, a_recorder

pytestmark = pytest.mark.django_db
UNITS = ("r", "points", "ticks", "money")


@pytest.fixture(autouse=True)
def _market() -> Iterator[None]:
    transport.use(transport.MemoryTransport())
    yield
    transport.use(None)


def prefers(actor: Actor, units: str) -> None:
    actor.user.units = units
    actor.user.save(update_fields=["units"])


def shown(actor: Actor, path: str) -> str:
    answer = actor.client.get(path)
    assert answer.status_code == 200, answer.content[:2000]
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def figures(actor: Actor, path: str) -> list[str]:
    """Return what the page shows as live results at first."""
    html = actor.client.get(path).content.decode()
    return re.findall(r'data-show="result" data-sign="[-+0]"><b>([^<]+)<', html)


@pytest.mark.parametrize(
    ("units", "open", "over"),
    [
        ("r", "+0.33 R", "−1.00 R"), ("points", "+15.00 pts", "−45.00 pts"),
        ("ticks", "+60 ticks", "−180 ticks"), ("money", "+0.33 R", "−1.00 R"),
    ],
)  # fmt: skip
def test_a_signal_s_trade_open_and_over(alice: Actor, units: str, open: str, over: str) -> None:
    """It has no size, so no dollars: R is what is left then."""
    prefers(alice, units)
    a_price("20029.00")
    a_trade(alice.user, signal=a_signal(alice.user))
    ended = a_trade(alice.user, prices=("19969.00",))
    assert figures(alice, "/") == [open]
    assert over in shown(alice, "/"), "closed today"
    assert result_in(views([ended])[0], units).text == over
    assert open in shown(alice, "/signals/")
    title = re.search("<title>(.*?)</title>", alice.client.get("/").content.decode(), re.DOTALL)
    assert title is not None and open in title[1]


@pytest.mark.parametrize(
    ("units", "with_stop", "without"),
    [
        ("r", "+0.50 R", "+$400.00"), ("points", "+10.00 pts", "+10.00 pts"),
        ("ticks", "+40 ticks", "+40 ticks"), ("money", "+$400.00", "+$400.00"),
    ],
)  # fmt: skip
def test_a_position_of_an_account(alice: Actor, units: str, with_stop: str, without: str) -> None:
    """Without a stop there is no R: dollars, and the figure says so."""
    prefers(alice, units)
    a_price("20010.00")
    account = an_account(alice.user)
    position = a_position(account, risk=Decimal(800))
    assert figures(alice, "/manager/") == [with_stop]
    page = shown(alice, "/manager/")
    assert page.count("+$400.00") >= 1, "the sum of what is open stays in dollars"
    position.risk = Decimal(0)
    position.save(update_fields=["risk"])
    assert figures(alice, "/manager/") == [without]


@pytest.fixture
def recorded(alice: Actor) -> Recorder:
    """A recorder with a position that is over, +20 points, and an open one of two, +5 points; neither has a stop."""
    transport.set_market_time(BEGAN + 60 * MINUTE, True)
    a_price("20025.00")
    account = a_broker_account(alice.user)
    made = a_recorder(alice.user, account)
    for signed, at, minute in ((1, "20000", 1), (-1, "20020", 2), (2, "20020", 3)):
        a_fill(account, signed, at, minute)
    settle(account=account)
    return made


@pytest.mark.parametrize(
    ("units", "held", "head", "over"),
    [
        ("r", "+$200.00 open", "R", "–"), ("points", "+5.00 pts open", "Points", "+20.00 pts"),
        ("ticks", "+20 ticks open", "Ticks", "+80 ticks"), ("money", "+$200.00 open", "R", "–"),
    ],
)  # fmt: skip
def test_positions_of_a_recorder(
    alice: Actor, recorded: Recorder, units: str, held: str, head: str, over: str
) -> None:
    prefers(alice, units)
    assert held in shown(alice, "/recorders/")
    page = shown(alice, f"/recorders/{recorded.strategy_id}/")
    assert f"MFE, MAE Fees {head} Net" in page
    assert f" {over} +$396.00" in page, "beside it the dollars, after fees"
    assert held.removesuffix(" open") in page


@pytest.mark.parametrize("units", UNITS)
def test_a_column_beside_dollars_never_doubles_them(alice: Actor, units: str) -> None:
    a_price("20029.00")
    (view,) = views([a_trade(alice.user)])
    told = result_beside(view, units)
    assert told.unit == ("r" if units == "money" else units) and told.is_known
    assert result_head(units) == {"points": "Points", "ticks": "Ticks"}.get(units, "R")


def test_the_answers_of_the_api_do_not_follow_the_preference(alice: Actor) -> None:
    a_price("20029.00")
    a_trade(alice.user)
    account = an_account(alice.user)
    a_position(account, risk=Decimal(800))
    told: list[Any] = []
    for units in UNITS:
        prefers(alice, units)
        told.append(
            [
                alice.client.get(path).json()["results"]
                for path in ("/api/signal-lab/trades/", "/api/paper-trading/positions/")
            ]
        )
    assert told[0] and all(one == told[0] for one in told)
