"""What traders do with their accounts: each use case submits a wish to the engine and returns what came of it.

All raise `Refused` with code, sentence and field, or `NoAnswer` when the engine did not answer in time.
"""

import uuid
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db import IntegrityError, transaction

from apps.brokers import switches
from apps.brokers.domain.account import BadAccount, Kind, Stake, new_account
from apps.brokers.domain.messages import (
    AnswerOrder,
    CancelAll,
    CancelOrder,
    ClosePosition,
    Flatten,
    ListAccount,
    ListRoute,
    ModifyOrder,
    PlaceOrder,
    ResetAccount,
    TakePayout,
)
from apps.brokers.domain.order import Role
from apps.brokers.domain.routing import BadRoute, route_for
from apps.brokers.models import OPEN, Account, BrokerAccount, Order, Position, Route
from apps.brokers.store import config_of, to_position
from apps.bus import bus, transport
from apps.bus.models import FactRow, Inbox
from apps.marketdata.domain.instrument import instrument
from apps.signals.models import Signal, Strategy
from apps.trades.services import Refused, ask_engine, wish_engine


def wish_id(given: str | None = None) -> str:
    return given or f"m{uuid.uuid4().hex}"


def open_account(
    *,
    user: Any,
    name: str,
    source: str = "api",
    remote: BrokerAccount | None = None,
    **config: Any,
) -> Account:
    """Make an account and return its row; the engine takes it over at once, or at its next start.

    `remote`: the broker's account that it trades through. `config`: kind, firm, start_balance, tz, reset, fees, paper.

    Raises:  Refused  a value that can't be used, or a name or a broker's account that is taken
    """
    row = Account(user=user, name=name.strip(), kind=Kind(config.pop("kind", Kind.PAPER)))
    _set(row, config)
    row.balance = row.day_start_balance = row.start_balance
    if not row.name:
        raise Refused("BAD_VALUE", "is missing: give the account a name of its own", "name")
    try:
        with transaction.atomic():
            row.save(force_insert=True)
            if remote is not None and not _taken_by(row, remote):
                raise Refused("ADOPTED", f"{remote.name} is used on this desk already")
            tell_engine(row, source)
    except IntegrityError:
        detail = f"you have an account called {row.name} already"
        same = Account.objects.filter(user=user, name=row.name, is_open=False)
        if same.filter(kind=Kind.PAPER).exists():
            detail += ", a closed one: open it again on Prop Portfolio, or use another name"
        raise Refused("NAME_TAKEN", detail, "name") from None
    return row


def _taken_by(row: Account, remote: BrokerAccount) -> bool:
    free = BrokerAccount.objects.filter(pk=remote.pk, account__isnull=True)
    return bool(free.update(account=row, nickname=row.name))


def change_account(*, account: Account, source: str = "api", **config: Any) -> Account:
    """Change name, firm, fees, hours or how it is filled, for what comes from now on.

    Whose orders were let out without a second factor, and who is a firm's now, lets none out until that was shown.

    Raises:  Refused
    """
    _set(account, config)
    with transaction.atomic():
        if account.stake is Stake.FIRM:
            is_on = switches.locked(account).is_on
            if is_on and not Account.objects.get(pk=account.pk).stake.is_dear:
                switches.keep(account, source, "FIRM", is_on=False)
        account.save(update_fields=list(config))  # after what is told, as the engine does
        tell_engine(Account.objects.select_related("live_switch").get(pk=account.pk), source)
    return account


def _set(row: Account, config: Mapping[str, Any]) -> None:
    for name, value in config.items():
        if name not in ("name", "firm", "start_balance", "tz", "reset", "fees", "paper", "is_open"):
            raise Refused("BAD_VALUE", f"is nothing that can be set: {value!r}", name)
        setattr(row, name, value)
    try:
        read = new_account(0, 0, config_of(row) | {"start_balance": str(row.start_balance)})
    except BadAccount as problem:
        field, _, detail = str(problem).partition(": ")
        raise Refused("BAD_VALUE", detail, field) from None
    row.start_balance = read.start_balance


def tell_engine(row: Account, source: str) -> None:
    """Let the engine take an account's settings over, with the caller's transaction."""
    wish = ListAccount(id=wish_id(), user=row.user_id, account=row.pk, config=config_of(row))
    bus.enlist(wish, user=row.user_id, source=source)


