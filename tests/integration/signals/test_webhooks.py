"""The door for alerts: durable before it is answered, once per alert, a true reason for every refusal."""

import csv
import gzip
import hmac
import json
import os
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.utils import timezone

from apps.bus import transport
from apps.bus.domain.message import decode_command
from apps.bus.models import Inbox
from apps.signals import services
from apps.signals.domain.messages import Alert
from apps.signals.domain.posted import KeepOutsideView, TakeOrderAlert
from apps.signals.domain.refusal import REASONS
from apps.signals.models import Strategy, WebhookRefusal

pytestmark = [pytest.mark.urls("apps.signals.urls_webhooks"), pytest.mark.both_databases]

AT = 1_763_130_420_000
SIGNAL = {"signal_type": "Bullish", "price": 25035.75, "timestamp": AT, "symbol": "NQ1!"}
ORDER = {"symbol": "NQ1!", "action": "buy", "quantity": 1, "price": "25035.75"}
LOGS = Path(os.environ.get("ALERT_LOGS", Path(__file__).parents[4] / "shared/data/alerts"))


@pytest.fixture(autouse=True)
def _own_transport():
    transport.use(transport.MemoryTransport())
    transport.set_market_time(AT * 1_000_000 + 61 * 10**9, live=True)
    yield
    transport.use(None)


class Sender:
    """Somebody who posts to one strategy."""

    def __init__(self, strategy: Strategy, token: str) -> None:
        self.strategy, self.token, self.client = strategy, token, Client()
        self.path = f"/webhook/{token}/"

    def post(self, body, path=None, kind="application/json", **headers):
        """Send a body as it is, or an object as JSON."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.post(path or self.path, raw, content_type=kind, headers=headers)


@pytest.fixture
def sender(alice) -> Sender:
    """Alice's strategy and who knows its secret."""
    return Sender(*services.create_strategy(user=alice.user, name="NQ FVG"))


def commands():
    return [decode_command(row.kind, row.payload) for row in Inbox.objects.order_by("id")]


def problem(reply, status, code, field=None):
    assert reply.status_code == status, reply.content
    assert reply["Content-Type"] == "application/problem+json"
    body = reply.json()
    assert (body["code"], body["status"]) == (code, status)
    assert body["title"] and body["detail"] and body["type"]
    assert body.get("field") == field
    return body


def test_a_signal_is_stored_with_both_clocks_before_it_is_answered(sender):
    reply = sender.post(SIGNAL)
    assert reply.status_code == 200
    assert reply.json()["status"] == "accepted"
    (alert,) = commands()
    assert alert == Alert(
        id=reply.json()["id"],
        user=sender.strategy.user_id,
        strategy=sender.strategy.pk,
        symbol="NQ1!",
        direction="BULLISH",
        time=AT * 1_000_000,
        price="25035.75",
    )
    row = Inbox.objects.get()
    assert row.market_at == AT * 1_000_000 + 61 * 10**9
    assert row.market_live
    assert abs(timezone.now() - row.received_at) < timedelta(seconds=20)
    assert transport.inbox_waiting().is_set()


NOW = AT * 1_000_000 + 61 * 10**9  # what the engine has told
LATER = NOW + 180 * 10**9


@pytest.mark.parametrize("known", [None, NOW], ids=["first start", "behind"])
def test_the_stand_in_knows_the_simulated_market_s_time_better(sender, known):
    transport.set_market_time(known, live=False)
    assert sender.post(SIGNAL, **{"X-Market-Time": str(LATER)}).status_code == 200
    (row,) = Inbox.objects.all()
    assert (row.market_at, row.market_live) == (LATER, True)


@pytest.mark.parametrize(
    "said", ["", "-1", "1e18", "\u0663", "0", str(NOW + 2 * 86_400 * 10**9), "9" * 40]
)
def test_a_market_time_that_cannot_be_is_not_taken(sender, said):
    assert sender.post(SIGNAL, **{"X-Market-Time": said}).status_code == 200
    assert Inbox.objects.get().market_at == NOW


