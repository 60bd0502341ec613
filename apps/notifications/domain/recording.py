"""What recorders tell, in a trader's words: fills of strategies, and what needs his hand before a day is lost."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from apps.brokers.domain.telling import money, plain_price, product_of
from apps.bus.domain.message import to_datetime
from apps.notifications.domain.kinds import Kind, Severity
from apps.notifications.domain.saying import Context, Notice, Payload, Words, outcome, sentences
from apps.recorder.domain.wording import holding
from apps.trades.domain.telling import in_words

HITS: Final = (Kind.STOP_HIT, Kind.TARGET_HIT)
EXCHANGE: Final = "America/Chicago"


def page_of(p: Payload, part: str) -> str:
    """Return where a strategy's recorder shows a part of what it knows."""
    return f"/recorders/{p['strategy']}/#{part}"


# ---- fills ----


def _did(kind: Kind, verb: str) -> Callable[[Sequence[Payload], Context], Notice]:
    """Return the words for what a strategy's fills did in a broker's account."""

    def words(payloads: Sequence[Payload], context: Context) -> Notice:
        p = payloads[-1]
        account = str(p.get("account_name") or context.account)
        side = str(p.get("side") or "")
        what = f"{verb}, part closed" if p.get("left") and kind in HITS else verb
        # of an order whose first part has left already: what it came to by now
        more = _is_begun(payloads)
        what = f"{what}, more filled" if more else what
        whose = p.get("strategy_name") or "recorder"
        title = f"{product_of(p)} {side + ' ' if side else ''}{what}, {whose}"
        r = f", {in_words(p['r'])}" if p.get("r") is not None else ""
        net = Decimal(str(p["net"])) if p.get("net") is not None else None
        size = _size(payloads) if p.get("price") is not None else ""
        size = f"now {size}" if more and size else size
        body = sentences(
            f"{account}: {size}" if account and size else account or size,
            f"net {money(net)}{r}" if net is not None else "",
            named=account,
        )
        severity = outcome(net) if net is not None else Severity.INFO
        # fills of one order come one by one: what follows at once is the same event
        there = p.get("position")
        batch = f"recorder:{kind}:{p['strategy']}:{p.get('account')}:{there}" if there else ""
        path = page_of(p, "positions")
        return Notice(
            kind, title, body, severity, path, str(p["strategy"]), batch, 3 if batch else 0
        )

    return words


def _size(fills: Sequence[Payload]) -> str:
    """Return how many at which price, on average over several orders."""
    fills = _each_once(fills)
    many = sum(int(one.get("quantity") or 0) for one in fills)
    if len(fills) == 1 or not many:
        average = " on average" if "of_what" in fills[-1] else ""
        return f"{fills[-1].get('quantity')} at {plain_price(fills[-1]['price'])}{average}"
    paid = sum((int(one["quantity"]) * Decimal(str(one["price"])) for one in fills), Decimal(0))
    return f"{many} at {plain_price((paid / many).quantize(Decimal('0.01')))} on average"


def _each_once(fills: Sequence[Payload]) -> Sequence[Payload]:
    """Return the last word on each order, which tells of all that the order did."""
    last: dict[str, Payload] = {}
    for number, one in enumerate(fills):
        order = str(one.get("order") or number)
        if order not in last or int(one["quantity"]) >= int(last[order]["quantity"]):
            last[order] = one
    return list(last.values())


def _is_begun(fills: Sequence[Payload]) -> bool:
    """Return whether the first word on one of these orders has left already: it is not among them."""
    further = {str(one.get("order")) for one in fills if "of_what" in one}
    return bool(further - {str(one.get("order")) for one in fills if "of_what" not in one})


def _more(payloads: Sequence[Payload], context: Context) -> Notice:
    """Tell that more was filled of an order, as what was told of it."""
    return DID[str(payloads[-1]["of_what"])](payloads, context)


# ---- what needs a person ----


def on_both_clocks(moment: datetime, zone: str) -> str:
    """Return a moment as the exchange's clock and the trader's show it: 16:00 CT (23:00 your time)."""
    there = moment.astimezone(ZoneInfo(EXCHANGE))
    here = moment.astimezone(ZoneInfo(zone or EXCHANGE))
    if here.replace(tzinfo=None) == there.replace(tzinfo=None):
        return f"{there:%H:%M} CT"
    day = "" if here.date() == there.date() else f"{here:%a} "
    return f"{there:%H:%M} CT ({day}{here:%H:%M} your time)"


def _gap(payloads: Sequence[Payload], context: Context) -> Notice:
    """Tell that a day is about to be forgotten, until when something can be done, and what.

    While the session runs a login that is connected again cures it; afterwards the surer cure is the broker's file.
    """
    p = payloads[-1]
    account = str(p["account_name"])
    deadline = to_datetime(int(p["deadline"]))
    when = on_both_clocks(deadline, context.zone)
    if datetime.fromisoformat(str(p["at"])) < deadline:
        path, cure = "/connections/", f"until {when}: connect again, or export today's CSV"
        after = "after that the broker forgets the fills of this day"
    else:
        path = f"/recorders/import/?account={p['account']}#days"
        cure = f"the session ended at {when}: export the day's CSV from your broker now"
        after = "import it here; within the hour the broker forgets the fills of this day"
    title = f"Recording of {account} has a gap, {p['trade_date']}"
    body = sentences(str(p["reason"]), cure, after)
    return Notice(Kind.RECORDER_GAP, title, body, Severity.ALARM, path, str(p["account"]))


def _undecided(payloads: Sequence[Payload], _: Context) -> Notice:
    p = payloads[-1]
    many, names = int(p["fills"]), [str(one) for one in p["names"]]
    title = f"{many} fill{'s' * (many != 1)} to settle in {p['account_name']}"
    whose = " or ".join(names) if len(names) < 4 else f"{len(names)} strategies"
    why = f"it can be of {whose}: its order names" if many == 1 else ""
    why = why or f"they can be of {whose}: their orders name"
    later = "later ones of this day are listed there, without another notice"
    body = sentences(f"{why} nobody", "say whose, so that the figures are right", later)
    path = page_of(p, "undecided")
    return Notice(Kind.UNDECIDED, title, body, Severity.WARNING, path, str(p["strategy"]))


def _differs(payloads: Sequence[Payload], _: Context) -> Notice:
    p = payloads[-1]
    title = f"{product_of(p)}: recorded is not what {p['account_name']} holds"
    ours, theirs = holding(int(p["recorded"])), holding(int(p["at_broker"]))
    body = sentences(
        f"{p['strategy_name']}, {p['contract']}: recorded {ours}, at the broker {theirs}",
        "look whose its last fills are, or import the file of a day that lacks some",
        named=str(p["strategy_name"]),
    )
    path = page_of(p, "positions")
    return Notice(Kind.DIFFERS, title, body, Severity.WARNING, path, str(p["strategy"]))


DID: Final[Mapping[str, Callable[[Sequence[Payload], Context], Notice]]] = {
    "opened": _did(Kind.OPENED, "opened"),
    "added": _did(Kind.ADDED, "added to"),
    "reduced": _did(Kind.REDUCED, "reduced"),
    "closed": _did(Kind.CLOSED, "closed"),
    "stop_hit": _did(Kind.STOP_HIT, "stopped out"),
    "target_hit": _did(Kind.TARGET_HIT, "at its target"),
}
WORDS: Final[Mapping[str, Words]] = {
    **{f"recorder.{did}": words for did, words in DID.items()},
    "recorder.more_filled": _more,
    "recorder.gap": _gap,
    "recorder.undecided": _undecided,
    "recorder.differs": _differs,
}
