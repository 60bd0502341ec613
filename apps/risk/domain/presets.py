"""What prop firms publish, as rule sets to start from: plain data, dated, sourced, marked where it is unsure.

A firm's row of figures becomes one preset per size. `unsure` names the fields whose source is a review, general
knowledge, or contradicted by another source; a person has to compare them with his own contract. Where a firm's
flat-by time is not known, the close of the exchange stands in and is marked: with it a position is never left open.
Source: reference/prop-firm-rules.md, read 2026-11-21.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from apps.risk.domain.firms import FIRMS
from apps.risk.domain.reading import rules_for
from apps.risk.domain.rules import Rules

VERIFIED_ON: Final = "2026-11-21"
Raw = dict[str, Any]
_EOD, _INTRADAY, _STATIC = "eod_trailing", "intraday_trailing", "static"
_UNSURE_FLAT: Final = ("hours.flat_by",)


def preset(slug: str) -> Rules:
    """Return a shipped rule set.

    Raises:  KeyError  no preset has this slug
    """
    return rules_for(PRESETS[slug])


# ---- pieces ----


def _drawdown(kind: str, amount: int, lock: int | None = None) -> Raw:
    return {"type": kind, "amount": amount, "lock_level": lock}


def _best_day(share: str, basis: str = "total_profit", *, under: bool = False) -> Raw:
    return {"share": share, "basis": basis, "strict": under}


def _daily(amount: int | None, action: str = "soft") -> Raw | None:
    return None if amount is None else {"amount": amount, "action": action}


def _tiers(*steps: tuple[int, int] | tuple[int, int, int]) -> list[Raw]:
    names = ("min_profit", "minis", "daily_loss")
    return [dict(zip(names, step, strict=False)) for step in steps]


def _days(count: int, amount: int) -> Raw:
    return {"count": count, "amount": amount}


def _one(
    slug: str,
    firm: str,
    plan: str,
    start: int,
    *,
    stage: str = "evaluation",
    minis: int | None = None,
    unsure: tuple[str, ...] = (),
    **rules: Any,
) -> tuple[str, Raw]:
    size = None if minis is None else {"minis": minis, "micro_ratio": 10}
    given = {"size": size, **rules, "unsure": unsure, "stage": stage, "verified_on": VERIFIED_ON}
    return slug, {**FIRMS[firm], "firm": firm, "plan": plan, "start_balance": start, **given}


# ---- firms ----


def _topstep() -> Iterator[tuple[str, Raw]]:
    rows = (
        # size, target, drawdown, daily loss, minis, payout caps (standard, consistency), tiers
        (50, 3000, 2000, 1000, 5, ((2000,), (3000,)), ((-2000, 2), (1500, 3), (2000, 5))),
        (100, 6000, 3000, 2000, 10, ((), ()), ((-3000, 3), (1500, 4), (2000, 5), (3000, 10))),
        (150, 9000, 4500, 3000, 15, ((), ()),
         ((-4500, 3), (1500, 4), (2000, 5), (3000, 10), (4500, 15))),
    )  # fmt: skip
    for k, target, amount, daily, minis, caps, tiers in rows:
        start = k * 1000
        for ending, name, limit in (
            ("", "", None),
            ("-daily-loss", " with daily loss limit", daily),
        ):
            yield _one(
                f"topstep-combine-{k}k{ending}", "Topstep", f"Combine {k}K{name}", start,
                target=target, drawdown=_drawdown(_EOD, amount, start), daily_loss=_daily(limit),
                minis=minis, consistency=_best_day("0.55"), min_days=2, unsure=("consistency.share", "daily_loss"),
            )  # fmt: skip
        for path, cap, more in (
            ("standard", caps[0], {"winning_days": _days(5, 150)}),
            (
                "consistency",
                caps[1],
                {"min_days": 3, "consistency": _best_day("0.40", "since_payout")},
            ),
        ):
            yield _one(
                f"topstep-xfa-{k}k-{path}", "Topstep", f"Express Funded {k}K, {path} payouts", 0,
                stage="funded", drawdown=_drawdown(_EOD, amount, 0), minis=minis, scaling=_tiers(*tiers),
                payout={"caps": cap, "share_of_balance": "0.5", "floor_to_start": True},
                unsure=("scaling", "payout.caps"), **more,
            )  # fmt: skip


def _apex() -> Iterator[tuple[str, Raw]]:
    ladders = {
        "eod": (1500, 1500, 2000, 2500, 2500, 3000),
        "intraday": (1500, 2000, 2500, 2500, 3000, 3000),
    }
    kinds = (("eod", "EOD", _EOD, 250), ("intraday", "Intraday", _INTRADAY, 200))
    for k, target, amount, daily, minis in (
        (25, 1500, 1000, 500, 4), (50, 3000, 2000, 1000, 6),
        (100, 6000, 3000, 1500, 8), (150, 9000, 4000, 2000, 12),
    ):  # fmt: skip
        start = k * 1000
        for slug, name, kind, winning in kinds:
            # Where the floor stops depends on the data vendor; by Tradovate, which feeds this desk, nowhere.
            yield _one(
                f"apex-{slug}-{k}k", "Apex", f"{name} evaluation {k}K", start,
                target=target, drawdown=_drawdown(kind, amount), minis=minis, time_limit_days=30, min_days=1,
                daily_loss=_daily(daily if kind == _EOD else None), unsure=("drawdown.lock_level",),
            )  # fmt: skip
            full: Raw = {}
            unsure: tuple[str, ...] = ("size", "daily_loss", "winning_days", "payout")
            if k == 50:
                losses = (1000, 1000, 2000, 3000)
                steps = zip((-2000, 1500, 3000, 6000), (2, 2, 2, 4), losses, strict=True)
                tiers = [step if kind == _EOD else step[:2] for step in steps]
                full = {
                    "minis": 4, "scaling": _tiers(*tiers), "winning_days": _days(5, winning),
                    "daily_loss": _daily(1000 if kind == _EOD else None),
                }  # fmt: skip
                unsure = ("size", "scaling", "daily_loss")
            payout: Raw = {"buffer": amount + 100}
            if k == 50:
                payout |= {"minimum": 500, "caps": ladders[slug]}
            yield _one(
                f"apex-pa-{slug}-{k}k", "Apex", f"{name} Performance Account {k}K", start, stage="funded",
                drawdown=_drawdown(kind, amount, start + 100), payout=payout,
                consistency=_best_day("0.50", "since_payout", under=True), unsure=unsure, **full,
            )  # fmt: skip


def _apex_legacy() -> Iterator[tuple[str, Raw]]:
    agreement = (
        "The firm's funded agreement of 2024 (25K, 50K, 75K) and a review of the legacy rules"
    )
    for k, target, amount, minis, first in (
        (25, 1500, 1500, 4, 2), (50, 3000, 2500, 10, 5), (75, 4250, 2750, 12, 6), (100, 6000, 3000, 14, 7),
        (150, 9000, 5000, 17, 8), (250, 15000, 6500, 27, 13), (300, 20000, 7500, 35, 17),
        (-100, 2000, 625, 2, 2),
    ):  # fmt: skip
        is_static, k = k < 0, abs(k)
        start, known = k * 1000, k <= 75
        slug, name = (f"{k}k-static", f"{k}K static") if is_static else (f"{k}k", f"{k}K")
        kind = _STATIC if is_static else _INTRADAY
        doubted = () if known else ("target", "drawdown.amount", "size")
        sources = [agreement, *FIRMS["Apex"]["sources"]]
        confidence = "medium" if known else "low"
        yield _one(
            f"apex-legacy-{slug}", "Apex", f"Legacy evaluation {name}", start,
            target=target, drawdown=_drawdown(kind, amount), minis=minis, min_days=1, sources=sources,
            confidence=confidence, unsure=("min_days", "drawdown.lock_level", *doubted),
        )  # fmt: skip
        tiers = _tiers((-amount, first), (amount + 100, minis)) if first < minis else []
        yield _one(
            f"apex-legacy-pa-{slug}", "Apex", f"Legacy Performance Account {name}", start, stage="funded",
            drawdown=_drawdown(kind, amount, None if is_static else start + 100), minis=minis, scaling=tiers,
            consistency=_best_day("0.30", "since_payout"), sources=sources, confidence=confidence,
            unsure=("payout", *doubted[1:]),
        )  # fmt: skip


def _tradeday() -> Iterator[tuple[str, Raw]]:
    for k, target, amount, static, minis, static_minis in (
        (50, 3000, 2000, 500, 5, 1), (100, 6000, 3000, 750, 10, 2), (150, 9000, 4000, 1000, 15, 3),
    ):  # fmt: skip
        start = k * 1000
        doubted = ("min_days", "news", *_UNSURE_FLAT, *(("drawdown.amount",) if k == 150 else ()))
        trailing = {kind: _drawdown(kind, amount, start) for kind in (_EOD, _INTRADAY)}
        usual: Raw = {"target": target, "consistency": _best_day("0.30"), "min_days": 5}
        for slug, name, kind in (("intraday", "Intraday", _INTRADAY), ("eod", "End of day", _EOD)):
            yield _one(f"tradeday-{slug}-{k}k", "TradeDay", f"{name} evaluation {k}K", start,
                       drawdown=trailing[kind], minis=minis, unsure=doubted, **usual)  # fmt: skip
        yield _one(f"tradeday-static-{k}k", "TradeDay", f"Static evaluation {k}K", start,
                   drawdown=_drawdown(_STATIC, static), minis=static_minis,
                   unsure=("target", "size", *doubted), **usual)  # fmt: skip
        yield _one(f"tradeday-quick-pay-{k}k", "TradeDay", f"Quick Pay funded {k}K", start, stage="funded",
                   drawdown=trailing[_INTRADAY], minis=minis, unsure=("payout", *doubted[1:]))  # fmt: skip
        yield _one(f"tradeday-fast-pass-{k}k", "TradeDay", f"Fast Pass evaluation {k}K", start,
                   drawdown=trailing[_EOD], minis=minis, target=target, consistency=_best_day("0.45"),
                   unsure=("consistency.share", *doubted))  # fmt: skip
        yield _one(f"tradeday-fast-pass-funded-{k}k", "TradeDay", f"Fast Pass funded {k}K", start,
                   stage="funded", drawdown=trailing[_EOD], minis=minis, winning_days=_days(5, 150),
                   payout={"floor_to_start": True}, unsure=("payout.caps", *doubted[1:]))  # fmt: skip


def _take_profit_trader() -> Iterator[tuple[str, Raw]]:
    firm, doubted = "Take Profit Trader", ("automation", *_UNSURE_FLAT)
    for k, target, amount, minis in (
        (25, 1500, 1500, 3), (50, 3000, 2000, 6), (75, 4500, 2500, 9), (100, 6000, 3000, 12), (150, 9000, 4500, 15),
    ):  # fmt: skip
        start = k * 1000
        yield _one(f"tpt-test-{k}k", firm, f"Test {k}K", start, target=target, minis=minis, min_days=3,
                   drawdown=_drawdown(_EOD, amount, start), consistency=_best_day("0.50", under=True),
                   unsure=("min_days", *doubted))  # fmt: skip
        funded: Raw = {
            "stage": "funded", "minis": minis, "payout": {"buffer": amount},
            "news": {"before_minutes": 1, "after_minutes": 1},
        }  # fmt: skip
        yield _one(f"tpt-pro-{k}k", firm, f"PRO {k}K", start, unsure=doubted,
                   drawdown=_drawdown(_INTRADAY, amount, start), **funded)  # fmt: skip
        yield _one(f"tpt-pro-plus-{k}k", firm, f"PRO+ {k}K", start, unsure=("drawdown.lock_level", *doubted),
                   drawdown=_drawdown(_EOD, amount, start), **funded)  # fmt: skip


def _my_funded_futures() -> Iterator[tuple[str, Raw]]:
    firm, news = "My Funded Futures", {"before_minutes": 2, "after_minutes": 2}
    for k, target, amount, minis in (
        (50, 3000, 2000, 5),
        (100, 6000, 3000, 10),
        (150, 9000, 4500, 15),
    ):
        start, lock = k * 1000, k * 1000 + 100
        size: Raw = {"minis": minis, "news": news}
        doubted = ("target", "drawdown.amount", "size", *_UNSURE_FLAT)
        half = _best_day("0.50")
        # slug, name, days, best day of the evaluation, funded drawdown, funded rules
        plans: list[tuple[str, str, int, Raw, Raw, Raw]] = [
            ("core", "Core", 2, half, _drawdown(_EOD, amount, lock),
             {"consistency": _best_day("0.40", "since_payout")}),
            ("pro", "Pro", 2, half, _drawdown(_EOD, amount, lock), {}),
            ("rapid", "Rapid", 2, half, _drawdown(_INTRADAY, amount),
             {"payout": {"buffer": 2100}} if k == 50 else {}),
            ("flex", "Flex", 2, half, _drawdown(_STATIC, amount), {}),
        ]  # fmt: skip
        if k == 50:
            plans.append(("rapid-eod", "Rapid EOD", 4, _best_day("0.30"),
                          _drawdown(_EOD, amount, lock), {"payout": {"minimum": 500}}))  # fmt: skip
        for slug, name, days, share, funded, more in plans:
            grade: Raw = {"confidence": "low"} if slug == "flex" else {}
            kind = ("drawdown.type",) if slug == "flex" else ()
            yield _one(f"mffu-{slug}-{k}k", firm, f"{name} evaluation {k}K", start, target=target,
                       drawdown=_drawdown(_EOD, amount), consistency=share, min_days=days,
                       unsure=(*doubted, *kind, "drawdown.lock_level", "min_days"), **size, **grade)  # fmt: skip
            open_ends = () if "payout" in more else ("payout",)
            no_lock = ("drawdown.lock_level",) if slug == "rapid" else ()
            yield _one(f"mffu-{slug}-funded-{k}k", firm, f"{name} funded {k}K", start, stage="funded",
                       drawdown=funded, unsure=(*doubted[1:], *no_lock, *open_ends),
                       **size, **more, **grade)  # fmt: skip


def _earn2trade() -> Iterator[tuple[str, Raw]]:
    for slug, name, k, target, daily, amount, minis in (
        ("career-path", "Trader Career Path", 25, 1750, 550, 1500, 3),
        ("gauntlet-mini", "Gauntlet Mini", 50, 3000, 1100, 2000, 6),
        ("gauntlet-mini", "Gauntlet Mini", 100, 6000, 2200, 3500, 12),
        ("gauntlet-mini", "Gauntlet Mini", 150, 9000, 3300, 4500, 15),
        ("gauntlet-mini", "Gauntlet Mini", 200, 11000, 4400, 6000, 16),
    ):  # fmt: skip
        confirmed = k <= 50
        doubted = () if confirmed else ("daily_loss.amount", "drawdown.amount")
        yield _one(
            f"earn2trade-{slug}-{k}k", "Earn2Trade", f"{name} {k}K", k * 1000, target=target, minis=minis,
            drawdown=_drawdown(_EOD, amount, k * 1000), daily_loss=_daily(daily, "hard"),
            consistency=_best_day("0.30", under=True), confidence="medium" if confirmed else "low",
            unsure=("size", *_UNSURE_FLAT, *doubted, *(("target",) if k == 200 else ())),
        )  # fmt: skip


def _ftmo_futures() -> Iterator[tuple[str, Raw]]:
    tiers = _tiers((-3000, 2), (1000, 3), (2000, 5))
    for slug, amount, daily, funded, share, days, payout in (
        ("growth", 2000, None, _daily(1000), "0.40", _days(4, 150), {"caps": (2500,), "share_of_balance": "0.5"}),
        ("pro", 3000, _daily(1000, "hard"), _daily(1000, "hard"), "0.50", _days(5, 200), {"caps": (5000,)}),
    ):  # fmt: skip
        name = slug.title()
        both: Raw = {"drawdown": _drawdown(_EOD, amount, 50_000), "minis": 5}
        yield _one(f"ftmo-futures-{slug}-50k", "FTMO Futures", f"{name} evaluation 50K", 50_000, target=3000,
                   daily_loss=daily, consistency=_best_day(share), unsure=("target", *_UNSURE_FLAT), **both)  # fmt: skip
        yield _one(f"ftmo-futures-{slug}-funded-50k", "FTMO Futures", f"{name} funded 50K", 50_000, stage="funded",
                   daily_loss=funded, scaling=tiers, winning_days=days, payout=payout, unsure=_UNSURE_FLAT, **both)  # fmt: skip


def _others() -> Iterator[tuple[str, Raw]]:
    start, eod = 50_000, _drawdown(_EOD, 2000)
    no_lock, no_size = ("drawdown.lock_level",), ("size",)
    yield _one("tradeify-select-50k", "Tradeify", "Select evaluation 50K", start, target=3000, drawdown=eod,
               consistency=_best_day("0.40"), unsure=(*no_lock, *no_size))  # fmt: skip
    yield _one("tradeify-select-daily-50k", "Tradeify", "Select Daily funded 50K", start, stage="funded",
               drawdown=eod, daily_loss=_daily(1000), unsure=(*no_lock, *no_size, "payout"))  # fmt: skip
    # Its first payout can put the floor at start + 100; the nearest that our rules can say is the start.
    yield _one("tradeify-select-flex-50k", "Tradeify", "Select Flex funded 50K", start, stage="funded",
               drawdown=eod, payout={"floor_to_start": True}, unsure=(*no_lock, *no_size, "payout"))  # fmt: skip
    yield _one("tradeify-growth-50k", "Tradeify", "Growth evaluation 50K", start, target=3000, drawdown=eod,
               daily_loss=_daily(1250), unsure=("target", *no_lock, *no_size, "consistency"))  # fmt: skip
    lucid: Raw = {"drawdown": _drawdown(_EOD, 2000, 50_100), "minis": 4}
    yield _one("lucid-pro-50k", "Lucid", "LucidPro evaluation 50K", start, target=3000, **lucid)
    yield _one("lucid-pro-50k-daily-loss", "Lucid", "LucidPro evaluation 50K with daily loss limit", start,
               target=3000, daily_loss=_daily(1200), **lucid)  # fmt: skip
    yield _one("lucid-pro-funded-50k", "Lucid", "LucidPro funded 50K", start, stage="funded",
               consistency=_best_day("0.40", "since_payout"), unsure=("consistency.basis", "payout"), **lucid)  # fmt: skip
    yield _one("bulenox-eod-50k", "Bulenox", "Qualification EOD 50K", start, target=3000, minis=7,
               drawdown=_drawdown(_EOD, 2500), daily_loss=_daily(1100), time_limit_days=30,
               scaling=_tiers((-2500, 2), (1500, 4), (4000, 7)),
               unsure=("drawdown.amount", *no_lock, *_UNSURE_FLAT))  # fmt: skip
    for slug, amount, daily in (("zero", 2000, 1000), ("standard", 2000, None), ("advanced", 1750, None)):  # fmt: skip
        yield _one(f"alpha-{slug}-50k", "Alpha Futures", f"{slug.title()} evaluation 50K", start, target=3000,
                   drawdown=_drawdown(_EOD, amount, start), daily_loss=_daily(daily),
                   unsure=("drawdown.amount", *no_size, *(("daily_loss",) if daily else ())))  # fmt: skip
    yield _one("trading-pit-prime-50k", "The Trading Pit", "Prime evaluation 50K", start, target=3000,
               drawdown=_drawdown(_EOD, 2000, start), min_days=3, consistency=_best_day("0.40", "target"),
               unsure=("target", "drawdown.amount", "daily_loss", "consistency", *no_size))  # fmt: skip


def _listed() -> Mapping[str, Raw]:
    firms = (
        _topstep, _apex, _apex_legacy, _tradeday, _take_profit_trader, _my_funded_futures, _earn2trade,
        _ftmo_futures, _others,
    )  # fmt: skip
    listed: dict[str, Raw] = {}
    for firm in firms:
        for slug, raw in firm():
            if slug in listed:
                raise AssertionError(f"two presets are called {slug}")
            given = {name: value for name, value in raw.items() if value is not None}
            listed[slug] = rules_for(given).plain()
    return MappingProxyType(listed)


PRESETS: Final[Mapping[str, Raw]] = _listed()
