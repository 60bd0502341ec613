"""The Performance page as it is drawn: the filter in the address, the month as a calendar, the rows of its file."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from fractions import Fraction
from functools import cached_property
from io import StringIO
from typing import Any, Final
from urllib.parse import urlencode

from django import forms

from apps.analytics import queries, recorded
from apps.analytics.books import BY_HAND, Brief, Line, Scope, strategy
from apps.analytics.domain.amounts import total
from apps.analytics.domain.money import as_text, in_cents
from apps.analytics.domain.periods import Level, Period, first_of_month
from apps.analytics.domain.periods import monday as monday_of
from apps.brokers.fields import AverageField
from apps.brokers.models import Account
from apps.brokers.queries import accounts
from apps.bus.domain.message import in_r, iso
from apps.dashboards.templatetags.recording import kind_of_account

HEATS: Final = 4  # steps of the calendar's colour, each way
WEEK: Final = 5  # trade dates lie on Monday to Friday
YEARS: Final = (1990, 2099)
COLUMNS: Final = (
    "trade_date", "opened_at", "closed_at", "account", "kind", "strategy", "contract", "direction",
    "contracts", "entry", "exit", "seconds", "outcome", "gross", "fees", "net", "risk", "r", "mfe", "mae", "fees_known",
)  # fmt: skip
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class Books(StrEnum):
    """Whose positions figures are made of: the desk's own accounts, or what recorders found at brokers."""

    DESK = "desk"
    RECORDED = "recorded"

    @property
    def source(self) -> Any:
        """Return the module that reads them; both tell the same things."""
        return recorded if self is Books.RECORDED else queries

    @property
    def other(self) -> "Books":
        """Return the other ones."""
        return Books.DESK if self is Books.RECORDED else Books.RECORDED


class PerformanceFilter(forms.Form):
    """Over which positions the page tells; it stands in the address."""

    books = forms.ChoiceField(
        choices=[(one, one) for one in Books], required=False, widget=forms.HiddenInput
    )
    account = forms.ModelChoiceField(
        Account.objects.none(), required=False, empty_label="all accounts"
    )
    strategy = forms.ChoiceField(required=False)
    since = forms.DateField(
        label="From", required=False, widget=forms.DateInput({"type": "date"}, "%Y-%m-%d")
    )
    until = forms.DateField(
        label="To", required=False, widget=forms.DateInput({"type": "date"}, "%Y-%m-%d")
    )

    def __init__(self, data: Any, *, user: Any) -> None:
        super().__init__(data)
        self.user = user
        known = data.get("books") in set(Books)
        self.chosen = Books(data["books"]) if known else Books.DESK
        account: Any = self.fields["account"]
        if self.chosen is Books.RECORDED:
            account.queryset = recorded.accounts(user)
            account.label_from_instance = lambda row: f"{row}, {kind_of_account(row)}"
        else:
            account.queryset = accounts(user)
            account.label_from_instance = lambda row: f"{row.name}, {row.stake}"
        self.fields["strategy"].choices = self._strategies()  # type: ignore[attr-defined]
        for field in self.fields.values():
            field.widget.attrs["class"] = "input"

    def _strategies(self) -> list[tuple[str, str]]:
        """Return those that have something in these books, and the one that is asked for if it is his."""
        traded = sorted(self.chosen.source.traded(self.user), key=lambda row: row.is_archived)
        mine = {row.pk: f"{row.name}{', archived' * row.is_archived}" for row in traded}
        asked = str(self.data.get("strategy", ""))
        if asked.isdecimal() and int(asked[:18]) not in mine:
            row = strategy(self.user, int(asked[:18]))
            mine |= {row.pk: f"{row.name}, nothing here"} if row else {}
        by_hand = self.chosen is Books.DESK and (
            asked == str(BY_HAND) or queries.has_by_hand(self.user)
        )
        return [
            ("", "all strategies"),
            *((str(pk), name) for pk, name in mine.items()),
            *([(str(BY_HAND), "by hand")] if by_hand else []),
        ]

    def clean(self) -> dict[str, Any]:
        """Refuse years in which nothing can have traded, and a range that ends before it begins."""
        given: dict[str, Any] = super().clean() or {}
        for name in ("since", "until"):
            day = given.get(name)
            if day is not None and not YEARS[0] <= day.year <= YEARS[1]:
                self.add_error(name, "Give a date between 1990 and 2099.")
        since, until = given.get("since"), given.get("until")
        if since and until and since > until:
            self.add_error("until", "It lies before the first day.")
        return given

    @cached_property
    def scope(self) -> Scope:
        """Return what is chosen; what is wrong narrows nothing and is told beside its field."""
        self.is_valid()
        given = self.cleaned_data
        account, strategy = given.get("account"), given.get("strategy")
        return Scope(
            account.pk if account else None,
            int(strategy) if strategy else None,
            given.get("since"),
            given.get("until"),
        )

    @property
    def is_used(self) -> bool:
        """Return whether anything is narrowed."""
        return self.scope != Scope()

    @property
    def where(self) -> str:
        """Return what is chosen as the address carries it, with the `&` for what follows."""
        return _where(self.chosen, self.scope)

    @property
    def everything(self) -> str:
        """Return the address of all of these books."""
        return f"?{_where(self.chosen, Scope())}"

    @property
    def switches(self) -> list[tuple[Books, str, bool]]:
        """Return each of the books, its address for the same days, and whether it is chosen."""
        days = Scope(since=self.scope.since, until=self.scope.until)
        return [(one, f"?{_where(one, days)}", one is self.chosen) for one in Books]

    @cached_property
    def elsewhere(self) -> tuple[Books, int, str] | None:
        """Return the other books, how many closed positions they have of this strategy and range, and their address."""
        other, scope = self.chosen.other, replace(self.scope, account=None)
        if other is Books.RECORDED and scope.strategy == BY_HAND:
            scope = replace(scope, strategy=None)
        many = other.source.count(self.user, scope)
        return (other, many, f"?{_where(other, scope)}") if many else None


