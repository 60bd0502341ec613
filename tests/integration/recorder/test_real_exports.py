"""Real exports, imported whole: positions and figures equal what the files themselves and an independent library say."""

import csv
import warnings
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from apps.analytics.domain.performance import measure
from apps.analytics.domain.result import Result
from apps.brokers.domain.order import Side
from apps.brokers.models import BrokerAccount, BrokerFill
from apps.marketdata.domain.contract import root_of
from apps.marketdata.domain.instrument import INSTRUMENTS
from tests.cast import Actor
from tests.integration.recorder.imported import an_account, imported

pytestmark = pytest.mark.django_db
EXPORTS = Path("/work/shared/data/exports")


@pytest.fixture(autouse=True)
def _home(settings: Any, tmp_path: Path) -> None:
    settings.HOME = tmp_path


def export(name: str) -> bytes:
    path = EXPORTS / name
    if not path.exists():
        pytest.skip(f"NOT CHECKED: the real export {name} is not on this machine")
    return path.read_bytes()


def value_of(contract: str) -> Decimal:
    return INSTRUMENTS[root_of(contract)].point_value


def round_trips(account: BrokerAccount) -> Iterator[tuple[date, Decimal]]:
    """Yield what each way from flat to flat made, by running cash: no lots, so nothing of ours is used twice."""
    held: dict[str, int] = defaultdict(int)
    cash: dict[str, Decimal] = defaultdict(Decimal)
    for fill in BrokerFill.objects.filter(account=account).order_by("at_ns", "id"):
        sign = Side(fill.side).sign
        held[fill.contract] += sign * fill.quantity
        cash[fill.contract] -= sign * fill.quantity * fill.price * value_of(fill.contract)
        if not held[fill.contract]:
            yield fill.trade_date, cash.pop(fill.contract)


def test_the_pairs_of_tradovate_make_what_their_file_says(alice: Actor) -> None:
    raw = export("tradovate_position_pairs_2026-04-09.csv")
    account = an_account(alice.user, "EVAL0000000000001")
    done = imported(alice.user, raw, zone="America/New_York")
    assert (done.counts["new"], done.counts["conflict"], done.bad_rows) == (10, 0, 0)
    said = sum(Decimal(row["P/L"]) for row in csv.DictReader(raw.decode().splitlines()))
    made = sum(
        -Side(one.side).sign * one.quantity * one.price * value_of(one.contract)
        for one in BrokerFill.objects.filter(account=account)
    )
    assert made == said
    assert imported(alice.user, raw, zone="America/New_York").counts["new"] == 0


def test_the_grid_of_ninjatrader_keeps_four_accounts_apart(alice: Actor) -> None:
    raw = export("ninjatrader_executions_grid_2025-01-28.csv")
    rows = list(csv.DictReader(raw.decode().splitlines()))
    accounts = {name: an_account(alice.user, name) for name in {row["Account"] for row in rows}}
    assert len(accounts) == 4
    done = imported(alice.user, raw)
    assert (done.counts["new"], done.counts["conflict"], done.bad_rows) == (55, 0, 0)
    for name, account in accounts.items():
        wanted = sorted(
            (row["Action"].lower(), int(row["Quantity"]), Decimal(row["Price"]))
            for row in rows
            if row["Account"] == name
        )
        found = BrokerFill.objects.filter(account=account)
        assert sorted((one.side, one.quantity, one.price) for one in found) == wanted
    assert imported(alice.user, raw).counts["new"] == 0
    assert BrokerFill.objects.count() == 55


def test_figures_of_the_grid_equal_the_librarys(alice: Actor) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import empyrical
        import pandas as pd
    raw = export("ninjatrader_executions_grid_2025-01-28.csv")
    names = {row["Account"] for row in csv.DictReader(raw.decode().splitlines())}
    accounts = [an_account(alice.user, name) for name in sorted(names)]
    imported(alice.user, raw)
    for account in accounts:
        trips = list(round_trips(account))
        if not trips:
            continue
        results = [
            Result(opened_at=n, closed_at=n + 1, day=day, is_bullish=True, gross=Fraction(made))
            for n, (day, made) in enumerate(trips)
        ]
        figures, nets = measure(results), pd.Series([float(made) for _, made in trips])
        assert float(figures.net) == pytest.approx(nets.sum())
        assert figures.win_rate is not None and figures.expectancy is not None
        assert float(figures.win_rate) == pytest.approx((nets > 0).mean())
        assert float(figures.expectancy) == pytest.approx(nets.mean())
        summed = pd.concat([pd.Series([0.0]), nets]).cumsum()
        assert float(figures.drawdown.depth) == pytest.approx((summed.cummax() - summed).max())
        if figures.profit_factor is not None and len(nets) > 1:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                assert float(figures.profit_factor) == pytest.approx(empyrical.omega_ratio(nets))
