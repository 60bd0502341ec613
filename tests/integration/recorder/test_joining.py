"""An account for files and the login's account that it turns out to be: joined, or asked about, never guessed."""

from collections.abc import Iterator
from typing import Any

import pytest

from apps.brokers.domain.seen import AccountSeen
from apps.brokers.mirror import take_in
from apps.brokers.models import BrokerAccount, BrokerFill, Connection
from apps.bus import bus, transport
from apps.bus.models import FactRow
from apps.recorder import deciding, files, importing, joining, recorders, tasks
from apps.recorder.imports.layouts import LAYOUTS
from apps.recorder.joining import CannotJoin
from apps.recorder.models import (
    Assignment,
    Import,
    ImportedRow,
    RecordedPosition,
    RecorderLog,
    Resemblance,
)
from apps.recorder.services import settle
from tests.cast import Actor
from tests.factories import at

from .imported import imported, known, ninja, pairs, told_by_broker, uploaded

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
NOW = at("2025-01-28T18:00:00Z")
BUY = ("Buy", 2, "21500.00", "10:00:00 AM", "x1")
SELL = ("Sell", 2, "21510.00", "10:05:00 AM", "x2")
LATER = ("Buy", 1, "21520.00", "10:10:00 AM", "x3")


@pytest.fixture(autouse=True)
def _market_time(settings: Any, tmp_path: Any) -> Iterator[None]:
    settings.HOME = tmp_path
    transport.use(transport.MemoryTransport())
    transport.set_market_time(NOW, True)
    bus.catch_up("recorder")
    yield
    transport.use(None)


def a_login(user: Any, *names: str, name: str = "Mine") -> Connection:
    """Connect a login that lists these accounts."""
    row, _ = Connection.objects.get_or_create(
        user=user, name=name, defaults={"environment": "demo", "login": name, "device_id": "d"}
    )
    take_in(row, [AccountSeen(f"r{one}", one) for one in names], "test")
    return row


def the(user: Any, name: str = "DEMO1") -> BrokerAccount:
    """Return the account that a login lists under this name."""
    return BrokerAccount.objects.exclude(connection__broker="file").get(user=user, name=name)


def of_files(user: Any, name: str = "DEMO1") -> BrokerAccount:
    return files.open_account(user=user, name=name)


def a_recorder(user: Any, account: BrokerAccount, name: str = "NQ Fade") -> Any:
    made, _ = recorders.create(user=user, name=name, symbol="MNQ1!", account=account)
    return recorders.start(recorder=made, by="alice", since=0)


def positions(account: BrokerAccount) -> list[tuple[Any, ...]]:
    rows = RecordedPosition.objects.filter(account=account).order_by("opened_ns", "id")
    return [
        (row.strategy.name, row.sign * row.most, row.size, row.status, row.realized, row.fees, row.opened_ns, row.closed_ns)
        for row in rows.select_related("strategy")
    ]  # fmt: skip


def facts(name: str) -> list[dict[str, Any]]:
    return [row.payload for row in FactRow.objects.filter(name=name).order_by("seq")]


# ---- by itself ----


def test_a_login_that_lists_it_takes_all_of_it_over_and_again_is_nothing(
    alice: Actor, bob: Actor
) -> None:
    old = of_files(alice.user)
    done = imported(alice.user, ninja(BUY, SELL, LATER))
    recorder = a_recorder(alice.user, old)
    fill = BrokerFill.objects.get(remote__endswith="x3")
    mine = [[recorder.strategy_id, 1]]
    deciding.assign(user=alice.user, fill=fill, shares=[tuple(mine[0])], by="alice")
    before, held = positions(old), known(old)
    days = list(old.days.values_list("trade_date", "state"))
    lines = set(RecorderLog.objects.values_list("text", "at_ns"))
    others = of_files(bob.user)
    a_login(alice.user, "DEMO1", "DEMO2")
    bus.catch_up("recorder")

    account = the(alice.user)
    assert not BrokerAccount.objects.filter(pk=old.pk).exists()
    assert (positions(account), known(account)) == (before, held)
    assert list(account.days.values_list("trade_date", "state")) == days and days
    recorder.refresh_from_db()
    assert (recorder.account, recorder.is_recording) == (account, True)
    assert set(recorder.spans.values_list("account", flat=True)) == {account.pk}
    assert Assignment.objects.get(undone_at=None).shares == mine
    done.refresh_from_db()
    assert done.accounts == {"DEMO1": account.pk}
    told = set(RecorderLog.objects.values_list("text", "at_ns"))
    (more,) = told - lines
    assert "was joined with DEMO1 of Mine by the desk" in more[0] and lines < told
    (fact,) = facts("recorder.joined")
    assert (fact["of_files"], fact["account"], fact["fills"], fact["by"]) == (
        old.pk, account.pk, 3, "the desk",
    )  # fmt: skip
    assert not facts("recorder.opened"), "what a file brought is no news afterwards either"
    assert BrokerAccount.objects.filter(pk=others.pk, user=bob.user).exists(), "never across owners"

    versions = list(RecordedPosition.objects.values_list("pk", "version"))
    tasks.sweep()
    bus.catch_up("recorder")
    assert list(RecordedPosition.objects.values_list("pk", "version")) == versions
    assert settle(account=account, since=0) == 0
    assert len(facts("recorder.joined")) == 1