def _where(books: Books, scope: Scope) -> str:
    chosen: dict[str, Any] = {"books": books} if books is not Books.DESK else {}
    chosen |= {name: getattr(scope, name) for name in ("account", "strategy", "since", "until")}
    text = urlencode({name: value for name, value in chosen.items() if value is not None})
    return f"{text}&" if text else ""


# ---- the calendar ----


@dataclass(frozen=True, slots=True)
class DayCell:
    """One day of the month. `period` is None where nothing was closed."""

    day: date
    period: Period | None
    heat: int

    @property
    def net(self) -> Decimal:
        """Return what it came to in whole dollars, as a cell has room for."""
        assert self.period is not None
        return whole(self.period.net)


@dataclass(frozen=True, slots=True)
class Week:
    """A row of the calendar: a place for each weekday, None where it belongs to another month."""

    cells: Sequence[DayCell | None]
    trades: int
    net: Fraction

    @property
    def whole_net(self) -> Decimal:
        """Return what its days of this month came to in whole dollars."""
        return whole(self.net)


@dataclass(frozen=True, slots=True)
class Month:
    """A month of trade dates, and its neighbours that have any."""

    first: date
    weeks: Sequence[Week]
    trades: int
    net: Fraction
    earlier: date | None
    later: date | None


def month_of(days: Sequence[Period], wanted: str) -> Month | None:
    """Return the month that is asked for as 2025-12, else the last one with a trade; None without days."""
    if not days:
        return None
    months = sorted({first_of_month(one.start) for one in days})
    try:
        first = date.fromisoformat(f"{wanted}-01")
    except ValueError:
        first = months[-1]
    if not YEARS[0] <= first.year <= YEARS[1]:
        first = months[-1]
    known = {one.start: one for one in days if first_of_month(one.start) == first}
    most = max((abs(one.net) for one in known.values()), default=Fraction(0))
    weeks, monday = [], monday_of(first)
    while monday <= _last(first):
        weeks.append(_week(monday, first, known, most))
        monday += timedelta(days=7)
    return Month(
        first=first,
        weeks=[one for one in weeks if any(one.cells)],
        trades=sum(one.trades for one in known.values()),
        net=total(one.net for one in known.values()),
        earlier=max((one for one in months if one < first), default=None),
        later=min((one for one in months if one > first), default=None),
    )


