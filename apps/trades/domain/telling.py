"""Facts in plain words: one title, one sentence, a tone and a sign for each."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple

from apps.marketdata.domain.contract import UnknownSymbol, root_of
from apps.signals.domain.quiet import WORDS as QUIET

Payload = Mapping[str, Any]


class Told(NamedTuple):
    """A fact as a person reads it. `tone`: long, short, good, bad, wait or quiet; `icon`: its sign."""

    title: str
    text: str
    tone: str = "quiet"
    icon: str = "calm"


def tell(name: str, payload: Payload) -> Told:
    """Return what a fact says; an unknown one says its name."""
    words = WORDS.get(name) or _LEARNT.get(name)
    if words is None:
        return Told(name.replace(".", " ").replace("_", " ").capitalize(), "")
    return words(payload)


def learn(words: "Mapping[str, Callable[[Payload], Told]]") -> None:
    """Take over the words for facts of apps above this one, once, when they are loaded."""
    _LEARNT.update(words)


def headline(name: str, payload: Payload) -> str:
    """Return a fact in one line, for a toast."""
    told = tell(name, payload)
    return f"{told.title}. {told.text}" if told.text else told.title


def in_words(r: str) -> str:
    """Return R as people say it: "-1 R", "+2.5 R", "0 R"."""
    value = Decimal(r).quantize(Decimal("0.01"))
    plain = f"{abs(value):f}".rstrip("0").rstrip(".")
    sign = "" if not value else ("+" if value > 0 else "−")
    return f"{sign}{plain} R"


def _price(value: Any) -> str:
    """Return a price, or points, as they stand everywhere: with thousands commas."""
    return f"{Decimal(value):,f}".replace("-", "−")


def _root(p: Payload) -> str:
    contract = str(p.get("contract") or "")
    try:
        return root_of(contract)
    except UnknownSymbol:
        return contract or "Signal"


def _way(p: Payload) -> str:
    """Return the direction of a signal or trade: its payload's, else that of its id."""
    direction = str(p.get("direction") or str(p.get("trade_id") or "").rpartition("_")[2])
    return direction.lower()


def _side(p: Payload) -> str:
    return {"bullish": "long", "bearish": "short"}.get(_way(p), "quiet")


def _named(p: Payload) -> str:
    return f"{_root(p)} {_way(p)}".strip()


def _held(p: Payload) -> str:
    return f"{_root(p)} {_side(p)}" if _side(p) != "quiet" else _root(p)


def _created(p: Payload) -> Told:
    beyond = f"above {_price(p['high'])}" if _way(p) == "bullish" else f"below {_price(p['low'])}"
    late = " Late." if p.get("late") else ""
    return Told(
        f"{_named(p)}, pending", f"Waits for a close {beyond}.{late}", _side(p), "signal"
    )  # fmt: skip


def _rejected(p: Payload) -> Told:
    return Told(f"{_named(p)} rejected", f"{sentence(p['detail'])} {p['reason']}", icon="no")


def _ignored(p: Payload) -> Told:
    return Told(f"{_named(p)} ignored", f"{sentence(p['detail'])} {p['reason']}", icon="no")


def _cancelled(p: Payload) -> Told:
    text = f"An opposing signal came: {p['cancelled_by']}. {p['reason']}"
    return Told(f"{_named(p)} cancelled", text, icon="no")


def _found(p: Payload) -> Told:
    text = f"Stop {_price(p['stop_price'])}. An opposing alert in time can still cancel it."
    return Told(f"{_named(p)} confirming", text, "wait", "ok")


def _confirmed(p: Payload) -> Told:
    bars = p["bars_to_confirmation"]
    after = f"after {bars} candle{'s' if bars != 1 else ''}"
    text = f"Confirmed {after}. Stop {_price(p['stop_price'])}, {p['stop_rule']}."
    return Told(f"{_named(p)} confirmed", text, _side(p), "ok")


def _voided(p: Payload) -> Told:
    text = f"The market opened at {_price(p['entry_price'])}, beyond the stop {_price(p['stop_price'])}: no trade."
    return Told(f"{_named(p)} void", text, icon="no")


def _outside(p: Payload) -> Told:
    return Told("A sender reports on his trade", f"{p['stage']}. Our own record stays as it is.")


def _order_alert(p: Payload) -> Told:
    return Told(f"Order alert: {p['action']} {p['symbol']}", _reach(p), "wait", "inbox")


def _reach(p: Payload) -> str:
    count = len(p.get("accounts", ()))
    if not count:
        return sentence(p["detail"])
    return f"It reaches {count} account{'' if count == 1 else 's'}."


def _order_alert_refused(p: Payload) -> Told:
    title = f"Order alert refused: {p['action']} {p['symbol']}"
    return Told(title, sentence(p["detail"]), "bad", "no")


