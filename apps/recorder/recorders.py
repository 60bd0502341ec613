"""Recorders: made, changed, cloned, started, stopped, their history reset; `archiving.py` puts them away. Each is told to the log and the audit."""

from decimal import Decimal
from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from apps.brokers.models import BrokerAccount
from apps.bus import bus
from apps.bus.domain.message import to_instant
from apps.marketdata.domain.contract import UnknownSymbol, root_of
from apps.recorder.clock import now
from apps.recorder.domain.messages import RecorderChanged
from apps.recorder.domain.terms import BadRecorder, LogKind, Unit, Ways
from apps.recorder.models import Recorder, RecordingSpan
from apps.recorder.services import settle, write_log
from apps.signals import services as strategies
from apps.signals.domain.settings import BadSetting
from apps.signals.models import Strategy

FIGURES: Final = ("size", "position_add", "unit", "take_profit", "stop_loss", "trim", "ways")
MOST: Final = Decimal(1_000_000)
CONTRACTS: Final = 10_000


def create(
    *,
    user: Any,
    name: str,
    symbol: str,
    root: str = "",
    account: BrokerAccount | None = None,
    is_active: bool = True,
    quiet_minutes: int | None = None,
    **figures: Any,
) -> tuple[Recorder, str]:
    """Make a strategy with its recorder, which does not record yet; return it with the strategy's secret.

    Raises:  BadRecorder  naming what cannot be used
    """
    root, product = _root(root or symbol), _root(symbol)
    with transaction.atomic():
        _free(user, name)
        try:
            strategy, secret = strategies.create_strategy(user=user, name=name, symbol=symbol)
        except BadSetting as bad:
            raise BadRecorder(
                "symbol",
                f"There are no defaults for {product} yet ({bad}). Use NQ, MNQ, ES or MES.",
            ) from None
        own = {"is_active": is_active, "quiet_minutes": quiet_minutes}
        _change_strategy(
            strategy, {key: own[key] for key in own if own[key] != getattr(strategy, key)}
        )
        recorder = bind(strategy=strategy, account=account, root=root, **figures)
    return recorder, secret


def bind(
    *, strategy: Strategy, account: BrokerAccount | None = None, root: str = "", **figures: Any
) -> Recorder:
    """Give a strategy that only took alerts a recorder.

    Raises:  BadRecorder
    """
    recorder = Recorder(
        user_id=strategy.user_id, strategy=strategy, account=_own(strategy.user_id, account),
        root=root or _root(strategy.symbol),
    )  # fmt: skip
    _set(recorder, figures)
    recorder.save(force_insert=True)
    return recorder


def change(
    *, recorder: Recorder, by: str, name: str | None = None, symbol: str | None = None,
    is_active: bool | None = None, **changes: Any,
) -> Recorder:  # fmt: skip
    """Change what a recorder is; while it records, another account or product begins a stretch of its own.

    `changes`: account, root, the figures, and quiet_minutes, of which None is a value: told by its own rhythm.

    Raises:  BadRecorder
    """
    strategy = recorder.strategy
    own = {"name": name, "symbol": symbol, "is_active": is_active}
    wanted = {
        key: value for key, value in own.items() if value not in (None, getattr(strategy, key))
    }
    quiet = changes.pop("quiet_minutes", strategy.quiet_minutes)
    if quiet != strategy.quiet_minutes:
        wanted["quiet_minutes"] = quiet
    place = recorder.account_id, recorder.root
    with transaction.atomic():
        recorder = _locked(recorder)
        if "name" in wanted:
            _free(recorder.user_id, str(name))
        if "symbol" in wanted:
            recorder.root = _root(str(symbol))
        _change_strategy(strategy, wanted)
        if "account" in changes:
            recorder.account = _own(recorder.user_id, changes.pop("account"))
        if "root" in changes:
            recorder.root = _root(changes.pop("root"))
        told = [_quiet_words(quiet) if key == "quiet_minutes" else key for key in wanted]
        told += _set(recorder, changes)
        moved = place != (recorder.account_id, recorder.root)
        recorder.save()
        if moved and recorder.is_recording:
            _end(recorder)
            recorder.is_recording = recorder.account is not None
            recorder.save(update_fields=["is_recording"])
            if recorder.account is not None:
                _begin(recorder, now())
        if moved:
            told.append(f"account {recorder.account or 'none'}, {recorder.root}")
        if told:
            note(recorder.strategy, LogKind.CHANGED, f"Changed: {', '.join(told)}.", by)
    return recorder


