"""The sleeping guard says what a naive one says that reckons at every price, and says it at the same price."""

from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from apps.brokers.domain.messages import (
    AccountBooked,
    DayRolled,
)
from apps.marketdata.domain.messages import Look
from apps.risk.domain.own_limits import OwnLimits
from apps.risk.domain.rules import Rules
from tests.domain.risk.road import (
    AT,
    DAY,
    ES,
    MNQ,
    NQ,
    SECOND,
    Road,
    S,
    closed,
    holding,
    rules,
    standing,
    view,
)

LASTS = {NQ: 80_000, MNQ: 80_002, ES: 26_000}
BOUNDS = {"warning": Decimal("0.5"), "danger": Decimal("0.7")}
RANK = ["safe", "warning", "danger", "locked"]


class Naive:
    """Reckons everything anew at every price. Shares no code with the guard."""

    def __init__(self, set: Rules, own: Decimal | None, booked: AccountBooked) -> None:
        self.rules, self.own, self.view = set, own, booked
        self.lasts = dict(LASTS)
        self.levels: dict[str, str] = {}
        self.broken: list[str] = []
        self.locks: list[str] = []
        self.failed = False
        self.facts: list[tuple[Any, ...]] = []
        self.peak = booked.balance
        self.high_close = S
        self.floor = S - set.drawdown.amount if set.drawdown else None

    def equity(self) -> Decimal:
        """Return balance and open profit."""
        total = self.view.balance
        for one in self.view.holdings:
            total += (one.quantity * self.lasts[one.contract] - one.cost) * one.tick_value
        return total

    def trail(self, best: Decimal) -> None:
        """Raise the floor."""
        drawdown = self.rules.drawdown
        assert drawdown and self.floor is not None
        wanted = best - drawdown.amount
        if drawdown.lock_level is not None:
            wanted = min(wanted, drawdown.lock_level)
        self.floor = max(self.floor, wanted)

    def limits(self) -> list[tuple[str, Decimal, Decimal, bool]]:
        """Return name, amount, floor, inclusive."""
        found = []
        start = self.view.day_start_balance
        if self.rules.daily_loss:
            amount = self.rules.daily_loss.amount
            found.append(("daily_loss", amount, start - amount, True))
        if self.own:
            found.append(("own_daily", self.own, start - self.own, True))
        if self.rules.drawdown and self.floor is not None:
            drawdown = self.rules.drawdown
            found.append(("max_loss", drawdown.amount, self.floor, drawdown.inclusive))
        return found

    def level(self, part: Decimal) -> str:
        """Return the level of a part used."""
        if part >= Decimal(self.rules.lock_at_pct) / 100:
            return "locked"
        return (
            "danger"
            if part >= BOUNDS["danger"]
            else "warning"
            if part >= BOUNDS["warning"]
            else "safe"
        )

    def look(self, at: int) -> None:
        """Meet a price."""
        if self.failed:
            return
        equity = self.equity()
        kind = self.rules.drawdown.type if self.rules.drawdown else ""
        if kind == "intraday_trailing":
            self.trail(equity)
        if kind == "closed_balance_trailing":
            self.trail(self.view.balance)
        flatten = False
        for name, amount, floor, inclusive in self.limits():
            broken = equity <= floor if inclusive else equity < floor
            part = max(Decimal(0), 1 - (equity - floor) / amount)
            was = self.levels.get(name, "safe")
            now = "locked" if broken else self.level(part)
            if RANK.index(now) < RANK.index(was):
                now = min(was, self.level(part + Decimal("0.02")), key=RANK.index)
            if now != was:
                self.levels[name] = now
                self.facts.append(("level", at, name, now))
            if broken and name not in self.broken:
                self.broken.append(name)
                self.facts.append(("broken", at, name, equity, floor))
                flatten = True
                hard = self.rules.daily_loss and self.rules.daily_loss.action == "hard"
                if name == "max_loss" or (name == "daily_loss" and hard):
                    self.failed = True
            if now == "locked" and name not in self.locks:
                self.locks.append(name)
                self.facts.append(("locked", at, name))
                flatten = flatten or self.rules.flatten_on_lock
        if flatten and (self.view.holdings or self.view.pending):
            self.facts.append(("flatten", at))
            self.book(closed(self.view, self.lasts, at), at)

    def book(self, booked: AccountBooked, at: int) -> None:
        """Take another view."""
        self.view = booked
        self.look(at)
        if self.failed and self.view.holdings:  # filled after all: nothing stays open in it
            self.facts.append(("flatten", at))
            self.view = closed(self.view, self.lasts, at)

    def roll(self, balance: Decimal, at: int) -> None:
        """Close a day."""
        self.high_close = max(self.high_close, balance)
        if self.rules.drawdown and self.rules.drawdown.type == "eod_trailing":
            self.trail(self.high_close)
        self.broken = [one for one in self.broken if one == "max_loss"]
        if not self.failed:
            self.locks = [one for one in self.locks if one == "max_loss"]
        self.book(replace(self.view, day_start_balance=balance), at)


