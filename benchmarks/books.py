"""Traders with thousands of closed positions, at the desk and recorded, for the pages that tell of them."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

FIRST = datetime(2024, 1, 2, 15, tzinfo=UTC)
SECOND = 1_000_000_000


def trader(count: int) -> tuple[Any, Any]:
    """Make a trader with so many closed positions at the desk, and as many recorded, about eight a trading day.

    Each recorded one has its two fills and two lines in the log. Returns him and his browser.
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
    from apps.brokers.models import BrokerAccount, BrokerFill, Connection
    from apps.recorder.models import RecordedFill, RecordedPosition, Recorder, RecorderLog

    login = Connection.objects.create(
        user=user, name="Mine", environment="demo", login="me", device_id="d"
    )
    account = BrokerAccount.objects.create(
        user=user, connection=login, remote=f"r{user.pk}", name="DEMO1001", balance=50_000
    )
    Recorder.objects.create(
        user=user, strategy=strategy, account=account, root="MNQ", is_recording=True
    )
    RecordedPosition.objects.bulk_create(
        [_recorded(number, user, account, strategy, chance) for number in range(count)],
        batch_size=500,
    )
    positions = list(RecordedPosition.objects.of(user).order_by("id"))
    BrokerFill.objects.bulk_create(
        [_fill(one, opens) for one in positions for opens in (True, False)], batch_size=500
    )
    fills = BrokerFill.objects.of(user).order_by("id")
    pairs = [(one, opens) for one in positions for opens in (True, False)]
    RecordedFill.objects.bulk_create(
        [_share(fill, *pair) for fill, pair in zip(fills, pairs, strict=True)], batch_size=500
    )
    RecorderLog.objects.bulk_create([_line(*pair) for pair in pairs], batch_size=500)


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


def _fill(position: Any, opens: bool) -> Any:
    from apps.brokers.models import BrokerFill

    return BrokerFill(
        user=position.user, account=position.account, remote=f"{position.key}:{opens}",
        contract=position.contract, side="buy" if (position.sign > 0) is opens else "sell",
        quantity=position.most, price=position.entry if opens else position.exit,
        fees=position.fees / 2, at_ns=position.opened_ns if opens else position.closed_ns,
        trade_date=position.trade_date, source="poll",
    )  # fmt: skip


def _share(fill: Any, position: Any, opens: bool) -> Any:
    from apps.recorder.models import RecordedFill

    return RecordedFill(
        fill=fill, part=0, strategy=position.strategy, position=position, quantity=fill.quantity,
        opens=opens, realized=None if opens else position.realized, fees=fill.fees,
        reason="only_strategy", seen="", flat_after=not opens,
    )  # fmt: skip


def _line(position: Any, opens: bool) -> Any:
    from apps.recorder.models import RecorderLog

    return RecorderLog(
        user=position.user, strategy=position.strategy, key=f"{position.key}:{opens}",
        kind="opened" if opens else "closed", text=f"{'Opened' if opens else 'Closed'} {position}.",
        at_ns=position.opened_ns if opens else position.closed_ns,
    )  # fmt: skip


def _ns(moment: datetime) -> int:
    return int(moment.timestamp()) * SECOND
