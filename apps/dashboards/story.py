"""A signal's story in words: its hops with their durations, its figures, and why its stop lies where it does."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final

from apps.dashboards.templatetags.desk import duration, price, r, sign
from apps.signals.domain.signal import Status
from apps.signals.queries import SignalView
from apps.trades.domain.trade import State
from apps.trades.queries import Story, TradeView

_HOPS: Final[Mapping[str, tuple[str, str]]] = {
    # name of the fact: what the timeline calls it, and how the step looks
    "alert.received": ("Alert received", "done"),
    "signal.created": ("Valid", "done"),
    "signal.rejected": ("Rejected", "failed"),
    "signal.ignored": ("Ignored", "failed"),
    "signal.cancelled": ("Cancelled", "failed"),
    "signal.confirmation_found": ("Confirming", "done"),
    "signal.confirmed": ("Confirmed", "done"),
    "signal.voided": ("Void", "failed"),
    "trade.entered": ("Entered", "done"),
    "trade.break_even_armed": ("Stop to entry", "good"),
    "trade.ended": ("Out", "done"),
}
_TRACK_ENDS: Final = ("trade.stopped_out", "trade.break_even_hit")
_VERDICTS: Final[Mapping[str, tuple[str, str]]] = {
    Status.WAITING: ("waits for its candle", "wait"),
    Status.PENDING: ("pending", "wait"),
    Status.CONFIRMED: ("confirmed", "accent"),
    Status.ENTERED: ("entered", "accent"),
    Status.REJECTED: ("rejected", "bad"),
    Status.IGNORED: ("ignored", ""),
    Status.CANCELLED: ("cancelled", ""),
    Status.VOID: ("void", ""),
    State.ACTIVE: ("active", "accent"),
    State.STOPPED_OUT: ("stopped out", "bad"),
    State.BREAK_EVEN_HIT: ("out at break-even", ""),
    State.TARGET_HIT: ("target reached", "good"),
    State.CLOSED: ("closed by hand", ""),
}
_STOP_RULES: Final[Mapping[str, str]] = {
    # {low}: low of a long, high of a short; {opposing}: the candle against the trade
    "RANGE_PIVOT": "the {low} between signal and confirmation is a pivot",
    "SIGNAL_PIVOT": "the signal candle itself is the pivot",
    "LEFT_PIVOT": "no holder of the {low} is a pivot, so the nearest pivot to the left of the signal anchors",
    "LEFT_OPPOSING": "neither the {low} nor the five candles to the left hold a pivot, so the nearest "
    "{opposing} candle there anchors",
    "RANGE_EXTREME": "no pivot and no {opposing} candle was found to the left, so the {low} itself anchors",
}


@dataclass(frozen=True, slots=True)
class Hop:
    """One step of the timeline. `gap` is how long it took to the next one."""

    name: str
    note: str
    at: datetime | None
    step: str
    gap: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of the summary; `sign` colours an outcome, `live` names it to the script that moves it."""

    label: str
    value: str
    note: str = ""
    sign: str = ""
    live: str = ""


def hops(story: Story) -> list[Hop]:
    """Return the timeline: what happened, and what is waited for."""
    found = list(_past(story))
    timed = [
        Hop(one.name, one.note, one.at, one.step, _gap(one.at, after.at))
        for one, after in pairwise(found)
    ]
    return [*timed, *found[-1:], *_future(story)]


def _past(story: Story) -> Iterator[Hop]:
    outs = {step.at for step in story.steps if step.name == "trade.ended"}
    settled = {step.name for step in story.steps} & {"signal.confirmed", "signal.cancelled"}
    for step in story.steps:
        if step.name == "signal.confirmation_found" and settled:
            continue  # said better by what came of it
        if step.name in _TRACK_ENDS and step.at in outs:
            continue  # "Out" says it
        if step.name == "trade.target_hit":
            yield Hop(
                step.told.title.rpartition(" ")[2],
                f"at {price(step.values.get('price'))}",
                step.at,
                "good",
            )
        elif step.name in _TRACK_ENDS:
            track = "fixed stop" if step.values.get("track") == "no_be" else "break-even"
            level = price(step.values.get("level"))
            yield Hop(f"{track.capitalize()} ended", f"at {level}", step.at, "done")
        elif step.name in _HOPS:
            name, look = _HOPS[step.name]
            yield Hop(name, _note(story, step.name, step.values), step.at, look)


def _note(story: Story, name: str, values: Mapping[str, Any]) -> str:
    signal, trade = story.signal, story.trade
    if name == "alert.received" and signal is not None:
        return f"from {signal.strategy.name}"
    if name == "signal.created" and signal is not None:
        return f"{signal.checks_passed} of {signal.checks_made} checks"
    if name in ("signal.rejected", "signal.ignored", "signal.cancelled", "signal.voided"):
        return str(values.get("reason") or "")
    if name == "signal.confirmed":
        bars = values.get("bars_to_confirmation")
        return f"after {bars} candle{'' if bars == 1 else 's'}"
    if name == "signal.confirmation_found":
        return f"stop {price(values.get('stop_price'))}"
    if name == "trade.entered":
        return f"at {price(values.get('entry_price'))}"
    if name == "trade.break_even_armed" and trade is not None:
        return f"at {trade.row.settings.get('be_trigger_r', '1')}R"
    if name == "trade.ended":
        return f"{_VERDICTS.get(str(values.get('state')), ('', ''))[0]}, {r(values.get('r'))}"
    return ""


