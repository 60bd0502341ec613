"""Facts of recorders in plain words, for the events and the toasts."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from apps.recorder.domain.seen import product_of
from apps.recorder.domain.wording import dollars, holding
from apps.trades.domain.telling import Payload, Told, in_words


def _did(verb: str, now: str = "") -> Callable[[Payload], Told]:
    def words(p: Payload) -> Told:
        root = product_of(str(p["contract"])) or str(p["contract"])
        net = Decimal(str(p["net"])) if p.get("net") is not None else None
        r = f", {in_words(str(p['r']))}" if p.get("r") is not None else ""
        made = f" Net {dollars(net)}." if net is not None else ""
        text = f"{p['account_name']}: {now}{p['quantity']} at {Decimal(str(p['price'])):,f}.{made}"
        tone = (
            str(p["side"])
            if net is None
            else ("good" if net > 0 else "bad" if net < 0 else "quiet")
        )
        return Told(f"{p['strategy_name']}: {root} {p['side']} {verb}{r}", text, tone, "recorder")

    return words


_VERBS: Final = {
    "opened": "opened",
    "added": "added to",
    "reduced": "reduced",
    "closed": "closed",
    "stop_hit": "stop hit",
    "target_hit": "target hit",
}


def _more(p: Payload) -> Told:
    return _did(f"{_VERBS[str(p['of_what'])]}, more filled", "now ")(p)


def _changed(p: Payload) -> Told:
    return Told(f"{p['strategy_name']} {p['what']}", str(p["text"]), "quiet", "recorder")


def _assigned(p: Payload) -> Told:
    done = "settled" if p["shares"] else "taken back"
    return Told(f"Whose a fill is was {done}", f"By {p['by']}.", "quiet", "recorder")


def _gap(p: Payload) -> Told:
    return Told(
        f"{p['account_name']} is not read, {p['trade_date']}", f"{p['reason']}.", "wait", "warn"
    )


def _undecided(p: Payload) -> Told:
    many = int(p["fills"])
    title = f"{many} fill{'s' * (many != 1)} to settle in {p['account_name']}"
    return Told(title, f"Of {' or '.join(p['names'])}.", "wait", "warn")


def _differs(p: Payload) -> Told:
    ours, theirs = holding(int(p["recorded"])), holding(int(p["at_broker"]))
    text = f"{p['account_name']}, {p['contract']}: recorded {ours}, at the broker {theirs}."
    return Told(f"{p['strategy_name']} is not what the broker holds", text, "wait", "warn")


def _joined(p: Payload) -> Told:
    many = int(p["fills"])
    text = (
        f"{many:,} fill{'s' * (many != 1)} of files are in {p['account_name']} of {p['login']} now."
    )
    return Told(f"{p['of_files_name']} was joined with its login", text, "quiet", "recorder")


def _alike(p: Payload) -> Told:
    title = f"Is {p['of_files_name']} the same as {p['account_name']}?"
    return Told(title, f"{p['login']} lists it: say so under Import fills.", "wait", "warn")


WORDS: Final[Mapping[str, Callable[[Any], Told]]] = {
    **{f"recorder.{did}": _did(verb) for did, verb in _VERBS.items()},
    "recorder.more_filled": _more,
    "recorder.changed": _changed,
    "recorder.assigned": _assigned,
    "recorder.gap": _gap,
    "recorder.undecided": _undecided,
    "recorder.differs": _differs,
    "recorder.joined": _joined,
    "recorder.alike": _alike,
}
