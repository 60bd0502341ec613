"""Facts about accounts, orders and positions in plain words. `apps.trades.domain.telling` learns them at the start."""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final

from apps.marketdata.domain.contract import UnknownSymbol, root_of
from apps.trades.domain.telling import Payload, Told, in_words

# Steps on the way that say nothing new to a person: what came of them is told.
UNSAID: Final = frozenset(
    {
        "account.listed",
        "account.route_listed",
        "group.listed",
        "account.cancel_asked",
        "order.sent",
        "order.working",
        "order.change_asked",
        "order.cancel_asked",
        "position.opened",
        "broker.order_seen",
        "broker.fill_seen",
    }
)
REASONS: Final[Mapping[str, str]] = {
    "": "",
    "BY_HAND": "flattened by hand",
    "CANCELLED": "by hand",
    "CLOSE": "closed by hand",
    "DECLINED": "you said no",
    "ENTRY_ENDED": "its entry ended",
    "NOT_ANSWERED": "nobody answered in 15 minutes",
    "EXIT_FILLED": "another exit was filled first",
    "EXPIRED_CONTRACT": "the contract has expired",
    "KILL": "kill switch",
    "NO_STOP": "it had lost its stop",
    "NOT_SENT": "it never reached the broker and is not sent again",
    "TOO_LATE": "it could not be sent in time",
    "LIVE_OFF": "live orders were switched off",
    "USER_OFF": "its owner is switched off on this desk",
    "DIFFERS": "desk and broker differ in this contract: settle it under Live orders, then send it again",
    "AT_BROKER": "traded at the broker",
    "ENDED_AT_BROKER": "the broker ended it",
    "WOULD_REVERSE": "with the exits at work it could turn the position round",
    "NOT_AT_BROKER": "the broker does not have it",
    "OCO": "the other leg of its bracket was filled",
    "SIGNAL_VOID": "its signal is void after all",
    "FLAT": "the position is flat",
    "FILLED_LATE": "it was filled after it had ended",
    "END_OF_DAY": "a day order, and the day is over",
}


def why(reason: str) -> str:
    """Return a reason code as people say it; one that has no words stays as it is."""
    return REASONS.get(reason, reason.replace("_", " ").lower())


def money(value: Any) -> str:
    """Return dollars with a sign: +$45.00, −$112.76, $0.00."""
    amount = Decimal(value).quantize(Decimal("0.01"))
    sign = "+" if amount > 0 else ("−" if amount < 0 else "")
    return f"{sign}${abs(amount):,f}"


def plain_price(value: Any) -> str:
    """Return a price as it stands everywhere: with thousands commas."""
    return f"{Decimal(value):,f}"


def product_of(p: Payload) -> str:
    """Return the product that a fact tells of: MNQ for MNQZ6."""
    contract = str(p.get("contract") or "")
    try:
        return root_of(contract)
    except UnknownSymbol:
        return contract


def _order(p: Payload) -> str:
    """Return an order as it is called: buy 2 MNQ stop."""
    kind = str(p["type"]).replace("_", " ")
    return f"{str(p['side']).capitalize()} {p['quantity']} {product_of(p)} {kind}"


def _tone(p: Payload) -> str:
    return "long" if p["side"] == "buy" else "short"


def _filled(p: Payload) -> Told:
    verb = "Bought" if p["side"] == "buy" else "Sold"
    role = {"stop": ", stop", "target": ", target", "exit": ", exit"}.get(str(p["role"]), "")
    slipped = int(p["slippage_ticks"])
    slip = f"Slipped {slipped} tick{'s' if abs(slipped) != 1 else ''}" if slipped > 0 else ""
    if slipped < 0:
        slip = f"{-slipped} tick{'s' if slipped != -1 else ''} better"
    parts = [slip or "On price", f"fee ${Decimal(p['fees']):,.2f}"]
    if p["left"]:
        parts.append(f"{p['left']} still working")
    realized = Decimal(p["realized"])
    tone, icon = _tone(p), "up" if p["side"] == "buy" else "dn"
    if p["role"] != "entry":
        parts.append(f"closed {money(realized)}")
        tone, icon = ("good" if realized > 0 else "bad" if realized < 0 else "quiet"), "flag"
    title = f"{verb} {p['quantity']} {product_of(p)} at {plain_price(p['price'])}{role}"
    return Told(title, f"{', '.join(parts)}.", tone, icon)


def _held(p: Payload) -> Told:
    text = f"{p.get('detail') or ''} It waits 15 minutes for your yes."
    return Told(f"{_order(p)} needs your yes", text.strip(), "wait", "warn")


