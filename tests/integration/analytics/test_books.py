"""Performance in both books: the desk's own accounts, and what recorders found at brokers."""

import csv
import re
from collections.abc import Iterator
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.bus import transport
from apps.recorder.models import RecordedPosition, Recorder
from apps.recorder.services import settle
from tests.cast import Actor
from tests.factories import a_price, a_strategy
from tests.integration.papertrading.rows import a_position, an_account
from tests.integration.recorder.rows import a_broker_account, a_fill, a_recorder

pytestmark = pytest.mark.django_db
RECORDED = {"books": "recorded"}


@pytest.fixture(autouse=True)
def _market() -> Iterator[None]:
    transport.use(transport.MemoryTransport())
    a_price("20005.25")
    yield
    transport.use(None)


@pytest.fixture
def recorder(alice: Actor) -> Recorder:
    """Alice's recorder, which made $196 and lost $104 at the broker; at the desk it did nothing."""
    account = a_broker_account(alice.user)
    made = a_recorder(alice.user, account, "=Fade")
    for signed, price, minute in (
        (1, "20000.00", 1), (-1, "20010.00", 2), (1, "20010.00", 3), (-1, "20005.00", 4),
    ):  # fmt: skip
        a_fill(account, signed, price, minute)
    settle(account=account)
    return made


def shown(actor: Actor, **query: Any) -> str:
    answer = actor.client.get("/performance/", query)
    assert answer.status_code == 200, answer.content[:2000]
    return answer.content.decode()


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_an_empty_page_says_which_other_books_have_something(
    alice: Actor, recorder: Recorder
) -> None:
    html = shown(alice, strategy=recorder.strategy_id)
    assert "No position was closed here" in words(html)
    assert "Recorded at brokers: 2 closed positions Show them" in words(html)
    assert f'href="?books=recorded&amp;strategy={recorder.strategy_id}&amp;"' in html
    assert 'class="error"' not in html  # his own strategy is asked for, though it has nothing here
    assert "Recorded at brokers: 2 closed positions" in words(shown(alice))
    a_position(an_account(alice.user), closed="2025-12-02T15:00:00Z", realized=Decimal(5))
    nothing = words(shown(alice, **RECORDED, until="2025-12-01"))
    assert "No position was closed here" in nothing and "own accounts:" not in nothing
    RecordedPosition.objects.all().delete()
    assert "In the desk's own accounts: 1 closed position Show it" in words(
        shown(alice, **RECORDED).replace("&#x27;", "'")
    )


def test_recorded_positions_have_every_figure_table_and_their_file(
    alice: Actor, recorder: Recorder
) -> None:
    html = shown(alice, **RECORDED)
    text = words(html)
    assert "2 closed positions recorded at brokers" in text
    assert "Net +$92.00" in text and "Win rate 50.0 % 1 won, 1 lost, 0 even" in text
    assert "By session" in text and "By strategy" in text and "December 2025" in text
    assert "DEMO1001 demo" in text
    assert "?books=recorded&amp;month=2025-12&amp;day=2025-12-02#positions" in html
    assert 'name="books" value="recorded"' in html  # the filter stays in these books
    curve = alice.client.get("/performance/curve/", RECORDED).json()
    assert (curve["days"], curve["equity"]) == (["2025-12-02"], ["92.00"])
    answer = alice.client.get("/performance/positions.csv", RECORDED)
    assert 'filename="recorded-positions.csv"' in answer["Content-Disposition"]
    rows = list(csv.DictReader(StringIO(answer.content.decode())))
    assert [(row["net"], row["outcome"]) for row in rows] == [
        ("-104.00", "loss"),
        ("196.00", "win"),
    ]
    first = rows[1]
    assert (first["account"], first["kind"], first["strategy"]) == ("DEMO1001", "demo", "'=Fade")
    assert (first["entry"], first["exit"], first["seconds"]) == ("20000.00", "20010.00", "60")
    assert (first["fees"], first["fees_known"]) == ("4.00", "yes")


def test_fees_that_are_not_said_yet_are_marked(alice: Actor, recorder: Recorder) -> None:
    RecordedPosition.objects.update(fees_known=False)
    assert "fees of 2 trades not said yet" in words(shown(alice, **RECORDED))
    text = alice.client.get("/performance/positions.csv", RECORDED).content.decode()
    assert {row["fees_known"] for row in csv.DictReader(StringIO(text))} == {"no"}


def test_the_filter_offers_what_is_in_the_books(alice: Actor, recorder: Recorder) -> None:
    own = a_strategy(alice.user, "At the desk")
    account = an_account(alice.user, "Paper one")
    a_position(
        account, closed="2025-12-02T15:00:00Z", realized=Decimal(5), strategy=own, place=own.pk
    )

    def offered(html: str) -> str:
        return words(html.split('aria-label="Filter positions"')[1].split("</form>")[0])

    desk, recorded = offered(shown(alice)), offered(shown(alice, **RECORDED))
    assert "At the desk" in desk and "Paper one" in desk
    assert "Fade" not in desk and "DEMO1001" not in desk and "by hand" not in desk
    assert "Fade" in recorded and "DEMO1001, DEMO" in recorded
    assert "At the desk" not in recorded and "Paper one" not in recorded
    broker = recorder.account_id
    assert "2 closed positions" in words(shown(alice, **RECORDED, account=broker))
    switch = shown(alice, since="2025-12-01", strategy=own.pk)
    assert 'href="?books=recorded&amp;since=2025-12-01&amp;"' in switch