def test_only_the_own_machine_and_only_a_simulated_market_may_say_its_time(sender, settings):
    far = sender.client.post(
        sender.path, json.dumps(SIGNAL), "application/json",
        REMOTE_ADDR="203.0.113.7", headers={"X-Market-Time": str(LATER)},
    )  # fmt: skip
    assert far.status_code == 200
    assert Inbox.objects.get().market_at == NOW
    settings.MARKET = "tradovate"
    sender.post(SIGNAL | {"n": 1}, **{"X-Market-Time": str(LATER)})
    real = Inbox.objects.latest("id")
    assert abs(real.market_at - real.received_at.timestamp() * 10**9) < 5 * 10**9


def test_what_the_strategy_says_fills_what_the_alert_leaves_out(alice):
    strategy, token = services.create_strategy(
        user=alice.user, name="ES", symbol="ES1!", settings={"require_body": True}
    )
    assert Sender(strategy, token).post({"type": "bear"}).status_code == 200
    (alert,) = commands()
    assert (alert.symbol, alert.settings, alert.time) == ("ES1!", {"require_body": True}, None)


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "text/plain; charset=utf-8"])
def test_the_content_type_says_nothing(sender, kind):
    assert sender.post(SIGNAL, kind=kind).status_code == 200
    assert len(commands()) == 1


def test_every_form_becomes_its_own_command(sender):
    line = b"SIGNAL:Bearish:4150.00:75:ALIGNED:ALIGNED:1698765432000"
    assert sender.post(line, kind="text/plain").status_code == 200
    assert sender.post({"type": "MFE_UPDATE", "signal_id": "x", "be_mfe": 1.5}).status_code == 200
    assert sender.post(ORDER | {"market_position": "long", "strategy": "JADNQ"}).status_code == 200
    price = sender.post({"type": "realtime_price", "price": 1, "symbol": "NQ1!"})
    assert (price.status_code, price.json()["code"]) == (422, "NO_CHART_FEED")
    signal, view, order = commands()
    assert isinstance(signal, Alert)
    assert signal.htf_ok is True
    assert isinstance(view, KeepOutsideView)
    assert (view.stage, view.sender_id, view.body["be_mfe"]) == ("MFE_UPDATE", "x", "1.5")
    assert isinstance(order, TakeOrderAlert)
    assert (order.action, order.quantity, order.market_position) == ("buy", 1, "long")
    assert order.sender_strategy == "JADNQ"
    assert Inbox.objects.get(kind="alert.order").expires_market_at == AT * 1_000_000 + 121 * 10**9


def test_the_same_alert_four_times_is_one(sender):
    replies = [sender.post(SIGNAL) for _ in range(3)]
    replies.append(sender.post(b"\n" + json.dumps(SIGNAL, indent=2).encode()))
    assert [reply.json()["status"] for reply in replies] == ["accepted"] + ["duplicate"] * 3
    assert len({reply.json()["id"] for reply in replies}) == 1
    assert all(reply.status_code == 200 for reply in replies)
    assert len(commands()) == 1


def test_the_same_body_a_minute_later_is_a_new_alert(sender):
    first = sender.post(SIGNAL).json()
    Inbox.objects.update(received_at=timezone.now() - timedelta(seconds=61))
    second = sender.post(SIGNAL).json()
    assert second["status"] == "accepted"
    assert second["id"] != first["id"]


@pytest.mark.parametrize("name", ["id", "alert_id", "order_id"])
def test_the_same_id_is_the_same_alert_for_ever(sender, name):
    first = sender.post(ORDER | {name: "A-1"}).json()
    Inbox.objects.update(received_at=timezone.now() - timedelta(days=1))
    again = sender.post(ORDER | {name: "A-1", "price": "25036.00"}).json()
    assert again == {"id": first["id"], "status": "duplicate"}
    assert sender.post(ORDER | {name: "A-2"}).json()["status"] == "accepted"


def test_the_same_body_for_another_strategy_is_another_alert(sender, bob):
    other = Sender(*services.create_strategy(user=bob.user, name="NQ FVG"))
    assert [one.post(SIGNAL).json()["status"] for one in (sender, other)] == ["accepted"] * 2
    assert {alert.user for alert in commands()} == {sender.strategy.user_id, bob.user.pk}


