"""Standings between rows and the guard. Only the engine writes them."""

from apps.risk import models
from apps.risk.domain.guard import RiskGuard
from apps.risk.domain.standing import Standing, standing_of


def load() -> list[Standing]:
    """Return where every account stands."""
    rows = models.Standing.objects.order_by("account_id")
    return [standing_of(row.plain) for row in rows]


def save(guard: RiskGuard) -> None:
    """Write every standing that changed, inside the running transaction."""
    changed = {one.account: one for one in guard.changed.values()}
    if not changed:
        return
    rows = [
        models.Standing(account_id=account, level=one.level, plain=one.plain())
        for account, one in changed.items()
    ]
    models.Standing.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["account"],
        update_fields=["level", "plain"],
    )