def _week(monday: date, first: date, known: dict[date, Period], most: Fraction) -> Week:
    dates = [monday + timedelta(days=n) for n in range(WEEK)]
    mine = [known[day] for day in dates if day in known]
    return Week(
        [
            DayCell(day, known.get(day), heat(known.get(day), most))
            if day.month == first.month
            else None
            for day in dates
        ],
        sum(one.trades for one in mine),
        total(one.net for one in mine),
    )


def heat(period: Period | None, most: Fraction) -> int:
    """Return how strongly a day is coloured: 0 at nothing, up to 4 at the month's largest, below 0 for a loss."""
    if period is None or not period.net or not most:
        return 0
    step = -(-abs(period.net) * HEATS // most)
    return step if period.net > 0 else -step


def _last(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def whole(amount: Fraction) -> Decimal:
    """Return dollars without cents, ties away from zero."""
    return in_cents(amount / 100).scaleb(2).quantize(Decimal(1), ROUND_HALF_UP)


# ---- the list ----


def as_day(wanted: str) -> date | None:
    """Return the day that an address asks for, None if it is no date."""
    try:
        return date.fromisoformat(wanted)
    except ValueError:
        return None


def on_day(rows: Iterable[Brief], wanted: str) -> tuple[list[Brief], date | None]:
    """Return the positions of the day that is asked for, newest first; all of them if none is, or it is no date."""
    newest = sorted(rows, key=lambda one: (one.closed_ns, one.pk), reverse=True)
    try:
        day = date.fromisoformat(wanted)
    except ValueError:
        return newest, None
    return [one for one in newest if one.result.day == day], day


def as_csv(rows: Iterable[Line]) -> str:
    """Return positions as a file for a spreadsheet: money in dollars, prices on the grid, moments in UTC."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows([_safe(value) for value in _line(one)] for one in rows)
    return text.getvalue()


def _line(one: Line) -> tuple[Any, ...]:
    row, result = one.row, one.result
    return (
        result.day.isoformat(), iso(row.opened_ns), iso(row.closed_ns or 0),
        one.account_name, one.account_kind, one.strategy_name,
        row.contract, "long" if row.sign > 0 else "short", row.most,
        _price(one.entry), _price(one.exit), one.seconds, str(result.outcome),
        _money(result.gross), _money(result.fees), _money(result.net),
        _money(result.risk), "" if result.net_r is None else in_r(result.net_r),
        _money(result.mfe), _money(result.mae), "yes" if result.fees_known else "no",
    )  # fmt: skip


def _money(amount: Fraction | None) -> str:
    """Return dollars as the API tells them, empty where there are none."""
    return "" if amount is None else as_text(amount)


def _price(value: Decimal | None) -> str:
    """Return an average price as the API tells it: two decimals, at most four where it lies between ticks."""
    return "" if value is None else str(AverageField().to_representation(value))


def _safe(value: Any) -> str:
    """Return a cell that no spreadsheet takes for a formula; numbers stay numbers."""
    text = str(value)
    if text.startswith(_FORMULA) and not _is_number(text):
        return f"'{text}"
    return text


def _is_number(text: str) -> bool:
    return text[1:].replace(".", "", 1).isdecimal()


def drawn(levels: Iterable[Level]) -> dict[str, list[str]]:
    """Return a curve as the chart reads it: the summed net at the close of each day, and its highest close."""
    each = list(levels)
    return {
        "days": [one.day.start.isoformat() for one in each],
        "equity": [f"{in_cents(one.equity):f}" for one in each],
        "peak": [f"{in_cents(one.peak):f}" for one in each],
    }
