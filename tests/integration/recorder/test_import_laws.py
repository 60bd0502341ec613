"""Importing any file twice, in any pieces, before or after the broker's API, changes nothing beyond the first."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.brokers.domain.order import Side
from apps.brokers.domain.seen import AccountSeen, FillSeen
from apps.brokers.mirror import take_in
from apps.brokers.models import BrokerAccount, BrokerFill, Connection
from apps.marketdata.domain.calendar import trade_date
from apps.recorder import files, importing, joining, services
from tests.cast import actor
from tests.integration.recorder.imported import an_account, imported
from tests.integration.recorder.rendered import LAYOUTS, START, Traded, fifo

pytestmark = pytest.mark.django_db(transaction=False)
NS = 10**9
PER_LAYOUT = settings(
    max_examples=6,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(autouse=True)
def _home(settings: Any, tmp_path: Any) -> None:
    settings.HOME = tmp_path


@st.composite
def traded(draw: Callable[..., Any], apart: int = 0) -> list[Traded]:
    """Draw fills from flat to flat, in the order of their times; `apart`: seconds between two at least."""
    found: list[Traded] = []
    net = second = 0
    for number in range(1, draw(st.integers(1, 6)) + 1):
        second += draw(st.integers(apart, apart + 4))
        sign, quantity = draw(st.sampled_from([1, -1])), draw(st.integers(1, 4))
        price = Decimal(21500) + draw(st.integers(0, 3)) * Decimal("0.25")
        found.append(Traded(number, sign, quantity, price, second))
        net += sign * quantity
    if net:
        found.append(Traded(99, -1 if net > 0 else 1, abs(net), Decimal(21501), second + apart + 1))
    return found


@contextmanager
def forgotten() -> Iterator[BrokerAccount]:
    """Give an account, and forget everything at the end: each example begins with nothing."""
    with transaction.atomic():
        yield an_account(actor("alice").user)
        transaction.set_rollback(True)


def text(layout: str, fills: list[Traded], rows: slice = slice(None)) -> str:
    head, lines = LAYOUTS[layout](fills)
    return "\n".join([head, *lines[rows], ""])


def tell(
    account: BrokerAccount, fills: list[Traded], prefix: str = "", split: bool = False,
    fees: Decimal | None = None,
) -> None:  # fmt: skip
    """Let the broker's API tell fills, milliseconds later than a file's seconds; `split`: in single contracts."""
    seen = []
    for one in fills:
        at = int(START.timestamp() + one.second) * NS + 250_000_000
        sizes = [1] * one.quantity if split else [one.quantity]
        for part, size in enumerate(sizes):
            seen.append(
                FillSeen(
                    account.remote, f"{prefix}{one.number}{f'.{part}' if split else ''}", f"o{one.number}", "MNQH5",
                    Side.BUY if one.sign > 0 else Side.SELL, size, one.price, at, trade_date(at), fees=fees,
                )
            )  # fmt: skip
    take_in(account.connection, seen, "poll")
    services.settle(account=account)


def held(account: BrokerAccount) -> list[tuple[Any, ...]]:
    rows = BrokerFill.objects.filter(account=account, is_active=True)
    return sorted((row.remote, row.side, row.quantity, row.price, row.source) for row in rows)


def paid(account: BrokerAccount) -> dict[str, Decimal | None]:
    return {row.remote: row.paid for row in BrokerFill.objects.filter(account=account)}


def made(account: BrokerAccount) -> Decimal:
    """Return the points of what was bought and sold; from flat to flat that is what FIFO makes of it."""
    rows = BrokerFill.objects.filter(account=account, is_active=True)
    return sum((-Side(row.side).sign * row.quantity * row.price for row in rows), Decimal(0))


def of_ledger(fills: list[Traded]) -> Decimal:
    return sum(
        (
            pair.quantity * (pair.exit.price - pair.entry.price) * pair.entry.sign
            for pair in fifo(fills)
        ),
        Decimal(0),
    )


def take(
    account: BrokerAccount, layout: str, fills: list[Traded], rows: slice = slice(None)
) -> Any:
    return imported(account.user, text(layout, fills, rows), zone="UTC")


@pytest.mark.parametrize("layout", LAYOUTS)
@PER_LAYOUT
@given(fills=traded())
def test_twice_changes_nothing_and_equals_the_ledger(layout: str, fills: list[Traded]) -> None:
    with forgotten() as account:
        first = take(account, layout, fills)
        before = held(account)
        assert not first.counts["conflict"]
        assert made(account) == of_ledger(fills)
        again = take(account, layout, fills)
        assert held(account) == before and again.counts["new"] == 0


@pytest.mark.parametrize("layout", LAYOUTS)
@PER_LAYOUT
@given(fills=traded(apart=4), cut=st.integers(0, 8))
def test_pieces_make_the_whole(layout: str, fills: list[Traded], cut: int) -> None:
    with forgotten() as account:
        take(account, layout, fills)
        whole = held(account)
        BrokerFill.objects.filter(account=account).delete()
        from apps.recorder.models import Import

        Import.objects.all().delete()
        cut = min(cut, len(LAYOUTS[layout](fills)[1]))
        for piece in (slice(cut, None), slice(0, cut), slice(None)):
            if LAYOUTS[layout](fills)[1][piece]:
                take(account, layout, fills, piece)
        assert held(account) == whole


@pytest.mark.parametrize("layout", LAYOUTS)
@PER_LAYOUT
@given(fills=traded(), split=st.booleans())
def test_after_the_broker_nothing_is_new(layout: str, fills: list[Traded], split: bool) -> None:
    numbers = layout.startswith("tradovate")
    with forgotten() as account:
        tell(account, fills, "" if numbers else "b", split=split and not numbers)
        before = held(account)
        assert take(account, layout, fills).counts["new"] == 0
        assert held(account) == before and made(account) == of_ledger(fills)


@pytest.mark.parametrize("layout", LAYOUTS)
@PER_LAYOUT
@given(fills=traded(), split=st.booleans(), cut=st.integers(0, 7))
def test_before_the_broker_its_word_takes_over(
    layout: str, fills: list[Traded], split: bool, cut: int
) -> None:
    numbers = layout.startswith("tradovate")
    split = split and not numbers
    prefix = "" if numbers else "b"
    with forgotten() as alone:
        tell(alone, fills, prefix, split=split)
        expected = held(alone)
    with forgotten() as account:
        take(account, layout, fills)
        tell(account, fills[:cut], prefix, split=split)
        tell(account, fills, prefix, split=split)
        assert held(account) == expected
        assert take(account, layout, fills).counts["new"] == 0
        assert held(account) == expected and made(account) == of_ledger(fills)


@pytest.mark.parametrize("layout", LAYOUTS)
@settings(PER_LAYOUT, max_examples=3)
@given(fills=traded(), split=st.booleans(), before=st.integers(0, 7), again=st.booleans())
def test_into_an_account_for_files_and_its_login_later_is_the_login_alone(
    layout: str, fills: list[Traded], split: bool, before: int, again: bool
) -> None:
    """`before`: of the fills, how many the login has told when they are joined; `again`: the file is in both."""
    numbers = layout.startswith("tradovate")
    split = split and not numbers
    prefix = "" if numbers else "b"
    with forgotten() as alone:
        tell(alone, fills, prefix, split=split)
        expected = held(alone)
    with transaction.atomic():
        user = actor("alice").user
        of_files = files.open_account(user=user, name="DEMO1")
        one = take(of_files, layout, fills)
        login = Connection.objects.create(
            user=user, name="Mine", environment="demo", login="me", device_id="d"
        )
        take_in(login, [AccountSeen("rDEMO1", "DEMO1")], "test")
        account = BrokerAccount.objects.get(connection=login)
        if again:
            imported(user, text(layout, fills), zone="UTC", account=account.pk)
        tell(account, fills[:before], prefix, split=split)
        if not joining.look():  # of files that no login of this broker tells its owner is asked
            joining.answer(question=joining.questions(user).get(), is_same=True, by="alice")
        tell(account, fills, prefix, split=split)
        assert held(account) == expected and made(account) == of_ledger(fills)
        assert take(account, layout, fills).counts["new"] == 0
        assert held(account) == expected
        if layout == "tradovate-fills":
            assert paid(account) == {str(each.number): each.fees for each in fills}
        one.refresh_from_db()
        assert set(one.accounts.values()) == {account.pk}
        transaction.set_rollback(True)


@settings(PER_LAYOUT, max_examples=25)
@given(fills=traded(), steps=st.lists(st.sampled_from(["file", "api", "some"]), min_size=1, max_size=5), said=st.integers(0, 7))  # fmt: skip
def test_a_files_fees_are_those_of_its_fills_until_the_broker_tells_them(
    fills: list[Traded], steps: list[str], said: int
) -> None:
    """File, API without fees and API with the fees of some fills, in any order, again and again; then the files are undone."""
    with forgotten() as account:
        files, told = [], set[str]()
        for step in [*steps, "api", "file"]:
            if step == "file":
                files.append(take(account, "tradovate-fills", fills))
            elif step == "api":
                tell(account, fills)
            else:
                tell(account, fills[:said], fees=Decimal("9.99"))
                told |= {str(one.number) for one in fills[:said]}
        by_api = {one: Decimal("9.99") for one in told}
        assert paid(account) == {str(one.number): one.fees for one in fills} | by_api
        assert made(account) == of_ledger(fills)
        for number, one in enumerate(files):
            last = number == len(files) - 1
            importing.undo(importing=one, at_once=True)
            by_file = {str(each.number): None if last else each.fees for each in fills}
            assert paid(account) == by_file | by_api
        take(account, "tradovate-fills", fills)
        assert paid(account) == {str(one.number): one.fees for one in fills} | by_api


@PER_LAYOUT
@given(fills=traded(), first=st.booleans())
def test_the_fees_of_a_row_are_shared_by_the_fills_that_it_stands_for(
    fills: list[Traded], first: bool
) -> None:
    """The API of one who trades over another login cuts a fill into contracts; nothing is lost by rounding."""
    with forgotten() as account:
        Connection.objects.update(
            broker="topstepx"
        )  # so that numbers of Tradovate's files are not its
        account = BrokerAccount.objects.get(pk=account.pk)
        if first:
            tell(account, fills, "b", split=True)
        take(account, "tradovate-fills", fills)
        tell(account, fills, "b", split=True)
        assert sum(one or 0 for one in paid(account).values()) == sum(one.fees for one in fills)
        assert None not in paid(account).values()
