"""A fact becomes a notice in the trader's words: account, side, size, price, R, reason, and where to look.

Facts are known by name; what pages have words for is told in those. A fact that says nothing new makes no notice.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Final

from apps.brokers.domain.telling import money, net_r, plain_price, product_of, why
from apps.notifications.domain.kinds import Kind, Severity
from apps.notifications.domain.recording import WORDS as RECORDED
from apps.notifications.domain.saying import Context, Notice, Payload, Words, outcome, sentences
from apps.trades.domain.telling import tell

NO_CONTEXT: Final = Context()

__all__ = ["NO_CONTEXT", "WORDS", "Context", "Notice", "Payload", "word"]


def word(name: str, payloads: Sequence[Payload], context: Context = NO_CONTEXT) -> Notice | None:
    """Return what is told of a fact, or of several of one batch; None if nothing is."""
    words = WORDS.get(name)
    return words(payloads, context) if words else None


def _in(context: Context) -> str:
    return f" in {context.account}" if context.account else ""


# ---- fills and positions ----


def _filled(fills: Sequence[Payload], context: Context) -> Notice | None:
    """Tell an order's fills as one: what closes a position is told by the position."""
    if context.closes and not context.opens:
        return None
    last = fills[-1]
    many = sum(int(one["quantity"]) for one in fills)
    paid = sum((int(one["quantity"]) * Decimal(str(one["price"])) for one in fills), Decimal(0))
    verb = "Bought" if last["side"] == "buy" else "Sold"
    is_exit = str(last["role"]) in ("stop", "target", "exit") or not (context.adds or context.opens)
    realized = sum((Decimal(str(one["realized"])) for one in fills), Decimal(0))
    fees = sum((Decimal(str(one["fees"])) for one in fills), Decimal(0))
    side = "long" if last["side"] == "buy" else "short"
    left = int(last["left"])
    if context.opens:
        kind, title = Kind.OPENED, f"{product_of(last)} {side} opened{_in(context)}"
    elif not is_exit:
        kind, title = Kind.ADDED, f"{product_of(last)} {side} added to{_in(context)}"
    else:
        kind = {"stop": Kind.STOP_HIT, "target": Kind.TARGET_HIT}.get(
            str(last["role"]), Kind.REDUCED
        )
        part = {Kind.STOP_HIT: "stop hit", Kind.TARGET_HIT: "target hit"}.get(kind, "reduced")
        title = f"{product_of(last)} {part}, part closed{_in(context)}"
        if kind is Kind.REDUCED:
            title = f"{product_of(last)} reduced{_in(context)}"
    average = (paid / many).quantize(Decimal("0.01")) if len(fills) > 1 else paid / many
    body = sentences(
        f"{verb} {many} at {plain_price(average)}{' on average' if len(fills) > 1 else ''}",
        f"{left} still working" if left else "",
        f"net {money(realized - fees)}" if is_exit else "",
    )
    severity = outcome(realized - fees) if is_exit else Severity.INFO
    batch = f"order:{last['order']}"
    grace = 3 if left else 0
    return Notice(kind, title, body, severity, "/manager/", str(last["order"]), batch, grace)


def _closed(payloads: Sequence[Payload], context: Context) -> Notice:
    p = payloads[-1]
    net = Decimal(str(p["net"]))
    kind = {"stop": Kind.STOP_HIT, "target": Kind.TARGET_HIT}.get(context.exit_role, Kind.CLOSED)
    how = {Kind.STOP_HIT: "stopped out", Kind.TARGET_HIT: "closed at its target"}
    title = f"{product_of(p)} {p['direction']} {how.get(kind, 'closed')}{net_r(p)}"
    body = sentences(
        f"{context.account}: {p['quantity']} contract{'s' if int(p['quantity']) != 1 else ''}, "
        f"net {money(net)} after ${Decimal(str(p['fees'])):,.2f} fees".removeprefix(": "),
        named=context.account,
    )
    return Notice(kind, title, body, outcome(net), "/manager/", str(p["position"]))