def test_the_secret_may_come_in_the_address_a_header_or_the_body(sender):
    token = sender.token
    sent = [
        sender.post(SIGNAL, "/webhook/tradingview/?token=" + token),
        sender.post(SIGNAL | {"n": 1}, "/webhook/", **{"X-Webhook-Token": token}),
        sender.post(SIGNAL | {"n": 2, "token": token}, "/webhook/"),
        sender.post(SIGNAL | {"n": 3, "passphrase": token}, "/webhook/tradingview/"),
        sender.post(SIGNAL | {"n": 4}, f"/webhook/{token}"),
    ]
    assert [reply.json().get("status") for reply in sent] == ["accepted"] * 5
    assert not Inbox.objects.filter(payload__contains=token).exists()


def test_an_unknown_secret_is_told_nothing(sender):
    for path in ("/webhook/nonsense/", "/webhook/", "/webhook/tradingview/", "/webhook/%FF%00/"):
        body = problem(sender.post(SIGNAL, path), 404, "UNKNOWN_TOKEN")
        assert "NQ FVG" not in json.dumps(body)
    problem(sender.post(b"{", "/webhook/nonsense/"), 404, "UNKNOWN_TOKEN")
    assert not WebhookRefusal.objects.exists()


def test_a_rotated_secret_and_its_signing_key_are_dead(sender):
    old_key = services.signing_key(sender.strategy)
    fresh = services.rotate_token(strategy=sender.strategy)
    assert services.signing_key(sender.strategy) != old_key
    problem(sender.post(SIGNAL), 404, "UNKNOWN_TOKEN")
    assert Sender(sender.strategy, fresh).post(SIGNAL).status_code == 200
    assert fresh not in json.dumps(list(Strategy.objects.values()), default=str)


def signed(strategy, body: bytes) -> dict[str, str]:
    mac = hmac.new(services.signing_key(strategy).encode(), body, "sha256").hexdigest()
    return {"X-Webhook-Signature": f"sha256={mac}", "X-Webhook-Strategy": str(strategy.pk)}


def test_a_signed_alert_needs_no_secret_in_its_address(sender):
    body = json.dumps(SIGNAL).encode()
    assert sender.post(body, "/webhook/", **signed(sender.strategy, body)).status_code == 200


def test_a_wrong_signature_is_refused_even_with_the_right_secret(sender):
    body = json.dumps(SIGNAL).encode()
    headers = signed(sender.strategy, body)
    problem(sender.post(body + b" ", **headers), 401, "BAD_SIGNATURE")
    for wrong in ("sha256=", "x", "sha256=" + "0" * 64, "sha256=\u00e9"):
        problem(sender.post(body, **{"X-Webhook-Signature": wrong}), 401, "BAD_SIGNATURE")
    assert not Inbox.objects.exists()
    assert {row.code for row in WebhookRefusal.objects.all()} == {"BAD_SIGNATURE"}
    problem(
        sender.post(body, "/webhook/", **headers | {"X-Webhook-Strategy": "9" * 30}),
        404,
        "UNKNOWN_TOKEN",
    )


def test_a_strategy_can_require_signatures(sender):
    services.change_strategy(strategy=sender.strategy, requires_signature=True)
    problem(sender.post(SIGNAL), 401, "NO_SIGNATURE")
    body = json.dumps(SIGNAL).encode()
    assert sender.post(body, **signed(sender.strategy, body)).status_code == 200


def test_a_strategy_can_take_tradingview_only(sender):
    services.change_strategy(strategy=sender.strategy, only_tradingview=True)
    problem(sender.post(SIGNAL), 403, "WRONG_ADDRESS")
    reply = sender.client.post(
        sender.path, json.dumps(SIGNAL), content_type="text/plain", REMOTE_ADDR="52.32.178.7"
    )
    assert reply.status_code == 200


def test_a_strategy_that_is_switched_off_takes_nothing(sender):
    services.change_strategy(strategy=sender.strategy, is_active=False)
    problem(sender.post(SIGNAL), 403, "SWITCHED_OFF")


