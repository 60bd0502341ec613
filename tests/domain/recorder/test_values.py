"""Cells of an export: what each manner of writing means, and what is said, word for word, of one that cannot be read."""

from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from apps.bus.domain.message import MINUTE, SECOND
from apps.recorder.imports.values import (
    BadCell,
    DayOrder,
    Decimals,
    Manner,
    contract,
    moment,
    money,
    number,
    price,
    told_day,
    whole,
)
from tests.factories import at

POINT, COMMA = Decimals.POINT, Decimals.COMMA
MONTH, DAY = DayOrder.MONTH_FIRST, DayOrder.DAY_FIRST
CHICAGO, BERLIN, UTC_ = "America/Chicago", "Europe/Berlin", "UTC"
OTHERS = (
    "the file was read with a decimal {}, this one has a decimal {}; choose it, or mend the row"
)
A_NUMBER = "write a number such as 21539.50"
A_MOMENT = "write a date and time such as 04/09/2026 15:30:37 or 2026-04-09 15:30:37"


def refused(problem: pytest.ExceptionInfo[BadCell]) -> tuple[str, str, str]:
    return problem.value.field, problem.value.value, problem.value.cure


# ---- numbers ----


@pytest.mark.parametrize(
    ("text", "decimals", "means"),
    [
        ("21539.50", POINT, "21539.50"),
        ("21,539.50", POINT, "21539.50"),
        ("1,234,567", POINT, "1234567"),
        (".25", POINT, "0.25"),
        ("5.", POINT, "5"),
        ("$1,234.50", POINT, "1234.50"),
        ("-$5", POINT, "-5"),
        ("$-5", POINT, "-5"),
        ("\u22125.00 USD", POINT, "-5.00"),
        ("+7", POINT, "7"),
        ("21539,50", COMMA, "21539.50"),
        ("21.539,50", COMMA, "21539.50"),
        ("1.234.567", COMMA, "1234567"),
        ("21 539,50", COMMA, "21539.50"),
        ("21\u202f539,50", COMMA, "21539.50"),
        ("21'539,50", COMMA, "21539.50"),
        (",25", COMMA, "0.25"),
        ("-$1.234,50", COMMA, "-1234.50"),
    ],
)
def test_a_number_is_read_as_its_file_writes(text: str, decimals: Decimals, means: str) -> None:
    assert number("Price", text, decimals) == Decimal(means)


@pytest.mark.parametrize(
    ("text", "decimals", "means"),
    [
        ("($12.00)", POINT, "-12.00"),
        ("(1,250.50)", POINT, "-1250.50"),
        ("$(3)", POINT, None),
        ("(1.250,50)", COMMA, "-1250.50"),
        ("(-5)", POINT, "5"),
        ("(5", POINT, None),
        ("5)", POINT, None),
    ],
)
def test_an_amount_in_parentheses_is_a_loss(
    text: str, decimals: Decimals, means: str | None
) -> None:
    if means is not None:
        assert number("P/L", text, decimals) == Decimal(means)
        return
    with pytest.raises(BadCell) as problem:
        number("P/L", text, decimals)
    assert refused(problem) == ("P/L", text, A_NUMBER)


@pytest.mark.parametrize(
    ("text", "decimals", "cure"),
    [
        ("21539,50", POINT, OTHERS.format("point", "comma")),
        ("1.234,50", POINT, OTHERS.format("point", "comma")),
        ("(12,5)", POINT, OTHERS.format("point", "comma")),
        ("21539.50", COMMA, OTHERS.format("comma", "point")),
        ("$1,234.50", COMMA, OTHERS.format("comma", "point")),
        ("1,23,456", POINT, A_NUMBER),
        ("1.2.3", COMMA, A_NUMBER),
        ("twelve", POINT, A_NUMBER),
        ("1e5", POINT, A_NUMBER),
        ("--5", POINT, A_NUMBER),
        ("NaN", POINT, A_NUMBER),
        ("\u0661\u0662", POINT, None),  # digits of another script are digits
        ("9" * 61, POINT, A_NUMBER),
        (".", POINT, A_NUMBER),
        ("$", POINT, "it is empty; write a number"),
        ("()", POINT, "it is empty; write a number"),
        ("", POINT, "it is empty; write a number"),
        ("  ", COMMA, "it is empty; write a number"),
    ],
)
def test_what_is_no_number_here_says_what_helps(
    text: str, decimals: Decimals, cure: str | None
) -> None:
    if cure is None:
        assert number("Price", text, decimals) == 12
        return
    with pytest.raises(BadCell) as problem:
        number("Price", text, decimals)
    assert refused(problem) == ("Price", text[:60], cure)
    assert str(problem.value) == f"Price {text[:60]!r}: {cure}"


