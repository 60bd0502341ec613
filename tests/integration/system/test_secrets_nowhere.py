"""A full run with secrets that can be found, and then a look behind every door: none of them is anywhere.

Pages, API answers, admin forms, refusals and breakdowns, log records with their arguments and tracebacks, the arguments of
every task that was sent, what the bus keeps, and what Discord was not meant to get. Each secret is told once, where it is
made, and that one answer alone may hold it.
"""

import hmac
import json
import logging
import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
from celery import current_app
from celery.signals import before_task_publish
from django.apps import apps
from django.conf import settings as desk_settings
from django.contrib import admin
from django.db import connection as database
from django.test import Client
from django.urls import reverse

from apps.analytics import recorded
from apps.brokers.models import BrokerAccount, Connection, LoginToken
from apps.brokers.reading import poll
from apps.brokers.tasks import poll_all
from apps.bus import bus, transport
from apps.notifications import sending
from apps.recorder import recorders
from apps.recorder.models import Recorder
from apps.recorder.tasks import hear, sweep
from apps.signals.models import Strategy
from apps.signals.services import signing_key
from apps.users.models import User
from tests.cast import Actor
from tests.integration.brokers.playground import CONTRACT, START, ScriptedSimulator
from tests.integration.brokers.shared import desk_market
from tests.integration.recorder.told_story import Story, Wall
from tests.integration.users.people import code_of
from tests.services.discord import SECRET, TOKEN, Discord, Fault
from tests.services.doors import every_path
from tests.services.secrets import Watch

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.both_databases,
    pytest.mark.timeout(600),
]
LOGIN: Final = "demo"
BROKER_PASSWORD: Final = "broker-password-9b41c7"
BROKER_KEY: Final = "broker-key-sec-2f60aa"
PASSWORD: Final = "user-password-77d1e0-long"
WRONG: Final = "wrong-password-5e21bd"
WORDS: Final = ("now", "log", "NQ", "nowhere")  # for what an address takes besides rows


@pytest.fixture
def market() -> Iterator[ScriptedSimulator]:
    transport.use(transport.MemoryTransport())
    transport.set_market_time(START, True)
    with desk_market(wall=Wall(), passwords={LOGIN: BROKER_PASSWORD}) as sim:
        sim.streams.board(CONTRACT)
        sim.run(sim.move(5))
        yield sim
    transport.use(None)


@pytest.fixture
def discord(settings: Any) -> Iterator[Discord]:
    server = Discord()
    for name, value in server.settings().items():
        setattr(settings, name, value)
    settings.PUBLIC_URL = "https://desk.example.com"
    yield server
    server.stop()


@pytest.fixture
def tasks() -> Iterator[list[str]]:
    """Every message of a task that is sent: its headers, with the arguments as they are told, and its body."""
    sent: list[str] = []

    def note(sender: str = "", headers: Any = None, body: Any = None, **_: Any) -> None:
        sent.append(f"{sender} {headers} {body}")

    before_task_publish.connect(note, weak=False)
    yield sent
    before_task_publish.disconnect(note)


class Once:
    """Secrets that are told where they are made. `told` is the answer that may hold them."""

    def __init__(self) -> None:
        self.secrets: dict[str, str] = {}

    def found(self, name: str, pattern: str, answer: Any) -> str:
        """Return a secret that an answer tells, once."""
        text = answer.content.decode()
        (secret,) = set(re.findall(pattern, text))
        self.secrets[name] = secret
        return str(secret)


def signed_in(once: Once) -> Client:
    """Come in by the door with a password, a wrong one first, and set a second factor up."""
    User.objects.create_user("dora", password=PASSWORD)
    client = Client()
    wrong = client.post("/accounts/login/", {"username": "dora", "password": WRONG})
    assert wrong.status_code == 200 and WRONG not in wrong.content.decode()
    assert (
        client.post("/accounts/login/", {"username": "dora", "password": PASSWORD}).status_code
        == 302
    )
    again = client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    assert again.status_code == 302
    page = client.get("/accounts/2fa/totp/activate/")
    key = once.found("TOTP key", r'id="totp-key"[^>]*value="(\w+)"', page)
    told = client.post("/accounts/2fa/totp/activate/", {"code": code_of(key)})
    assert told.status_code == 302
    return client


def strategy_made(client: Client, once: Once, account: BrokerAccount) -> Recorder:
    """Make a strategy over the API, which tells its secret, and record it."""
    form = {"name": "NQ Fade", "symbol": "NQ1!", "account": account.pk}
    answer = client.post("/api/strategies/", json.dumps(form), content_type="application/json")
    assert answer.status_code == 201, answer.content
    once.secrets["webhook secret"] = answer.json()["webhook_token"]
    row = Strategy.objects.get(name="NQ Fade")
    once.secrets["signing key"] = signing_key(row)
    return recorders.start(recorder=Recorder.objects.get(strategy=row), by="dora")


