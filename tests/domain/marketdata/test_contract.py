"""Names, expiries and rolls of dated contracts. Source: the contract tables of the exchange."""

from datetime import date, datetime

import pytest

from apps.bus.domain.message import iso, to_instant
from apps.marketdata.domain.contract import (
    Contract,
    RollDay,
    UnknownSymbol,
    contract_of_file,
    front,
    is_continuous,
    parse,
    root_of,
)


def ns(text: str) -> int:
    return to_instant(datetime.fromisoformat(text))


NOW = ns("2026-11-21T10:00:00Z")


@pytest.mark.parametrize(
    "symbol",
    ["NQZ6", "NQZ26", "NQZ2026", "CME_MINI:NQZ2026", "CME_MINI:NQ1!", "NQ1!", "NQ", "/NQZ6", "/NQZ26:XCME",
     "CON.F.US.ENQ.Z26", "F.US.ENQ", "NQ 12-26", " nqz6 "],
)  # fmt: skip
def test_every_spelling_is_the_same_contract(symbol: str) -> None:
    assert parse(symbol, NOW) == Contract("NQ", 2026, 12)
    assert root_of(symbol) == "NQ"


@pytest.mark.parametrize(
    ("symbol", "root"),
    [("CON.F.US.EP.Z26", "ES"), ("CON.F.US.MES.Z26", "MES"), ("M2KH7", "M2K"), ("6E1!", "6E"), ("SILZ6", "SIL"),
     ("CBOT_MINI:MYM1!", "MYM"), ("MNQ1!", "MNQ")],
)  # fmt: skip
def test_a_root_is_found_in_every_spelling(symbol: str, root: str) -> None:
    assert root_of(symbol) == root


@pytest.mark.parametrize(
    "symbol", ["", "QQQ", "NQ2!", "NQZ", "EURUSD", "CON.F.US.XXX.Z26", "NQZ206", "N\0Q"]
)
def test_an_unknown_spelling_is_refused(symbol: str) -> None:
    with pytest.raises(UnknownSymbol):
        parse(symbol, NOW)


def test_a_month_that_is_not_listed_is_refused_with_the_months_that_are() -> None:
    with pytest.raises(UnknownSymbol, match="NQ is listed for H, M, U, Z"):
        parse("NQF7", NOW)


def test_a_contract_knows_how_others_spell_it() -> None:
    assert Contract("NQ", 2026, 12).symbols == {
        "tradovate": "NQZ6",
        "tradingview": "CME_MINI:NQZ2026",
        "continuous": "CME_MINI:NQ1!",
        "tastytrade": "/NQZ6",
        "projectx": "CON.F.US.ENQ.Z26",
        "ninjatrader": "NQ 12-26",
    }
    for symbol in Contract("MES", 2027, 3).symbols.values():
        assert root_of(symbol) == "MES"


def test_a_one_digit_year_is_the_first_expiry_not_before_the_data() -> None:
    assert parse("NQH0", ns("2019-12-15T23:00:00Z")) == Contract("NQ", 2020, 3)
    assert parse("NQM4", ns("2024-06-16T22:00:00Z")) == Contract("NQ", 2024, 6)
    assert parse("NQZ6", ns("2026-12-18T14:30:00Z")) == Contract("NQ", 2026, 12)
    assert parse("NQZ6", ns("2026-12-18T14:30:01Z")) == Contract("NQ", 2036, 12)


def test_continuous_symbols_are_told_from_dated_ones() -> None:
    assert is_continuous("NQ1!")
    assert is_continuous("NQ")
    assert not is_continuous("NQZ6")


@pytest.mark.parametrize(
    ("year", "month", "friday", "monday", "thursday", "last"),
    [
        (2025, 3, "2025-03-21", "2025-03-17", "2025-03-13", "2025-03-21"),
        (2025, 6, "2025-06-20", "2025-06-16", "2025-06-12", "2025-06-20"),
        (2025, 9, "2025-09-19", "2025-09-15", "2025-09-11", "2025-09-19"),
        (2025, 12, "2025-12-19", "2025-12-15", "2025-12-11", "2025-12-19"),
        (2026, 3, "2026-03-20", "2026-03-16", "2026-03-12", "2026-03-20"),
        (2026, 6, "2026-06-19", "2026-06-15", "2026-06-11", "2026-06-18"),
        (2026, 9, "2026-09-18", "2026-09-14", "2026-09-10", "2026-09-18"),
        (2026, 12, "2026-12-18", "2026-12-14", "2026-12-10", "2026-12-18"),
        (2027, 3, "2027-03-19", "2027-03-15", "2027-03-11", "2027-03-19"),
        (2027, 6, "2027-06-18", "2027-06-14", "2027-06-10", "2027-06-17"),
        (2027, 9, "2027-09-17", "2027-09-13", "2027-09-09", "2027-09-17"),
        (2027, 12, "2027-12-17", "2027-12-13", "2027-12-09", "2027-12-17"),
    ],
)
def test_index_contracts_roll_and_end_as_listed(
    year: int, month: int, friday: str, monday: str, thursday: str, last: str
) -> None:
    contract = Contract("NQ", year, month)
    assert contract.roll_date() == date.fromisoformat(monday)
    assert contract.roll_date(RollDay.THURSDAY) == date.fromisoformat(thursday)
    assert contract.last_trade_date == date.fromisoformat(last)
    assert date.fromisoformat(friday).weekday() == 4