def random_rules(luck: Random) -> Rules:
    """Return a rule set of any kind."""
    given: dict[str, Any] = {
        "lock_at_pct": luck.choice([90, 90, 80, 100, 60]),
        "flatten_on_lock": luck.random() < 0.5,
    }
    most = luck.randint(4, 30) * 100
    if luck.random() < 0.9:
        kinds = ["static", "eod_trailing", "intraday_trailing", "closed_balance_trailing"]
        kind = luck.choice([*kinds, "intraday_trailing", "intraday_trailing"])
        lock = None if kind == "static" else luck.choice([None, "50000", "50100", "50033.5"])
        given["drawdown"] = {
            "type": kind, "amount": str(most), "lock_level": lock,
            "inclusive": luck.random() < 0.7,
        }  # fmt: skip
    if luck.random() < 0.6:
        amount = luck.randint(2, most // 100) * 100
        given["daily_loss"] = {"amount": str(amount), "action": luck.choice(["soft", "hard"])}
    return rules(**given)


def random_holdings(luck: Random, lasts: dict[str, int]) -> tuple[Any, ...]:
    """Return up to four holdings near the market."""
    if luck.random() < 0.2:
        return ()
    few = luck.choice([[NQ], [MNQ], [NQ, MNQ], [NQ, MNQ, ES]])
    made = {}
    for strategy in range(luck.randint(1, 4 if len(few) > 1 else 2)):
        contract = luck.choice(few)
        size = luck.choice([-3, -2, -1, 1, 2, 3]) * (5 if contract == MNQ else 1)
        entry = lasts[contract] + luck.randint(-20, 20)
        made[contract, strategy] = holding(contract, size, entry, strategy)
    return tuple(made.values())


def told(road: Road) -> list[tuple[Any, ...]]:
    """Return what the guard said, as the naive one says it."""
    found: list[tuple[Any, ...]] = []
    kinds = {"daily": "daily_loss", "own": "own_daily", "max_loss": "max_loss"}
    for one in road.facts("risk."):
        match one.name:
            case "risk.level_changed":
                found.append(("level", one.at, one.limit, one.level))
            case "risk.broken":
                found.append(("broken", one.at, one.limit, one.equity, one.floor))
            case "risk.locked":
                found.append(("locked", one.at, kinds[one.kind]))
            case "risk.flattened":
                found.append(("flatten", one.at))
    return found


def play(seed: int, steps: int = 250) -> Road:
    """Play a random market with a random account to both, and compare at every step."""
    luck = Random(seed)
    set, own = random_rules(luck), luck.choice([None, None, Decimal(luck.randint(2, 20) * 100)])
    booked = view(holdings=random_holdings(luck, LASTS))
    naive = Naive(set, own, booked)
    fills = {}
    for number in range(luck.randint(0, 3)):  # what happens to the account in the middle of a tick
        contract = luck.choice(list(LASTS))
        at = LASTS[contract] + luck.choice([-1, 1]) * luck.randint(3, 40)
        edges = (at, 1 << 62) if at < LASTS[contract] else (-(1 << 62), at)
        fills[f"o:{contract}:{number}"] = (
            *edges,
            _filled(contract, luck.choice([-1, 1, 2]), 90 + number),
        )
    stand = standing(set, booked, own=OwnLimits(max_daily_loss=own))
    road = Road(booked, stand, at_price=fills)
    road.start(LASTS)
    naive.look(AT)
    waits, at = dict(fills), AT
    size = luck.choice([1, 4, 15])
    for _ in range(steps):
        at += luck.randint(0, 3) * SECOND // 2
        contract = luck.choice(list(LASTS))
        price = naive.lasts[contract] + luck.randint(-size, size)
        road.tick(contract, price, at)
        naive.lasts[contract] = price
        naive.look(at)
        crossed = _crossed(waits, contract, price)
        if crossed and naive.facts and naive.facts[-1] == ("flatten", at):
            break  # closed before or after that fill: the order within a tick is not the guard's
        for of in crossed:
            naive.book(waits.pop(of)[2](naive.view, price), at)
        if luck.random() < 0.03:
            changed = replace(
                naive.view, at=at, holdings=random_holdings(luck, naive.lasts),
                balance=naive.view.balance + luck.randint(-200, 200),
            )  # fmt: skip
            road.book(changed)
            naive.book(changed, at)
        if luck.random() < 0.01:
            balance = naive.view.balance
            road.clerk.view = replace(road.clerk.view, at=at, day_start_balance=balance)
            road.tell(DayRolled(1, 7, at, DAY, balance, balance - S, 1))
            road.book(road.clerk.view)
            naive.roll(balance, at)
        if luck.random() < 0.02:
            road.tell(Look())
        if luck.random() < 0.01:
            road.restart()
        assert told(road) == naive.facts, seed
    else:
        road.tell(Look())
        assert road.standing.floor == naive.floor, seed
    return road


def _filled(contract: str, quantity: int, strategy: int) -> Any:
    def change(booked: AccountBooked, price: int) -> AccountBooked:
        fresh = holding(contract, quantity, price + 1, strategy)
        return replace(booked, holdings=(*booked.holdings, fresh), balance=booked.balance - 4)

    return change


def _crossed(waits: dict[str, Any], contract: str, price: int) -> list[str]:
    return [
        of
        for of, (below, above, _) in waits.items()
        if of.split(":")[1] == contract and not below < price < above
    ]


@settings(max_examples=150)
@given(st.integers(0, 10**6))
@example(3)
def test_it_says_what_a_guard_says_that_reckons_at_every_price(seed: int) -> None:
    play(seed)