def test_a_user_who_is_switched_off_is_as_unknown_as_a_wrong_secret(sender, alice):
    body = json.dumps(SIGNAL).encode()
    headers = signed(sender.strategy, body)
    alice.user.is_active = False
    alice.user.save()
    strange = problem(sender.post(SIGNAL, "/webhook/nonsense/"), 404, "UNKNOWN_TOKEN")
    for reply in (sender.post(SIGNAL), sender.post(body, "/webhook/", **headers)):
        assert problem(reply, 404, "UNKNOWN_TOKEN") == strange
    older = sender.post(SIGNAL | {"token": sender.path.split("/")[2]}, "/api/live-signals-v2")
    assert (older.status_code, older.json()["code"]) == (404, "UNKNOWN_TOKEN")
    assert not Inbox.objects.exists() and not WebhookRefusal.objects.exists()


def test_too_many_wait(sender, settings):
    settings.WEBHOOK_RATE_PER_STRATEGY = "3/min"
    for n in range(3):
        assert sender.post(SIGNAL | {"n": n}).status_code == 200
    reply = sender.post(SIGNAL | {"n": 4})
    problem(reply, 429, "TOO_MANY")
    assert 1 <= int(reply["Retry-After"]) <= 60
    problem(sender.post(SIGNAL | {"n": 5}), 429, "TOO_MANY")
    assert WebhookRefusal.objects.count() == 1, "a flood is told once a minute"
    cache.clear()
    settings.WEBHOOK_RATE_PER_ADDRESS = "1/min"
    assert sender.post(SIGNAL | {"n": 6}).status_code == 200
    problem(sender.post(SIGNAL, "/webhook/guess/"), 429, "TOO_MANY")