def alerts(once: Once, number: int) -> list[tuple[str, Any]]:
    """Send alerts in every way that a secret can be handed over, right and wrong."""
    secret, key, sender = once.secrets["webhook secret"], once.secrets["signing key"], Client()
    body = json.dumps({"signal_type": "Bullish", "price": 25000, "symbol": "NQ1!", "token": secret})
    cut = f'{{"signal_type": "Bull", "token": "{secret}", "price": '
    sent = {"content_type": "application/json"}
    right = hmac.new(key.encode(), body.encode(), "sha256").hexdigest()
    answers = [
        sender.post(f"/webhook/{secret}/", body, **sent),
        sender.post(f"/webhook/{secret}/", cut, **sent),
        sender.post(f"/webhook/{secret}/", '{"signal_type": "Sideways", "price": "x"}', **sent),
        sender.post(f"/webhook/{secret}x/", body.replace(secret, "nobody"), **sent),
        sender.post("/webhook/", body, headers={"X-Webhook-Token": secret}, **sent),
        sender.post(f"/webhook/?token={secret}", "no json at all", **sent),
        sender.post("/webhook/", cut, headers={"X-Webhook-Token": secret}, **sent),
        sender.get(f"/webhook/{secret}/"),
        sender.put(f"/webhook/{secret}/", body, **sent),
        sender.post("/webhook/", body.replace(secret, ""), **sent, headers={
            "X-Webhook-Strategy": str(number), "X-Webhook-Signature": f"sha256={right}"}),
    ]  # fmt: skip
    return [(f"webhook answer {n}", one.content) for n, one in enumerate(answers)]


def refusals(client: Client) -> list[tuple[str, Any]]:
    """Hand secrets in where they do not fit: what is refused must not be said again."""
    sent = {"content_type": "application/json"}
    login = {
        "environment": "simulator",
        "login": LOGIN,
        "password": BROKER_PASSWORD,
        "sec": BROKER_KEY,
    }
    said = []
    for path in ("/api/accounts/add-tradovate/", "/api/accounts/test-tradovate-connection/"):
        for odd in (
            {"environment": BROKER_PASSWORD}, {"sec": [BROKER_KEY]}, {"password": BROKER_PASSWORD * 20},
            {"password": WRONG, "name": "B", "cid": "7"}, {"password": {"a": BROKER_PASSWORD}}, {"cid": ""},
        ):  # fmt: skip
            answer = client.post(path, json.dumps({"name": "A", **login, **odd}), **sent)
            if odd.get("environment") is None:  # that he wrote it into a field that is told again
                said.append((f"refusal of {path}", answer.content))
        said.append(
            (
                f"refusal of {path}",
                client.post(path, f'{{"password": "{BROKER_PASSWORD}', **sent).content,
            )
        )
    page = client.post("/connections/", {"name": "A", **login, "password": WRONG, "cid": "7"})
    return [*said, ("the form with a wrong login", page.content)]


def linked(client: Client, discord: Discord) -> None:
    """Link Discord as a browser does."""
    start = client.post("/oauth/discord/start/")
    discord.people["4711"] = "dora_d"
    back = discord.consent(start["Location"], "4711")
    client.get("/oauth/discord/callback/", back)
    client.get("/oauth/discord/callback/", back | {"code": "code-made-up"})


def written(discord: Discord) -> None:
    """Send what is to be sent, to a Discord that refuses, fails and forbids."""
    discord.faults += [
        Fault("/messages", 500, {"message": f"echo Bot {TOKEN}"}),
        Fault("/messages", 401, {"message": f"bad token {TOKEN}"}),
        Fault("/channels", 403, {"code": 50007, "message": f"no, {TOKEN}"}),
    ]
    for _ in range(4):
        bus.catch_up("notifications")
        sending.send_discord()