# ---- orders ----


def _order(p: Payload) -> str:
    kind = str(p["type"]).replace("_", " ")
    return f"{str(p['side']).capitalize()} {p['quantity']} {product_of(p)} {kind}"


def _waits(payloads: Sequence[Payload], context: Context) -> Notice:
    p = payloads[-1]
    body = sentences(str(p.get("detail") or ""), "it waits 15 minutes for your yes")
    title = f"{_order(p)} needs your yes{_in(context)}"
    return Notice(
        Kind.ORDER_WAITS, title, body, Severity.WARNING, "/manager/", str(p.get("order", ""))
    )


def _refused(verb: str) -> Callable[[Sequence[Payload], Context], Notice | None]:
    def words(payloads: Sequence[Payload], context: Context) -> Notice | None:
        p = payloads[-1]
        if p.get("reason") == "TOO_LATE" and p.get("role") != "entry":
            return None  # the alarm exit.not_sent says it, with what is open
        reason = str(p.get("detail") or "") or why(str(p.get("reason") or ""))
        title = f"{_order(p)} {verb}{_in(context)}"
        of = str(p.get("order", ""))
        return Notice(Kind.ORDER_REFUSED, title, sentences(reason), Severity.BAD, "/manager/", of)

    return words


def _stuck(payloads: Sequence[Payload], context: Context) -> Notice:
    p = payloads[-1]
    title = f"{_order(p)}: the broker refuses to change or end it{_in(context)}"
    cure = "look at it in the broker's own program"
    body = sentences(why(str(p.get("reason") or "")), "the desk asks no more", cure)
    of = str(p.get("order", ""))
    return Notice(Kind.ORDER_REFUSED, title, body, Severity.ALARM, "/manager/", of)


# Nothing was lost: the account is where the alert wants it, or its owner only watches there.
_AS_WISHED: Final = frozenset({"ALREADY", "FLAT", "OBSERVE"})
_ENTERS: Final = frozenset({"buy", "sell"})


def _skipped(payloads: Sequence[Payload], context: Context) -> Notice | None:
    """Tell of an entry that was not sent to an account: of an order alert, or of a signal."""
    p = payloads[-1]
    if p["reason"] in _AS_WISHED or (context.action and context.action not in _ENTERS):
        return None
    what, path = "Signal", f"/signals/{p['signal']}/"
    if context.action:
        what = f"Order alert {context.action} {context.symbol}".rstrip()
        path = f"/strategies/#s{p['strategy']}"
    title = f"{what} skipped{_in(context)}"
    return Notice(
        Kind.SKIPPED, title, plain_reason(p), Severity.WARNING, path, str(p["signal"]),
    )  # fmt: skip


def _alert_refused(payloads: Sequence[Payload], context: Context) -> Notice | None:
    p = payloads[-1]
    if p["action"] not in _ENTERS:
        return None
    title = f"Order alert {p['action']} {p['symbol']}".rstrip() + " reaches no account"
    return Notice(
        Kind.SKIPPED, title, plain_reason(p), Severity.WARNING, "/strategies/", str(p["alert"])
    )


def plain_reason(p: Payload) -> str:
    """Return why, without the name of the field that a program would look for."""
    detail = str(p.get("detail") or "")
    field, _, rest = detail.partition(": ")
    is_field = bool(rest) and field.replace("_", "").replace(".", "").isalpha() and field.islower()
    return sentences((rest if is_field else detail) or why(str(p["reason"])))


# ---- risk ----


def _told(
    name: str, kind: Kind, severity: Severity, path: str = "/prop/"
) -> Callable[[Sequence[Payload], Context], Notice]:
    """Return the words that every page has for a fact, with the account in front."""

    def words(payloads: Sequence[Payload], context: Context) -> Notice:
        p = payloads[-1]
        said = tell(name, p)
        title = f"{context.account}: {said.title}" if context.account else said.title
        of = str(p.get("account") or p.get("trade") or "")
        return Notice(kind, title, sentences(said.text), severity, path, of)

    return words


