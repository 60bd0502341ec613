"""How long the Performance page takes on the server with thousands of closed positions, and what of it is reading rows."""

import os
import random
import tempfile
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from benchmarks.measure import Result, in_turn

SIZES = {2_000: 100.0, 10_000: None}  # positions, and how many ms are allowed
FIRST = datetime(2024, 1, 2, 15, tzinfo=UTC)


def measure(rounds: int) -> list[Result]:
    """Return the median time of the page for each number of positions, against loading the same rows as objects."""
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {
            "TRADEHUB_HOME": home,
            "DATABASE_URL": f"sqlite:///{home}/db.sqlite3",
            "DJANGO_SETTINGS_MODULE": "tradehub.settings",
        }
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", interactive=False, verbosity=0)
        traders = {count: _trader(count) for count in SIZES}
        return [
            _page(*traders[count], books, count, target, rounds)
            for count, target in SIZES.items()
            for books in ("desk", "recorded")
        ]


def _page(
    user: Any, browser: Any, books: str, count: int, target: float | None, rounds: int
) -> Result:
    from django.db import connection

    from apps.brokers.models import Position
    from apps.recorder.models import RecordedPosition

    model = Position if books == "desk" else RecordedPosition

    def asked() -> float:
        begun = time.perf_counter()
        answer = browser.get(f"/performance/?books={books}", headers={"host": "localhost"})
        taken = time.perf_counter() - begun
        assert answer.status_code == 200, answer.content[:500]
        return taken

    def read() -> float:
        begun = time.perf_counter()
        assert len(list(model.objects.of(user))) == count
        return time.perf_counter() - begun

    asked()  # compiles the templates
    sent: list[str] = []

    def noted(execute: Any, sql: str, *rest: Any) -> Any:
        sent.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(noted):
        asked()
    times = in_turn({"ours": asked, "theirs": read}, rounds)
    return Result(
        f"page: Performance, {books}, {count:,} positions", times["ours"].median * 1000, "ms",
        times["theirs"].median * 1000, "the rows alone, as model objects", target=target,
        at_most=True, noise=times["ours"].noise, note=f"{len(sent)} queries, SQLite",
    )  # fmt: skip


def _trader(count: int) -> tuple[Any, Any]:
    """Make a trader with so many closed positions at the desk, and as many recorded, about eight a trading day.

    Returns him and his browser.
    """
    from django.contrib.auth import get_user_model
    from django.test import Client

    from apps.brokers.models import Account, Position
    from apps.signals.services import create_strategy

    user = get_user_model().objects.create_user(f"trader{count}", password="a-long-passphrase")
    strategy, _ = create_strategy(user=user, name="NQ FVG")
    account = Account.objects.create(
        user=user, name="Alpha", kind="paper", start_balance=50_000, balance=50_000,
        trade_date=FIRST.date(), day_start_balance=50_000,
    )  # fmt: skip
    chance = random.Random(count)
    Position.objects.bulk_create(
        [_position(number, user, account, strategy, chance) for number in range(count)],
        batch_size=500,
    )
    _record(user, strategy, count, chance)
    browser = Client()
    browser.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return user, browser


def _position(number: int, user: Any, account: Any, strategy: Any, chance: random.Random) -> Any:
    from apps.brokers.models import Position

    day = number // 8
    opened = FIRST + timedelta(days=day // 5 * 7 + day % 5, minutes=40 * (number % 8))
    closed = opened + timedelta(seconds=chance.randint(20, 2000))
    size, entry = chance.randint(1, 4), 80_000 + chance.randint(-4000, 4000)
    ticks = chance.randint(-160, 240)
    return Position(
        user=user, account=account, key=f"{user.pk}-{number}", contract="MNQZ5", root="MNQ",
        strategy=strategy if number % 3 else None, place=strategy.pk if number % 3 else 0,
        sign=chance.choice([1, -1]), lots=[], size=0, most=size, entered=size,
        entered_paid=entry * size, exited=size, exited_paid=(entry + ticks) * size,
        high=entry + 300, low=entry - 200, realized=Decimal(ticks * size) / 2,
        fees=Decimal("1.24") * size, risk=Decimal(80 * size) if number % 5 else Decimal(0),
        opened_at=opened, opened_ns=_ns(opened), closed_at=closed, closed_ns=_ns(closed),
    )  # fmt: skip


def _record(user: Any, strategy: Any, count: int, chance: random.Random) -> None:
    from apps.brokers.models import BrokerAccount, Connection
    from apps.recorder.models import RecordedPosition

    login = Connection.objects.create(
        user=user, name="Mine", environment="demo", login="me", device_id="d"
    )
    account = BrokerAccount.objects.create(
        user=user, connection=login, remote=f"r{user.pk}", name="DEMO1001", balance=50_000
    )
    RecordedPosition.objects.bulk_create(
        [_recorded(number, user, account, strategy, chance) for number in range(count)],
        batch_size=500,
    )


def _recorded(number: int, user: Any, account: Any, strategy: Any, chance: random.Random) -> Any:
    from apps.recorder.models import RecordedPosition

    made = _position(number, user, None, strategy, chance)
    size, entry = made.most, Decimal(20_000)
    return RecordedPosition(
        user=user, key=f"{strategy.pk}:{account.pk}:{number}", strategy=strategy, account=account,
        contract=made.contract, root=made.root, sign=made.sign, size=0, most=size, entered=size,
        exited=size, entry=entry, exit=entry + made.realized / size / 2, cost=entry * size,
        realized=made.realized, fees=made.fees, stop=entry - 20, risk=made.risk or None,
        mfe=Decimal(150), mae=Decimal(-100), status="closed", opened_ns=made.opened_ns,
        closed_ns=made.closed_ns, trade_date=made.closed_at.date(),
    )  # fmt: skip


def _ns(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000_000