@pytest.mark.parametrize(
    ("symbol", "ends"),
    [
        ("ESH26", "2026-03-20T13:30:00Z"),  # third Friday, 08:30 Chicago
        ("MNQM26", "2026-06-18T13:30:00Z"),  # Juneteenth moves it to Thursday
        ("ESH08", "2008-03-20T13:30:00Z"),  # Good Friday does too
        ("GCZ26", "2026-12-29T18:30:00Z"),  # third last business day
        ("CLF27", "2026-12-21T19:30:00Z"),  # the 25th is Christmas: four business days before it
        ("MCLF27", "2026-12-18T19:30:00Z"),  # one business day before CL
        ("CLH27", "2027-02-22T19:30:00Z"),  # three business days before the 25th
        ("NGF27", "2026-12-29T19:30:00Z"),  # third last business day of the month before
        ("ZNZ26", "2026-12-21T18:01:00Z"),  # seventh business day before the last one
        ("ZCZ26", "2026-12-14T18:01:00Z"),  # business day before the 15th
        ("ZSX26", "2026-11-13T18:01:00Z"),  # the 15th is a Sunday
        ("6EZ26", "2026-12-14T15:16:00Z"),  # second business day before the third Wednesday
    ],
)  # fmt: skip
def test_each_group_ends_by_its_own_rule(symbol: str, ends: str) -> None:
    assert iso(parse(symbol, NOW).expires_at) == ends


@pytest.mark.parametrize(
    ("moment", "roll", "name"),
    [
        ("2026-12-11T22:30:00Z", RollDay.MONDAY, "NQZ6"),
        ("2026-12-13T22:59:59Z", RollDay.MONDAY, "NQH7"),  # a weekend belongs to its Monday
        ("2026-12-14T04:00:00Z", RollDay.MONDAY, "NQH7"),
        ("2026-12-09T22:59:59Z", RollDay.THURSDAY, "NQZ6"),
        ("2026-12-09T23:00:00Z", RollDay.THURSDAY, "NQH7"),
        ("2019-12-15T23:00:00Z", RollDay.MONDAY, "NQH0"),
        ("2024-06-17T07:00:00Z", RollDay.MONDAY, "NQU4"),
    ],
)
def test_the_front_contract_changes_with_the_trade_date_of_the_roll(
    moment: str, roll: RollDay, name: str
) -> None:
    assert front("NQ", ns(moment), roll).name == name


@pytest.mark.parametrize(
    ("root", "day", "name"),
    [
        ("GC", "2026-11-18", "GCZ6"),  # October and November are thin: never in front
        ("GC", "2026-11-25", "GCG7"),
        ("CL", "2026-12-15", "CLF7"),
        ("CL", "2026-12-16", "CLG7"),  # three business days before its last one
        ("ZN", "2026-11-20", "ZNZ6"),
        ("ZN", "2026-11-25", "ZNH7"),
        ("ZC", "2026-11-18", "ZCZ6"),
        ("6E", "2026-12-04", "6EZ6"),
        ("6E", "2026-12-07", "6EH7"),  # Monday of the week before expiry
    ],
)
def test_each_group_rolls_by_its_own_rule(root: str, day: str, name: str) -> None:
    assert front(root, ns(f"{day}T15:00:00Z")).name == name


def test_the_front_contract_never_goes_back() -> None:
    for root in ("NQ", "GC", "SI", "CL", "NG", "ZB", "ZS", "6E"):
        at, seen = ns("2025-01-01T15:00:00Z"), []
        while at < ns("2028-01-01T00:00:00Z"):
            seen.append(front(root, at))
            assert seen[-1].expires_at > at
            at += 86_400 * 10**9
        assert seen == sorted(seen, key=lambda one: (one.year, one.month))


@pytest.mark.parametrize(
    ("name", "contract"),
    [
        ("/data/ticks/NQH0_2019-12-16_trades.csv.gz", "NQH0"),
        ("MNQ_1m.csv", "MNQ"),
        ("NQZ6.parquet", "NQZ6"),
        ("NQ_2024-01-02_1m_mixed_contracts.csv.gz", "NQ"),
        ("6EH4_2024-01_1m.csv.gz", "6EH4"),
        ("EURUSD_2020-01-06_quotes.csv.gz", None),
        ("ticks.csv", None),
        ("ninjatrader_tick_NQ_06-24.Last.txt.gz", None),
    ],
)
def test_a_file_s_name_says_its_contract(name: str, contract: str | None) -> None:
    assert contract_of_file(name) == contract
