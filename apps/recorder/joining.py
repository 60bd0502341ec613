"""An account for files becomes the account of a login that turns out to be the same: joined by itself, or by its owner's word.

It is joined by itself where exactly one account of his logins has its name or number. Where names only resemble each other, where two
fit, or where the files are another broker's, he is asked. All of it is one transaction, and what is joined is gone: again is nothing.
"""

from collections.abc import Iterable
from typing import Any, Final

import structlog
from django.db import transaction
from django.db.models import F, QuerySet, Value
from django.db.models.functions import Concat, Substr
from django.utils import timezone

from apps.brokers.models import BrokerAccount
from apps.brokers.queries import FILE
from apps.bus import bus
from apps.bus.domain.message import to_instant
from apps.recorder import carrying, days, services
from apps.recorder.clock import now as market_now
from apps.recorder.domain.joins import AccountsAlike, AccountsJoined
from apps.recorder.domain.likeness import Likeness, likeness
from apps.recorder.domain.terms import LogKind
from apps.recorder.models import (
    AccountDayMark,
    Book,
    Import,
    ImportedRow,
    RecordedPosition,
    Recorder,
    RecorderLog,
    RecordingSpan,
    Resemblance,
)
from apps.recorder.store import chunks

BY_ITSELF: Final = "the desk"
_ELSEWHERE: Final = {
    "topstepx": "tradovate"
}  # families of files that no login of this broker tells
_LOGGED: Final = (
    "recorder", "before", "corrected", "unread", "read",
    *(f"deviation:{kind}" for kind in ("ways", "size", "add", "trim", "stop_loss", "take_profit")),
)  # fmt: skip
_AT_WORK: Final = [
    Import.State.LOOKING, Import.State.COUNTING, Import.State.APPLYING, Import.State.UNDOING,
]  # fmt: skip


log = structlog.get_logger(__name__)


class CannotJoin(Exception):
    """They are not joined: why, and what helps."""


# ---- looking for them ----


def look() -> int:
    """Join accounts for files with those of logins that they certainly are, ask about the others; return how many were joined."""
    mine = BrokerAccount.objects.filter(connection__broker=FILE).order_by("pk")
    return sum(_look_at(one) for one in mine)


def _look_at(of_files: BrokerAccount) -> bool:
    two = set(
        Resemblance.objects.filter(of_files=of_files, is_another=True).values_list(
            "account", flat=True
        )
    )
    same: list[BrokerAccount] = []
    alike: list[BrokerAccount] = []
    for one in _of_logins(of_files.user_id).exclude(pk__in=two):
        found = likeness(of_files.name, one.name, one.remote, one.nickname)
        if found is Likeness.SAME and _may_be_there(of_files, one):
            same.append(one)
        elif found is not Likeness.OTHER:
            alike.append(one)
    if len(same) == 1:
        try:
            join(of_files=of_files, account=same[0], by=BY_ITSELF)
        except CannotJoin:  # a file is being worked on: the next look finds them again
            return False
        except Exception:  # the others, and settling, do not wait for this one
            log.exception("recorder.join_failed", of_files=of_files.pk, account=same[0].pk)
            return False
        return True
    for one in (*same, *alike):
        _ask(of_files, one)
    return False


def _of_logins(user: int) -> QuerySet[BrokerAccount]:
    """Return the accounts that somebody's logins list."""
    mine: QuerySet[BrokerAccount] = BrokerAccount.objects.filter(user_id=user)
    mine = mine.filter(connection__is_removed=False).exclude(connection__broker=FILE)
    return mine.select_related("connection").order_by("pk")


def _may_be_there(of_files: BrokerAccount, account: BrokerAccount) -> bool:
    """Return whether the files that were imported can be of this login's broker."""
    rows = ImportedRow.objects.filter(account=of_files).order_by()
    families = set(rows.values_list("family", flat=True).distinct())
    return all(_ELSEWHERE.get(family) != account.connection.broker for family in families)


