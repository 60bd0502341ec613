"""The last order alert of each strategy, and what became of it in each account that it reaches."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
from django.db.models import Max, Q

from apps.brokers.models import Account, Order
from apps.brokers.queries import orders as orders_of
from apps.bus.models import FactRow, Inbox
from apps.dashboards.manager import OrderLine
from apps.notifications.domain.wording import plain_reason
from apps.trades.domain.telling import sentence

KEPT: Final = "signal.order_alert"
REFUSED: Final = "signal.order_alert_refused"
SKIPPED: Final = "route.skipped"
BY_ROUTE: Final = frozenset(
    {"NO_ROUTE", "OBSERVE"}
)  # skipped for what its route says, or for want of one
LATELY: Final = 100  # refused ones, in which each strategy's last is looked for


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an alert in an account: sent, held, blocked or skipped, and why in words.

    route_into: the account whose route is what to change, where that is the cure
    """

    account: str
    word: str
    tone: str
    text: str = ""
    route_into: int | None = None


@dataclass(frozen=True, slots=True)
class LastAlert:
    """An order alert as it came in. `refused`: why it reaches no account at all."""

    alert: str
    action: str
    symbol: str
    at: datetime
    outcomes: tuple[Outcome, ...] = ()
    refused: str = ""


def last_order_alerts(user: Any, strategies: Iterable[int]) -> dict[int, LastAlert]:
    """Return the last order alert of each strategy that had one, in six queries at most."""
    wanted = set(strategies)
    facts = {**_kept(user, wanted)}
    for strategy, row in _refused(user, wanted).items():
        if strategy not in facts or facts[strategy].seq < row.seq:
            facts[strategy] = row
    if not facts:
        return {}
    outcomes = _outcomes(user, [row for row in facts.values() if row.name == KEPT])
    return {
        strategy: LastAlert(
            str(row.payload["alert"]), str(row.payload["action"]).replace("_", " "),
            str(row.payload["symbol"]), row.recorded_at, tuple(outcomes.get(row.seq, ())),
            plain_reason(row.payload) if row.name == REFUSED else "",
        )
        for strategy, row in facts.items()
    }  # fmt: skip


def _kept(user: Any, strategies: set[int]) -> dict[int, FactRow]:
    mine = FactRow.objects.filter(
        user_id=user.pk, name=KEPT, payload__strategy__in=list(strategies)
    )
    last = mine.values("payload__strategy").annotate(last=Max("seq")).values_list("last", flat=True)
    return {int(row.payload["strategy"]): row for row in FactRow.objects.filter(seq__in=list(last))}


def _refused(user: Any, strategies: set[int]) -> dict[int, FactRow]:
    """Return the last refused alert of each strategy; which it was stands in what asked for it."""
    lately = FactRow.objects.filter(user_id=user.pk, name=REFUSED, cause__isnull=False)
    rows = {row.cause: row for row in lately.order_by("-seq")[:LATELY]}
    asked = Inbox.objects.filter(pk__in=list(rows), user_id=user.pk) if rows else ()
    found: dict[int, FactRow] = {}
    for one in asked:
        row, strategy = rows[one.pk], int(msgspec.json.decode(one.payload).get("strategy") or 0)
        if strategy in strategies and (strategy not in found or found[strategy].seq < row.seq):
            found[strategy] = row
    return found


def _outcomes(user: Any, rows: list[FactRow]) -> dict[int, list[Outcome]]:
    if not rows:
        return {}
    alerts = [str(row.payload["alert"]) for row in rows]
    skips = {
        (one.payload["signal"], int(one.payload["account"])): one
        for one in FactRow.objects.filter(
            user_id=user.pk, name=SKIPPED, payload__signal__in=alerts, seq__gte=min(row.seq for row in rows)
        )
    }  # fmt: skip
    named = Q(signal__in=alerts)
    for alert in alerts:
        named |= Q(key__startswith=f"{alert}.")
    orders = list(orders_of(user).filter(named, parent="").order_by("id"))
    names = dict(Account.objects.of(user).values_list("pk", "name"))
    found: dict[int, list[Outcome]] = {}
    for row, alert in zip(rows, alerts, strict=True):
        found[row.seq] = [
            one
            for account in row.payload["accounts"]
            for one in _in_account(names, account, alert, orders, skips.get((alert, account)))
        ]
    return found


def _in_account(
    names: dict[int, str], account: int, alert: str, orders: list[Order], skip: FactRow | None
) -> list[Outcome]:
    name = names.get(account, "an account that is gone")
    sent = [
        one
        for one in orders
        if one.account_id == account and (one.signal == alert or one.key.startswith(f"{alert}."))
    ]
    said = [_of_order(name, one) for one in sent]
    if skip is not None:
        into = account if skip.payload["reason"] in BY_ROUTE and account in names else None
        said.append(Outcome(name, "skipped", "wait", plain_reason(skip.payload), into))
    return said or [Outcome(name, "on its way", "wait")]


def _of_order(name: str, order: Order) -> Outcome:
    line = OrderLine(order, None)
    what = f"{order.side} {order.quantity} {order.root}"
    match order.status:
        case "held":
            return Outcome(name, "held", "wait", sentence(f"{what} waits for your yes"))
        case "blocked":
            return Outcome(name, "blocked", "bad", " ".join(sentence(one) for one in line.reasons))
        case _:
            return Outcome(name, "sent", "good", sentence(f"{what}, {line.state}"))