def _blocked(p: Payload) -> Told:
    return Told(f"{_order(p)} blocked", str(p.get("detail") or ""), "bad", "shield")


def _changed(p: Payload) -> Told:
    value = p.get("limit") if p.get("limit") is not None else p.get("stop")
    role = str(p["role"])
    what = {"stop": "Stop", "target": "Target"}.get(role, _order(p))
    title = (
        f"{product_of(p)} {what.lower()} moved" if role in ("stop", "target") else f"{what} moved"
    )
    return Told(title, f"To {plain_price(value)}." if value is not None else "", "quiet", "shield")


def _ended(word: str, tone: str) -> Callable[[Payload], Told]:
    def words(p: Payload) -> Told:
        reason = why(str(p.get("reason") or ""))
        text = f"{reason[:1].upper()}{reason[1:]}." if reason else ""
        return Told(f"{_order(p)} {word}", text, tone, "no")

    return words


def net_r(p: Payload) -> str:
    """Return a closed position's R after fees, as its net beside it is: ", −1.05 R"; nothing where none is known.

    The fact tells R before fees, and so how many dollars one R is, unless it closed where it was entered.
    """
    made, r = Decimal(str(p["realized"])), p.get("r")
    if r is None or not made or not Decimal(str(r)):
        return ""
    return f", {in_words(str(Decimal(str(r)) * Decimal(str(p['net'])) / made))}"


def _closed(p: Payload) -> Told:
    net = Decimal(p["net"])
    tone = "good" if net > 0 else ("bad" if net < 0 else "quiet")
    text = f"Net {money(net)} after ${Decimal(p['fees']):,.2f} fees."
    return Told(f"{product_of(p)} {p['direction']} closed{net_r(p)}", text, tone, "flag")


def _opened(p: Payload) -> Told:
    return Told("Account opened", f"Balance ${Decimal(p['balance']):,.2f}.", "quiet", "account")


def _payout(p: Payload) -> Told:
    text = f"Balance ${Decimal(p['balance']):,.2f}."
    return Told(f"${Decimal(p['amount']):,.2f} paid out", text, "good", "money")


_REASONS: Final = {"fees": "fees", "transfer": "a payout or deposit", "other": "today's result"}


def _corrected(p: Payload) -> Told:
    by = Decimal(p["amount"])
    text = f"As {_REASONS[p['reason']]}. Balance ${Decimal(p['balance']):,.2f}, as the broker says."
    return Told(f"Difference of {money(by)} booked", text, "quiet", "money")


def _day(p: Payload) -> Told:
    """Say what a trading day came to; of a day on which nothing happened there is nothing to say."""
    net, many = Decimal(p["net"]), int(p["trades"])
    if not many and not net:
        return Told("", "")
    text = f"{many} trade{'s' if many != 1 else ''}, balance ${Decimal(p['balance']):,.2f}."
    tone = "good" if net > 0 else ("bad" if net < 0 else "quiet")
    day = date.fromisoformat(str(p["trade_date"]))
    return Told(f"{day:%a} {day.day} {day:%b} closed, {money(net)}", text, tone, "clock")


def _flatten(p: Payload) -> Told:
    by = (
        "You asked for it"
        if p["reason"] in ("BY_HAND", "KILL")
        else f"A rule wants it: {why(p['reason'])}"
    )
    positions, orders = int(p["positions"]), int(p["orders"])
    text = (
        f"{by}. {positions} position{'s' if positions != 1 else ''} to close, "
        f"{orders} order{'s' if orders != 1 else ''} to cancel."
    )
    return Told("Flattening the account", text, "wait", "stop")


def _skipped(p: Payload) -> Told:
    detail = str(p.get("detail") or "").partition(": ")[2] or str(p.get("detail") or "")
    return Told("No order for this signal", f"{detail} {p['reason']}".strip(), "wait", "no")


def _live(p: Payload) -> Told:
    if not p["is_on"]:
        why_off = "It is a firm's account now: let its orders out again, with your second factor. "
        text = f"{why_off if p.get('reason') == 'FIRM' else ''}Exits still leave."
        return Told(f"{p['called']}: live orders off", text, "quiet", "shield")
    text = f"At most {p['per_order']} an order, {p['per_position']} held, {p['per_day']} a day."
    return Told(f"{p['called']}: orders reach the broker", text, "wait", "warn")


def _differs(p: Payload) -> Told:
    return Told(f"{p['called']}: the broker says otherwise", str(p["words"]), "bad", "warn")