def test_a_price_lies_on_the_grid_of_its_contract() -> None:
    assert price("Price", "28531.750000000001", POINT, "NQH5") == Decimal("28531.75")
    assert price("avgPrice", "21500.1", POINT, "NQH5", average=True) == Decimal("21500.1")
    assert price("Price", "1.2345678", POINT, "XYZZ5") == Decimal("1.2345678")  # nobody's grid
    with pytest.raises(BadCell) as problem:
        price("Price", "21500,10", COMMA, "NQH5")
    assert refused(problem) == (
        "Price", "21500,10", "not on the grid of NQ, 0.25; mend the price or the contract",
    )  # fmt: skip
    with pytest.raises(BadCell, match=r"^Price '100000000000': too large for a price$"):
        price("Price", "1" + "0" * 11, POINT, "XYZZ5")


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "100,001"])
def test_contracts_are_whole_and_at_least_one(text: str) -> None:
    assert whole("Quantity", "2.0", POINT) == 2 and whole("Quantity", "100,000", POINT) == 100_000
    with pytest.raises(BadCell) as problem:
        whole("Quantity", text, POINT)
    assert refused(problem) == ("Quantity", text, "write whole contracts, 1 to 100,000")


def test_an_amount_may_be_empty_but_not_endless() -> None:
    assert money("Commission", " ", POINT) == 0
    assert money("Commission", "$0,79", COMMA) == Decimal("0.79")
    with pytest.raises(BadCell, match=r"^Commission '1000000000000': too large for an amount$"):
        money("Commission", "1" + "0" * 12, POINT)


# ---- moments ----


@pytest.mark.parametrize(
    ("text", "days", "zone", "means", "grain"),
    [
        ("04/09/2026 15:30:37", MONTH, CHICAGO, "2026-04-09T20:30:37Z", SECOND),
        ("04/09/2026 15:30:37", DAY, CHICAGO, "2026-09-04T20:30:37Z", SECOND),
        ("4/9/26 15:30", MONTH, CHICAGO, "2026-04-09T20:30:00Z", MINUTE),
        ("09.04.2026 15:30:37", DAY, BERLIN, "2026-04-09T13:30:37Z", SECOND),
        ("31/01/2026 15:30:37", DAY, BERLIN, "2026-01-31T14:30:37Z", SECOND),
        ("2026-04-09 15:30:37.250", MONTH, UTC_, "2026-04-09T15:30:37.250Z", SECOND // 1000),
        ("2026-04-09 15:30:37.250", DAY, UTC_, "2026-04-09T15:30:37.250Z", SECOND // 1000),
        ("4/9/2026 3:30:37 PM", MONTH, CHICAGO, "2026-04-09T20:30:37Z", SECOND),
        ("4/9/2026 12:00:00 a.m.", MONTH, CHICAGO, "2026-04-09T05:00:00Z", SECOND),
        ("4/9/2026 12:00:00 PM", MONTH, CHICAGO, "2026-04-09T17:00:00Z", SECOND),
        ("2026-04-09T15:30:37Z", MONTH, CHICAGO, "2026-04-09T15:30:37Z", SECOND),
        ("04/09/2026 15:30:37 +02:00", MONTH, CHICAGO, "2026-04-09T13:30:37Z", SECOND),
        ("04/09/2026 15:30:37 -0530", MONTH, CHICAGO, "2026-04-09T21:00:37Z", SECOND),
        ("04/09/2026 15:30:37 UTC", MONTH, CHICAGO, "2026-04-09T15:30:37Z", SECOND),
    ],
)
def test_a_moment_is_read_as_its_file_writes(
    text: str, days: DayOrder, zone: str, means: str, grain: int
) -> None:
    found = moment("Time", text, Manner(ZoneInfo(zone), days=days))
    assert (found.at, found.grain) == (at(means), grain)


@pytest.mark.parametrize(
    ("text", "days", "cure"),
    [
        ("13/01/2026 10:00:00", MONTH, "no such date or time (month must be in 1..12); choose whether the day or the month comes first"),
        ("01/13/2026 10:00:00", DAY, "no such date or time (month must be in 1..12); choose whether the day or the month comes first"),
        ("02/10/2026 25:00:00", MONTH, "no such date or time (hour must be in 0..23)"),
        ("02/10/2026 13:00:00 PM", MONTH, "no such date or time (a 12-hour clock shows 1 to 12)"),
        ("02/10/2026 0:30:00 AM", MONTH, "no such date or time (a 12-hour clock shows 1 to 12)"),
        ("02/10/2026", MONTH, A_MOMENT),
        ("10:00:00", MONTH, A_MOMENT),
        ("1770741037", MONTH, A_MOMENT),
        ("", MONTH, A_MOMENT),
        ("02/10/2026 10:00:00 CET", MONTH, A_MOMENT),
    ],
)  # fmt: skip
def test_what_is_no_moment_here_says_what_helps(text: str, days: DayOrder, cure: str) -> None:
    with pytest.raises(BadCell) as problem:
        moment("Time", text, Manner(ZoneInfo(CHICAGO), days=days))
    assert refused(problem) == ("Time", text, cure)


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        (CHICAGO, "03/08/2026 02:30:00"),
        (CHICAGO, "03/08/2026 02:00:00"),
        (CHICAGO, "03/08/2026 02:59:59"),
        (BERLIN, "03/29/2026 02:30:00"),
    ],
)
def test_an_hour_that_the_clock_skipped_is_nobodys(zone: str, text: str) -> None:
    with pytest.raises(BadCell) as problem:
        moment("Time", text, Manner(ZoneInfo(zone)))
    cure = (
        f"this hour was skipped in {zone} when its clock went forward; is it another zone's time?"
    )
    assert refused(problem) == ("Time", text, cure)


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        (CHICAGO, "11/01/2026 01:30:00"),
        (CHICAGO, "11/01/2026 01:00:00"),
        (CHICAGO, "11/01/2026 01:59:59"),
        (BERLIN, "10/25/2026 02:30:00"),
    ],
)
def test_an_hour_that_the_clock_told_twice_is_asked_about(zone: str, text: str) -> None:
    with pytest.raises(BadCell) as problem:
        moment("Time", text, Manner(ZoneInfo(zone)))
    cure = f"this hour was told twice in {zone} when its clock went back; export it in UTC, or add the offset"
    assert refused(problem) == ("Time", text, cure)


