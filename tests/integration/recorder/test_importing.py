"""A fill is imported once, whatever file it comes in, however often, before or after the broker told it."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from apps.brokers.domain.order import Side
from apps.brokers.domain.seen import FillSeen
from apps.brokers.domain.told import BrokerFillSeen
from apps.brokers.mirror import take_in
from apps.brokers.models import BrokerAccount, BrokerFill
from apps.bus.models import FactRow
from apps.recorder import import_work, importing, services
from apps.recorder.import_life import CannotImport
from apps.recorder.models import AccountDayMark, Import, ImportedRow, RecordedPosition
from tests.cast import Actor
from tests.factories import at
from tests.integration.recorder.imported import (
    an_account,
    imported,
    known,
    ninja,
    pairs,
    told_by_broker,
    uploaded,
)
from tests.integration.recorder.rows import a_recorder, recorded

pytestmark = pytest.mark.django_db
BUY = ("Buy", 2, "21539.50", "10:59:52 AM", "a1")
SELL = ("Sell", 2, "21535.75", "11:01:29 AM", "a2")
MINE = "csv:ninja-executions"


@pytest.fixture(autouse=True)
def _home(settings, tmp_path):
    settings.HOME = tmp_path


def test_a_file_is_imported_and_told_once(alice: Actor) -> None:
    account = an_account(alice.user)
    done = imported(alice.user, ninja(BUY, SELL))
    assert known(account) == [("buy", 2, "21539.5", MINE), ("sell", 2, "21535.75", MINE)]
    assert done.state == Import.State.DONE and done.counts["new"] == 2
    assert not done.path.exists() and not done.staged.exists()
    assert FactRow.objects.filter(name=BrokerFillSeen.name).count() == 2
    again = imported(alice.user, ninja(BUY, SELL))
    assert (again.counts["new"], again.counts["known"]) == (0, 2)
    assert len(known(account)) == 2
    assert FactRow.objects.filter(name=BrokerFillSeen.name).count() == 2


def test_what_the_broker_told_before_is_known(alice: Actor) -> None:
    account = an_account(alice.user)
    told_by_broker(account, "1", "buy", 1, "21539.50", "2025-01-28T16:59:52.400Z")
    told_by_broker(
        account, "2", "buy", 1, "21539.50", "2025-01-28T16:59:52.700Z"
    )  # one row, two fills
    done = imported(alice.user, ninja(BUY, SELL))
    assert (done.counts["new"], done.counts["known"]) == (1, 1)
    assert known(account) == [
        ("buy", 1, "21539.5", "poll"), ("buy", 1, "21539.5", "poll"), ("sell", 2, "21535.75", MINE),
    ]  # fmt: skip


def test_what_the_broker_tells_later_takes_the_place_of_a_files_row(alice: Actor) -> None:
    account = an_account(alice.user)
    done = imported(alice.user, ninja(BUY, SELL))
    told_by_broker(account, "1", "buy", 1, "21539.50", "2025-01-28T16:59:52.400Z")
    services.settle(account=account)
    # a part only: held back, not twice
    assert known(account) == [("buy", 1, "21539.5", "poll"), ("sell", 2, "21535.75", MINE)]
    assert done.evidence.get(state="conflict").row == 2
    told_by_broker(account, "2", "buy", 1, "21539.50", "2025-01-28T16:59:52.700Z")
    services.settle(account=account)
    assert len(known(account)) == 3 and BrokerFill.objects.count() == 3
    assert imported(alice.user, ninja(BUY, SELL)).counts["new"] == 0
    importing.undo(importing=done, at_once=True)
    assert len(known(account)) == 3  # the second import confirms the sell, the broker the rest


def test_undo_takes_back_what_it_added_and_can_be_imported_again(alice: Actor) -> None:
    account = an_account(alice.user)
    done = imported(alice.user, ninja(BUY, SELL))
    importing.undo(importing=done, at_once=True)
    assert known(account) == [] and done.state == Import.State.UNDONE
    imported(alice.user, ninja(BUY, SELL))
    assert len(known(account)) == 2
    assert FactRow.objects.filter(name=BrokerFillSeen.name).count() == 6
    with pytest.raises(CannotImport, match="only what was imported"):
        importing.undo(importing=done)


def test_pairs_of_one_fill_are_one_fill_and_grow(alice: Actor) -> None:
    account = an_account(alice.user)
    first = (10, 20, 6, "21500.00", "21501.00", "09:30:00", "09:31:00")
    rest = (10, 21, 4, "21500.00", "21502.00", "09:30:00", "09:32:00")
    imported(alice.user, pairs(first))
    assert known(account)[0][1] == 6
    second = imported(alice.user, pairs(first, rest))
    assert [one[1] for one in known(account)] == [10, 6, 4]
    importing.undo(importing=second, at_once=True)
    assert [one[1] for one in known(account)] == [6, 6]
    imported(alice.user, pairs(rest))
    assert [one[1] for one in known(account)] == [10, 6, 4]


def test_the_brokers_number_decides_and_a_wrong_zone_is_noticed(alice: Actor) -> None:
    account = an_account(alice.user)
    told_by_broker(account, "10", "buy", 2, "21500.00", "2025-01-28T15:30:00.100Z")
    told_by_broker(account, "20", "sell", 2, "21501.00", "2025-01-28T15:31:00.100Z")
    row = (10, 20, 2, "21500.00", "21501.00", "09:30:00", "09:31:00")
    assert imported(alice.user, pairs(row)).counts["known"] == 2
    wrong = uploaded(alice.user, pairs(row), zone="America/New_York")
    assert wrong.seen["counts"] == {"conflict": 2}
    assert "1 h later" in wrong.seen["conflicts"][0]
    nameless = uploaded(
        alice.user, ninja(("Buy", 2, "21500.00", "9:30:00 AM", "x")), zone="America/New_York"
    )
    assert "was the time zone right" in nameless.seen["conflicts"][0]


def test_a_conflict_is_shown_and_settled_by_hand(alice: Actor) -> None:
    account = an_account(alice.user)
    told_by_broker(account, "1", "buy", 1, "21539.50", "2025-01-28T16:59:52.400Z")
    done = imported(alice.user, ninja(BUY))
    assert known(account) == [("buy", 1, "21539.5", "poll")]
    row = done.evidence.get(state=ImportedRow.State.CONFLICT)
    importing.settle_row(row=row, is_another=True)
    services.settle(account=account)
    assert known(account) == [("buy", 2, "21539.5", MINE), ("buy", 1, "21539.5", "poll")]
    assert imported(alice.user, ninja(BUY)).counts["known"] == 1
    with pytest.raises(CannotImport, match="settled already"):
        importing.settle_row(row=row, is_another=False)


def test_a_fill_of_a_file_that_the_broker_tells_is_the_brokers(alice: Actor) -> None:
    account = an_account(alice.user)
    done = imported(alice.user, pairs((10, 20, 2, "21500.00", "21501.00", "09:30:00", "09:31:00")))
    seen = FillSeen(
        account.remote, "10", "o1", "MNQH5", Side.BUY, 3, Decimal("21500.00"), at("2025-01-28T15:30:00Z"),
        date(2025, 1, 28),
    )  # fmt: skip
    take_in(account.connection, [seen], "poll")
    assert known(account)[0] == ("buy", 3, "21500", "poll")
    importing.undo(importing=done, at_once=True)
    assert known(account) == [("buy", 3, "21500", "poll")]


def test_two_that_look_alike_stay_two(alice: Actor) -> None:
    account = an_account(alice.user)
    twin = (*BUY[:4], "a9")
    imported(alice.user, ninja(BUY))
    imported(alice.user, ninja(twin))
    assert len(known(account)) == 2
    imported(alice.user, ninja(BUY, twin))
    assert len(known(account)) == 2


def test_bad_rows_are_named_and_left_out_only_by_wish(alice: Actor) -> None:
    account = an_account(alice.user)
    text = ninja(BUY, ("Sell", 2, "21535.30", "11:01:29 AM", "a2"), BUY)
    found = uploaded(alice.user, text)
    assert found.bad_rows == 1 and found.seen["repeated"] == 1
    assert found.problems == [
        "row 3, Price '21535.30': not on the grid of MNQ, 0.25; mend the price or the contract"
    ]
    with pytest.raises(CannotImport, match="1 rows cannot be read"):
        importing.apply(importing=found)
    assert known(account) == []
    importing.apply(importing=found, only_good=True, at_once=True)
    assert len(known(account)) == 1


def test_accounts_go_where_they_are_sent(alice: Actor, bob: Actor) -> None:
    first, second = an_account(alice.user), an_account(alice.user, "DEMO2")
    foreign = an_account(bob.user, "DEMO3")
    found = uploaded(alice.user, ninja(BUY) + ninja(SELL, account="Sim7").split("\n", 1)[1])
    assert found.accounts == {"DEMO1": first.pk, "Sim7": None}
    assert found.seen["counts"] == {"new": 1, "left_out": 1}
    for chosen, cure in (
        ({"Sim7": foreign.pk}, "you have no broker account"), ({"Sim7": first.pk}, "leave one out"),
        ({"What": None}, "names no account"),
    ):  # fmt: skip
        with pytest.raises(CannotImport, match=cure):
            importing.choose_accounts(importing=found, chosen=chosen)
    importing.choose_accounts(importing=found, chosen={"Sim7": second.pk})
    importing.apply(importing=found, at_once=True)
    assert len(known(first)) == len(known(second)) == 1 and not known(foreign)


def test_an_import_that_died_goes_on(alice: Actor) -> None:
    account = an_account(alice.user)
    found = uploaded(alice.user, ninja(BUY, SELL))
    Import.objects.filter(pk=found.pk).update(state=Import.State.APPLYING)
    import_work.work(found.pk)
    import_work.work(found.pk)  # told once more, it has nothing left to do
    found.refresh_from_db()
    assert len(known(account)) == 2 and found.state == Import.State.DONE


def test_what_was_imported_in_part_can_be_undone_and_not_thrown_away(alice: Actor) -> None:
    account = an_account(alice.user)
    found = imported(alice.user, ninja(BUY, SELL))
    Import.objects.filter(pk=found.pk).update(state=Import.State.APPLYING)
    import_work.work(found.pk)  # its files are gone by now
    found.refresh_from_db()
    assert found.state == Import.State.DONE and "nothing is doubled" in found.reason
    Import.objects.filter(pk=found.pk).update(
        state=Import.State.BAD, moved_at=timezone.now() - timedelta(days=2)
    )  # as an older desk has left it
    found.refresh_from_db()
    with pytest.raises(CannotImport, match="undo it instead"):
        importing.discard(importing=found)
    assert importing.forget_uploads() == 0
    assert b"Undo that part" in alice.client.get(f"/recorders/import/{found.pk}/").content
    importing.undo(importing=found, at_once=True)
    assert known(account) == [] and found.state == Import.State.UNDONE


def test_without_its_file_and_without_a_row_it_is_bad(alice: Actor) -> None:
    found = uploaded(alice.user, ninja(BUY))
    found.staged.unlink()
    Import.objects.filter(pk=found.pk).update(state=Import.State.APPLYING)
    import_work.work(found.pk)
    found.refresh_from_db()
    assert found.state == Import.State.BAD and "send it again" in found.reason


@pytest.mark.parametrize("taken", ["in", "back"])
def test_a_task_that_is_killed_before_it_settles_does_it_the_next_time(
    alice: Actor, monkeypatch: pytest.MonkeyPatch, taken: str
) -> None:
    account = an_account(alice.user)
    a_recorder(alice.user, account, root="MNQ")
    do = importing.apply if taken == "in" else importing.undo
    found = (uploaded if taken == "in" else imported)(alice.user, ninja(BUY, SELL))
    with monkeypatch.context() as killed:
        killed.setattr(services, "settle", _killed)
        with pytest.raises(Killed):
            do(importing=found, at_once=True)
    found.refresh_from_db()
    assert found.state in (Import.State.APPLYING, Import.State.UNDOING)
    import_work.work(found.pk)
    found.refresh_from_db()
    assert found.state == (Import.State.DONE if taken == "in" else Import.State.UNDONE)
    assert len(recorded(account)) == (taken == "in")
    mark = AccountDayMark.objects.get(account=account)
    assert (mark.trade_date, mark.fills) == (date(2025, 1, 28), 2 if taken == "in" else 0)
    assert not found.staged.exists()


class Killed(BaseException):
    """The worker is gone."""


def _killed(**_: object) -> int:
    raise Killed


def test_what_an_undone_import_had_recorded_goes_with_its_fills(alice: Actor) -> None:
    account = an_account(alice.user)
    a_recorder(alice.user, account, root="MNQ")
    done = imported(alice.user, ninja(BUY, SELL))
    assert len(recorded(account)) == 1
    importing.undo(importing=done, at_once=True)
    assert (known(account), recorded(account)) == ([], [])


def days(*numbers: int) -> str:
    """Return a grid of round trips, one a day of January, each beginning where the one before was held overnight."""
    lines = [ninja().rstrip("\n") + "\n"]
    for day in numbers:
        for name, side, size, time in (
            ("a", "Buy", 2, "10:00:00 AM"),
            ("b", "Sell", 1, "11:00:00 AM"),
            ("c", "Sell", 1, "12:00:00 PM"),
            ("d", "Buy", 1, "1:00:00 PM"),
        ):
            price = f"{21500 + 3 * day + size}.25"
            lines.append(f"MNQ MAR25,{side},{size},{price},1/{day}/2025 {time},{name}{day},Entry,-,o{name}{day},n,$1.50,1,DEMO1,C,\n")  # fmt: skip
    return "".join(lines)


def test_a_large_file_is_settled_in_portions_and_comes_to_the_same(
    alice: Actor, bob: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No transaction derives the whole file, taken over or taken back, and positions are those of one piece."""
    text = days(*range(6, 11), *range(13, 18))
    whole = an_account(bob.user)
    a_recorder(bob.user, whole, root="MNQ")
    imported(bob.user, text)

    account = an_account(alice.user)
    a_recorder(alice.user, account, root="MNQ")
    began: list[int | None] = []
    settle = services.settle

    def watched(*, account: BrokerAccount, since: int | None = None, **more: Any) -> int:
        began.append(since)
        return settle(account=account, since=since, **more)

    monkeypatch.setattr(services, "settle", watched)
    monkeypatch.setattr("apps.recorder.portions.PORTION", 5)
    done = imported(alice.user, text)
    assert len(began) == 6 and began == [*sorted(began[:-1]), None]
    assert [one[1:] for one in recorded(account)] == [one[1:] for one in recorded(whole)] != []
    began.clear()
    importing.undo(importing=done, at_once=True)
    assert (known(account), recorded(account)) == ([], [])
    again = imported(alice.user, text)
    assert again.counts["new"] == 40
    assert [one[1:] for one in recorded(account)] == [one[1:] for one in recorded(whole)]