def set_route(
    *, user: Any, strategy: Strategy, account: Account, source: str = "api", **config: Any
) -> Route:
    """Say what becomes of a strategy's signals in an account, from the next one on.

    `config`: mode (observe, approve, automatic), quantity or risk_percent, root, targets, break_even_r.

    Raises:  Refused  telling all that can't be used, or the account is closed, or the strategy archived
    """
    if strategy.is_archived:
        raise Refused("ARCHIVED", f"{strategy.name} is archived; restore it first")
    if not account.is_open:
        raise Refused("CLOSED", f"{account.name} is closed on this desk; choose another account")
    try:
        read = route_for(strategy.pk, account.pk, user.pk, config)
    except BadRoute as bad:
        parts = (problem.partition(": ") for problem in bad.problems)
        (field, detail), *others = ((field, detail) for field, _, detail in parts)
        raise Refused("BAD_VALUE", detail, field, others) from None
    plain = read.plain()
    wish = ListRoute(
        id=wish_id(), user=user.pk, strategy=strategy.pk, account=account.pk, config=read.plain()
    )
    with transaction.atomic():
        route, _ = Route.objects.update_or_create(
            strategy=strategy,
            account=account,
            defaults={"user": user, "mode": plain.pop("mode"), "config": plain},
        )
        bus.enlist(wish, user=user.pk, source=source)
    return route


def end_route(*, route: Route, source: str = "api") -> int:
    """Let no signal of a strategy reach an account any more; return the wish's inbox id. What is open stays."""
    wish = ListRoute(
        id=wish_id(), user=route.user_id, strategy=route.strategy_id, account=route.account_id
    )
    with transaction.atomic():
        route.delete()
        return bus.enlist(wish, user=route.user_id, source=source)


def place_order(
    *, user: Any, account: Account, source: str = "api", key: str | None = None, **asked: Any
) -> Order:
    """Place an order and return its row: sent, held for a yes, or blocked, with the rules' verdict.

    `asked` are the fields of `PlaceOrder`. The same `key` is the same wish.

    Raises:  Refused, NoAnswer
    """
    _live()
    number = asked.get("strategy")
    if number and Strategy.objects.filter(pk=number, archived_at__isnull=False).exists():
        raise Refused("ARCHIVED", "its strategy is archived; restore it first", "strategy")
    wish = PlaceOrder(id=wish_id(), user=user.pk, account=account.pk, **asked)
    fact = ask_engine(user, wish, key, source)
    return _order(user, fact)


def execute_signal(
    *,
    user: Any,
    signal: Signal,
    account: Account,
    quantity: int = 0,
    risk_percent: str | None = None,
    root: str = "",
    targets: list[dict[str, Any]] | None = None,
    break_even_r: str | None = "1",
    confirmed: bool = False,
    source: str = "api",
    key: str | None = None,
) -> Order:
    """Enter a confirmed signal now, at the market, bracketed from its own stop; return the order.

    In one account a signal is entered once: an order of its that works, waits or was filled is what comes back,
    whoever sent it. One that was refused or taken back may be tried again.

    Raises:  Refused  NOT_CONFIRMED: it has no stop yet, or its trade is over
    """
    if signal.stop_price is None or signal.status not in ("CONFIRMED", "ENTERED"):
        detail = f"{signal} is {signal.status.lower()}: only a confirmed signal can be executed"
        raise Refused("NOT_CONFIRMED", detail)
    trade = getattr(signal, "trade", None)
    if trade is not None and trade.state != "active":
        raise Refused("OVER", f"its trade has ended already: {trade.state}")
    sent = list(Order.objects.of(user).filter(signal=signal.key, account=account, role=Role.ENTRY))
    known = next((one for one in sent if one.status in OPEN or one.filled), None)
    if known is not None:
        return known  # type: ignore[no-any-return]
    once = key or f"{signal.key}.{account.pk}.{len(sent)}"
    bracket = {"stop": f"{signal.stop_price:f}", "break_even_r": break_even_r}
    try:
        return place_order(
            user=user, account=account, symbol=root or signal.contract,
            side="buy" if signal.direction == "BULLISH" else "sell", type="market",
            quantity=quantity, risk_percent=risk_percent,
            bracket={**bracket, "targets": targets or []}, strategy=signal.strategy_id,
            signal=signal.key, confirmed=confirmed, snap=True, source=source, key=once,
        )  # fmt: skip
    except Refused:
        if key is None:  # the name was ours, not his: he may try with another size
            Inbox.objects.filter(key=f"{PlaceOrder.name}:{user.pk}:{once}").update(key=None)
        raise


def answer_order(
    *, user: Any, order: Order, yes: bool, source: str = "api", key: str | None = None
) -> Order:
    """Say yes or no to a held order and return its row."""
    fact = ask_engine(
        user, AnswerOrder(id=wish_id(), user=user.pk, order=order.key, yes=yes), key, source
    )
    return _order(user, fact)