def test_files_first_and_login_later_is_login_first_and_files_later(
    alice: Actor, bob: Actor
) -> None:
    """Alice imports before her login is there, Bob afterwards; brokers tell some of the same fills, and more."""
    text = ninja(BUY, SELL, LATER, ("Sell", 1, "21490.00", "10:20:00 AM", "x4"))

    def tell(user: Any) -> None:
        account = the(user)
        told_by_broker(account, "901", "buy", 1, "21520", "2025-01-28T16:10:00.4Z", fees="0.52")
        told_by_broker(account, "902", "sell", 1, "21490", "2025-01-28T16:20:00.1Z", fees="0.52")
        told_by_broker(account, "903", "buy", 1, "21480", "2025-01-28T16:30:00Z", fees="0.52")
        told_by_broker(account, "904", "sell", 1, "21481", "2025-01-28T16:31:00Z", fees="0.52")
        settle(account=account)

    a_recorder(alice.user, of_files(alice.user))
    imported(alice.user, text)
    a_login(alice.user, "DEMO1")
    tell(alice.user)
    joining.look()

    a_login(bob.user, "DEMO1")
    a_recorder(bob.user, the(bob.user))
    tell(bob.user)
    imported(bob.user, text)

    mine, his = the(alice.user), the(bob.user)
    assert known(mine) == known(his)
    assert len(known(mine)) == 6
    assert positions(mine) == positions(his)
    assert [one[4] for one in positions(mine)] == [40, -60, 2]
    states = [
        list(ImportedRow.objects.filter(account=one).order_by("row").values_list("key", "state"))
        for one in (mine, his)
    ]
    assert states[0] == states[1]
    days = [list(one.days.values_list("trade_date", "state", "fills")) for one in (mine, his)]
    assert days[0] == days[1]
    counts = [Import.objects.get(user=one).counts for one in (alice.user, bob.user)]
    assert counts[0] == counts[1]
    settle(account=mine, since=0)
    assert positions(mine) == positions(his)


def test_what_the_login_tells_after_it_was_joined_takes_the_file_s_place(alice: Actor) -> None:
    a_recorder(alice.user, of_files(alice.user))
    imported(alice.user, ninja(BUY, SELL))
    a_login(alice.user, "DEMO1")
    joining.look()
    account = the(alice.user)
    before = positions(account)
    told_by_broker(account, "1", "buy", 2, "21500", "2025-01-28T16:00:00.3Z")
    told_by_broker(account, "2", "sell", 2, "21510", "2025-01-28T16:05:00.3Z")
    settle(account=account)
    assert [row[-1] for row in known(account)] == ["poll", "poll"]
    assert [one[:5] for one in positions(account)] == [one[:5] for one in before]


def test_the_same_file_in_both_counts_once_and_undoing_either_leaves_the_other(
    alice: Actor,
) -> None:
    a_login(alice.user, "OTHER")
    one = imported(alice.user, ninja(BUY, SELL), account=the(alice.user, "OTHER").pk)
    old = BrokerAccount.objects.create(
        user=alice.user, connection=of_files(alice.user, "X1").connection, remote="OTHER", name="OTHER"
    )  # fmt: skip
    two = imported(alice.user, ninja(BUY, SELL, LATER), account=old.pk)
    assert BrokerFill.objects.count() == 5
    joining.look()
    account = the(alice.user, "OTHER")
    assert len(known(account)) == 3 == BrokerFill.objects.count()
    two.refresh_from_db()
    assert (two.counts["new"], two.counts["known"]) == (1, 2)
    importing.undo(importing=one)
    assert len(known(account)) == 3
    importing.undo(importing=two)
    assert known(account) == []