def _level(payloads: Sequence[Payload], context: Context) -> Notice | None:
    p = payloads[-1]
    level, ranks = str(p["level"]), ("safe", "warning", "danger", "locked")
    rising = ranks.index(level) > ranks.index(str(p["was"])) if level in ranks else True
    if not rising or level == "locked":  # the lock itself is told by risk.locked
        return None
    severity = Severity.BAD if level == "danger" else Severity.WARNING
    return _told("risk.level_changed", Kind.RISK_WARNING, severity)(payloads, context)


def _lab(name: str) -> Callable[[Sequence[Payload], Context], Notice]:
    def words(payloads: Sequence[Payload], context: Context) -> Notice:
        p = payloads[-1]
        path = f"/signals/{p['trade']}/" if not str(p["trade"]).startswith("m") else "/signals/"
        severity = outcome(Decimal(str(p["r"]))) if "r" in p else Severity.INFO
        return _told(name, Kind.LAB, severity, path)(payloads, context)

    return words


# ---- machinery ----


def _feed(payloads: Sequence[Payload], context: Context) -> Notice | None:
    state = str(payloads[-1]["state"])
    roots = ", ".join(dict.fromkeys(product_of(p) for p in payloads if p.get("contract")))
    if state == "lost" and not context.was_lost:  # said again while it is lost is no news
        reason = str(payloads[-1].get("reason") or "")
        body = sentences(
            reason, "prices stand still; paper stops can't be watched until the feed is back"
        )
        title = f"Market data lost{': ' + roots if roots else ''}"
        return Notice(Kind.FEED_DOWN, title, body, Severity.ALARM, "/health/", "", "feed:lost", 15)
    if state == "live" and context.was_lost:
        title = f"Market data is back{': ' + roots if roots else ''}"
        body = "Ticks that were missed have been caught up in order where they could be had."
        return Notice(Kind.FEED_BACK, title, body, Severity.GOOD, "/health/", "", "feed:live", 5)
    return None


_LOST: Final = {
    "lost": Severity.WARNING, "paused": Severity.WARNING,
    "refused": Severity.ALARM, "displaced": Severity.ALARM,
}  # fmt: skip


def _connection(payloads: Sequence[Payload], context: Context) -> Notice | None:
    p = payloads[-1]
    state, said = str(p["state"]), tell("connection.changed", p)
    if state in _LOST:
        hint = "look at your positions at the broker until it is back"
        body, batch = sentences(said.text, hint), f"connection:lost:{p['connection']}"
        blinks = state in ("lost", "paused")  # who only blinks is back before anybody is told
        grace = 15 if blinks else 0
        severity = _LOST[state]
        return Notice(
            Kind.CONNECTION, said.title, body, severity, "/connections/", "", batch, grace
        )
    if state == "ok" and context.was_lost:
        body = sentences(said.text)
        return Notice(Kind.CONNECTION, said.title, body, Severity.GOOD, "/connections/")
    return None


def _at_broker(
    name: str, kind: Kind, severity: Severity, hint: str = ""
) -> Callable[[Sequence[Payload], Context], Notice]:
    """Return the words that every page has for a fact which names its account itself, and what to do."""

    def words(payloads: Sequence[Payload], context: Context) -> Notice:
        p = payloads[-1]
        said = tell(name, p)
        of = str(p["account"])
        return Notice(kind, said.title, sentences(said.text, hint), severity, "/live/", of)

    return words


def _live(payloads: Sequence[Payload], context: Context) -> Notice:
    severity = Severity.ALARM if payloads[-1]["is_on"] else Severity.INFO
    return _at_broker("live.switched", Kind.LIVE, severity)(payloads, context)


