"""A notice leads to the page that shows what it tells of: as its owner, for every fact that has words."""

from decimal import Decimal
from typing import Any

import pytest

from apps.bus.domain.message import told
from apps.marketdata.price import moment
from apps.notifications.domain.wording import WORDS, Context, Payload, word
from apps.recorder.services import settle
from tests.cast import Actor
from tests.factories import a_price, a_signal, a_trade, at
from tests.integration.notifications import told as made
from tests.integration.papertrading.rows import a_position, an_account
from tests.integration.recorder.rows import a_broker_account, a_fill, a_recorder

pytestmark = pytest.mark.django_db

ORDER = {
    "order": "o1", "contract": "NQZ5", "side": "buy", "type": "market", "role": "entry",
    "quantity": 1, "price": "20005.25", "left": 0, "fees": "0.52", "realized": "0",
}  # fmt: skip
RISK = {
    "limit": "daily_loss", "level": "danger", "was": "safe", "used_pct": "71", "left": "290",
    "kind": "daily", "reason": "LIMIT", "equity": "1", "floor": "2", "profit": "1", "target": "1",
    "days": 3,
}  # fmt: skip
DIFFERS = {"called": "Demo one", "difference": 1, "subject": "NQZ5", "words": "NQZ5: no stop.", "kind": "position"}  # fmt: skip
SWITCHED = {"is_on": True, "per_order": 2, "per_position": 4, "per_day": 20, "automatic": True, "source": "page"}  # fmt: skip
DEADLINE = at("2025-12-02T22:00:00Z")


FILLED = {"side": "long", "quantity": 2, "price": "20005.25", "left": 0}
RECORDED: dict[str, dict[str, Any]] = {
    "gap": {"deadline": DEADLINE, "trade_date": "2025-12-02", "reason": "not read"},
    "undecided": {"fills": 1, "names": ["NQ Fade", "NQ Trend"]},
    "differs": {"recorded": 2, "at_broker": 0},
}
SILENT: dict[str, Any] = {
    "since": "2025-12-02T15:00:00Z", "last_at": "2025-12-02T15:00:00Z", "quiet_min": 135, "limit_min": 135,
    "why": "rhythm", "sessions": ["NY AM"], "burst": 0, "refused": 0,
}  # fmt: skip
SKIPPED = {"reason": "NO_STOP", "detail": "", "action": "buy", "symbol": "NQ1!", "alert": "a1"}
LOST = {"contract": "NQZ5", "state": "lost", "reason": ""}
TRADED = {"contract": "NQZ5", "direction": "BULLISH", "entry_price": "1", "price": "1", "stop_price": "1", "risk": "1", "r": "1", "state": "stopped", "reason": ""}  # fmt: skip
SAID: dict[str, dict[str, Any]] = {
    "connection": {"called": "My Tradovate", "state": "refused", "reason": ""},
    "feed": LOST, "trade": TRADED, "order": ORDER, "risk": RISK, "position": DIFFERS,
    "live": DIFFERS | SWITCHED | {"positions": 1, "orders": 1}, "reconcile": DIFFERS,
    "exit": {"called": "Demo one", "words": "NQZ5 could not be closed."}, "user": {"label": "bot", "address": "10.0.0.9"}, "user.sign_in_failed": {"what": "locked out"},
}  # fmt: skip