_STANDS: Final[Mapping[str, tuple[str, str, str]]] = {
    "ok": ("is connected", "good", "ok"),
    "new": ("is connecting", "quiet", "link"),
    "lost": ("is not connected", "bad", "warn"),
    "refused": ("was refused", "bad", "no"),
    "displaced": ("is signed in elsewhere", "bad", "no"),
    "paused": ("rests", "wait", "clock"),
    "off": ("is switched off", "quiet", "no"),
}


def _refused(p: Payload) -> str:
    reason = str(p.get("reason") or "").rstrip(".")
    return f"{reason + '. ' if reason else ''}It stands as it stood."


def _stuck(p: Payload) -> str:
    reason = str(p.get("reason") or "").rstrip(".")
    return f"{reason + '. ' if reason else ''}The desk asks no more: look at it in the broker's own program."


def _connection(p: Payload) -> Told:
    words, tone, icon = _STANDS.get(str(p["state"]), (str(p["state"]), "quiet", "link"))
    reason = str(p.get("reason") or "").rstrip(".")
    text = f"{reason[:1].upper()}{reason[1:]}." if reason else ""
    return Told(f"{p['called']} {words}", text, tone, icon)


def _broker_account(p: Payload) -> Told:
    if p.get("is_new"):
        return Told(
            f"Account {p['called']} seen", "Use it on the page Brokers.", "quiet", "account"
        )
    if p["is_open"]:
        return Told(f"Account {p['called']} is open again", "", "good", "account")
    text = "The broker lists it as closed, or no more: nothing can be sent to it."
    return Told(f"Account {p['called']} was closed by the firm", text, "bad", "account")


def _broker_fill(p: Payload) -> Told:
    verb = "Bought" if p["side"] == "buy" else "Sold"
    what = f"{verb} {p['quantity']} {p['contract']} at {plain_price(p['price'])} at the broker"
    return Told(what if p.get("is_active", True) else f"{what}: taken back by the exchange", "")


WORDS: Final[Mapping[str, Callable[[Payload], Told]]] = {
    "account.opened": _opened,
    "account.payout_taken": _payout,
    "account.difference_booked": _corrected,
    "account.fees_corrected": lambda p: Told(
        f"Fees of a fill are ${Decimal(p['fees']):,.2f} by the broker's word",
        f"${Decimal(p['was']):,.2f} was booked. Balance ${Decimal(p['balance']):,.2f}.",
    ),
    "account.day_closed": _day,
    "account.flatten_asked": _flatten,
    "account.listed": lambda p: Told("Account settings taken over", ""),
    "group.listed": lambda p: Told("Account group taken over", ""),
    "account.route_listed": lambda p: Told("Routing taken over", ""),
    "account.cancel_asked": lambda p: Told("Cancelling orders", f"{p['orders']} of them."),
    "order.sent": lambda p: Told(f"{_order(p)} sent", "", _tone(p)),
    "order.working": lambda p: Told(f"{_order(p)} working", "", _tone(p)),
    "order.change_asked": lambda p: Told(f"{_order(p)}: change asked for", ""),
    "order.cancel_asked": lambda p: Told(f"{_order(p)}: cancel asked for", ""),
    "order.held": _held,
    "order.blocked": _blocked,
    "order.changed": _changed,
    "order.filled": _filled,
    "order.cancelled": _ended("cancelled", "quiet"),
    "order.end_explained": _ended("had ended", "quiet"),
    "order.rejected": _ended("rejected", "bad"),
    "order.expired": _ended("expired", "wait"),
    "order.change_refused": lambda p: Told(
        f"{_order(p)}: the broker refused to change or end it", _refused(p), "wait"
    ),
    "order.stuck": lambda p: Told(
        f"{_order(p)}: the broker refuses to change or end it", _stuck(p), "bad", "warn"
    ),
    "position.opened": lambda p: Told(f"{product_of(p)} {p['direction']} opened", ""),
    "position.closed": _closed,
    "route.skipped": _skipped,
    "live.switched": _live,
    "live.killed": lambda p: Told(
        f"{p['called']}: kill switch", "Out of everything.", "bad", "stop"
    ),
    "reconcile.differs": _differs,
    "reconcile.agrees": lambda p: Told(
        f"{p['called']}: agrees with the broker again", str(p["subject"]), "good", "ok"
    ),
    "exit.not_sent": lambda p: Told(
        f"{p['called']}: an exit could not leave", str(p["words"]), "bad", "warn"
    ),
    "position.unprotected": lambda p: Told(
        f"{p['called']}: position without a working stop", str(p["words"]), "bad", "warn"
    ),
    "connection.changed": _connection,
    "broker.account_changed": _broker_account,
    "broker.fill_seen": _broker_fill,
    "broker.order_seen": lambda p: Told(f"Order {p['remote']} {p['status']} at the broker", ""),
}
