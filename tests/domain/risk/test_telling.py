"""Every fact about rules is told in words, from its payload as the bus keeps it."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from apps.bus.domain.message import told
from apps.risk.domain import messages
from apps.risk.domain.telling import WORDS

DAY = date(2026, 11, 20)
USUAL: dict[str, Any] = {"at": 1_764_687_600_000_000_000, "user": 1, "account": 7}
FACTS = (
    (
        messages.RiskLevelChanged(
            **USUAL, number=1, limit="max_loss", level="danger", was="safe", account_level="danger",
            used_pct=Decimal("81.50"), left=Decimal("370.00"), equity=Decimal(48_370),
        ),
        "Was safe. 81.5 % of the maximum loss used, $370.00 left.",
    ),
    (
        messages.LimitBroken(
            **USUAL, number=2, limit="daily_loss", floor=Decimal(49_000), equity=Decimal("48990.5"),
            fails=False, prices={},
        ),
        "Equity $48,990.50 met the floor $49,000.00.",
    ),
    (
        messages.AccountLocked(
            **USUAL, number=3, kind="daily", until_at=1_764_691_200_000_000_000, reason="90 % is used",
            blocks="New entries.",
        ),
        "90 % is used, until 2025-12-02T16:00:00",
    ),
    (
        messages.AccountLocked(
            **USUAL, number=4, kind="max_loss", until_at=None, reason="90 % is used", blocks="",
        ),
        "until it is lifted in a later session",
    ),
    (messages.AccountUnlocked(**USUAL, number=5, kind="own"), "your own daily limit is over"),
    (messages.AccountFailed(**USUAL, number=6, reason="MAX_LOSS_BROKEN"), "Max loss broken."),
    (
        messages.EvaluationPassed(
            **USUAL, number=7, profit=Decimal(3_020), target=Decimal(3_000), days=6
        ),
        "$3,020.00 of $3,000.00 in 6 days.",
    ),
    (
        messages.NearMiss(
            **USUAL, number=8, limit="own_daily", level="warning", used_pct=Decimal("60.00"),
            trade_date=DAY,
        ),
        "2026-11-20: the own daily limit was warning at 60 % and held.",
    ),
    (messages.FlattenSaid(**USUAL, number=9, reason="FLAT_BY"), "Flat by."),
    (
        messages.RulesSet(
            **USUAL, wish="w", firm="Topstep", plan="Combine", version=2, floor=Decimal(48_000)
        ),
        "version 2, hold now. The line lies at $48,000.00.",
    ),
    (
        messages.RulesSet(**USUAL, wish="w", firm="", plan="", version=0, floor=None),
        "under your own limits alone",
    ),
    (
        messages.OwnLimitsChanged(**USUAL, wish="w", now={"max_trades": 2}, next_day={}),
        "What is tighter holds at once. What is looser holds from the next reset on.",
    ),
)  # fmt: skip


@pytest.mark.parametrize(("fact", "said"), FACTS, ids=[fact.name for fact, _ in FACTS])
def test_a_fact_is_told_in_a_sentence(fact: Any, said: str) -> None:
    words = WORDS[fact.name](told(fact))
    assert words.title
    assert said in words.text


def test_no_fact_is_without_words() -> None:
    assert {fact.name for fact, _ in FACTS} == set(WORDS)
