"""The marketdata app."""

from django.apps import AppConfig


class MarketdataConfig(AppConfig):
    """Instruments, prices and candles."""

    name = "apps.marketdata"
