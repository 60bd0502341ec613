"""Orders: the check before one, pure and in the engine; a click through the API to the fact of its fill."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from time import perf_counter
from time import process_time_ns as cpu_ns  # pure computing: others on the machine count less
from typing import Any

from apps.brokers.domain.messages import (
    AccountBooked,
    CancelAll,
    Holding,
    ListAccount,
    OrderAllowed,
    OrderProposed,
    Pending,
    PlaceOrder,
    Protection,
)
from apps.brokers.domain.order import Order, OrderType, Role, Side
from apps.bus.domain.message import SECOND
from apps.engine.domain.engine import Engine, build_engine
from apps.marketdata.domain.instrument import instrument
from apps.marketdata.domain.messages import ClockTicked, ContractListed
from apps.marketdata.domain.tick import Tick
from apps.risk.domain.check import check
from apps.risk.domain.messages import SetRules
from apps.risk.domain.presets import PRESETS
from apps.risk.domain.reading import rules_for
from apps.risk.domain.standing import Standing
from benchmarks.measure import Result, percentile

NQ = instrument("NQ")
CONTRACT, LAST = "NQZ5", NQ.to_ticks("20005.25")
START = 1_764_687_600 * SECOND  # Tuesday 2025-12-02, 10:00 New York
RULES = PRESETS["topstep-combine-50k-daily-loss"]
ACCOUNTS, RESTING = 20, 5  # and so many orders in each
CHECKS, PLACED, CLICKS = 4_000, 400, 40  # a round
LATENCY = 250_000_000  # later than the venue's slowest
LIVELY_S = 0.02  # between two ticks of an ordinary morning


def measure(rounds: int) -> list[Result]:
    """Return p99 of the check and of an order's whole turn, and of a click until its fill is told."""
    alone, proposed, turns = list[float](), list[float](), list[float]()
    for _ in range(rounds):
        alone += check_alone(CHECKS)
        for judged, whole in place_in_engine(PLACED):
            proposed.append(judged)
            turns.append(whole)
    many = f"{ACCOUNTS} accounts with {RESTING} resting orders each"
    return [
        _line("check before an order, alone", alone, "ms", None, "5 holdings, 5 pending"),
        _line("check before an order, in the engine", proposed, "ms", 1.0, many),
        _line("an order's whole turn in the engine", turns, "ms", None, many),
        *_clicks(rounds),
    ]


def _line(name: str, values: list[float], unit: str, target: float | None, note: str) -> Result:
    p50 = percentile(values, 0.5)
    return Result(
        f"{name}, p99", percentile(values, 0.99), unit, target=target, at_most=True,
        note=f"p50 {p50:.3f} {unit}, slowest {max(values):.2f} of {len(values):,}; {note}",
    )  # fmt: skip


# ---- pure ----


def check_alone(count: int) -> list[float]:
    """Return the milliseconds of each of so many checks of one order."""
    rules = rules_for(RULES)
    standing = Standing(1, 1, rules, 1)
    standing.begin(rules.start_balance, rules.start_balance, rules.start_balance)
    view = _booked(rules.start_balance)
    order, legs = _order()
    said = OrderProposed(order, legs, LAST, LAST, True)
    lasts = {CONTRACT: LAST}
    taken = []
    for _ in range(count):
        begun = cpu_ns()
        check(said, view, standing, lasts, START)
        taken.append((cpu_ns() - begun) / 1e6)
    return taken


def _booked(balance: Decimal) -> AccountBooked:
    places = range(1, 6)
    return AccountBooked(
        account=1, user=1, at=START, balance=balance, start_balance=balance,
        trade_date=date(2025, 12, 2), day_start_balance=balance, realized_today=Decimal(0),
        fees_today=Decimal(0), trades_today=0, fee_a_side={"NQ": Decimal("3.90")},
        holdings=tuple(
            Holding(CONTRACT, "NQ", place, 1, LAST - place, NQ.tick_value) for place in places
        ),
        protections=tuple(Protection(CONTRACT, place, 1, LAST - 40) for place in places),
        pending=tuple(
            Pending(f"o{place}", CONTRACT, place, 1, LAST - 100, LAST - 140) for place in places
        ),
    )  # fmt: skip