def test_no_secret_is_anywhere_after_a_full_run(
    market: ScriptedSimulator, discord: Discord, carol: Actor, bob: Actor, tasks: list[str]
) -> None:
    once, looked = Once(), 0
    with Watch("AT.sim.", "MD.sim.", BROKER_PASSWORD, BROKER_KEY, PASSWORD, WRONG, TOKEN, SECRET,
               "access-hunter2", desk_settings.SECRET_KEY, *desk_settings.SECRETS_KEYS) as watch:  # fmt: skip
        client = signed_in(once)
        for where, answer in refusals(client):
            watch.see(where, answer)
        login = {"environment": "simulator", "name": "Mine", "login": LOGIN, "password": BROKER_PASSWORD,
                 "cid": "4242", "sec": BROKER_KEY}  # fmt: skip
        answer = client.post(
            "/api/accounts/add-tradovate/", json.dumps(login), content_type="application/json"
        )
        assert answer.status_code == 201, answer.content
        watch.see("the answer to a new login", answer.content)
        row = Connection.objects.get()
        assert "AT.sim." in LoginToken.objects.get().token and row.password == BROKER_PASSWORD
        linked(client, discord)
        recorder = strategy_made(client, once, BrokerAccount.objects.get())
        made = client.post("/settings/tokens/", {"name": "Script", "scope": "read", "days": "90"})
        token = once.found("API token", r"(th_[\w-]{20,})", made)
        poll(row.pk)
        watch.add(*once.secrets.values())
        for where, answer in alerts(once, recorder.strategy_id):
            watch.see(where, answer)
        story = Story(market, market.plan.wall, row, recorder)  # type: ignore[arg-type]
        for fault in ({"do": "expire_token"}, {"do": "penalty", "p_time": 0.1}, {"do": "displace"}):
            story.goes_wrong(fault)
            story.trades("Buy")
            story.reads()
        watch.see(
            "reconnect", client.post(f"/api/accounts/connections/{row.pk}/reconnect/").content
        )
        story.trades("Sell", 3)
        story.reads(2)
        (made,) = recorded.in_full(row.user, recorded.closed(row.user))
        assert made.view.row.most == 3
        written(discord)
        send_every_task(tasks)
        sweep(), hear()
        rows = sorted({row.pk, recorder.strategy_id})
        script = Client(headers={"Authorization": f"Bearer {token}"})
        looked += look_everywhere(watch, "dora", client, rows, "/")
        looked += look_everywhere(watch, "nobody", Client(), rows[:1], "/")
        looked += look_everywhere(watch, "bob", bob.client, rows[:1], "/api/")
        looked += look_everywhere(watch, "a script", script, rows[:1], "/api/")
        looked += look_at_admin(watch, carol.client)
        looked += break_it(watch, client, row)
        for message in tasks:
            watch.see("a task", message)
        for table in kept_in_plain():
            watch.see(*table)
        for text in (*discord.texts(), *(str(m["embeds"]) for m in discord.messages)):
            watch.see("a message", text)
    assert looked > 400 and len(tasks) > 15
    assert set(once.secrets) == {"TOTP key", "webhook secret", "signing key", "API token"}


def send_every_task(tasks: list[str]) -> None:
    """Send what the schedule sends, as it sends it, and what tasks send by themselves."""
    for entry in desk_settings.CELERY_BEAT_SCHEDULE.values():
        current_app.send_task(entry["task"], entry.get("args", ()), entry.get("kwargs", {}))
    poll_all()
    assert any("poll_one" in one for one in tasks)


def look_everywhere(watch: Watch, who: str, client: Client, rows: list[int], under: str) -> int:
    """Open every address with the ids of rows, as somebody; and hand the API something it cannot read."""
    client.raise_request_exception = False
    looked = 0
    for path in dict.fromkeys(every_path(rows, WORDS if who == "dora" else WORDS[:1], under=under)):
        answer = client.get(path)
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content
        watch.see(f"{path} as {who}: {answer.status_code}", body + str(answer.headers).encode())
        looked += 1
        if path.startswith("/api/") and who == "bob":
            bad = client.post(path, "{", content_type="application/json")
            watch.see(f"POST {path}: {bad.status_code}", bad.content)
    return looked


def look_at_admin(watch: Watch, client: Client) -> int:
    """Open each list, each empty form and each row's form of the admin, and hand one of each back changed."""
    client.raise_request_exception = False
    looked = 0
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        paths = [reverse(f"{name}_changelist"), reverse(f"{name}_add")]
        for pk in model._default_manager.values_list("pk", flat=True)[:3]:
            paths += [reverse(f"{name}_change", args=[pk]), reverse(f"{name}_history", args=[pk])]
        for path in paths:
            for answer in (client.get(path), client.post(path, {"password": "", "nothing": "1"})):
                watch.see(f"{path}: {answer.status_code}", answer.content)
                looked += 1
    return looked


def break_it(watch: Watch, client: Client, row: Connection) -> int:
    """Have pages and workers break down: what is sealed cannot be opened with any key any more."""
    client.raise_request_exception = False
    with database.cursor() as cursor:
        cursor.execute("UPDATE brokers_connection SET sec = 'torn'")
        cursor.execute("UPDATE brokers_logintoken SET token = 'torn'")
    broken = 0
    for path in (
        "/connections/",
        "/api/accounts/connections/",
        f"/connections/{row.pk}/change/",
        "/live/",
    ):
        answer = client.get(path)
        broken += answer.status_code >= 500
        watch.see(f"{path} broken: {answer.status_code}", answer.content)
    assert broken, "a page that breaks was looked at"
    return 4


def kept_in_plain() -> Iterator[tuple[str, str]]:
    """Yield every row of every table as the database holds it."""
    with database.cursor() as cursor:
        for model in apps.get_models():
            cursor.execute(f'SELECT * FROM "{model._meta.db_table}"')
            for one in cursor.fetchall():
                yield f"a row of {model._meta.label}", str(one)


@pytest.mark.parametrize("where", ["an answer", "a log record"])
def test_the_watch_is_not_blind(where: str) -> None:
    """What is planted is found, in the arguments of a log record too."""
    with Watch("never-said-0000") as watch:
        watch.see("an answer", "planted-secret-1" if where == "an answer" else "")
        if where == "a log record":
            logging.getLogger("apps.anything").debug("%s", {"x": "planted-secret-1"})
    watch.add("planted-secret-1")
    assert set(watch.found()) == {f"secret 1 in {where}"}