def _future(story: Story) -> Iterator[Hop]:
    signal, trade = story.signal, story.trade
    if trade is not None and trade.row.state == State.ACTIVE:
        yield Hop("In the trade", f"stop {price(trade.stop)}", None, "now")
    elif trade is not None and trade.is_watched:
        yield Hop("Watched on", "fixed stop still open", None, "now")
    elif signal is not None and trade is None:
        yield from _waiting(signal)


def _waiting(signal: SignalView) -> Iterator[Hop]:
    if signal.row.status == Status.WAITING:
        yield Hop("Its candle closes", "checked then", None, "now")
    elif signal.row.status == Status.PENDING:
        where = "above" if signal.is_bullish else "below"
        yield Hop(f"Close {where} {price(signal.level)}", "confirms it", None, "now")
        yield Hop("Enter", "at the next open", None, "next")
    elif signal.row.status == Status.CONFIRMED:
        yield Hop("Enter", "at the first price", None, "now")


def _gap(at: datetime | None, after: datetime | None) -> str:
    """Return how long a hop took, by the market's clock."""
    if at is None or after is None:
        return ""
    seconds = (after - at).total_seconds()
    if seconds < 0:
        return ""
    if seconds < 0.001:
        return "at once"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 60 else duration(int(seconds))


def verdict(story: Story) -> tuple[str, str]:
    """Return what became of it, in words, and the tone of the badge."""
    if story.trade is not None:
        return _VERDICTS[story.trade.row.state]
    return signal_verdict(story.signal) if story.signal else ("", "")


def signal_verdict(signal: SignalView, trade: TradeView | None = None) -> tuple[str, str]:
    """Return what became of a signal, and the tone of the badge."""
    return _VERDICTS[trade.row.state if trade is not None else signal.row.status]


def figures(story: Story) -> list[Figure]:
    """Return the summary's numbers."""
    if story.trade is not None:
        return list(_trade_figures(story.trade))
    return list(_signal_figures(story.signal)) if story.signal else []


def _trade_figures(view: TradeView) -> Iterator[Figure]:
    result = view.result_r if view.result_r is not None else view.now_r
    label = "Your result" if view.result_r is not None else "Now"
    yield Figure(label, r(result), f"risk is {view.risk} points", sign(result), "r")
    plan = view.trade.plan
    best = view.trade.in_r(plan.best)
    yield Figure("Best (MFE)", r(best), "by your plan", live="best")
    yield Figure("Worst (MAE)", r(view.mae_r), "to the fixed stop", live="worst")
    yield Figure("Captured", _captured(view.result_r, best), "of the best move")
    yield Figure("Entry", price(view.entry), f"stop {price(view.initial_stop)}")
    yield Figure("In trade", duration(view.seconds_in_trade), view.row.session, live="time")
    fixed = view.trade.no_be.result_r
    if fixed is not None and view.result_r is not None:
        saved = view.result_r - fixed
        word = "saved" if saved > 0 else ("cost" if saved < 0 else "same")
        yield Figure(f"Your plan {word}", r(saved), "against the fixed stop", sign(saved))


def _captured(result: Fraction | None, best: Fraction) -> str:
    if result is None or best <= 0:
        return "–"
    return f"{round(max(Fraction(0), result / best) * 100)} %"


def _signal_figures(view: SignalView) -> Iterator[Figure]:
    row = view.row
    yield Figure("Verdict", signal_verdict(view)[0], row.reason)
    yield Figure("Said", price(_plain(row.price)), "its own price")
    yield Figure("Market then", price(_plain(row.market_price)), "when it was received")
    yield Figure("Candle high", price(view.high))
    yield Figure("Candle low", price(view.low))
    yield Figure("Session", row.session or "–")


def _plain(value: Decimal | None) -> Decimal | None:
    """Return a price without the zeros that the column adds: what a sender says may lie off the grid."""
    return None if value is None else Decimal(f"{value.normalize():f}")


def explained(view: SignalView) -> list[str]:
    """Return sentences on why it was refused, what confirmed it, and where its stop comes from."""
    row, lines = view.row, []
    if row.detail:
        lines.append(f"{row.detail[0].upper()}{row.detail[1:].rstrip('.')}.")
    if row.cancelled_by:
        lines.append(f"Cancelled by the opposing signal {row.cancelled_by}.")
    if row.confirmation_bar_at is not None and view.level is not None:
        bars = row.bars_to_confirmation or 0
        where = "above" if view.is_bullish else "below"
        count = f"{bars} candle{'' if bars == 1 else 's'}"
        lines.append(f"Confirmed by a close {where} {price(view.level)}, {count} after the signal.")
    if row.stop_rule:
        lines.append(stop_in_words(view))
    return lines


def stop_in_words(view: SignalView) -> str:
    """Return the stop rule as a sentence with its anchor, its buffer and the result."""
    low, opposing = ("low", "bearish") if view.is_bullish else ("high", "bullish")
    why = _STOP_RULES.get(view.row.stop_rule, "").format(low=low, opposing=opposing)
    buffer = view.row.settings.get("buffer", "")
    way = "less" if view.is_bullish else "plus"
    return (
        f"Stop rule {view.row.stop_rule}: {why}. Its {low} {price(view.stop_anchor_price)} "
        f"{way} {buffer} points is the stop, {price(view.stop_price)}."
    )