@pytest.mark.parametrize("told", [False, True])
def test_undoing_an_import_after_it_was_joined(alice: Actor, told: bool) -> None:
    a_recorder(alice.user, of_files(alice.user))
    done = imported(alice.user, ninja(BUY, SELL))
    a_login(alice.user, "DEMO1")
    account = the(alice.user)
    if told:
        told_by_broker(account, "1", "buy", 2, "21500", "2025-01-28T16:00:00.3Z")
    joining.look()
    done.refresh_from_db()
    importing.undo(importing=done)
    done.refresh_from_db()
    assert done.state == "undone"
    assert [row[-1] for row in known(account)] == ["poll"] * told
    assert [one[1:4] for one in positions(account)] == [(2, 2, "open")] * told
    assert not ImportedRow.objects.exists()


def test_undoing_and_importing_again_after_it_was_joined_is_what_it_was(alice: Actor) -> None:
    a_recorder(alice.user, of_files(alice.user))
    done = imported(alice.user, ninja(BUY, SELL))
    a_login(alice.user, "DEMO1")
    joining.look()
    account = the(alice.user)
    before = positions(account), known(account)
    done.refresh_from_db()
    importing.undo(importing=done)
    again = imported(alice.user, ninja(BUY, SELL))
    assert again.accounts == {"DEMO1": account.pk}
    assert (positions(account), known(account)) == before


def test_numbered_fills_that_both_know_are_one_and_parts_of_them_are_not_lost(alice: Actor) -> None:
    old = of_files(alice.user)
    text = pairs((11, 12, 1, "21500.00", "21510.00", "10:00:00", "10:05:00"))
    imported(alice.user, text, account=old.pk)
    a_login(alice.user, "DEMO1")
    account = the(alice.user)
    told_by_broker(account, "11", "buy", 1, "21500", "2025-01-28T16:00:00Z", order="o1")
    joining.look()
    rows = BrokerFill.objects.filter(account=account).order_by("at_ns")
    assert list(rows.values_list("remote", "source")) == [
        ("11", "poll"), ("12", "csv:tradovate-pairs"),
    ]  # fmt: skip


# ---- people's words ----


def test_what_a_person_settled_stays_settled(alice: Actor) -> None:
    old = of_files(alice.user)
    imported(alice.user, ninja(BUY, SELL))
    text = pairs(
        (11, 12, 1, "21500.00", "21510.00", "10:00:00", "10:05:00")
    )  # one of two contracts: the same?
    second = imported(alice.user, text, account=old.pk)
    rows = list(second.evidence.filter(state="conflict").order_by("at_ns"))
    assert len(rows) == 2
    importing.settle_row(row=rows[0], is_another=True)
    importing.settle_row(row=rows[1], is_another=False)
    held = known(old)
    a_login(alice.user, "DEMO1")
    account = the(alice.user)
    told_by_broker(account, "7", "buy", 1, "21530", "2025-01-28T16:40:00Z")
    joining.look()
    assert [row for row in known(account) if row[-1] != "poll"] == held
    kept = ImportedRow.objects.filter(by_hand=True).order_by("at_ns")
    assert list(kept.values_list("account", "state")) == [
        (account.pk, "new"), (account.pk, "left_out"),
    ]  # fmt: skip
    again = imported(alice.user, text, account=account.pk)
    assert (
        again.counts["conflict"] == 0
        and [row for row in known(account) if row[-1] != "poll"] == held
    )


