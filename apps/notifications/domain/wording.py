"""A fact becomes a notice in the trader's words: account, side, size, price, R, reason, and where to look.

Facts are known by name; what pages have words for is told in those. A fact that says nothing new makes no notice.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from apps.brokers.domain.telling import money, plain_price, product_of, why
from apps.notifications.domain.kinds import Kind, Severity
from apps.trades.domain.telling import in_words, sentence, tell

Payload = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Context:
    """What a fact does not say by itself.

    account:   the account as the trader calls it
    opens, closes: a position began, or became flat, with this fill
    adds:      the fill went with the position that is held
    exit_role: of the fill that closed a position: stop, target, exit, entry
    was_lost:  market data, or a broker's connection, was lost already before this
    is_new_place: nobody has come in as him from there before
    """

    account: str = ""
    opens: bool = False
    closes: bool = False
    adds: bool = True
    exit_role: str = ""
    was_lost: bool = False
    is_new_place: bool = False


@dataclass(frozen=True, slots=True)
class Notice:
    """What a trader is told.

    path:   of the page that shows it
    batch:  facts of the same batch that come together are one notice; empty: this one alone
    grace_s: so long it waits for more of its batch, or for being overtaken
    """

    kind: Kind
    title: str
    body: str
    severity: Severity = Severity.INFO
    path: str = "/"
    of: str = ""
    batch: str = ""
    grace_s: int = 0


def word(name: str, payloads: Sequence[Payload], context: Context = Context()) -> Notice | None:
    """Return what is told of a fact, or of several of one batch; None if nothing is."""
    words = WORDS.get(name)
    return words(payloads, context) if words else None


def _sentences(*parts: str) -> str:
    """Return parts as sentences, without those that are empty."""
    return " ".join(sentence(part) for part in parts if part)


def _in(context: Context) -> str:
    return f" in {context.account}" if context.account else ""


def _outcome(net: Decimal) -> Severity:
    return Severity.GOOD if net > 0 else Severity.BAD if net < 0 else Severity.INFO


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
    body = _sentences(
        f"{verb} {many} at {plain_price(average)}{' on average' if len(fills) > 1 else ''}",
        f"{left} still working" if left else "",
        f"net {money(realized - fees)}" if is_exit else "",
    )
    severity = _outcome(realized - fees) if is_exit else Severity.INFO
    batch = f"order:{last['order']}"
    grace = 3 if left else 0
    return Notice(kind, title, body, severity, "/manager/", str(last["order"]), batch, grace)


def _closed(payloads: Sequence[Payload], context: Context) -> Notice:
    p = payloads[-1]
    net = Decimal(str(p["net"]))
    r = f", {in_words(p['r'])}" if p.get("r") is not None else ""
    kind = {"stop": Kind.STOP_HIT, "target": Kind.TARGET_HIT}.get(context.exit_role, Kind.CLOSED)
    how = {Kind.STOP_HIT: "stopped out", Kind.TARGET_HIT: "closed at its target"}
    title = f"{product_of(p)} {p['direction']} {how.get(kind, 'closed')}{r}"
    body = _sentences(
        f"{context.account}: {p['quantity']} contract{'s' if int(p['quantity']) != 1 else ''}, "
        f"net {money(net)} after ${Decimal(str(p['fees'])):,.2f} fees".removeprefix(": ")
    )
    return Notice(kind, title, body, _outcome(net), "/manager/", str(p["position"]))


HITS: Final = (Kind.STOP_HIT, Kind.TARGET_HIT)


def _recorded(kind: Kind, verb: str) -> Callable[[Sequence[Payload], Context], Notice]:
    """Return the words for what a recorder has seen in a demo account."""

    def words(payloads: Sequence[Payload], context: Context) -> Notice:
        p = payloads[-1]
        account = str(p.get("account_name") or context.account)
        side = str(p.get("side") or "")
        what = f"{verb}, part closed" if p.get("left") and kind in HITS else verb
        whose = p.get("strategy_name") or "recorder"
        title = f"{product_of(p)} {side + ' ' if side else ''}{what}, {whose}"
        r = f", {in_words(p['r'])}" if p.get("r") is not None else ""
        net = Decimal(str(p["net"])) if p.get("net") is not None else None
        size = _size(payloads) if p.get("price") is not None else ""
        body = _sentences(
            f"{account}: {size}" if account and size else account or size,
            f"net {money(net)}{r}" if net is not None else "",
        )
        severity = _outcome(net) if net is not None else Severity.INFO
        of, batch = str(p.get("strategy") or ""), ""
        if p.get(
            "position"
        ):  # fills of one order come one by one: what follows at once is the same event
            batch = f"recorder:{kind}:{p.get('strategy')}:{p.get('account')}:{p['position']}"
        return Notice(kind, title, body, severity, "/strategies/", of, batch, 3 if batch else 0)

    return words


def _size(fills: Sequence[Payload]) -> str:
    """Return how many at which price, on average over several fills."""
    many = sum(int(one.get("quantity") or 0) for one in fills)
    if len(fills) == 1 or not many:
        return f"{fills[-1].get('quantity')} at {plain_price(fills[-1]['price'])}"
    paid = sum((int(one["quantity"]) * Decimal(str(one["price"])) for one in fills), Decimal(0))
    return f"{many} at {plain_price((paid / many).quantize(Decimal('0.01')))} on average"


# ---- orders ----


def _order(p: Payload) -> str:
    kind = str(p["type"]).replace("_", " ")
    return f"{str(p['side']).capitalize()} {p['quantity']} {product_of(p)} {kind}"


def _waits(payloads: Sequence[Payload], context: Context) -> Notice:
    p = payloads[-1]
    body = _sentences(str(p.get("detail") or ""), "it waits 15 minutes for your yes")
    title = f"{_order(p)} needs your yes{_in(context)}"
    return Notice(
        Kind.ORDER_WAITS, title, body, Severity.WARNING, "/manager/", str(p.get("order", ""))
    )


def _refused(verb: str) -> Callable[[Sequence[Payload], Context], Notice]:
    def words(payloads: Sequence[Payload], context: Context) -> Notice:
        p = payloads[-1]
        reason = str(p.get("detail") or "") or why(str(p.get("reason") or ""))
        title = f"{_order(p)} {verb}{_in(context)}"
        of = str(p.get("order", ""))
        return Notice(Kind.ORDER_REFUSED, title, _sentences(reason), Severity.BAD, "/manager/", of)

    return words


def _stuck(payloads: Sequence[Payload], context: Context) -> Notice:
    p = payloads[-1]
    title = f"{_order(p)}: the broker refuses to change or end it{_in(context)}"
    cure = "look at it in the broker's own program"
    body = _sentences(why(str(p.get("reason") or "")), "the desk asks no more", cure)
    of = str(p.get("order", ""))
    return Notice(Kind.ORDER_REFUSED, title, body, Severity.ALARM, "/manager/", of)


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
        return Notice(kind, title, _sentences(said.text), severity, path, of)

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
        severity = _outcome(Decimal(str(p["r"]))) if "r" in p else Severity.INFO
        return _told(name, Kind.LAB, severity, path)(payloads, context)

    return words


# ---- machinery ----


def _feed(payloads: Sequence[Payload], context: Context) -> Notice | None:
    state = str(payloads[-1]["state"])
    roots = ", ".join(dict.fromkeys(product_of(p) for p in payloads if p.get("contract")))
    if state == "lost" and not context.was_lost:  # said again while it is lost is no news
        reason = str(payloads[-1].get("reason") or "")
        body = _sentences(
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
        body, batch = _sentences(said.text, hint), f"connection:lost:{p['connection']}"
        blinks = state in ("lost", "paused")  # who only blinks is back before anybody is told
        grace = 15 if blinks else 0
        severity = _LOST[state]
        return Notice(
            Kind.CONNECTION, said.title, body, severity, "/connections/", "", batch, grace
        )
    if state == "ok" and context.was_lost:
        body = _sentences(said.text)
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
        return Notice(kind, said.title, _sentences(said.text, hint), severity, "/live/", of)

    return words


def _live(payloads: Sequence[Payload], context: Context) -> Notice:
    severity = Severity.ALARM if payloads[-1]["is_on"] else Severity.INFO
    return _at_broker("live.switched", Kind.LIVE, severity)(payloads, context)


def _gap(payloads: Sequence[Payload], context: Context) -> Notice:
    p = payloads[-1]
    account = str(p.get("account_name") or context.account or "an account")
    title = f"Recording of {account} has a gap, {p.get('trade_date') or 'today'}"
    body = _sentences(
        str(p.get("reason") or ""), "fill it from the broker's CSV before the day is forgotten"
    )
    return Notice(Kind.RECORDER_GAP, title, body, Severity.WARNING, "/strategies/")


def _security(title: str, path: str) -> Callable[[Sequence[Payload], Context], Notice]:
    def words(payloads: Sequence[Payload], _: Context) -> Notice:
        p = payloads[-1]
        said = [str(p[key]) for key in ("label", "part", "how", "agent", "address") if p.get(key)]
        where = ", ".join(one.replace("_", " ") for one in said)
        body = _sentences(where, "if it was not you, end that session and change your password")
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


Words = Callable[[Sequence[Payload], Context], Notice | None]

WORDS: Final[Mapping[str, Words]] = {
    "order.filled": _filled,
    "position.closed": _closed,
    "recorder.opened": _recorded(Kind.OPENED, "opened"),
    "recorder.added": _recorded(Kind.ADDED, "added to"),
    "recorder.reduced": _recorded(Kind.REDUCED, "reduced"),
    "recorder.closed": _recorded(Kind.CLOSED, "closed"),
    "recorder.stop_hit": _recorded(Kind.STOP_HIT, "stopped out"),
    "recorder.target_hit": _recorded(Kind.TARGET_HIT, "at its target"),
    "recorder.gap": _gap,
    "position.unprotected": _at_broker(
        "position.unprotected", Kind.UNPROTECTED, Severity.ALARM, "set one, or close the position"
    ),
    "order.held": _waits,
    "order.blocked": _refused("blocked"),
    "order.rejected": _refused("rejected"),
    "order.stuck": _stuck,
    "risk.level_changed": _level,
    "risk.broken": _told("risk.broken", Kind.RISK_LOCK, Severity.ALARM),
    "risk.locked": _told("risk.locked", Kind.RISK_LOCK, Severity.ALARM),
    "risk.flattened": _told("risk.flattened", Kind.RISK_LOCK, Severity.ALARM),
    "risk.unlocked": _told("risk.unlocked", Kind.RISK_UNLOCK, Severity.GOOD),
    "risk.failed": _told("risk.failed", Kind.EVALUATION, Severity.ALARM),
    "risk.passed": _told("risk.passed", Kind.EVALUATION, Severity.GOOD),
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