def _ask(of_files: BrokerAccount, account: BrokerAccount) -> None:
    """Ask their owner, once."""
    with transaction.atomic():
        _row, is_new = Resemblance.objects.get_or_create(
            of_files=of_files, account=account, defaults={"user_id": of_files.user_id}
        )
        if is_new:
            bus.publish(
                AccountsAlike(
                    at=to_instant(timezone.now()), user=of_files.user_id, of_files=of_files.pk,
                    of_files_name=str(of_files), account=account.pk, account_name=str(account),
                    login=account.connection.name,
                )
            )  # fmt: skip


# ---- their owner's word ----


def questions(user: Any) -> QuerySet[Resemblance]:
    """Return what somebody is asked about his accounts for files, the first asked first."""
    mine: QuerySet[Resemblance] = Resemblance.objects.of(user).filter(is_another=False)
    mine = mine.filter(account__connection__is_removed=False)
    return mine.select_related("of_files", "account", "account__connection")


def answer(*, question: Resemblance, is_same: bool, by: str) -> None:
    """Join what is the same, or keep in mind that it is not.

    Raises:  CannotJoin
    """
    if is_same:
        join(of_files=question.of_files, account=question.account, by=by)
    else:
        Resemblance.objects.filter(pk=question.pk).update(is_another=True)


# ---- joining ----


def join(*, of_files: BrokerAccount, account: BrokerAccount, by: str) -> None:
    """Carry all that an account for files holds into a login's account, settle what follows, and let it go.

    Raises:  CannotJoin  one of them is gone or somebody else's, or a file is being worked on
    """
    with transaction.atomic():
        source, target = _locked(of_files.pk, account.pk)
        imports = _imports(source)
        recorded_before = RecordingSpan.objects.filter(account=target).exists()
        first = source.fills.order_by("at_ns").values_list("at_ns", flat=True).first()
        carried = carrying.carry(source, target)
        touched = carried.days | _carry_days(source, target)
        _carry_recording(source, target)
        _name_anew(imports, source, target)
        login, called = target.connection.name, str(source)
        _say(source, target, by, carried.asked_again)
        source.delete()
        services.settle(account=target, since=first if recorded_before else carried.first)
        days.judge_again(target, touched, to_instant(timezone.now()))
        bus.publish(
            AccountsJoined(
                at=to_instant(timezone.now()), user=target.user_id, of_files=of_files.pk,
                of_files_name=called, account=target.pk, account_name=str(target), login=login,
                fills=carried.fills, by=by,
            )
        )  # fmt: skip


def _locked(*numbers: int) -> tuple[BrokerAccount, BrokerAccount]:
    """Return the account for files and the login's, which nobody settles or writes meanwhile.

    Books first, as settling does: it holds its own while it refers to the account. Days, too, before anything is told:
    whoever calls an owner marks the day first.
    """
    for number in sorted(numbers):
        if not BrokerAccount.objects.filter(pk=number).exists():
            raise CannotJoin("One of the two accounts is gone; look again.")
        Book.objects.get_or_create(account_id=number)
    list(
        Book.objects.select_for_update(no_key=True)
        .filter(account__in=numbers)
        .order_by("account_id")
    )
    rows = BrokerAccount.objects.select_for_update(no_key=True, of=("self",)).select_related(
        "connection"
    )
    found = {one.pk: one for one in rows.filter(pk__in=numbers).order_by("pk")}
    list(
        AccountDayMark.objects.select_for_update(no_key=True)
        .filter(account__in=numbers)
        .order_by("pk")
    )
    source, target = (found.get(number) for number in numbers)
    if source is None or target is None or source.user_id != target.user_id:
        raise CannotJoin("One of the two accounts is gone; look again.")
    if source.connection.broker != FILE or target.connection.broker == FILE:
        raise CannotJoin("Only an account for files can be joined with one that a login lists.")
    return source, target


def _imports(source: BrokerAccount) -> list[Import]:
    """Return the owner's imports that name the account, which nobody works on meanwhile."""
    rows = list(
        Import.objects.select_for_update(no_key=True).filter(user_id=source.user_id).order_by("pk")
    )
    if any(one.state in _AT_WORK for one in rows):
        raise CannotJoin("A file is being worked on; try again when it is done.")
    return [
        one
        for one in rows
        if source.pk in one.accounts.values() or one.wish.get("account") == source.pk
    ]