def modify_order(
    *, user: Any, order: Order, confirmed: bool = False, source: str = "api", **asked: Any
) -> Order:
    """Ask for a working order to be moved or made smaller; `asked`: quantity, limit, stop, trail_points.

    Raises:  Refused  NEEDS_CONFIRMATION: it takes a protecting stop farther away, and nobody has said yes to that
    """
    if not confirmed and (more := _more_at_stake(user, order, asked)):
        raise Refused("NEEDS_CONFIRMATION", more)
    fact = ask_engine(
        user, ModifyOrder(id=wish_id(), user=user.pk, order=order.key, **asked), None, source
    )
    return _order(user, fact)


def _more_at_stake(user: Any, order: Order, asked: Mapping[str, Any]) -> str:
    """Return by how much a position can lose more when its stop is moved so; empty where it can not."""
    mine = {"account": order.account_id, "contract": order.contract, "place": order.place}
    held = Position.objects.of(user).filter(**mine, closed_at__isnull=True).first()
    if order.role != Role.STOP or order.stop is None or held is None:
        return ""
    product, size = instrument(order.root), order.quantity - order.filled
    sign = 1 if order.side == "buy" else -1  # a stop that buys lies above the price
    try:
        if asked.get("trail_points") not in (None, "") and order.trail is not None:
            farther = Decimal(asked["trail_points"]) - product.points(order.trail)
        elif asked.get("stop") not in (None, ""):
            farther = (Decimal(asked["stop"]) - order.stop) * sign
        else:
            return ""
    except InvalidOperation:
        return ""  # the engine says what is wrong with it
    if not farther.is_finite() or farther <= 0:
        return ""
    entry = product.tick_size * abs(to_position(held).cost) / held.size
    lost = (order.stop - entry) * sign
    was, will = (
        max(Decimal(0), one) * size * product.point_value for one in (lost, lost + farther)
    )
    return f"this moves your stop away: the worst case grows from ${was:,.2f} to ${will:,.2f}"


def cancel_order(*, user: Any, order: Order, source: str = "api") -> Order:
    """Ask for an order to be taken back."""
    fact = ask_engine(user, CancelOrder(id=wish_id(), user=user.pk, order=order.key), None, source)
    return _order(user, fact)


def cancel_all(
    *, user: Any, account: Account, source: str = "api", key: str | None = None
) -> FactRow:
    """Ask for all orders of an account to be taken back but the stops that protect what it holds."""
    return ask_engine(user, CancelAll(id=wish_id(), user=user.pk, account=account.pk), key, source)


def close_position(
    *,
    user: Any,
    position: Position,
    quantity: int | None = None,
    reverse: bool = False,
    stop_points: str | None = None,
    source: str = "api",
    key: str | None = None,
) -> FactRow:
    """Ask for a position to be closed at the market, in part, or turned round, then with a stop so far away."""
    wish = ClosePosition(
        id=wish_id(), user=user.pk, account=position.account_id, contract=position.contract,
        strategy=position.place, quantity=quantity, reverse=reverse, stop_points=stop_points,
    )  # fmt: skip
    return ask_engine(user, wish, key, source, holds=not reverse)


def flatten(
    *, user: Any, account: Account | None = None, source: str = "api", key: str | None = None
) -> FactRow:
    """Close everything and cancel every entry, of one account or of all. Never refused by a rule."""
    wish = Flatten(id=wish_id(), user=user.pk, account=account.pk if account else 0)
    return ask_engine(user, wish, key, source, holds=True)


def wish_flatten(*, user: Any, key: str, source: str) -> int:
    """Ask for the same of all accounts without waiting and return the inbox id."""
    return wish_engine(
        user, Flatten(id=wish_id(), user=user.pk, account=0), key, source, holds=True
    )


def reset_account(
    *, user: Any, account: Account, balance: str, source: str = "api", key: str | None = None
) -> Account:
    """Begin a flat paper account anew."""
    wish = ResetAccount(id=wish_id(), user=user.pk, account=account.pk, balance=balance)
    ask_engine(user, wish, key, source)
    account.refresh_from_db()
    return account


def take_payout(
    *, user: Any, account: Account, amount: str, source: str = "api", key: str | None = None
) -> Account:
    """Record that money was taken out, once for the same `key`."""
    wish = TakePayout(id=wish_id(), user=user.pk, account=account.pk, amount=amount)
    ask_engine(user, wish, key, source)
    account.refresh_from_db()
    return account


def _order(user: Any, fact: FactRow) -> Order:
    found: Order = Order.objects.of(user).get(key=fact.payload["order"])
    return found


def _live() -> None:
    if not transport.market_time().live:
        detail = "There is no live market to trade at. Wait until the feed is live again; exits still go out."
        raise Refused("NOT_LIVE", detail)
