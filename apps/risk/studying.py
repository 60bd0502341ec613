"""How a study is worked out: claimed once, told how far it is, stopped when its trader wants that."""

from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Final

from django.utils import timezone

from apps.bus.domain.message import iso
from apps.risk.domain.evaluation import Evaluation, PastTrade, evaluate
from apps.risk.domain.odds import Odds, pass_probability
from apps.risk.domain.reading import rules_for
from apps.risk.domain.rules import Rules
from apps.risk.models import Study
from apps.risk.rehearsal import past_of_account, past_of_strategy
from apps.signals.models import Strategy

PATHS: Final = 2000
LOST_AFTER: Final = timedelta(minutes=2)  # without a sign of life the worker is gone
OVERDUE_AFTER: Final = timedelta(seconds=20)  # waiting so long, its message was lost
MOST_DAYS: Final = 60


class Cancelled(Exception):
    """Its trader wants no more of it, or somebody else has it."""


def claim(pk: int) -> Study | None:
    """Take a waiting study and return it, None if it is not waiting any more."""
    taken = Study.objects.filter(pk=pk, state=Study.State.WAITING).update(
        state=Study.State.RUNNING, progress=0, touched_at=timezone.now()
    )
    return Study.objects.select_related("version", "account").get(pk=pk) if taken else None


def left_over() -> list[int]:
    """Return the studies that have to be sent again; one whose worker died waits anew."""
    now = timezone.now()
    dead = Study.objects.filter(state=Study.State.RUNNING, touched_at__lt=now - LOST_AFTER)
    dead.update(state=Study.State.WAITING, progress=0)
    waiting = Study.objects.filter(state=Study.State.WAITING, made_at__lt=now - OVERDUE_AFTER)
    return list(waiting.order_by("id").values_list("pk", flat=True))


def run(study: Study) -> None:
    """Walk the trades under the rules, from the rules' own balance, then draw them again; keep the result."""
    rules = rules_for(study.version.rules)
    trades = _trades(study)
    told = _told(evaluate(trades, rules), trades)
    try:
        told["odds"] = _odds(_draw(study, trades, rules))
    except Cancelled:
        return
    _mine(study).update(
        state=Study.State.DONE, progress=100, result=told, touched_at=timezone.now()
    )


def fail(study: Study, problem: str) -> None:
    """Say why nothing came of it."""
    _mine(study).update(state=Study.State.FAILED, problem=problem[:300], touched_at=timezone.now())


def _draw(study: Study, trades: list[PastTrade], rules: Rules) -> Odds:
    def progress(done: int, of: int) -> None:
        percent = min(99, done * 100 // of)
        if not _mine(study).update(progress=percent, touched_at=timezone.now()):
            raise Cancelled

    days = study.options.get("days") or MOST_DAYS
    return pass_probability(
        trades, rules, seed=study.pk, paths=PATHS, most_days=days, progress=progress
    )


def _mine(study: Study) -> Any:
    """Return the study while it is still to be worked on; nothing once it was cancelled."""
    return Study.objects.filter(pk=study.pk, state=Study.State.RUNNING)


def _trades(study: Study) -> list[PastTrade]:
    if study.account is not None:
        return past_of_account(study.account)
    strategy = Strategy.objects.filter(pk=study.options["strategy"], user=study.user_id).first()
    if strategy is None:
        return []
    contracts, micros = study.options["contracts"], study.options["micros"]
    return past_of_strategy(strategy, contracts, micros=micros)


def _told(told: Evaluation, trades: list[PastTrade]) -> dict[str, Any]:
    """Return the walk as JSON values."""
    plain: dict[str, Any] = _plain(asdict(told))
    plain["trades"] = len(trades)
    plain["at"] = iso(told.at) if told.at is not None else None
    return plain


def _odds(odds: Odds) -> dict[str, Any]:
    """Return the odds as JSON values."""
    plain: dict[str, Any] = _plain(asdict(odds))
    return plain


def _plain(value: Any) -> Any:
    match value:
        case Enum():
            return value.value
        case Decimal():
            return f"{value:f}"
        case dict():
            return {str(_plain(name)): _plain(one) for name, one in value.items()}
        case list() | tuple():
            return [_plain(one) for one in value]
        case bool() | int() | str() | None:
            return value
        case _:
            return str(value)