class Rows:
    """What the facts are about, all Alice's."""

    def __init__(self, alice: Actor) -> None:
        user = self.user = alice.user
        self.account = an_account(user)
        a_price("20020.00")
        a_position(
            self.account, size=0, exited=1, closed_ns=at("2025-12-02T15:00:00Z"), lots=[],
            closed_at=moment("2025-12-02T15:00:00Z"), realized=Decimal(5), entered=1, exited_paid=0,
        )  # fmt: skip
        self.demo = a_broker_account(user, "DEMO1001")
        self.at_broker = an_account(user, "Demo one", kind="demo")
        self.demo.account = self.at_broker
        self.demo.save(update_fields=["account"])
        self.own = a_recorder(user, self.demo, "NQ Fade")
        a_fill(self.demo, 2, "20005.25", 1)
        settle(account=self.demo)
        a_recorder(user, self.demo, "NQ Trend", since=at("2025-12-02T15:00:00Z"))
        a_fill(self.demo, 1, "20007.25", 61)
        settle(account=self.demo)
        self.signal = a_signal(user)
        self.trade = a_trade(user, signal=self.signal)

    def payload(self, name: str) -> dict[str, Any]:
        """Return what each fact carries of them."""
        area, _, what = name.partition(".")
        of_desk = {"account": self.account.pk, "at": "2025-12-02T15:00:00Z"}
        of_recorder = {
            "account": self.demo.pk, "account_name": "DEMO1001", "strategy": self.own.strategy_id,
            "strategy_name": "NQ Fade", "contract": "NQZ5", "at": "2025-12-02T21:31:00Z",
        }  # fmt: skip
        if area == "recorder":
            more = {"of_what": "opened"} if what == "more_filled" else {}
            return of_recorder | RECORDED.get(what, FILLED) | more
        if area == "alert":
            return of_recorder | SILENT | {"fact": name}
        if name in ("route.skipped", "signal.order_alert_refused"):
            return of_desk | SKIPPED | {"strategy": self.own.strategy_id, "signal": self.signal.key}
        if name == "position.closed":
            return told(made.closed(self.user.pk, self.account.pk, contract="NQZ5"))
        theirs = {"connection": self.demo.connection_id, "trade": self.trade.key}
        return of_desk | theirs | SAID.get(name, {}) | SAID.get(area, {})


NAMES = {
    "recorder": ("DEMO1001", "NQ Fade"), "alert": ("NQ Fade",), "connection": ("My Tradovate",), "risk": ("Alpha",),
    "order": ("Alpha",), "live": ("Demo one",), "reconcile": ("Demo one",), "feed": ("NQ",), "trade": ("NQZ5",),
    "exit": ("Demo one",),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(WORDS))
def test_the_page_of_every_notice_is_there_and_names_the_thing(name: str, alice: Actor) -> None:
    rows = Rows(alice)
    said = word(name, [rows.payload(name)], Context(account="Alpha", is_new_place=True))
    assert said is not None
    page = opened(alice, said.path)
    wanted = NAMES.get(name.partition(".")[0], ())
    if name == "recorder.gap":
        wanted = ("My Tradovate", "DEMO1001")
    assert [one for one in wanted if one not in page] == []


def opened(who: Actor, path: str) -> str:
    """Return the page at the end of a link, with the part that it points at."""
    address, _, part = path.partition("#")
    answer = who.client.get(address, headers={"accept": "text/html"})
    assert answer.status_code == 200, path
    page = str(answer.content.decode())
    assert not part or f'id="{part}"' in page, f"{path} points at nothing"
    return page


def test_what_recorders_tell_leads_to_what_cures_it(alice: Actor, bob: Actor) -> None:
    rows = Rows(alice)
    pk = rows.own.strategy_id
    late: Payload = rows.payload("recorder.gap") | {"at": "2025-12-02T22:02:00Z"}
    told_ = {name: word(name, [rows.payload(name)]) for name in WORDS if "recorder." in name}
    paths = {name: one.path for name, one in told_.items() if one is not None}
    assert paths.pop("recorder.gap") == "/connections/"
    assert paths.pop("recorder.undecided") == f"/recorders/{pk}/#undecided"
    assert set(paths.values()) == {f"/recorders/{pk}/#positions"} and len(paths) == 8
    after = word("recorder.gap", [late])
    assert after is not None and "Days of DEMO1001" in opened(alice, after.path)
    assert "Whose fills are these?" in opened(alice, f"/recorders/{pk}/#undecided")
    assert bob.client.get(f"/recorders/{pk}/").status_code == 404
