"""What is told of a fact: account, side, size, price, R, reason; nothing twice, nothing empty."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from apps.brokers.domain.live_facts import (
    ExitNotSent,
    LiveSwitched,
    PositionUnprotected,
    ReconcileDiffers,
)
from apps.brokers.domain.telling import money
from apps.brokers.domain.told import ConnectionChanged
from apps.bus.domain.message import Fact, to_instant, told
from apps.notifications.domain.kinds import Kind, Severity
from apps.notifications.domain.wording import WORDS, Context, word
from apps.recorder.domain.gaps import RecorderGap
from apps.recorder.domain.warnings import FillsUndecided, RecordedDiffers
from apps.trades.domain.telling import tell

ALPHA = Context(account="Alpha")
AT_BROKER = {"at": 1, "user": 1, "account": 1, "called": "Demo one"}
SWITCHED = told(
    LiveSwitched(
        **AT_BROKER,
        is_on=True,
        automatic=True,
        per_order=2,
        per_position=4,
        per_day=20,
        source="page",
    )
)
UNPROTECTED = told(
    PositionUnprotected(
        **AT_BROKER, difference=1, kind="unprotected", subject="MNQZ5",
        words="MNQZ5: 3 contracts long, no working stop.",
    )
)  # fmt: skip
NOT_SENT = told(
    ExitNotSent(
        **AT_BROKER, dispatch="w1", contract="MNQZ5",
        words="MNQZ5 could not be closed. Long 1 is open there.",
    )
)  # fmt: skip
DIFFERS = told(
    ReconcileDiffers(
        **AT_BROKER, difference=2, kind="position", subject="MNQZ5",
        words="The broker holds 2, the desk believes 1.",
    )
)  # fmt: skip
REFUSED = told(
    ConnectionChanged(
        at=1, user=1, connection=3, called="My login", state="refused", reason="wrong password"
    )
)
GAP = told(
    RecorderGap(
        at=1, user=1, account=4, account_name="DEMO123", trade_date=date(2025, 12, 2),
        reason="the desk was off", deadline=2,
    )
)  # fmt: skip
SILENT = {
    "fact": "alert.stopped", "strategy": 7, "strategy_name": "NQ FVG", "last_at": "2025-12-05T15:10:00Z",
    "quiet_min": 135, "limit_min": 135, "why": "rhythm", "sessions": ["NY AM"], "burst": 0, "refused": 0,
}  # fmt: skip
RECORDED = {
    "strategy": 7, "strategy_name": "NQ FVG", "account": 4, "account_name": "DEMO123",
    "contract": "NQZ5", "side": "long", "quantity": 2, "price": "20005.25", "net": "-112.50", "r": "-1",
}  # fmt: skip
AT, CLOSES = (to_instant(datetime(2025, 12, 2, hour, minute, tzinfo=UTC)) for hour, minute in ((21, 31), (22, 0)))  # fmt: skip
IN_DEMO = {"user": 1, "account": 4, "account_name": "DEMO123"}
GAP = told(
    RecorderGap(
        at=AT, trade_date=date(2025, 12, 2), deadline=CLOSES,
        reason="My login was not read since 20:00 UTC", **IN_DEMO,  # type: ignore[arg-type]
    )
)  # fmt: skip
UNDECIDED = told(
    FillsUndecided(
        at=AT, trade_date=date(2025, 12, 2), fills=3, strategy=7, names=("NQ FVG", "NQ Fade"),
        newest=9, **IN_DEMO,  # type: ignore[arg-type]
    )
)  # fmt: skip
OFF = told(
    RecordedDiffers(
        at=AT, contract="NQZ5", recorded=2, at_broker=0, strategy=7, strategy_name="NQ FVG",
        since=AT, **IN_DEMO,  # type: ignore[arg-type]
    )
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "payload", "kind", "title", "body", "path"),
    [
        ("alert.stopped", SILENT, Kind.ALERTS, "NQ FVG: alerts have stopped", "No alert since 2025-12-05T15:10:00Z: 2 h 15 min of open market in its sessions (NY AM); by its pauses of the last ten sessions it is told after 2 h 15 min. See in TradingView whether the alert is still active, and restart it there.", "/strategies/"),
        ("alert.stopped", SILENT | {"why": "burst", "burst": 15, "quiet_min": 10}, Kind.ALERTS, "NQ FVG: alerts have stopped", "15 alerts came within 3 minutes, then none for 10 minutes of open market. TradingView stops an alert that fires 15 times in 3 minutes and tells it there only. Restart the alert in TradingView, and let it fire once per bar close.", "/strategies/"),
        ("alert.stopped", SILENT | {"why": "minutes", "last_at": None, "limit_min": 60, "sessions": [], "refused": 2}, Kind.ALERTS, "NQ FVG: alerts have stopped", "No alert yet: 2 h 15 min of open market; you asked to be told after 1 h. 2 alerts have come and were refused since: the reasons stand with the strategy's webhook.", "/strategies/"),
        ("alert.resumed", SILENT | {"fact": "alert.resumed"}, Kind.ALERTS, "NQ FVG: alerts are back", "An alert came again after 2 h 15 min of open market.", "/strategies/"),
        ("recorder.stop_hit", RECORDED, Kind.STOP_HIT, "NQ long stopped out, NQ FVG", "DEMO123: 2 at 20,005.25. Net −$112.50, −1 R.", "/recorders/7/#positions"),
        ("recorder.opened", {k: v for k, v in RECORDED.items() if k not in ("net", "r")}, Kind.OPENED, "NQ long opened, NQ FVG", "DEMO123: 2 at 20,005.25.", "/recorders/7/#positions"),
        ("recorder.gap", GAP, Kind.RECORDER_GAP, "Recording of DEMO123 has a gap, 2025-12-02", "My login was not read since 20:00 UTC. Until 16:00 CT: connect again, or export today's CSV. After that the broker forgets the fills of this day.", "/connections/"),
        ("recorder.gap", GAP | {"at": "2025-12-02T22:02:00Z"}, Kind.RECORDER_GAP, "Recording of DEMO123 has a gap, 2025-12-02", "My login was not read since 20:00 UTC. The session ended at 16:00 CT: export the day's CSV from your broker now. Import it here; within the hour the broker forgets the fills of this day.", "/recorders/import/?account=4#days"),
        ("recorder.undecided", UNDECIDED, Kind.UNDECIDED, "3 fills to settle in DEMO123", "They can be of NQ FVG or NQ Fade: their orders name nobody. Say whose, so that the figures are right. Later ones of this day are listed there, without another notice.", "/recorders/7/#undecided"),
        ("recorder.differs", OFF, Kind.DIFFERS, "NQ: recorded is not what DEMO123 holds", "NQ FVG, NQZ5: recorded long 2, at the broker nothing. Look whose its last fills are, or import the file of a day that lacks some.", "/recorders/7/#positions"),
        ("position.unprotected", UNPROTECTED, Kind.UNPROTECTED, "Demo one: position without a working stop", "MNQZ5: 3 contracts long, no working stop. Set one, or close the position.", "/live/"),
        ("exit.not_sent", NOT_SENT, Kind.UNPROTECTED, "Demo one: an exit could not leave", "MNQZ5 could not be closed. Long 1 is open there.", "/live/"),
        ("live.switched", SWITCHED | {"is_on": True}, Kind.LIVE, "Demo one: orders reach the broker", "At most 2 an order, 4 held, 20 a day.", "/live/"),
        ("live.switched", SWITCHED | {"is_on": False}, Kind.LIVE, "Demo one: live orders off", "Exits still leave.", "/live/"),
        ("connection.changed", REFUSED, Kind.CONNECTION, "My login was refused", "Wrong password. Look at your positions at the broker until it is back.", "/connections/"),
        ("reconcile.differs", DIFFERS, Kind.RECONCILE, "Demo one: the broker says otherwise", "The broker holds 2, the desk believes 1. Compare and repair it before you trade on.", "/live/"),
        ("risk.level_changed", {"account": 1, "limit": "daily_loss", "level": "danger", "was": "warning", "used_pct": "71.00", "left": "290"}, Kind.RISK_WARNING, "Alpha: Risk is danger", "Was warning. 71 % of the daily loss used, $290.00 left.", "/prop/"),
    ],
)  # fmt: skip
def test_the_words(
    name: str, payload: dict[str, Any], kind: Kind, title: str, body: str, path: str
) -> None:
    told = word(name, [payload], ALPHA)
    assert told is not None
    assert (told.kind, told.title, told.body, told.path) == (kind, title, body, path)


@pytest.mark.parametrize(("role", "is_told"), [("exit", False), ("stop", False), ("entry", True)])
def test_an_exit_that_could_not_leave_is_told_by_its_alarm_alone(role: str, is_told: bool) -> None:
    order = {
        "order": "w1", "contract": "NQZ5", "side": "sell", "type": "market", "quantity": 1, "account": 1,
        "reason": "TOO_LATE", "role": role,
    }  # fmt: skip
    assert (word("order.rejected", [order], ALPHA) is not None) is is_told
    assert word("order.rejected", [order | {"reason": "NOT_SENT"}], ALPHA) is not None


@pytest.mark.parametrize(
    ("zone", "when"),
    [
        ("Europe/Berlin", "16:00 CT (23:00 your time)"),
        ("America/Chicago", "16:00 CT"),
        ("Australia/Sydney", "16:00 CT (Wed 09:00 your time)"),
        ("", "16:00 CT"),
    ],
)
def test_a_gap_says_the_facts_own_deadline_on_both_clocks(zone: str, when: str) -> None:
    said = word("recorder.gap", [GAP], Context(zone=zone))
    assert said is not None and f"Until {when}: connect again" in said.body
    early = word("recorder.gap", [GAP | {"deadline": CLOSES - 4 * 3_600 * 10**9, "at": "2025-12-02T17:31:00Z"}])  # fmt: skip
    assert early is not None and "Until 12:00 CT: connect again" in early.body
    assert (early.severity, early.path) == (Severity.ALARM, "/connections/")


CLOSED = {
    "position": "p1", "contract": "MNQZ5", "direction": "long", "quantity": 1,
    "realized": "-40.00", "fees": "2.00", "net": "-42.00", "r": "-1.0000",
}  # fmt: skip


@pytest.mark.parametrize(
    ("fact", "r"),
    [
        (CLOSED, ", −1.05 R"),
        (CLOSED | {"realized": "40.00", "net": "38.00", "r": "1.0000"}, ", +0.95 R"),
        (CLOSED | {"realized": "0.50", "net": "-1.50", "r": "0.0125"}, ", −0.04 R"),
        (CLOSED | {"r": None}, ""),  # entered without a stop
        (CLOSED | {"realized": "0.00", "net": "-2.00", "r": "0.0000"}, ""),  # what 1 R was is unknown
    ],
)  # fmt: skip
def test_the_r_of_a_closed_position_is_after_fees_as_the_net_beside_it(
    fact: dict[str, Any], r: str
) -> None:
    told = word("position.closed", [fact], ALPHA)
    assert told is not None and told.title == f"MNQ long closed{r}"
    assert told.body == f"Alpha: 1 contract, net {money(fact['net'])} after $2.00 fees."
    assert tell("position.closed", fact).title == told.title


def test_a_level_that_falls_or_that_the_lock_tells_is_no_news() -> None:
    fact = {"account": 1, "limit": "daily_loss", "used_pct": "40", "left": "600"}
    assert word("risk.level_changed", [fact | {"level": "safe", "was": "warning"}], ALPHA) is None
    assert word("risk.level_changed", [fact | {"level": "locked", "was": "danger"}], ALPHA) is None


@pytest.mark.parametrize("state", ["connecting", "catching_up", "ended", "stopped", "live"])
def test_only_a_lost_feed_is_told_and_its_return(state: str) -> None:
    assert word("feed.changed", [{"contract": "NQZ5", "state": state}]) is None


def test_feeds_that_are_lost_together_are_one_notice() -> None:
    lost = [{"contract": one, "state": "lost", "reason": ""} for one in ("NQZ5", "ESZ5", "NQZ5")]
    told = word("feed.changed", lost)
    assert told is not None and told.title == "Market data lost: NQ, ES"
    assert (told.severity, told.batch) == (Severity.ALARM, "feed:lost")


def test_a_sign_in_is_told_from_a_new_place_alone_and_a_wrong_password_not() -> None:
    fact = {"address": "10.0.0.9", "agent": "Firefox"}
    assert word("user.signed_in", [fact]) is None
    told = word("user.signed_in", [fact], Context(is_new_place=True))
    assert told is not None and told.body.startswith("Firefox, 10.0.0.9.")
    assert word("user.sign_in_failed", [fact | {"what": "password"}]) is None
    wrong = word("user.sign_in_failed", [fact | {"what": "second factor"}])
    assert wrong is not None and wrong.title == "Wrong second factor at the door"


def test_a_part_of_the_second_factor_is_called_as_on_the_page() -> None:
    told = word(
        "user.second_factor_changed", [{"part": "totp", "how": "added", "address": "10.0.0.9"}]
    )
    assert told is not None and told.body.startswith("Authenticator app added, 10.0.0.9.")


def test_a_name_stays_as_its_owner_writes_it() -> None:
    closed = word("position.closed", [CLOSED], Context(account="apex-1"))
    recorded = word("recorder.stop_hit", [RECORDED | {"account_name": "apex-1"}])
    differs = word(
        "recorder.differs", [RECORDED | {"strategy_name": "fvg", "recorded": 1, "at_broker": 0}]
    )
    assert closed is not None and closed.body.startswith("apex-1: 1 contract, net")
    assert recorded is not None and recorded.body.startswith("apex-1: 2 at 20,005.25. Net")
    assert differs is not None and differs.body.startswith("fvg, NQZ5: recorded")


def test_a_made_token_is_told_with_its_name_and_place() -> None:
    told = word(
        "user.token_made", [{"token": 3, "label": "bot", "scope": "read", "address": "::1"}]
    )
    assert told is not None and told.body.startswith("bot, ::1. If it was not you")


def test_fills_that_a_recorder_sees_one_by_one_are_one_notice() -> None:
    fills = [RECORDED | {"position": "p1", "order": f"o{n}", "quantity": n, "price": p} for n, p in ((1, "20005.00"), (3, "20006.00"))]  # fmt: skip
    told = word("recorder.added", fills)
    assert told is not None and "DEMO123: 4 at 20,005.75 on average." in told.body
    assert told.batch == "recorder:position_added:7:4:p1"
    part = word("recorder.target_hit", [RECORDED | {"left": 1, "net": "40", "r": None}])
    assert part is not None and part.title == "NQ long at its target, part closed, NQ FVG"


def test_a_stop_that_fills_in_two_parts_is_told_with_its_contracts_once() -> None:
    """The last fill of an order tells all of its contracts, with those of which its first fill told."""
    first = RECORDED | {"position": "p1", "order": "o2", "quantity": 1, "left": 2, "step": "out", "price": "20005.00"}  # fmt: skip
    whole = first | {"quantity": 3, "left": 0, "step": "flat", "price": "20004.50"}
    told = word("recorder.stop_hit", [first, whole])
    assert told is not None and "DEMO123: 3 at 20,004.50. Net" in told.body
    other = whole | {"order": "o3", "quantity": 2, "price": "20003.50"}
    both = word("recorder.stop_hit", [first, other])
    assert both is not None and "DEMO123: 3 at 20,004.00 on average. Net" in both.body


def test_more_of_an_order_joins_its_first_word_and_stands_alone_without_it() -> None:
    first = RECORDED | {"position": "p1", "order": "o1", "quantity": 1, "net": None, "r": None, "left": 1}  # fmt: skip
    more = first | {"of_what": "opened", "quantity": 3, "price": "20006.25", "left": 3}
    both = word("recorder.more_filled", [first, more])
    assert both is not None and both.kind is Kind.OPENED
    assert (both.title, both.body) == (
        "NQ long opened, NQ FVG", "DEMO123: 3 at 20,006.25 on average.",
    )  # fmt: skip
    alone = word("recorder.more_filled", [more])
    assert alone is not None and alone.batch == both.batch
    assert (alone.title, alone.body) == (
        "NQ long opened, more filled, NQ FVG", "DEMO123: now 3 at 20,006.25 on average.",
    )  # fmt: skip


def test_an_unknown_fact_is_not_told() -> None:
    assert word("order.sent", [{}]) is None


@pytest.mark.parametrize("name", sorted(WORDS))
def test_every_fact_that_has_words_is_one_that_is_said(name: str) -> None:
    assert name in {kind.name for kind in facts(Fact) if "name" in kind.__dict__}


def facts(kind: type[Fact]) -> list[type[Fact]]:
    return [one for sub in kind.__subclasses__() for one in (sub, *facts(sub))]


def test_a_connection_that_was_well_before_is_no_news_when_it_is_well() -> None:
    ok = REFUSED | {"state": "ok", "reason": ""}
    assert word("connection.changed", [ok]) is None
    back = word("connection.changed", [ok], Context(was_lost=True))
    assert back is not None and back.title == "My login is connected"


def test_a_login_taken_over_elsewhere_is_an_alarm() -> None:
    told_ = word("connection.changed", [REFUSED | {"state": "displaced", "reason": ""}])
    assert told_ is not None
    assert (told_.severity, told_.title) == (Severity.ALARM, "My login is signed in elsewhere")


def test_a_login_that_has_to_rest_is_a_warning_unless_it_is_over_at_once() -> None:
    resting = {"state": "paused", "reason": "locked or a captcha demanded: resting for an hour"}
    told_ = word("connection.changed", [REFUSED | resting])
    assert told_ is not None
    assert (told_.severity, told_.title, told_.grace_s) == (Severity.WARNING, "My login rests", 15)
    assert "captcha demanded" in told_.body


def test_a_lost_feed_said_again_is_no_news() -> None:
    lost = {"contract": "NQZ5", "state": "lost", "reason": "down for more than 60 s"}
    assert word("feed.changed", [lost], Context(was_lost=True)) is None