def test_recorded_books_are_ones_own(alice: Actor, bob: Actor, recorder: Recorder) -> None:
    html = shown(bob, **RECORDED, strategy=recorder.strategy_id, account=recorder.account_id)
    assert "Fade" not in html and "DEMO1001" not in html
    assert "2 closed" not in words(html)
    for path in ("/performance/curve/", "/performance/positions.csv"):
        assert "196.00" not in bob.client.get(path, RECORDED).content.decode()


@pytest.mark.parametrize("query", ["x", "", "desk"])
def test_a_wrong_word_for_the_books_shows_the_desks(
    alice: Actor, recorder: Recorder, query: str
) -> None:
    assert "No closed position yet" in words(shown(alice, books=query))


@pytest.mark.parametrize(
    "path", ["/performance/", "/performance/curve/", "/performance/positions.csv"]
)
def test_recorded_books_cost_the_same_however_much_there_is(
    alice: Actor, recorder: Recorder, path: str
) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert alice.client.get(path, RECORDED).status_code == 200
        return len(asked)

    few = cost()
    for number in range(4):
        account = a_broker_account(alice.user, f"DEMO2{number}")
        a_recorder(alice.user, account, f"More {number}")
        a_fill(account, 1, "20000.00", 1)
        a_fill(account, -1, "20001.00", 2)
        settle(account=account)
    assert cost() == few


# ---- which books the API reads when none are named ----


def answers(recorder: Recorder) -> list[str]:
    """Return every address that answers in figures of books."""
    return [
        f"/api/strategies/{recorder.strategy_id}/analytics/",
        f"/api/dashboard/analytics/{recorder.strategy_id}/",
        "/api/strategy/performance/",
        "/api/dashboard/summary/",
    ]


def read(actor: Actor, path: str, **query: Any) -> tuple[str, int]:
    """Return the books that an answer names and how many trades it tells."""
    answer = actor.client.get(path, query)
    assert answer.status_code == 200, answer.content
    body = answer.json()
    return body["books"], (body.get("positions") or body.get("all") or body)["trades"]


@pytest.mark.parametrize("n", range(4))
def test_who_has_recorded_trades_alone_sees_them_without_naming_their_books(
    alice: Actor, bob: Actor, recorder: Recorder, n: int
) -> None:
    path = answers(recorder)[n]
    assert read(alice, path) == ("recorded", 2)
    assert read(alice, path, books="desk") == ("desk", 0)
    assert read(alice, path, until="2025-12-01") == ("desk", 0)  # none has anything in this range
    assert read(alice, path, since="2025-12-02", until="2025-12-02") == ("recorded", 2)
    assert read(alice, path, books="recorded", until="2025-12-01") == ("recorded", 0)
    if str(recorder.strategy_id) not in path:
        assert read(bob, path) == ("desk", 0)


@pytest.mark.parametrize("n", range(4))
def test_the_desks_books_are_read_as_soon_as_they_have_something_in_the_range(
    alice: Actor, recorder: Recorder, n: int
) -> None:
    path = answers(recorder)[n]
    own = an_account(alice.user, "Paper one")
    a_position(own, strategy=recorder.strategy, place=recorder.strategy_id)
    assert read(alice, path) == ("recorded", 2)  # it is open: nothing is closed at the desk yet
    a_position(
        own, closed="2025-12-01T15:00:00Z", realized=Decimal(5), strategy=recorder.strategy,
        place=recorder.strategy_id + 1,
    )  # fmt: skip
    assert read(alice, path) == ("desk", 1)
    assert read(alice, path, books="recorded") == ("recorded", 2)
    assert read(alice, path, since="2025-12-02") == ("recorded", 2)


@pytest.mark.parametrize("n", range(4))
def test_an_account_without_books_is_one_of_the_desks(
    alice: Actor, recorder: Recorder, n: int
) -> None:
    """A broker account may bear the same number: it is never meant by chance."""
    path, own = answers(recorder)[n], an_account(alice.user, "Paper one")
    assert read(alice, path, account=own.pk) == ("desk", 0)
    broker = recorder.account_id
    assert read(alice, path, account=broker, books="recorded") == ("recorded", 2)


def test_the_summary_tells_what_is_open_in_its_books(alice: Actor, recorder: Recorder) -> None:
    a_position(an_account(alice.user, "Paper one"))
    a_fill(recorder.account, 1, "20000.00", 5)
    settle(account=recorder.account)
    a_fill(recorder.account, 1, "20000.00", 6)
    settle(account=recorder.account)
    body = alice.client.get("/api/dashboard/summary/").json()
    assert (body["books"], body["open_positions"], body["today"]["trades"]) == ("recorded", 1, 2)
    own = alice.client.get("/api/dashboard/summary/", {"books": "desk"}).json()
    assert (own["books"], own["open_positions"], own["all"]["trades"]) == ("desk", 1, 0)


def test_the_days_of_recorded_trades_are_told(alice: Actor, recorder: Recorder) -> None:
    body = alice.client.get(answers(recorder)[0]).json()
    day = {"start": "2025-12-02", "net": "92.00", "trades": 2, "wins": 1, "losses": 1}
    assert body["days"] == [day]
    assert body["weeks"] == [day | {"start": "2025-12-01"}]
    assert body["positions"] == body["recorded"]