def clone(*, recorder: Recorder, by: str, name: str = "") -> tuple[Recorder, str]:
    """Make another strategy with the same figures and signal settings, without history, not recording.

    Raises:  BadRecorder
    """
    old = recorder.strategy
    with transaction.atomic():
        made, secret = create(
            user=old.user, name=name or _next_name(old), symbol=old.symbol,
            account=recorder.account, root=recorder.root,
            **{field: getattr(recorder, field) for field in FIGURES},
        )  # fmt: skip
        strategies.change_strategy(
            strategy=made.strategy, settings=dict(old.settings),
            only_tradingview=old.only_tradingview, requires_signature=old.requires_signature,
            quiet_minutes=old.quiet_minutes,
        )  # fmt: skip
        note(made.strategy, LogKind.CHANGED, f"Made as a copy of {old.name}.", by)
    return made, secret


def start(*, recorder: Recorder, by: str, since: int | None = None) -> Recorder:
    """Record from now on, or from an earlier moment: 0 = everything that is kept. Started already: nothing happens.

    Raises:  BadRecorder  it has no account, or one that its firm has closed, or its strategy is archived
    """
    with transaction.atomic():
        recorder = _locked(recorder)
        if recorder.is_recording:
            return recorder
        if Strategy.objects.filter(pk=recorder.strategy_id, archived_at__isnull=False).exists():
            cure = f"{recorder.strategy.name} is archived; restore it first."
            raise BadRecorder("", cure, "archived")
        if recorder.account is None:
            raise BadRecorder("account", "Choose the account whose fills are recorded first.")
        moment = now()
        begin = moment if since is None else since
        if begin > moment:
            raise BadRecorder("since", "It lies in the future; leave it out to record from now on.")
        _begin(recorder, begin)
        recorder.is_recording = True
        recorder.save(update_fields=["is_recording"])
        note(
            recorder.strategy,
            LogKind.STARTED,
            f"Recording {recorder.root} in {recorder.account}.",
            by,
        )
    return recorder


def stop(*, recorder: Recorder, by: str) -> Recorder:
    """Record no more entries; what is open is followed to its end. Stopped already: nothing happens."""
    with transaction.atomic():
        recorder = _locked(recorder)
        if not recorder.is_recording:
            return recorder
        _end(recorder)
        recorder.is_recording = False
        recorder.save(update_fields=["is_recording"])
        text = "Stopped recording; what is open is followed to its end."
        note(recorder.strategy, LogKind.STOPPED, text, by)
    return recorder


def reset(*, recorder: Recorder, by: str) -> Recorder:
    """Begin its history anew: what is closed by now is left out. The fills stay, and it can be taken back."""
    with transaction.atomic():
        recorder = _locked(recorder)
        recorder.reset_before_ns, recorder.reset_ns = recorder.reset_ns, now()
        recorder.save(update_fields=["reset_ns", "reset_before_ns"])
        note(recorder.strategy, LogKind.RESET, "History begun anew; the fills are kept.", by)
    return recorder


def undo_reset(*, recorder: Recorder, by: str) -> Recorder:
    """Bring back what the last reset left out."""
    with transaction.atomic():
        recorder = _locked(recorder)
        if recorder.reset_before_ns is None:
            return recorder
        recorder.reset_ns, recorder.reset_before_ns = recorder.reset_before_ns, None
        recorder.save(update_fields=["reset_ns", "reset_before_ns"])
        note(recorder.strategy, LogKind.RESET, "The reset of its history is taken back.", by)
    return recorder


# ---- inside ----


def _change_strategy(strategy: Strategy, wanted: dict[str, Any]) -> None:
    if not wanted:
        return
    try:
        strategies.change_strategy(strategy=strategy, **wanted)
    except BadSetting as bad:
        if bad.name in wanted:
            raise BadRecorder(bad.name, f"{str(bad).partition(': ')[2]}.") from None
        detail = f"It does not fit its signals' settings: {bad}."
        raise BadRecorder("symbol", detail) from None