def test_a_decision_holds_for_the_broker_s_fill_or_fills_that_it_was_of(alice: Actor) -> None:
    old = of_files(alice.user)
    imported(alice.user, ninja(BUY, SELL))
    one, two = (a_recorder(alice.user, old, name) for name in ("One", "Two"))
    buy = BrokerFill.objects.get(side="buy")
    sell = BrokerFill.objects.get(side="sell")
    deciding.assign(user=alice.user, fill=buy, shares=[(one.strategy_id, 2)], by="alice")
    deciding.assign(user=alice.user, fill=sell, shares=[(one.strategy_id, 2)], by="alice")
    a_login(alice.user, "DEMO1")
    account = the(alice.user)
    told_by_broker(account, "1", "buy", 1, "21500", "2025-01-28T16:00:00.3Z")
    told_by_broker(account, "2", "buy", 1, "21500", "2025-01-28T16:00:00.4Z")
    told_by_broker(account, "3", "sell", 2, "21510", "2025-01-28T16:05:00.3Z")
    joining.look()
    held = Assignment.objects.filter(undone_at=None).order_by("fill__remote")
    assert list(held.values_list("fill__remote", "shares", "made_by")) == [
        ("1", [[one.strategy_id, 1]], "alice"),
        ("2", [[one.strategy_id, 1]], "alice"),
        ("3", [[one.strategy_id, 2]], "alice"),
    ]
    assert [row[:5] for row in positions(account)] == [("One", 2, 0, "closed", 40)]
    assert two.spans.get().account == account


def test_a_decision_that_no_longer_fits_is_asked_for_again_and_said(alice: Actor) -> None:
    old = of_files(alice.user)
    imported(alice.user, ninja(BUY))
    one, two = (a_recorder(alice.user, old, name) for name in ("One", "Two"))
    (buy,) = BrokerFill.objects.all()
    shares = [(one.strategy_id, 1), (two.strategy_id, 1)]
    deciding.assign(user=alice.user, fill=buy, shares=shares, by="alice")
    a_login(alice.user, "DEMO1")
    account = the(alice.user)
    told_by_broker(account, "1", "buy", 1, "21500", "2025-01-28T16:00:00.3Z")
    told_by_broker(account, "2", "buy", 1, "21500", "2025-01-28T16:00:00.4Z")
    joining.look()
    (kept,) = Assignment.objects.all()
    assert kept.undone_at is not None
    assert RecorderLog.objects.filter(text__contains="1 fill are has to").count() == 2


# ---- asked ----


@pytest.mark.parametrize("name", ["Demo 1001 (sim)", "DEMO-1001", "TDVDEMO1001", "1001"])
def test_names_that_only_resemble_each_other_are_asked_about_once(
    alice: Actor, bob: Actor, name: str
) -> None:
    old = of_files(alice.user, "DEMO1001")
    imported(alice.user, ninja(BUY, SELL, account="DEMO1001"))
    a_login(alice.user, name)
    a_login(bob.user, "DEMO1001")
    bus.catch_up("recorder")
    tasks.sweep()
    assert len(known(old)) == 2, "nothing is guessed"
    (question,) = Resemblance.objects.all()
    assert (question.of_files, question.account) == (old, the(alice.user, name))
    (fact,) = facts("recorder.alike")
    assert (fact["user"], fact["account_name"], fact["login"]) == (alice.user.pk, name, "Mine")

    path = f"/recorders/import/account/{question.pk}/same/"
    page = alice.client.get("/recorders/import/").content.decode()
    assert path in page and "DEMO1001" in page
    assert path not in bob.client.get("/recorders/import/").content.decode()
    for stranger in (bob.client.get(path), bob.client.post(path, {"is": "same"})):
        assert stranger.status_code == 404
    assert len(known(old)) == 2
    asked = alice.client.get(path).content.decode()
    assert "2 fills" in asked and name in asked
    assert alice.client.post(path, {"is": "same"}).status_code == 302
    assert len(known(the(alice.user, name))) == 2
    assert not BrokerAccount.objects.filter(pk=old.pk).exists()
    assert facts("recorder.joined")[0]["by"] == "alice"
    assert alice.client.post(path, {"is": "same"}).status_code == 404


def test_what_its_owner_says_are_two_stay_two(alice: Actor) -> None:
    old = of_files(alice.user, "DEMO1001")
    a_login(alice.user, "DEMO1001 B")
    joining.look()
    (question,) = joining.questions(alice.user)
    path = f"/recorders/import/account/{question.pk}/same/"
    alice.client.post(path, {"is": "another"})
    joining.look()
    assert not joining.questions(alice.user)
    assert BrokerAccount.objects.filter(pk=old.pk).exists()
    assert path not in alice.client.get("/recorders/import/").content.decode()
    a_login(alice.user, "DEMO1001", name="Second")
    joining.look()
    assert not BrokerAccount.objects.filter(pk=old.pk).exists(), "a certain one is joined still"


