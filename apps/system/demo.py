"""The demo trader, his strategy, and the file that remembers their secrets.

The database keeps hashes only, so `demo.json` is the one place that knows password and webhook token.
"""

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from django.conf import settings

from apps.brokers.models import Account
from apps.brokers.services import open_account, set_route
from apps.bus import bus
from apps.marketdata.domain.contract import UnknownSymbol, root_of
from apps.marketdata.domain.instrument import instrument
from apps.risk.domain.messages import SetRules
from apps.risk.models import AccountRules, RuleSetVersion
from apps.signals.models import Strategy
from apps.signals.services import create_strategy, hashed
from apps.users.models import User
from apps.users.services import DEMO, change_password, ensure_demo_trader, new_password

STRATEGY = "Demo"
ACCOUNTS = (
    # name, rule set, what becomes of the demo strategy's signals
    ("Alpha", "mffu-core-50k", "automatic"),
    ("Bravo", "topstep-combine-50k-daily-loss", "approve"),
)


@dataclass(frozen=True, slots=True)
class Demo:
    """What is printed at each start. `password` is None when the trader has changed it."""

    user: User
    password: str | None
    token: str


@dataclass(frozen=True, slots=True)
class Kept:
    """The content of demo.json."""

    password: str
    webhook_token: str


def ensure_demo(home: Path) -> Demo:
    """Return the demo's secrets, made at the first start.

    If demo.json was lost, password and token are made anew: who may delete it owns the desk anyway.
    """
    path = home / "demo.json"
    kept = _read(path)
    if kept is None:
        kept = Kept(new_password(), secrets.token_urlsafe(24))
        known = User.objects.filter(username=DEMO).first()
        if known is not None:
            change_password(user=known, password=kept.password)
        _write(path, kept)
    user = ensure_demo_trader(password=kept.password)
    strategy = _ensure_strategy(user, kept.webhook_token)
    if not Account.objects.of(user).exists():
        _open_accounts(user, strategy)
    unchanged = user.check_password(kept.password)
    return Demo(user, kept.password if unchanged else None, kept.webhook_token)


def _ensure_strategy(user: User, token: str) -> Strategy:
    known: Strategy | None = Strategy.objects.filter(token_hash=hashed(token)).first()
    if known is not None:
        return known
    taken = set(Strategy.objects.filter(user=user).values_list("name", flat=True))
    names = (STRATEGY if n == 1 else f"{STRATEGY} {n}" for n in range(1, len(taken) + 2))
    made, _ = create_strategy(user=user, name=next(n for n in names if n not in taken), token=token)
    return made


def _open_accounts(user: User, strategy: Strategy) -> None:
    """Give the demo trader two paper accounts under the rules of two firms: one trades by itself, one asks first.

    The engine does not run yet: it takes all of this over when it starts.
    """
    for name, slug, mode in ACCOUNTS:
        version = RuleSetVersion.objects.filter(rule_set__slug=slug).order_by("-number").first()
        if version is None:
            continue
        hours = version.rules.get("hours", {})
        account = open_account(
            user=user, name=name, source="demo", firm=version.rule_set.firm,
            start_balance=version.rules["start_balance"],
            tz=hours.get("tz", "America/Chicago"), reset=hours.get("reset", "17:00"),
        )  # fmt: skip
        AccountRules.objects.create(account=account, version=version)
        rules = SetRules(
            id=f"demo.{account.pk}", user=user.pk, account=account.pk,
            rules=version.rules, version=version.number,
        )  # fmt: skip
        bus.submit(rules, user=user.pk, source="demo")
        micro = _micro()
        set_route(
            user=user, strategy=strategy, account=account, source="demo", mode=mode,
            root=micro, quantity=2 if micro else 1, targets=[{"r": "2"}], break_even_r="1",
        )  # fmt: skip


def _micro() -> str:
    """Return the micro that the demo trades, nothing where only the product itself is fed."""
    if settings.MARKET not in ("generated", "tradovate"):
        return ""
    try:
        return instrument(root_of(settings.SYMBOL)).micro or ""
    except (UnknownSymbol, LookupError):
        return ""


def _read(path: Path) -> Kept | None:
    """Return what the file remembers, None if it does not or is damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        kept = Kept(str(found["password"]), str(found["webhook_token"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return kept if kept.password and kept.webhook_token else None


def _write(path: Path, kept: Kept) -> None:
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(asdict(kept), file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