def test_alerts_are_posted(sender):
    reply = sender.client.get(sender.path)
    problem(reply, 405, "WRONG_METHOD")
    assert reply["Allow"] == "POST"


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        (b"", 400, "EMPTY_BODY", None),
        (b"x" * 1_000_000, 413, "TOO_LARGE", None),
        (b'{"a":' * 5_000, 400, "TOO_DEEP", None),
        (b"\xff\xfe", 400, "NOT_UTF8", None),
        (b'{"type": "bull", "price": -1e300}', 422, "OUT_OF_RANGE", "price"),
        (b'{"type": "bull", "price": "NaN", "symbol": "DOGE"}', 422, "UNKNOWN_SYMBOL", "symbol"),
        (b'{"type": "bull", "symbol": 5}', 422, "UNKNOWN_SYMBOL", "symbol"),
        (b'{"type": "up"}', 422, "BAD_DIRECTION", "type"),
        (b'{"price": 5}', 422, "UNKNOWN_FORM", None),
        (b'{"action": "buy"}', 422, "MISSING_FIELD", "symbol"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_bad_input_is_answered_clearly_and_shown_to_the_trader(sender, body, status, code, field):
    problem(sender.post(body), status, code, field)
    row = WebhookRefusal.objects.get()
    assert (row.strategy, row.code, row.field or None) == (sender.strategy, code, field)
    assert row.address == "127.0.0.1"
    assert len(row.body) <= 2_000
    assert not Inbox.objects.exists()


def test_refusals_are_kept_without_secrets_and_only_the_latest(sender):
    sender.post(f'{{"token": "{sender.token}", "oops": '.encode())
    row = WebhookRefusal.objects.get()
    assert sender.token not in row.body
    for n in range(services.REFUSALS_KEPT + 5):
        services.keep_refusal(
            strategy=sender.strategy,
            refused=services.Refused("EMPTY_BODY", f"number {n}"),
            address=None,
            body=b"",
        )
    kept = WebhookRefusal.objects.all()
    assert len(kept) == services.REFUSALS_KEPT
    assert kept[0].detail == f"number {services.REFUSALS_KEPT + 4}"


def test_an_order_that_is_too_old_by_its_own_time_is_refused(sender):
    problem(sender.post(ORDER | {"timestamp": AT}), 422, "EXPIRED", "timestamp")
    assert sender.post(ORDER | {"timestamp": AT, "expires_s": 90}).status_code == 200
    assert sender.post(SIGNAL | {"timestamp": AT - 3_600_000}).status_code == 200, "marked late"
    assert Inbox.objects.get(kind="alert.order").expires_market_at == AT * 10**6 + 90 * 10**9


def test_a_payload_can_be_tried_without_storing(sender):
    for path in (f"{sender.path}test/", f"{sender.path}?dry_run=1"):
        body = sender.post(SIGNAL, path).json()
        assert body == {
            "status": "understood",
            "kind": "signal",
            "alert": {
                "symbol": "NQ1!",
                "at": "2025-11-14T14:27:00Z",
                "direction": "BULLISH",
                "price": "25035.75",
            },
        }
        problem(sender.post({"type": "up"}, path), 422, "BAD_DIRECTION", "type")
    assert not Inbox.objects.exists()
    assert not WebhookRefusal.objects.exists()


def test_the_older_address_answers_what_its_senders_look_for(sender):
    reply = sender.post(SIGNAL | {"token": sender.token}, "/api/live-signals-v2").json()
    assert reply["status"] == "accepted"
    assert reply["success"] is True
    assert reply["original_signal_id"] == reply["id"]
    automation = reply["v2_automation"]
    assert automation["success"] is True
    assert automation["entry_price"] is automation["stop_loss_price"] is None
    assert {"trade_id", "r_targets"} <= set(automation)
    assert {"message", "timestamp"} <= set(reply)
    refused = sender.post({"type": "up", "token": sender.token}, "/api/live-signals-v2")
    assert refused.status_code == 422
    assert refused.json()["success"] is False
    assert refused.json()["code"] == "BAD_DIRECTION"


@pytest.mark.django_db(transaction=True)
def test_an_alert_that_cannot_be_stored_is_not_accepted(sender):
    with connection.schema_editor() as editor:
        editor.alter_db_table(Inbox, "bus_inbox", "bus_inbox_away")
    try:
        problem(sender.post(SIGNAL), 503, "NOT_STORED")
    finally:
        with connection.schema_editor() as editor:
            editor.alter_db_table(Inbox, "bus_inbox_away", "bus_inbox")
    assert sender.post(SIGNAL).json()["status"] == "accepted", "TradingView sends again"


def messages_of(name: str) -> list[str]:
    with gzip.open(next(LOGS.glob(f"*{name}*")), "rt", newline="") as log:
        return [row["Description"] for row in csv.DictReader(log)][::-1]


if LOGS.is_dir():  # real logs, licensed for development only, so they lie outside the repository

    def test_real_alert_logs_go_through_with_a_true_reason_for_each_line(sender, settings):
        settings.WEBHOOK_RATE_PER_STRATEGY = settings.WEBHOOK_RATE_PER_ADDRESS = "100000/min"

        def answers(name):
            lines = messages_of(name)
            replies = [sender.post(line.encode(), kind="text/plain") for line in lines]
            return lines, Counter(
                body.get("code") or body["status"] for body in (reply.json() for reply in replies)
            )

        lines, counted = answers("2025-11-14")
        broken = [line for line in lines if '"ENTRY"' in line]
        assert counted == {"accepted": len(lines) - len(broken), "BAD_JSON": len(broken)}
        assert len(broken) == 6
        assert '.5"' in broken[0] or '"risk_distance"' in broken[0]
        assert {row.code for row in WebhookRefusal.objects.all()} == {"BAD_JSON"}
        assert answers("2025-11-15")[1] == {"accepted": 624}
        assert answers("c5b83")[1] == {"accepted": 597}
        assert answers("560cb")[1] == {"duplicate": 597, "accepted": 309}
        assert Inbox.objects.count() == 56 + 624 + 906
        assert set(Inbox.objects.values_list("kind", flat=True)) == {"alert.outside_view"}


def test_every_refusal_is_in_the_manual():
    manual = (Path(__file__).parents[3] / "docs/webhooks.md").read_text()
    rows = {
        cells[0].strip(" `"): cells[1:]
        for line in manual.splitlines()
        if line.startswith("| `") and len(cells := line.strip("|").split("|")) == 4
    }
    for code, reason in REASONS.items():
        assert code in rows, f"{code} is not in docs/webhooks.md"
        status, cause, cure = (cell.strip() for cell in rows[code])
        assert (status, cause, cure) == (str(reason.status), reason.title, reason.cure)
    assert rows.keys() <= REASONS.keys()
