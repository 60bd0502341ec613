"""The Performance page: what it tells, whose, by which filter, and its file."""

import csv
import re
from collections.abc import Iterator
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.db import connection
from django.db.models.signals import post_init
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.brokers.models import Position
from apps.bus import transport
from tests.cast import Actor
from tests.factories import a_price, a_strategy
from tests.integration.papertrading.rows import a_position, an_account

pytestmark = pytest.mark.django_db
PATHS = ("/performance/", "/performance/curve/", "/performance/positions.csv")


@pytest.fixture(autouse=True)
def _market() -> Iterator[None]:
    transport.use(transport.MemoryTransport())
    a_price("20005.25")
    yield
    transport.use(None)


@pytest.fixture
def traded(alice: Actor) -> Actor:
    """Alice, who has closed four positions on three trade dates."""
    strategy = a_strategy(alice.user)
    for name, closed, realized, more in (
        ("Alpha", "2025-11-28T16:00:00Z", "1200", {"risk": Decimal(400)}),
        ("Alpha", "2025-12-01T16:00:00Z", "-400", {"risk": Decimal(400), "sign": -1}),
        ("Beta", "2025-12-01T23:30:00Z", "50", {"strategy": strategy, "place": strategy.pk}),
        ("Alpha", "2025-12-02T15:00:00Z", "0", {}),
    ):  # fmt: skip
        account = an_account(alice.user, name)
        a_position(account, closed=closed, realized=Decimal(realized), **more)  # type: ignore[arg-type]
    return alice


def shown(actor: Actor, path: str = "/performance/", **query: Any) -> str:
    answer = actor.client.get(path, query)
    assert answer.status_code == 200, answer.content[:2000]
    return answer.content.decode()


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_an_empty_page_says_what_to_do(alice: Actor) -> None:
    text = words(shown(alice))
    assert "No closed position yet" in text
    assert "Go to the Trade Manager" in text
    assert "None" not in text


def test_tiles_tell_the_figures(traded: Actor) -> None:
    html = shown(traded)
    text = words(html)
    assert html.count("<h1") == 1
    assert "None" not in text
    assert "Net +$818.80 +1.96 R, gross +$850.00, fees $31.20" in text
    assert "Win rate 50.0 % 2 won, 1 lost, 1 even" in text
    assert "Profit factor 3.03" in text  # 1234.40 / 407.80 = 3.0270
    assert "Expectancy +0.98 R +$204.70 a trade; R of 2" in text
    assert "Max drawdown −$407.80 1 Dec 2025, 1.02 R" in text
    assert "4 trades: below 30 nothing is claimed" in text
    assert "By session" in text
    assert "NQ FVG" in text


def test_the_calendar_has_days_weeks_and_a_link_to_each_days_positions(traded: Actor) -> None:
    html = shown(traded)
    text = words(html)
    assert "December 2025" in text
    assert "net, 3 trades −$373.40" in text
    assert "?month=2025-12&amp;day=2025-12-01#positions" in html
    assert 'aria-label="2 December: +$34.40, 2 trades"' in html
    assert "3 trades −$373" in text  # the week's total
    assert "?month=2025-11#calendar" in html
    assert "+$1,192" in words(shown(traded, month="2025-11"))
    of_day = words(shown(traded, day="2025-12-02"))
    assert "Closed positions, Tue 2 Dec 2025 2 All days" in of_day
    assert "Nothing was closed on this trade date." in words(shown(traded, day="2025-12-04"))


@pytest.mark.parametrize(
    "query",
    [
        {"month": "1-1"}, {"month": "9999-12"}, {"day": "never"}, {"page": "99"}, {"since": "0001-01-01"},
        {"account": "999999"}, {"strategy": "x"}, {"since": "2025-12-02", "until": "2025-12-01"},
    ],
    ids=str,
)  # fmt: skip
def test_a_wrong_word_in_the_address_breaks_nothing(traded: Actor, query: dict[str, str]) -> None:
    for path in PATHS:
        assert traded.client.get(path, query).status_code == 200
    if {"since", "account", "strategy"} & set(query):
        assert 'class="error"' in shown(traded, **query)


def test_the_filter_stands_in_the_address_and_narrows_everything(traded: Actor) -> None:
    beta = an_account(traded.user, "Beta")
    html = shown(traded, account=beta.pk)
    assert "1 closed position" in words(html)
    assert f"/performance/curve/?account={beta.pk}&amp;" in html
    assert f"?account={beta.pk}&amp;month=2025-12&amp;day=2025-12-02#positions" in html
    assert "1 closed position" in words(shown(traded, since="2025-12-01", until="2025-12-01"))
    assert "3 closed positions" in words(shown(traded, strategy="0"))
    assert "No position was closed here" in words(shown(traded, until="2025-11-01"))


