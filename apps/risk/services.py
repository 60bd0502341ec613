"""What people do about rules: rule sets and versions, an account's rules, own limits, locks, studies.

Wishes to the engine raise `Refused` with code, sentence and field, or `NoAnswer` when it did not answer in time.
"""

import uuid
from collections.abc import Container, Mapping
from contextlib import suppress
from datetime import date
from typing import Any, Final

from celery import current_app
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from apps.brokers.models import Account
from apps.brokers.services import change_account
from apps.bus.models import FactRow
from apps.risk.domain.fields import BadRule
from apps.risk.domain.messages import LiftLock, LockOut, SetOwnLimits, SetRules
from apps.risk.domain.own_limits import OwnLimits, own_limits
from apps.risk.domain.presets import PRESETS
from apps.risk.domain.reading import rules_for
from apps.risk.domain.rules import Rules
from apps.risk.models import AccountRules, RuleSet, RuleSetVersion, Study
from apps.signals.models import Strategy
from apps.trades.services import NoAnswer, Refused, ask_engine, wish_engine

RUN_STUDY: Final = "apps.risk.tasks.run_study"
OPEN_STUDIES: Final = (Study.State.WAITING, Study.State.RUNNING)
MOST_STUDIES: Final = 3  # of one trader at a time


def _id() -> str:
    return f"m{uuid.uuid4().hex}"


# ---- rule sets ----


def seed_presets() -> int:
    """Make a rule set of every shipped preset, and a version where the shipped text has changed; return how many.

    What people wrote stays: a shipped version comes on top, and accounts keep the version that they have.
    """
    known = {one.slug: one for one in RuleSet.objects.filter(slug__in=PRESETS)}
    newest: dict[int, RuleSetVersion] = {}
    last: dict[int, int] = {}
    of_presets = RuleSetVersion.objects.filter(rule_set__slug__in=PRESETS).order_by("number")
    for version in of_presets:
        last[version.rule_set_id] = version.number
        if version.is_shipped:
            newest[version.rule_set_id] = version
    with transaction.atomic():
        taken = set(RuleSet.objects.values_list("name", flat=True))
        fresh = RuleSet.objects.bulk_create(
            RuleSet(
                slug=slug, firm=plain["firm"], is_preset=True, name=_free_name(slug, plain, taken)
            )
            for slug, plain in PRESETS.items()
            if slug not in known
        )
        known |= {one.slug: one for one in fresh}
        versions = [_shipped(known[slug], plain, newest, last) for slug, plain in PRESETS.items()]
        made = RuleSetVersion.objects.bulk_create(one for one in versions if one is not None)
    return len(made)


def _shipped(
    row: RuleSet,
    plain: Mapping[str, Any],
    newest: Mapping[int, RuleSetVersion],
    last: Mapping[int, int],
) -> RuleSetVersion | None:
    """Return the version that what is shipped makes on top of a rule set, None if it says the same already."""
    shipped = newest.get(row.pk)
    if shipped is not None and shipped.rules == plain:
        return None
    return RuleSetVersion(
        rule_set=row,
        number=last.get(row.pk, 0) + 1,
        rules=dict(plain),
        note="As shipped." if shipped is None else "Shipped anew with an update.",
        verified_on=date.fromisoformat(plain["verified_on"]),
        is_shipped=True,
    )


def _free_name(slug: str, plain: Mapping[str, Any], taken: Container[str]) -> str:
    """Return a preset's name; a trader's own rule set may have taken it before."""
    name = f"{plain['firm']} {plain['plan']}"[:80]
    return f"{name[:60]} ({slug[:17]})" if name in taken else name


def add_version(*, rule_set: RuleSet, rules: Rules, made_by: Any, note: str = "") -> RuleSetVersion:
    """Keep rules as the newest version of a rule set and return it; the same rules again are the same version."""
    newest = rule_set.versions.first()
    if newest is not None and newest.rules == rules.plain():
        return newest
    return RuleSetVersion.objects.create(
        rule_set=rule_set,
        number=1 if newest is None else newest.number + 1,
        rules=rules.plain(),
        note=note,
        verified_on=rules.verified_on,
        made_by=made_by,
    )


# ---- an account under its rules ----


