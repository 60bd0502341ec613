"""Every fact in plain words."""

from decimal import Decimal
from fractions import Fraction

import pytest

from apps.bus.domain.message import Fact, told
from apps.marketdata.domain.messages import FeedChangedState, GapRecorded, QuarantineEnded
from apps.marketdata.domain.messages import TickQuarantined as Held
from apps.signals.domain import messages as signals
from apps.trades.domain import messages as trades
from apps.trades.domain.telling import WORDS, headline, in_words, tell

AREAS = ("signal", "trade", "command", "feed", "tick")
LONG = "20251202_100400000_BULLISH"
SHORT = "20251202_100400000_BEARISH"
S = {"signal": "s1", "trade_id": LONG, "strategy": 1, "contract": "NQZ5", "user": 7}
T = {"trade": "s1", "trade_id": SHORT, "contract": "NQZ5", "user": 7}
P = Decimal("20014.00")


@pytest.mark.parametrize(
    ("fact", "line"),
    [
        (
            signals.SignalCreated(at=1, direction="BULLISH", bar_at=1, high=P, low=P, **S),
            "NQ bullish, pending. Waits for a close above 20,014.00.",
        ),
        (
            signals.SignalRejected(at=1, reason="STALE", detail="not stale: 6.00 points", **S),
            "NQ bullish rejected. Not stale: 6.00 points. STALE",
        ),
        (
            signals.SignalIgnored(at=1, reason="DUPLICATE", detail="an earlier alert", **S),
            "NQ bullish ignored. An earlier alert. DUPLICATE",
        ),
        (
            signals.SignalConfirmed(
                at=1,
                direction="BULLISH",
                bar_at=1,
                bars_to_confirmation=1,
                stop_rule="RANGE_PIVOT",
                stop_anchor_at=1,
                stop_anchor_price=P,
                stop_price=P,
                **S,
            ),
            "NQ bullish confirmed. Confirmed after 1 candle. Stop 20,014.00, RANGE_PIVOT.",
        ),
        (
            trades.TradeEntered(
                at=1,
                direction="BEARISH",
                session="NY AM",
                entry_price=P,
                stop_price=P,
                risk=Decimal("45.00"),
                **T,
            ),
            "NQ short entered at 20,014.00. Stop 20,014.00, risk 45.00 points.",
        ),
        (
            trades.TargetHit(at=1, target=Fraction(10), price=P, tracks=("be",), **T),
            "NQ short reached 10R. At 20,014.00.",
        ),
        (
            trades.TrackStopped(
                at=1, track="no_be", level=P, traded=P, r=Fraction(-1), mfe=Fraction(1, 3), **T
            ),
            "NQ short stopped out, −1 R. Fixed stop: level 20,014.00, traded 20,014.00. Best was +0.33 R.",
        ),
        (
            trades.TradeEnded(
                at=1, state="closed", reason="BY_HAND", price=P, r=Fraction(5, 2), **T
            ),
            "NQ short closed by hand, +2.5 R. At 20,014.00.",
        ),
        (
            FeedChangedState(
                at=1, contract="", state="lost", reason="no frame for 10 s", wall_at=1
            ),
            "Market data lost. No frame for 10 s.",
        ),
    ],
)
def test_a_fact_says_what_a_trader_would_say(fact: Fact, line: str) -> None:
    assert headline(fact.name, told(fact)) == line


def test_sides_and_outcomes_have_different_tones() -> None:
    losing_long = trades.TradeEnded(
        at=1, state="stopped_out", reason="", price=P, r=Fraction(-1), **(T | {"trade_id": LONG})
    )
    assert tell(losing_long.name, told(losing_long)).tone == "bad"
    entered = trades.TradeEntered(
        at=1, direction="BULLISH", session="NY AM", entry_price=P, stop_price=P, risk=P, **T
    )
    assert tell(entered.name, told(entered)).tone == "long"


@pytest.mark.parametrize(
    ("r", "words"),
    [("-1.0000", "−1 R"), ("0.0000", "0 R"), ("2.5000", "+2.5 R"), ("10.0000", "+10 R")],
)
def test_r_in_words_has_no_idle_zeros(r: str, words: str) -> None:
    assert in_words(r) == words


def test_every_fact_that_there_is_has_words() -> None:
    kinds = {kind.name for kind in _all(Fact) if "name" in vars(kind)}
    assert {name for name in kinds if name.partition(".")[0] in AREAS} <= set(WORDS)


def test_a_price_below_zero_is_told_with_a_real_minus() -> None:
    entered = trades.TradeEntered(
        at=1, direction="BEARISH", session="NY AM", entry_price=Decimal("-37.63"),
        stop_price=Decimal("-37.13"), risk=Decimal("0.50"), **(T | {"contract": "CLK0"}),
    )  # fmt: skip
    line = "CL short entered at −37.63. Stop −37.13, risk 0.50 points."
    assert headline(entered.name, told(entered)) == line


def test_an_unknown_fact_says_its_name() -> None:
    assert headline("nobody.knows_it", {}) == "Nobody knows it"


def _all(base: type[Fact]) -> list[type[Fact]]:
    return [kind for one in base.__subclasses__() for kind in (one, *_all(one))]


def test_the_feeds_other_facts_have_words() -> None:
    gap = GapRecorded(at=1, contract="NQZ5", from_at=0, to_at=60_000_000_000)
    assert headline(gap.name, told(gap)).startswith("Gap in NQZ5. From 1970-01-01T00:00:00Z")
    held = Held(at=1, contract="NQZ5", tick_id=1, price_ticks=1, jump_ticks=300)
    assert "300 ticks" in headline(held.name, told(held))
    ended = QuarantineEnded(at=1, contract="NQZ5", tick_id=1, outcome="dropped")
    assert headline(ended.name, told(ended)) == "The suspicious tick in NQZ5 was dropped"
