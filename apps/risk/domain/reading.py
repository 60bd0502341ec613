"""A rule set read from plain JSON: every field checked, then whether the rules agree with each other."""

from collections.abc import Mapping
from datetime import time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from apps.risk.domain.fields import MOST_MONEY, BadRule, Reader
from apps.risk.domain.rules import (
    Action,
    Basis,
    Consistency,
    DailyLoss,
    Drawdown,
    DrawdownType,
    Hours,
    NewsWindow,
    Payout,
    Policy,
    Rules,
    Size,
    Stage,
    Tier,
    WinningDays,
)


def rules_for(given: Mapping[str, Any]) -> Rules:
    """Return the rules that plain JSON describes.

    Raises:  BadRule  an unknown field, a value that can't be used, or rules that contradict each other
    """
    read = Reader(given, "")
    rules = Rules(
        firm=read.text("firm", required=True),
        plan=read.text("plan", required=True),
        stage=read.choice("stage", Stage, Stage.OWN),
        start_balance=read.money("start_balance", least=Decimal(0), default=Decimal(50_000)),
        drawdown=read.part("drawdown", _drawdown),
        daily_loss=read.part("daily_loss", _daily_loss),
        size=read.part("size", _size),
        scaling=read.parts("scaling", _tier),
        target=read.optional_money("target"),
        consistency=read.part("consistency", _consistency),
        min_days=read.whole("min_days", 0, 0, 365),
        winning_days=read.part("winning_days", _winning_days),
        hours=read.part("hours", _hours) or Hours(),
        news=read.part("news", _news),
        max_losses_in_row=read.optional_whole("max_losses_in_row", 1, 100),
        time_limit_days=read.optional_whole("time_limit_days", 1, 3650),
        payout=read.part("payout", _payout),
        automation=read.choice("automation", Policy, Policy.UNKNOWN),
        policy_words=read.text("policy_words"),
        lock_at_pct=read.whole("lock_at_pct", 90, 1, 100),
        flatten_on_lock=read.switch("flatten_on_lock", True),
        sources=read.texts("sources"),
        verified_on=read.day("verified_on"),
        confidence=read.text("confidence"),
        unsure=read.texts("unsure"),
    )
    read.finish()
    _agree(rules)
    return rules


def _agree(rules: Rules) -> None:
    """Refuse rules that contradict each other."""
    drawdown, daily = rules.drawdown, rules.daily_loss
    if drawdown and daily and daily.amount > drawdown.amount:
        cure = f"is above the maximum loss of {drawdown.amount}: it could never be reached first"
        raise BadRule("daily_loss.amount", str(daily.amount), cure)
    if drawdown and drawdown.lock_level is not None:
        first = rules.start_balance - drawdown.amount
        if drawdown.type is DrawdownType.STATIC:
            raise BadRule(
                "drawdown.lock_level",
                str(drawdown.lock_level),
                "a static floor never moves: leave it out",
            )
        if drawdown.lock_level < first:
            cure = f"lies below the first floor {first}: a floor never goes down"
            raise BadRule("drawdown.lock_level", str(drawdown.lock_level), cure)
    steps = [tier.min_profit for tier in rules.scaling]
    if steps != sorted(set(steps)):
        raise BadRule(
            "scaling", [str(step) for step in steps], "must rise from tier to tier by min_profit"
        )
    if rules.size and any(tier.minis > rules.size.minis for tier in rules.scaling):
        most = max(tier.minis for tier in rules.scaling)
        raise BadRule(
            "scaling", most, f"allows more than size.minis ({rules.size.minis}): raise that one"
        )
    if rules.consistency and rules.consistency.basis is Basis.TARGET and rules.target is None:
        raise BadRule("consistency.basis", "target", "needs a target: give one, or another basis")
    if rules.scaling and rules.size is None:
        raise BadRule("scaling", "given", "needs size (its micro_ratio): give size too")


def _drawdown(read: Reader) -> Drawdown:
    return Drawdown(
        type=read.choice("type", DrawdownType),
        amount=read.money("amount", least=Decimal("0.01")),
        lock_level=read.optional_money("lock_level", least=-MOST_MONEY),
        inclusive=read.switch("inclusive", True),
    )


def _daily_loss(read: Reader) -> DailyLoss:
    return DailyLoss(
        read.money("amount", least=Decimal("0.01")), read.choice("action", Action, Action.SOFT)
    )


def _size(read: Reader) -> Size:
    ratio = read.whole("micro_ratio", 10, 1, 10)
    if ratio not in (1, 10):
        raise BadRule(
            "size.micro_ratio", ratio, "must be 10 (ten micros count as a mini) or 1 (each counts)"
        )
    return Size(read.whole("minis", None, 1, 1000), ratio)


def _tier(read: Reader) -> Tier:
    return Tier(
        read.money("min_profit", least=-MOST_MONEY),
        read.whole("minis", None, 0, 1000),
        read.optional_money("daily_loss"),
    )


def _consistency(read: Reader) -> Consistency:
    share = read.money("share", least=Decimal("0.01"))
    if share > 1:
        raise BadRule("consistency.share", str(share), "is a part of the whole: 0.5 means 50 %")
    return Consistency(
        share, read.choice("basis", Basis, Basis.TOTAL_PROFIT), read.switch("strict", False)
    )


def _winning_days(read: Reader) -> WinningDays:
    return WinningDays(read.whole("count", None, 1, 365), read.money("amount", least=Decimal(0)))


def _hours(read: Reader) -> Hours:
    tz = read.text("tz") or "America/Chicago"
    try:
        ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError):
        raise BadRule("hours.tz", tz, "is no time zone; write it like America/Chicago") from None
    return Hours(tz, read.clock("reset") or time(17, 0), read.clock("flat_by"))


def _news(read: Reader) -> NewsWindow:
    return NewsWindow(
        read.whole("before_minutes", 2, 0, 240),
        read.whole("after_minutes", 2, 0, 240),
        read.texts("moments"),
    )


def _payout(read: Reader) -> Payout:
    return Payout(
        buffer=read.money("buffer", default=Decimal(0)),
        minimum=read.money("minimum", default=Decimal(0)),
        caps=tuple(Decimal(cap) for cap in read.texts("caps")),
        share_of_balance=read.money("share_of_balance", default=Decimal(1)),
        floor_to_start=read.switch("floor_to_start", False),
    )
