"""Strategies: where alerts come from, their secrets, and what was refused at their door."""

import hashlib
import re
import secrets
from collections.abc import Mapping
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.crypto import salted_hmac

from apps.marketdata.domain.contract import root_of
from apps.marketdata.domain.instrument import instrument
from apps.marketdata.queries import instrument_as_set
from apps.signals.domain.refusal import Refused
from apps.signals.domain.settings import BadSetting, settings_for
from apps.signals.domain.silence import MOST_MINUTES
from apps.signals.models import Strategy, WebhookRefusal

REFUSALS_KEPT: Final = 200
BODY_KEPT: Final = 2_000
_SECRET_IN_TEXT: Final = re.compile(
    r"""("(?:token|secret|passphrase)"\s*:\s*)("(?:[^"\\]|\\.)*"?|[^,}\s]+)""", re.IGNORECASE
)


def create_strategy(
    *,
    user: Any,
    name: str,
    symbol: str = "NQ1!",
    settings: Mapping[str, Any] | None = None,
    token: str | None = None,
) -> tuple[Strategy, str]:
    """Make a strategy and return it with its secret, which nobody can read again later.

    Raises:  UnknownInstrument, BadSetting  naming what can't be used
    """
    token = token or secrets.token_urlsafe(24)
    strategy = Strategy(
        user=user,
        name=name,
        symbol=symbol,
        settings=dict(settings or {}),
        token_hash=hashed(token),
    )
    _check(strategy)
    strategy.save(force_insert=True)
    return strategy, token


def change_strategy(*, strategy: Strategy, **changes: Any) -> Strategy:
    """Change name, symbol, settings or who may send; it applies to alerts that come from now on.

    Raises:  UnknownInstrument, BadSetting, TypeError  naming what can't be used
    """
    for name, value in changes.items():
        if name not in _CHANGEABLE:
            raise TypeError(f"{name} of a strategy can't be changed")
        setattr(strategy, name, value)
    _check(strategy)
    strategy.save(update_fields=list(changes))
    return strategy


def settings_now(strategy: Strategy, symbol: str) -> dict[str, Any]:
    """Return the settings that a signal of a strategy is made with now: its own, then the house's for the instrument."""
    root = root_of(symbol)
    house, shipped = instrument_as_set(root).defaults, instrument(root).defaults
    names = ("buffer", "stale_tolerance", "jump")
    given = {name: f"{getattr(house, name):f}" for name in names} if house != shipped else {}
    return {**given, **strategy.settings}


def change_settings(*, strategy: Strategy, given: Mapping[str, Any]) -> Strategy:
    """Change how its signals are handled, for those that come from now on; kept is what is not usual.

    So a default that is changed later reaches all who had not chosen otherwise.

    Raises:  BadSetting  naming what can't be used
    """
    product = instrument(root_of(strategy.symbol))
    asked = settings_for(product, given)
    needed = () if product.defaults else ("buffer", "stale_tolerance", "jump")
    usual = settings_for(product, {name: given[name] for name in needed})
    plain = asked.plain()
    settings = {
        name: plain[name]
        for name in given
        if name in needed or getattr(asked, name) != getattr(usual, name)
    }
    return change_strategy(strategy=strategy, settings=settings)


def rotate_token(*, strategy: Strategy) -> str:
    """Give a strategy a new secret and return it; the old address and signing key die at once."""
    token = secrets.token_urlsafe(24)
    with transaction.atomic():
        locked = Strategy.objects.select_for_update(no_key=True).get(pk=strategy.pk)
        locked.token_hash = hashed(token)
        locked.token_generation += 1
        locked.rotated_at = timezone.now()
        locked.save(update_fields=["token_hash", "token_generation", "rotated_at"])
    strategy.refresh_from_db()
    return token


def strategy_with_token(token: str) -> Strategy | None:
    """Return the strategy that a secret belongs to; of a user who is switched off there is none."""
    return _of_active().filter(token_hash=hashed(token)).first() if token else None


def strategy_that_signs(number: int) -> Strategy | None:
    """Return the strategy that a sender names who signs; of a user who is switched off there is none."""
    return _of_active().filter(pk=number).first()


def _of_active() -> QuerySet[Strategy]:
    return Strategy.objects.filter(user__is_active=True)


def signing_key(strategy: Strategy) -> str:
    """Return the key for X-Webhook-Signature. It is derived, so it is stored nowhere."""
    return salted_hmac(
        "tradehub.webhook", f"{strategy.pk}:{strategy.token_generation}", algorithm="sha256"
    ).hexdigest()


def hashed(token: str) -> str:
    """Return what is kept of a secret."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def keep_refusal(*, strategy: Strategy, refused: Refused, address: str | None, body: bytes) -> None:
    """Keep why an alert was not taken, for the trader to see; only the latest ones stay."""
    text = body[: 2 * BODY_KEPT].decode("utf-8", "replace").replace("\x00", "\ufffd")
    with transaction.atomic():
        WebhookRefusal.objects.create(
            strategy=strategy,
            received_at=timezone.now(),
            address=address,
            code=refused.code,
            field=refused.field[:80],
            detail=refused.detail[:400],
            body=_SECRET_IN_TEXT.sub(r'\1"..."', text)[:BODY_KEPT],
        )
        kept = WebhookRefusal.objects.filter(strategy=strategy).order_by("-id")
        oldest = kept.values_list("pk", flat=True)[REFUSALS_KEPT : REFUSALS_KEPT + 1].first()
        if oldest is not None:
            kept.filter(pk__lte=oldest).delete()


_CHANGEABLE: Final = frozenset(
    {
        "name",
        "symbol",
        "is_active",
        "requires_signature",
        "only_tradingview",
        "settings",
        "quiet_minutes",
    }
)


def _check(strategy: Strategy) -> None:
    wait = strategy.quiet_minutes
    if wait is not None and not 0 <= wait <= MOST_MINUTES:
        raise BadSetting("quiet_minutes", wait, f"must be 0 to {MOST_MINUTES:,} minutes, or empty")
    settings_for(instrument(root_of(strategy.symbol)), strategy.settings)