def give_rules(
    *,
    account: Account,
    version: RuleSetVersion,
    floor: str | None = None,
    source: str = "page",
) -> AccountRules:
    """Put an account under a version of a rule set; its day follows the rules' hours. The engine counts from then on.

    floor: where the floor of the maximum loss lies today, decimal text, for an account with a history elsewhere.
    Without an answer it still holds: the engine takes it over as soon as it is back.

    Raises:  Refused
    """
    rules = rules_for(version.rules)
    wanted = {"tz": rules.hours.tz, "reset": rules.hours.reset, "firm": rules.firm[:40]}
    if wanted != {"tz": account.tz, "reset": account.reset, "firm": account.firm}:
        change_account(account=account, source=source, **wanted)
    wish = SetRules(
        id=_id(), user=account.user_id, account=account.pk, rules=version.rules,
        version=version.number, floor=floor,
    )  # fmt: skip
    with suppress(NoAnswer):  # the wish holds: it waits in the inbox for the engine
        ask_engine(account.user, wish, None, source, holds=True)
    row, _ = AccountRules.objects.update_or_create(account=account, defaults={"version": version})
    return row


def set_own_limits(
    *, account: Account, limits: Mapping[str, Any], source: str = "page"
) -> tuple[OwnLimits, OwnLimits | None]:
    """Ask for a trader's own limits, all of them; return what holds now, and from the next day on if that differs.

    Raises:  Refused, NoAnswer
    """
    try:
        wanted = own_limits(limits)
    except BadRule as bad:
        raise Refused("BAD_VALUE", f"{bad.value!r} {bad.cure}", bad.field) from None
    wish = SetOwnLimits(id=_id(), user=account.user_id, account=account.pk, limits=wanted.plain())
    told = ask_engine(account.user, wish, None, source).payload
    later = told.get("next_day")
    return own_limits(told["now"]), own_limits(later) if later is not None else None


def lock_out(*, account: Account, until: int, source: str = "page") -> FactRow:
    """Refuse new entries until a market time, ns UTC. Nobody can undo it.

    Raises:  Refused, NoAnswer
    """
    wish = LockOut(id=_id(), user=account.user_id, account=account.pk, until=until)
    return ask_engine(account.user, wish, None, source)


def wish_lock_out(*, account: Account, until: int, key: str, source: str) -> int:
    """Ask for the same without waiting and return the inbox id; it holds, as `until` ends it however late it is heard."""
    wish = LockOut(id=_id(), user=account.user_id, account=account.pk, until=until)
    return wish_engine(account.user, wish, key, source, holds=True)


def lift_lock(*, account: Account, source: str = "page") -> FactRow:
    """Lift the lock of the maximum loss, on a later trade date than the one on which it began.

    Raises:  Refused, NoAnswer
    """
    wish = LiftLock(id=_id(), user=account.user_id, account=account.pk)
    return ask_engine(account.user, wish, None, source)


# ---- the simulator ----


def start_study(
    *,
    user: Any,
    version: RuleSetVersion,
    account: Account | None = None,
    strategy: Strategy | None = None,
    contracts: int = 1,
    micros: bool = True,
    days: int | None = None,
) -> Study:
    """Begin an evaluation of past trades against a rule set and return its row; a worker does it.

    account:   its own closed positions; else all Signal Lab trades of `strategy`, with so many `contracts` each,
               `micros` instead of minis
    days:      stop after so many trading days, None: after sixty

    Raises:  Refused  BUSY: too many of his are running
    """
    mine = Study.objects.of(user)
    if mine.filter(state__in=OPEN_STUDIES).count() >= MOST_STUDIES:
        detail = f"{MOST_STUDIES} of yours are running already: wait for one, or cancel it"
        raise Refused("BUSY", detail)
    if (account is None) == (strategy is None):
        raise Refused("BAD_VALUE", "choose an account or a strategy, one of them", "source")
    study = Study.objects.create(
        user=user,
        version=version,
        account=account,
        options={
            "strategy": None if strategy is None else strategy.pk,
            "contracts": contracts,
            "micros": micros,
            "days": days,
        },
    )
    transaction.on_commit(lambda: _send(study.pk))
    return study


def cancel_study(*, study: Study) -> bool:
    """Stop a study that is not over; return whether there was one to stop."""
    open_now = Study.objects.filter(pk=study.pk, state__in=OPEN_STUDIES)
    return bool(open_now.update(state=Study.State.CANCELLED, touched_at=timezone.now()))


def _send(pk: int) -> None:
    with suppress(OperationalError):  # the worker's own sweep finds it
        current_app.send_task(RUN_STUDY, [pk])