FEES = (
    "Fill ID,Order ID,Timestamp,Date,Account,B/S,Quantity,Price,Contract,commission\n"
    "1,o1,01/28/2025 15:30:00,1/28/25,DEMO1, Buy,2,21500.00,NQH5,1.04\n"
    "2,o2,01/28/2025 15:31:00,1/28/25,DEMO1, Sell,2,21501.00,NQH5,1.06\n"
)


def test_a_files_commission_counts_for_a_fill_that_is_known_without_it(alice: Actor) -> None:
    account = an_account(alice.user)
    told_by_broker(
        account, "1", "buy", 2, "21500.00", "2025-01-28T15:30:00.100Z", contract="NQH5", order="o1"
    )
    told_by_broker(
        account, "2", "sell", 2, "21501.00", "2025-01-28T15:31:00.100Z", contract="NQH5", order="o2"
    )
    a_recorder(alice.user, account)
    position = RecordedPosition.objects.get()
    assert (position.fees, position.fees_known) == (0, False)
    file = imported(alice.user, FEES, zone="UTC")
    position.refresh_from_db()
    assert (position.fees, position.fees_known) == (Decimal("2.10"), True)
    BrokerFill.objects.filter(remote="2").update(fees=Decimal("0.80"))  # its own word
    services.settle(account=account)
    position.refresh_from_db()
    assert (position.fees, position.fees_known) == (Decimal("1.84"), True)
    importing.undo(importing=file, at_once=True)
    position.refresh_from_db()
    assert (position.fees, position.fees_known) == (Decimal("0.80"), False)