def _locked(recorder: Recorder) -> Recorder:
    """Return the recorder's row, locked until the transaction is over."""
    rows = Recorder.objects.select_related(
        "strategy", "strategy__user", "account", "account__connection"
    )
    found: Recorder = rows.select_for_update(no_key=True, of=("self",)).get(pk=recorder.pk)
    return found


def _begin(recorder: Recorder, since: int) -> None:
    assert recorder.account is not None
    if not recorder.account.is_open:
        raise BadRecorder(
            "account", f"{recorder.account} is closed at the firm; choose an account that is open."
        )
    RecordingSpan.objects.create(
        recorder=recorder, account=recorder.account, root=recorder.root, started_ns=since,
        made_ns=now(),
    )  # fmt: skip
    settle(account=recorder.account, since=since)


def _end(recorder: Recorder) -> None:
    span = recorder.spans.select_related("account").filter(stopped_ns__isnull=True).first()
    if span is not None:
        span.stopped_ns = max(now(), span.started_ns)
        span.save(update_fields=["stopped_ns"])
        settle(account=span.account, since=span.stopped_ns)


def note(strategy: Strategy, kind: LogKind, text: str, by: str, what: str = "") -> None:
    """Keep in a strategy's log, and tell, what somebody did to it."""
    at = to_instant(timezone.now())
    write_log(user=strategy.user_id, strategy=strategy.pk, kind=kind, text=text, at=now())
    bus.publish(
        RecorderChanged(
            at=at, user=strategy.user_id, strategy=strategy.pk, strategy_name=strategy.name,
            what=what or str(kind), text=text, by=by,
        )
    )  # fmt: skip


def _set(recorder: Recorder, figures: dict[str, Any]) -> list[str]:
    """Set a recorder's figures and return, in words, those that are other than before.

    Raises:  BadRecorder
    """
    told = []
    for name, value in figures.items():
        if name not in FIGURES:
            raise BadRecorder(name, f"A recorder has no {name}.")
        if getattr(recorder, name) != value:
            setattr(recorder, name, value)
            told.append(f"{name.replace('_', ' ')} {_in_words(value)}")
    if recorder.unit not in set(Unit) or recorder.ways not in set(Ways):
        raise BadRecorder("unit", "Use ticks, points, percent or dollars; both, long or short.")
    for name, least in (("size", 1), ("position_add", 0), ("trim", 0)):
        figure = getattr(recorder, name)
        if not (figure is None and name == "size") and not least <= figure <= CONTRACTS:
            raise BadRecorder(name, f"Use {least} to {CONTRACTS:,} contracts.")
    for name in ("take_profit", "stop_loss"):
        distance = getattr(recorder, name)
        if distance is not None and not 0 < distance <= MOST:
            raise BadRecorder(name, "Give a distance above 0, e.g. 20, or leave it empty.")
    return told


def _quiet_words(minutes: int | None) -> str:
    if minutes is None:
        return "told of silence by its own rhythm"
    return f"told of silence after {minutes:,} minutes" if minutes else "never told of silence"


def _in_words(value: Any) -> str:
    if isinstance(value, Decimal):
        return f"{value.normalize():,f}"
    return "none" if value is None else str(value)


def _own(user_id: int, account: BrokerAccount | None) -> BrokerAccount | None:
    if account is not None and account.user_id != user_id:
        raise BadRecorder("account", f"You have no broker account {account.pk}.")
    return account


def _root(symbol: str) -> str:
    try:
        return root_of(symbol)
    except UnknownSymbol as unknown:
        raise BadRecorder("symbol", f"{str(unknown)[:1].upper()}{str(unknown)[1:]}.") from None


def _free(user: Any, name: str) -> None:
    owner = getattr(user, "pk", user)
    if not name.strip():
        raise BadRecorder("name", "Give it a name, e.g. NQ Fade.")
    same = Strategy.objects.filter(user_id=owner, name=name).first()
    if same is not None:
        put_away = ", an archived one: restore it or call it otherwise, or use another name here" if same.is_archived else ""  # fmt: skip
        raise BadRecorder("name", f"You have a strategy named {name} already{put_away}.")


def _next_name(strategy: Strategy) -> str:
    taken = set(Strategy.objects.filter(user_id=strategy.user_id).values_list("name", flat=True))
    names = (f"{strategy.name[:72]} {number}" for number in range(2, len(taken) + 3))
    return next(name for name in names if name not in taken)
