"""A strategy is one trader's, its secret is shown once, and what it can't use is refused by name."""

import hashlib

import pytest
from django.db import IntegrityError, transaction

from apps.marketdata.domain.contract import UnknownSymbol
from apps.signals import services
from apps.signals.domain.settings import BadSetting
from apps.signals.models import Strategy


def test_the_secret_is_kept_as_a_hash_only(alice):
    strategy, token = services.create_strategy(user=alice.user, name="NQ FVG")
    assert strategy.token_hash == hashlib.sha256(token.encode()).hexdigest()
    assert len(token) >= 32
    assert services.strategy_with_token(token) == strategy
    assert services.strategy_with_token("") is None
    assert services.strategy_with_token(token + "x") is None


def test_a_trader_sees_his_own_strategies_only(alice, bob):
    mine, _ = services.create_strategy(user=alice.user, name="NQ FVG")
    services.create_strategy(user=bob.user, name="NQ FVG")
    assert list(Strategy.objects.of(alice.user)) == [mine]
    with pytest.raises(IntegrityError), transaction.atomic():
        services.create_strategy(user=alice.user, name="NQ FVG")


def test_settings_and_symbols_that_cannot_be_used_are_refused_by_name(alice):
    for change, error in (
        ({"settings": {"bufer": 25}}, BadSetting),
        ({"settings": {"targets": []}}, BadSetting),
        ({"symbol": "DOGE"}, UnknownSymbol),
    ):
        with pytest.raises(error):
            services.create_strategy(user=alice.user, name="x", **change)
        strategy, _ = services.create_strategy(user=alice.user, name=f"y {error} {change}"[:80])
        with pytest.raises(error):
            services.change_strategy(strategy=strategy, **change)
        strategy.refresh_from_db()
        assert (strategy.settings, strategy.symbol) == ({}, "NQ1!")
    with pytest.raises(TypeError):
        services.change_strategy(strategy=strategy, token_hash="0" * 64)