@pytest.mark.parametrize(
    ("text", "zone", "means"),
    [
        ("03/08/2026 01:59:59", CHICAGO, "2026-03-08T07:59:59Z"),
        ("03/08/2026 03:00:00", CHICAGO, "2026-03-08T08:00:00Z"),
        ("11/01/2026 00:59:59", CHICAGO, "2026-11-01T05:59:59Z"),
        ("11/01/2026 02:00:00", CHICAGO, "2026-11-01T08:00:00Z"),
        ("11/01/2026 01:30:00 -05:00", CHICAGO, "2026-11-01T06:30:00Z"),  # the cure works
        ("11/01/2026 01:30:00 -06:00", CHICAGO, "2026-11-01T07:30:00Z"),
        ("03/08/2026 02:30:00", UTC_, "2026-03-08T02:30:00Z"),  # another zone's time, indeed
        ("11/01/2026 01:30:00", UTC_, "2026-11-01T01:30:00Z"),
    ],
)
def test_the_hours_beside_a_change_of_clocks_are_plain(text: str, zone: str, means: str) -> None:
    assert moment("Time", text, Manner(ZoneInfo(zone))).at == at(means)


@pytest.mark.parametrize(
    ("text", "days", "means"),
    [
        ("2026-04-09", MONTH, "2026-04-09"),
        ("4/9/26", MONTH, "2026-04-09"),
        ("9/4/26", DAY, "2026-04-09"),
        ("04/09/2026 00:00:00", MONTH, "2026-04-09"),
        ("13/4/2026", MONTH, ""),
        ("Thursday", MONTH, ""),
        ("", DAY, ""),
    ],
)
def test_a_day_that_cannot_be_read_is_not_told(text: str, days: DayOrder, means: str) -> None:
    assert told_day(text, days) == means


# ---- contracts ----


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("MNQH5", "MNQH5"), (" mnq mar25 ", "MNQH5"), ("MES 09-26", "MESU6"), ("ESM24", "ESM4"),
        ("CON.F.US.EP.M24", "ESM4"), ("XYZ DEC25", "XYZZ5"),
    ],
)  # fmt: skip
def test_a_contract_has_the_exchanges_name(text: str, means: str) -> None:
    assert contract("Contract", text) == means


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ("NQ", "names no month; a fill is of a dated contract such as MNQH5"),
        ("E-mini Nasdaq", "names no dated contract such as MNQH5 ("),
        ("", "names no dated contract such as MNQH5 ("),
    ],
)
def test_what_names_no_contract_says_what_is_missing(text: str, cure: str) -> None:
    with pytest.raises(BadCell) as problem:
        contract("Contract", text)
    assert refused(problem)[:2] == ("Contract", text)
    assert problem.value.cure.startswith(cure)
