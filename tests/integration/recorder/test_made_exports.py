"""Each layout that is understood, by a small file with trades of our own: what it tells, once, and what it comes to.

Said twice of each file: by figures that were worked out by hand, and by what pandas and empyrical make of its rows.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from apps.brokers.models import BrokerAccount, BrokerFill
from apps.recorder.imports.layouts import LAYOUTS
from apps.recorder.imports.reading import shape_of
from tests.cast import Actor
from tests.integration.recorder.imported import an_account, imported, recording, uploaded
from tests.integration.recorder.other_side import Wanted, shown, table, trips, wanted

pytestmark = pytest.mark.django_db
EXPORTS = Path(__file__).parents[2] / "exports"


class Made(NamedTuple):
    """A file, what it is, and what it tells.

    account:  into which it goes where it names none, or more than the desk may guess
    parts:    of fills that it tells: one that stands in two pairs has two
    fills:    that those are of
    tells:    by account and product: trades, net, what they had cost in fees
    """

    file: str
    layout: str
    account: str
    parts: int
    fills: int
    tells: Mapping[tuple[str, str], tuple[int, str, str]]


FILES: Final = (
    Made("tradovate_fills", "tradovate-fills", "", 10, 10, {("MADE-FILLS", "MNQ"): (4, "+$66.14", "9.36")}),
    Made("tradovate_orders", "tradovate-orders", "MADE-ORDERS", 6, 6, {("MADE-ORDERS", "ES"): (3, "+$50.00", "0")}),
    Made("tradovate_performance", "tradovate-pairs", "MADE-PAIRS", 8, 7, {("MADE-PAIRS", "NQ"): (3, "+$145.00", "0")}),
    Made("tradovate_position_history", "tradovate-positions", "", 8, 7, {("MADE-HISTORY", "MES"): (3, "+$13.75", "0")}),
    Made("ninjatrader_executions", "ninja-executions", "", 10, 10, {
        ("MADE-NINJA", "NQ"): (3, "−$31.00", "21.00"), ("MADE-OTHER", "MES"): (1, "−$49.95", "6.20"),
    }),
    Made("ninjatrader_trades", "ninja-trades", "", 6, 6, {("MADE-TRADES", "MNQ"): (3, "+$15.26", "6.24")}),
    Made("topstepx_trades", "topstepx-trades", "MADE-TOPSTEP", 8, 8, {("MADE-TOPSTEP", "MNQ"): (4, "+$86.10", "8.40")}),
)  # fmt: skip


@pytest.fixture(autouse=True)
def _home(settings: Any, tmp_path: Path) -> None:
    settings.HOME = tmp_path


def raw(made: Made) -> bytes:
    return (EXPORTS / f"{made.file}.csv").read_bytes()


def taken_in(actor: Actor, made: Made, text: bytes) -> dict[str, BrokerAccount]:
    """Import a file whole, and return its accounts."""
    accounts = {name: an_account(actor.user, name) for name, _ in made.tells}
    more = {"account": accounts[made.account].pk} if made.account else {}
    done = imported(actor.user, text, **more)
    assert (done.bad_rows, done.counts["new"], done.counts["conflict"]) == (0, made.parts, 0)
    return accounts


def test_every_layout_has_a_file() -> None:
    assert [one.layout for one in FILES] == [
        "tradovate-fills", "tradovate-orders", "tradovate-pairs", "tradovate-positions", "ninja-executions",
        "ninja-trades", "topstepx-trades",
    ]  # fmt: skip
    assert {one.layout for one in FILES} == set(LAYOUTS)
    for one in FILES:
        assert shape_of(EXPORTS / f"{one.file}.csv").layout.name == one.layout


@pytest.mark.parametrize("made", FILES, ids=lambda one: one.file)
def test_a_file_comes_to_what_was_worked_out_and_what_the_library_says(
    alice: Actor, made: Made
) -> None:
    accounts = taken_in(alice, made, raw(made))
    rows = table(raw(made), made.layout, made.account or next(iter(made.tells))[0])
    for (name, root), (trades, net, fees) in made.tells.items():
        mine = trips(rows[(rows["account"] == name) & (rows["root"] == root)])
        assert len(mine) == trades
        assert f"{(mine['gross'] - mine['net']).sum():.2f}" == f"{float(fees):.2f}"
        page: Wanted = shown(alice, recording(alice.user, f"{name} {root}", accounts[name], root))
        assert page.net == net
        assert page == wanted(mine)


@pytest.mark.parametrize("made", FILES, ids=lambda one: one.file)
def test_a_file_brought_twice_adds_nothing(alice: Actor, made: Made) -> None:
    accounts = taken_in(alice, made, raw(made))
    more = {"account": accounts[made.account].pk} if made.account else {}
    again = imported(alice.user, raw(made), **more)
    assert (again.counts["new"], again.counts["known"], again.counts["conflict"]) == (0, made.parts, 0)  # fmt: skip
    assert BrokerFill.objects.filter(is_active=True).count() == made.fills


@pytest.mark.parametrize("made", FILES, ids=lambda one: one.file)
def test_rows_that_stand_twice_in_a_file_count_once(alice: Actor, made: Made) -> None:
    header, *lines = raw(made).splitlines(keepends=True)
    taken_in(alice, made, b"".join([header, *(one for line in lines for one in (line, line))]))
    assert BrokerFill.objects.filter(is_active=True).count() == made.fills


@pytest.mark.parametrize("made", FILES, ids=lambda one: one.file)
def test_saved_again_by_a_spreadsheet_it_tells_the_same(alice: Actor, made: Made) -> None:
    """Semicolons, a title and columns of its own above and beside: what is traded does not change."""
    lines = raw(made).decode().splitlines()
    assert not any(";" in line or '"' in line for line in lines)
    other = "".join(f"mine;{line.replace(',', ';')}\r\n" for line in lines)
    accounts = taken_in(alice, made, b"Trades of April\r\n" + other.encode())
    more = {"account": accounts[made.account].pk} if made.account else {}
    plain = uploaded(alice.user, raw(made), **more)
    assert plain.seen["counts"] == {"known": made.fills}