def _name_anew(imports: Iterable[Import], source: BrokerAccount, target: BrokerAccount) -> None:
    """Let imports name the account that holds their fills now: undoing one takes them back there."""
    for one in imports:
        one.accounts = {
            name: target.pk if number == source.pk else number
            for name, number in one.accounts.items()
        }
        if one.wish.get("account") == source.pk:
            one.wish = one.wish | {"account": target.pk}
        if one.counts:
            states = list(one.evidence.values_list("state", flat=True))
            one.counts |= {str(state): states.count(state) for state in ImportedRow.State}
        one.save(update_fields=["accounts", "wish", "counts", "moved_at"])


def _carry_days(source: BrokerAccount, target: BrokerAccount) -> set[Any]:
    """Move the marks of days that the login's account has none of; return the days that have to be judged anew."""
    there = set(target.days.values_list("trade_date", flat=True))
    both = set(source.days.filter(trade_date__in=there).values_list("trade_date", flat=True))
    AccountDayMark.objects.filter(account=source).exclude(trade_date__in=there).update(
        account=target
    )
    return both


def _carry_recording(source: BrokerAccount, target: BrokerAccount) -> None:
    """Move recorders, when they recorded, and what they recorded; what is in the way there is derived anew."""
    Recorder.objects.filter(account=source).update(account=target)
    RecordingSpan.objects.filter(account=source).update(account=target)
    keys = set(RecordedPosition.objects.filter(account=target).values_list("key", flat=True))
    held = set(
        RecordedPosition.objects.filter(account=target, closed_ns__isnull=True).values_list(
            "strategy", "contract"
        )
    )
    mine = RecordedPosition.objects.filter(account=source)
    strategies = set(mine.order_by().values_list("strategy", flat=True).distinct())
    for strategy in sorted(strategies):
        old, new = f"{strategy}:{source.pk}:", f"{strategy}:{target.pk}:"
        in_the_way = [
            pk
            for pk, key, contract, closed in mine.filter(strategy=strategy).values_list(
                "pk", "key", "contract", "closed_ns"
            )
            if f"{new}{key.removeprefix(old)}" in keys
            or (closed is None and (strategy, contract) in held)
        ]
        for some in chunks(in_the_way):
            RecordedPosition.objects.filter(pk__in=some).delete()
        mine.filter(strategy=strategy).update(account=target, key=_named(old, new))
        _carry_log(strategy, source, target)


def _named(old: str, new: str) -> Concat:
    """Return a key that begins otherwise."""
    return Concat(Value(new), Substr(F("key"), len(old) + 1))


def _carry_log(strategy: int, source: BrokerAccount, target: BrokerAccount) -> None:
    """Let lines of a strategy's log name what they tell by its account now, so that none is told again."""
    for kind in _LOGGED:
        old, new = f"{kind}:{strategy}:{source.pk}:", f"{kind}:{strategy}:{target.pk}:"
        lines = RecorderLog.objects.filter(strategy=strategy, key__startswith=old)
        there = RecorderLog.objects.filter(strategy=strategy, key__startswith=new)
        taken = [f"{old}{key.removeprefix(new)}" for key in there.values_list("key", flat=True)]
        for some in chunks(taken):
            lines.filter(key__in=some).delete()  # told by both: once is enough
        lines.update(key=_named(old, new))


def _say(source: BrokerAccount, target: BrokerAccount, by: str, asked_again: Iterable[Any]) -> None:
    """Write into the log of each strategy that is recorded there what became of its account."""
    spans = RecordingSpan.objects.filter(account=target).values_list(
        "recorder__strategy", flat=True
    )
    lost = len(list(asked_again))
    text = f"{source}, the account for files, was joined with {target} of {target.connection.name} by {by}."
    if lost:
        text += f" Whose {lost} fill{'s' * (lost != 1)} are has to be settled again: the broker cuts them otherwise."
    for strategy in sorted(set(spans)):
        services.write_log(
            user=target.user_id, strategy=strategy, kind=LogKind.CHANGED, text=text,
            key=f"joined:{strategy}:{source.pk}", at=market_now(),
        )  # fmt: skip