def test_the_curve_is_the_days_of_the_table(traded: Actor) -> None:
    assert traded.client.get("/performance/curve/").json() == {
        "days": ["2025-11-28", "2025-12-01", "2025-12-02"],
        "equity": ["1192.20", "784.40", "818.80"],
        "peak": ["1192.20", "1192.20", "1192.20"],
    }
    text = words(shown(traded))
    assert "Mon 1 Dec 2025 1 −$407.80 +$784.40 −$407.80" in text


def test_the_file_has_every_position_newest_first(traded: Actor) -> None:
    answer = traded.client.get("/performance/positions.csv")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"] == 'attachment; filename="positions.csv"'
    rows = list(csv.DictReader(StringIO(answer.content.decode())))
    assert [row["net"] for row in rows] == ["-7.80", "42.20", "-407.80", "1192.20"]
    first = rows[2]
    assert (first["trade_date"], first["account"], first["direction"]) == ("2025-12-01", "Alpha", "short")  # fmt: skip
    assert (first["outcome"], first["r"], first["mae"], first["entry"]) == ("loss", "-1.0195", "-400.00", "20000.00")  # fmt: skip
    assert (rows[0]["outcome"], rows[0]["r"], rows[0]["strategy"]) == ("break_even", "", "")
    of_day = traded.client.get("/performance/positions.csv", {"day": "2025-12-01"})
    assert len(of_day.content.decode().splitlines()) == 2
    assert of_day["Content-Disposition"] == 'attachment; filename="positions-2025-12-01.csv"'


def test_no_name_becomes_a_formula_in_a_spreadsheet(alice: Actor) -> None:
    account = an_account(alice.user, '=HYPERLINK("x")')
    a_position(account, closed="2025-12-02T15:00:00Z", realized=Decimal(-5))
    text = alice.client.get("/performance/positions.csv").content.decode()
    row = next(csv.DictReader(StringIO(text)))
    assert row["account"] == '\'=HYPERLINK("x")'
    assert row["gross"] == "-5.00"


def test_another_trader_sees_nothing_of_it(traded: Actor, bob: Actor) -> None:
    account = an_account(traded.user, "Beta")
    assert "No closed position yet" in words(shown(bob))
    html = shown(bob, account=account.pk, strategy=a_strategy(traded.user).pk)
    assert "Beta" not in html
    assert "NQ FVG" not in html
    assert bob.client.get("/performance/curve/").json()["days"] == []
    assert len(bob.client.get("/performance/positions.csv").content.decode().splitlines()) == 1


@pytest.mark.parametrize("path", PATHS)
def test_strangers_are_sent_to_the_door(path: str) -> None:
    answer = Client().get(path)
    assert (answer.status_code, answer["Location"]) == (302, f"/accounts/login/?next={path}")


@pytest.mark.parametrize("path", PATHS)
def test_a_page_costs_the_same_however_much_there_is(traded: Actor, path: str) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert traded.client.get(path).status_code == 200
        return len(asked)

    few = cost()
    account = an_account(traded.user)
    for minute in range(9):
        a_position(
            account, closed=f"2025-12-02T16:{minute:02d}:00Z", realized=Decimal(minute),
            strategy=a_strategy(traded.user, f"S{minute}"), place=minute + 100,
        )  # fmt: skip
    assert cost() == few


def test_the_list_is_paged(traded: Actor) -> None:
    account = an_account(traded.user)
    for minute in range(50):
        a_position(account, closed=f"2025-12-02T16:{minute:02d}:00Z", realized=Decimal(minute))
    first = shown(traded)
    assert "Page 1 of 3" in words(first)
    assert "page=2#positions" in first
    assert "Page 2 of 3" in words(shown(traded, page="2"))


def test_only_the_positions_that_are_listed_are_read_in_full(alice: Actor) -> None:
    account = an_account(alice.user)
    for number in range(60):
        a_position(account, closed=f"2025-12-02T16:{number:02d}:00Z", realized=Decimal(10))
    made: list[Any] = []

    def note(instance: Any, **_: Any) -> None:
        made.append(instance)

    post_init.connect(note, Position)
    try:
        assert "60 closed positions" in words(shown(alice))
    finally:
        post_init.disconnect(note, Position)
    assert len(made) == 25
