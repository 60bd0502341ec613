"""Risk as a Django app."""

from typing import Any

from django.apps import AppConfig
from django.apps import apps as registry
from django.db.models.signals import post_migrate


class RiskConfig(AppConfig):
    """The rules of prop firms, and a trader's own."""

    name = "apps.risk"
    verbose_name = "Risk and prop-firm rules"

    def ready(self) -> None:
        """Have the shipped rule sets there whenever the tables are, and events told in this app's words."""
        from apps.risk.domain.telling import WORDS
        from apps.trades.domain.telling import learn

        learn(WORDS)
        post_migrate.connect(_seed, sender=self)


def _seed(apps: Any = registry, **_: Any) -> None:
    """Seed what is shipped. Not a data migration: what is shipped changes with every release."""
    try:
        apps.get_model("risk", "RuleSetVersion")
    except LookupError:  # migrated back to before there were rules
        return
    from apps.risk.services import seed_presets

    seed_presets()