def _entered(p: Payload) -> Told:
    icon = "up" if _side(p) == "long" else "dn"
    text = f"Stop {_price(p['stop_price'])}, risk {_price(p['risk'])} points."
    return Told(f"{_held(p)} entered at {_price(p['entry_price'])}", text, _side(p), icon)


def _target(p: Payload) -> Told:
    return Told(
        f"{_held(p)} reached {in_r_name(p['target'])}",
        f"At {_price(p['price'])}.",
        "good",
        "target",
    )


def _armed(p: Payload) -> Told:
    text = f"On the break-even track the stop is {_price(p['entry_price'])} now."
    return Told(f"{_held(p)}: stop moved to entry", text, "good", "shield")


def _stopped(p: Payload) -> Told:
    return Told(f"{_held(p)} stopped out, {in_words(p['r'])}", _exit(p), "bad", "stop")


def _even(p: Payload) -> Told:
    return Told(f"{_held(p)} out at entry, {in_words(p['r'])}", _exit(p), "quiet", "calm")


def _exit(p: Payload) -> str:
    track = "Fixed stop" if p["track"] == "no_be" else "Break-even track"
    return f"{track}: level {_price(p['level'])}, traded {_price(p['traded'])}. Best was {in_words(p['mfe'])}."


def _ended(p: Payload) -> Told:
    how = {
        "stopped_out": "ended at its stop",
        "break_even_hit": "ended at its entry",
        "target_hit": "reached its target",
        "closed": "closed",
    }.get(str(p["state"]), str(p["state"]))
    why = {"BY_HAND": " by hand", "EXPIRED": ": the contract expired"}.get(str(p["reason"]), "")
    r = Decimal(p["r"])
    tone = "good" if r > 0 else ("bad" if r < 0 else "quiet")
    return Told(
        f"{_held(p)} {how}{why}, {in_words(p['r'])}", f"At {_price(p['price'])}.", tone, "flag"
    )


def _refused(p: Payload) -> Told:
    return Told("Not done", f"{sentence(p['detail'])} {p['reason']}", "bad", "no")


def _feed(p: Payload) -> Told:
    words = {
        "live": ("Market data live", "good"),
        "connecting": ("Connecting to market data", "wait"),
        "catching_up": ("Catching up with missed ticks", "wait"),
        "lost": ("Market data lost", "bad"),
        "ended": ("End of recording", "quiet"),
        "stopped": ("Market data stopped", "bad"),
    }
    title, tone = words.get(str(p["state"]), (f"Market data {p['state']}", "quiet"))
    return Told(title, sentence(p.get("reason") or ""), tone, "plug")


def _gap(p: Payload) -> Told:
    text = f"From {p['from_at']} to {p['to_at']} ticks can't be had; those candles are marked."
    return Told(f"Gap in {p['contract']}", text, "wait", "warn")


def _quarantined(p: Payload) -> Told:
    text = f"A jump of {p['jump_ticks']} ticks waits for the next prices to confirm it."
    return Told(f"Suspicious tick in {p['contract']}", text, "wait", "warn")


def _released(p: Payload) -> Told:
    was = "was real" if p["outcome"] == "released" else "was dropped"
    return Told(f"The suspicious tick in {p['contract']} {was}", "", "quiet", "ok")


def _plainly(words: Callable[[Payload], tuple[str, str, str, str]]) -> Callable[[Payload], Told]:
    return lambda p: Told(*words(p))


def in_r_name(target: str) -> str:
    """Return a target as it is called: 1R, 0.5R."""
    return f"{Decimal(target).normalize():f}R"


def sentence(text: Any) -> str:
    """Return words as a sentence: a capital first, a full stop last; nothing stays nothing."""
    plain = str(text).strip()
    if not plain:
        return ""
    return f"{plain[0].upper()}{plain[1:]}" + ("" if plain[-1] in ".!?" else ".")


WORDS: Final[Mapping[str, Callable[[Payload], Told]]] = {
    "signal.created": _created,
    "signal.rejected": _rejected,
    "signal.ignored": _ignored,
    "signal.cancelled": _cancelled,
    "signal.confirmation_found": _found,
    "signal.confirmed": _confirmed,
    "signal.voided": _voided,
    "signal.outside_view": _outside,
    "signal.order_alert": _order_alert,
    "signal.order_alert_refused": _order_alert_refused,
    **{name: _plainly(said) for name, said in QUIET.items()},
    "trade.entered": _entered,
    "trade.target_hit": _target,
    "trade.break_even_armed": _armed,
    "trade.stopped_out": _stopped,
    "trade.break_even_hit": _even,
    "trade.ended": _ended,
    "command.refused": _refused,
    "feed.changed": _feed,
    "feed.gap": _gap,
    "tick.quarantined": _quarantined,
    "tick.quarantine_ended": _released,
}

_LEARNT: Final[dict[str, Callable[[Payload], Told]]] = {}