@pytest.mark.parametrize(
    ("name", "other"),
    [("APEX-1234-01", "APEX-1234-02"), ("DEMO1", "DEMO2"), ("X", "X1"), ("Sim101", "DEMO1001")],
)
def test_names_that_are_others_are_not_asked_about(alice: Actor, name: str, other: str) -> None:
    of_files(alice.user, name)
    a_login(alice.user, other)
    assert joining.look() == 0
    assert not Resemblance.objects.exists()


def test_where_two_logins_list_the_same_name_it_is_asked(alice: Actor) -> None:
    of_files(alice.user)
    a_login(alice.user, "DEMO1")
    a_login(alice.user, "DEMO1", name="Second")
    assert joining.look() == 0
    assert joining.questions(alice.user).count() == 2


def test_files_of_another_broker_are_asked_about(alice: Actor) -> None:
    old = of_files(alice.user)
    imported(alice.user, ninja(BUY))
    assert LAYOUTS["topstepx-trades"].family == "topstepx"
    ImportedRow.objects.update(family="topstepx")
    a_login(alice.user, "DEMO1")
    assert joining.look() == 0
    assert joining.questions(alice.user).get().of_files == old


# ---- not now ----


def test_while_a_file_is_worked_on_nothing_is_joined(alice: Actor) -> None:
    old = of_files(alice.user)
    waiting = uploaded(alice.user, ninja(BUY, SELL))
    a_login(alice.user, "DEMO1")
    Import.objects.update(state="applying")
    assert joining.look() == 0
    with pytest.raises(CannotJoin, match="being worked on"):
        joining.join(of_files=old, account=the(alice.user), by="alice")
    Import.objects.update(state="ready")
    assert joining.look() == 1
    waiting.refresh_from_db()
    importing.apply(importing=waiting)
    assert len(known(the(alice.user))) == 2


def test_nobody_joins_what_is_another_s_or_no_account_for_files(alice: Actor, bob: Actor) -> None:
    old = of_files(alice.user)
    a_login(alice.user, "A", "B")
    a_login(bob.user, "C")
    for source, target in (
        (old, the(bob.user, "C")),
        (the(alice.user, "A"), the(alice.user, "B")),
        (the(alice.user, "A"), old),
    ):
        with pytest.raises(CannotJoin):
            joining.join(of_files=source, account=target, by="alice")
    assert BrokerAccount.objects.count() == 4


def test_a_login_that_was_removed_takes_nothing(alice: Actor) -> None:
    old = of_files(alice.user)
    login = a_login(alice.user, "DEMO1")
    Connection.objects.filter(pk=login.pk).update(is_removed=True)
    assert joining.look() == 0
    assert BrokerAccount.objects.filter(pk=old.pk).exists()


def test_whoever_names_an_account_that_a_login_lists_gets_that_one(alice: Actor) -> None:
    a_login(alice.user, "DEMO1")
    assert of_files(alice.user, "demo1") == the(alice.user)


def test_a_join_that_breaks_changes_nothing(alice: Actor, monkeypatch: Any) -> None:
    old = of_files(alice.user)
    imported(alice.user, ninja(BUY, SELL))
    a_login(alice.user, "DEMO1")
    told_by_broker(the(alice.user), "1", "buy", 2, "21500", "2025-01-28T16:00:00.3Z")
    before = known(old), list(ImportedRow.objects.values())

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("the machine went down")

    with monkeypatch.context() as patch:
        patch.setattr("apps.recorder.joining.days.judge_again", broken)
        assert joining.look() == 0
    assert (known(old), list(ImportedRow.objects.values())) == before
    assert joining.look() == 1


def test_everything_that_hangs_on_a_broker_s_account_is_carried_or_left_by_intent() -> None:
    """A new relation to a broker's account takes its place here once `joining` knows what becomes of it."""
    carried = {"fills", "recorders", "spans", "recorded_positions", "days"}
    own = {"book", "openings", "size_differences", "may_be", "may_be_of_files"}  # made anew
    never = {"orders", "positions"}  # only a login tells them
    names = {
        one.get_accessor_name() or f"{one.related_model.__name__}.{one.field.name}"
        for one in BrokerAccount._meta.related_objects
    } | {
        f"{one.related_model.__name__}.{one.field.name}"
        for one in BrokerAccount._meta.get_fields(include_hidden=True)
        if one.is_relation and one.auto_created and one.hidden
    }
    assert names == carried | own | never | {"ImportedRow.account"}