def _order() -> tuple[Order, tuple[Order, ...]]:
    order = Order("o", 1, 1, CONTRACT, Side.BUY, OrderType.MARKET, 1, reference=LAST, at=START)
    stop = Order(
        "o-s", 1, 1, CONTRACT, Side.SELL, OrderType.STOP, 1, stop=LAST - 40, role=Role.STOP,
        parent="o",
    )  # fmt: skip
    return order, (stop,)


# ---- the engine ----


def place_in_engine(count: int) -> Iterator[tuple[float, float]]:
    """Yield the milliseconds from an order's proposal to the verdict, and of its whole turn."""
    engine, at = _engine()
    for number in range(count):
        account = 1 + number % ACCOUNTS
        wish = PlaceOrder(
            id=f"b{number}", user=1, account=account, symbol="NQ", side="buy", type="limit",
            quantity=1, limit="19900.00", bracket={"stop_points": "10"}, confirmed=True,
        )  # fmt: skip
        yield _timed(engine, wish)
        if account == ACCOUNTS:  # take this round's orders back, and let the venue hear of it
            at = _renew(engine, at, number)


def _timed(engine: Engine, wish: PlaceOrder) -> tuple[float, float]:
    proposed = judged = begun = cpu_ns()
    for said in engine.handle(wish):
        if isinstance(said, OrderProposed):
            proposed = cpu_ns()
        elif isinstance(said, OrderAllowed):
            judged = cpu_ns()
    assert judged > begun, "the order was not allowed"
    return (judged - proposed) / 1e6, (cpu_ns() - begun) / 1e6


def _engine() -> tuple[Engine, int]:
    """Return an engine with accounts under rules and orders that rest far away."""
    engine = build_engine()

    def say(said: Any) -> None:
        for _ in engine.handle(said):
            pass

    say(ContractListed(CONTRACT, "NQ", jump=200))
    for _ in engine.run(CONTRACT, [Tick(START, LAST, 1, 1)]):
        pass
    say(ClockTicked(START + 1))
    rules = rules_for(RULES)
    for account in range(1, ACCOUNTS + 1):
        config = {"kind": "paper", "start_balance": f"{rules.start_balance:f}"}
        say(ListAccount(id=f"l{account}", user=1, account=account, config=config))
        say(SetRules(id=f"r{account}", user=1, account=account, rules=rules.plain()))
    _rest(engine, "first")
    return engine, START + 2


def _rest(engine: Engine, name: str) -> None:
    micro = {"symbol": "NQ", "side": "buy", "type": "limit", "quantity": 1, "confirmed": True}
    for account in range(1, ACCOUNTS + 1):
        for number in range(RESTING - 1):
            wish = PlaceOrder(
                id=f"{name}.{account}.{number}", user=1, account=account,
                limit=f"{19800 - number}.00", bracket={"stop_points": "2"}, **micro,
            )  # fmt: skip
            for _ in engine.handle(wish):
                pass


def _renew(engine: Engine, at: int, number: int) -> int:
    for account in range(1, ACCOUNTS + 1):
        for _ in engine.handle(CancelAll(id=f"c{number}.{account}", user=1, account=account)):
            pass
    for step in range(1, 4):
        at += SECOND
        for _ in engine.run(CONTRACT, [Tick(at, LAST, 1, 10 * number + step + 1)]):
            pass
        for _ in engine.handle(ClockTicked(at + 1)):
            pass
    _rest(engine, f"again{number}")
    return at


# ---- from a click to the fact of its fill ----