def _alerts(severity: Severity) -> Callable[[Sequence[Payload], Context], Notice]:
    def words(payloads: Sequence[Payload], _: Context) -> Notice:
        p = payloads[-1]
        said = tell(str(p["fact"]), p)
        of = str(p["strategy"])
        return Notice(Kind.ALERTS, said.title, said.text, severity, "/strategies/", of)

    return words


PARTS: Final = {
    "totp": "authenticator app",
    "webauthn": "passkey",
    "recovery_codes": "recovery codes",
}


def _security(title: str, path: str) -> Callable[[Sequence[Payload], Context], Notice]:
    def words(payloads: Sequence[Payload], _: Context) -> Notice:
        p = payloads[-1]
        deed = " ".join(
            str(one) for one in (PARTS.get(str(p.get("part")), p.get("part")), p.get("how")) if one
        )
        said = (p.get("label"), deed, p.get("agent"), p.get("address"))
        where = ", ".join(str(one) for one in said if one)
        cure = "if it was not you, end that session and change your password"
        body = sentences(where, cure, named=str(p.get("label") or ""))
        return Notice(Kind.SECURITY, title, body, Severity.WARNING, path)

    return words


def _signed_in(payloads: Sequence[Payload], context: Context) -> Notice | None:
    if not context.is_new_place:
        return None
    return _security("Sign-in from a new place", "/settings/sessions/")(payloads, context)


def _not_signed_in(payloads: Sequence[Payload], context: Context) -> Notice | None:
    """Tell of a door that locked itself, and of a second factor that failed: somebody knows the password."""
    what = str(payloads[-1].get("what") or "")
    if what == "password":
        return None
    title = "Too many wrong passwords" if what == "locked out" else f"Wrong {what} at the door"
    return _security(title, "/settings/security/")(payloads, context)


WORDS: Final[Mapping[str, Words]] = {
    "order.filled": _filled,
    "position.closed": _closed,
    **RECORDED,
    "position.unprotected": _at_broker(
        "position.unprotected", Kind.UNPROTECTED, Severity.ALARM, "set one, or close the position"
    ),
    "exit.not_sent": _at_broker("exit.not_sent", Kind.UNPROTECTED, Severity.ALARM),
    "order.held": _waits,
    "order.blocked": _refused("blocked"),
    "order.rejected": _refused("rejected"),
    "order.stuck": _stuck,
    "route.skipped": _skipped,
    "signal.order_alert_refused": _alert_refused,
    "risk.level_changed": _level,
    "risk.broken": _told("risk.broken", Kind.RISK_LOCK, Severity.ALARM),
    "risk.locked": _told("risk.locked", Kind.RISK_LOCK, Severity.ALARM),
    "risk.flattened": _told("risk.flattened", Kind.RISK_LOCK, Severity.ALARM),
    "risk.unlocked": _told("risk.unlocked", Kind.RISK_UNLOCK, Severity.GOOD),
    "risk.failed": _told("risk.failed", Kind.EVALUATION, Severity.ALARM),
    "risk.passed": _told("risk.passed", Kind.EVALUATION, Severity.GOOD),
    "alert.stopped": _alerts(Severity.ALARM),
    "alert.resumed": _alerts(Severity.GOOD),
    "feed.changed": _feed,
    "connection.changed": _connection,
    "live.switched": _live,
    "live.killed": _at_broker("live.killed", Kind.LIVE, Severity.ALARM),
    "reconcile.differs": _at_broker(
        "reconcile.differs",
        Kind.RECONCILE,
        Severity.ALARM,
        "compare and repair it before you trade on",
    ),
    "trade.entered": _lab("trade.entered"),
    "trade.ended": _lab("trade.ended"),
    "user.signed_in": _signed_in,
    "user.sign_in_failed": _not_signed_in,
    "user.token_made": _security("An API token was made", "/settings/tokens/"),
    "user.password_changed": _security("Your password was changed", "/settings/security/"),
    "user.second_factor_changed": _security(
        "Your second factor was changed", "/settings/security/"
    ),
}