@dataclass
class Heard:
    """When the facts that matter were told, by the wall clock."""

    sent: float = 0.0
    filled: float = 0.0
    is_filled: threading.Event = field(default_factory=threading.Event)

    def hear(self, said: Any) -> None:
        """Note the moment; on the engine's thread."""
        if said.kind != "fact":
            return
        if said.payload["fact"] == "order.sent":
            self.sent = perf_counter()
        elif said.payload["fact"] == "order.filled":
            self.filled = perf_counter()
            self.is_filled.set()


def _clicks(rounds: int) -> list[Result]:
    """Return how long the API takes for an order, and a click until its fill is told, without the venue's latency."""
    lively, quiet = (list[tuple[float, float]](), list[tuple[float, float]]())
    with _desk() as (desk, client, account):
        list(_click(desk, client, account, 4, lively=True))  # everything has been imported by then
        for _ in range(rounds):
            lively += _click(desk, client, account, CLICKS, lively=True)
            quiet += _click(desk, client, account, CLICKS, lively=False)
    where = "SQLite, one process, the whole stack of Django; the simulated latency is taken off"
    return [
        _line("API: place-order, a tick every 20 ms", [api for api, _ in lively], "ms", 50, where),
        _line(
            "click to fill fact, a tick every 20 ms", [all for _, all in lively], "ms", 30, where
        ),
        _line("API: place-order, no tick comes", [api for api, _ in quiet], "ms", 50, where),
        _line("click to fill fact, no tick comes", [all for _, all in quiet], "ms", None, where),
    ]


@contextmanager
def _desk() -> Iterator[tuple[Any, Any, int]]:
    """Set Django up on SQLite, and a live engine in this process with a trader's account."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "tradehub.settings"
    import django
    from django.core.management import call_command

    django.setup()
    from django.conf import settings

    settings.ALLOWED_HOSTS = ["*"]
    call_command("migrate", interactive=False, verbosity=0)
    from tests.cast import actor
    from tests.integration.papertrading.rows import send, trading

    alice = actor("alice")
    with trading() as desk:
        body = {"name": "Alpha", "start_balance": "10000000"}
        account = send(alice, "post", "paper-trading/open-account/", body).json()["id"]
        desk.wait()
        yield desk, alice, account


def _click(
    desk: Any, client: Any, account: int, count: int, *, lively: bool
) -> Iterator[tuple[float, float]]:
    """Yield the milliseconds of the request, and of the click until the fill is told but for the market's own time."""
    from apps.bus import transport
    from tests.integration.papertrading.rows import send

    heard, over = Heard(), threading.Event()
    stop = transport.listen(heard.hear)
    try:
        for number in range(count):
            body = {
                "account": account, "symbol": "NQ", "type": "market", "quantity": 1,
                "side": ("buy", "sell")[number % 2], "confirmed": True,
            }  # fmt: skip
            heard.is_filled.clear()
            over.clear()
            market = threading.Thread(target=_market, args=(desk, over))
            if lively:
                market.start()
            begun = perf_counter()
            answer = send(client, "post", "paper-trading/place-order/", body)
            answered = perf_counter()
            over.set()
            if lively:
                market.join()
            assert answer.status_code == 201, answer.content
            desk.at += LATENCY
            traded = perf_counter()
            _tick(desk)
            assert heard.is_filled.wait(5), "nothing was filled"
            yield (
                (answered - begun) * 1000,
                (heard.sent - begun + heard.filled - traded) * 1000,
            )
    finally:
        stop()


def _market(desk: Any, over: threading.Event) -> None:
    """Let the market trade at one price until it is over; market time hardly passes, so nothing is filled."""
    while not over.wait(LIVELY_S):
        desk.at += 1000
        _tick(desk)


def _tick(desk: Any) -> None:
    from apps.brokers.domain.ports import TicksArrived

    desk.id += 1
    tick = Tick(desk.at, LAST, 5, desk.id)
    desk.engine.put(TicksArrived(CONTRACT, (tick,), live=True))
