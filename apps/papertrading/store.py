"""What rests at the paper venue, between rows and the venue. Only the engine writes it."""

from apps.brokers.domain.account import Kind
from apps.brokers.domain.books import LedgerState
from apps.brokers.models import Account
from apps.papertrading import models
from apps.papertrading.domain.resting import resting_of
from apps.papertrading.domain.settings import paper_settings
from apps.papertrading.domain.venue import PaperVenue, VenueState


def load(ledger: LedgerState) -> VenueState:
    """Return all that rests, with what the ledger knows to be held."""
    rows = models.Resting.objects.order_by("id")
    return VenueState(
        resting=[resting_of(row.plain) for row in rows],
        open={(one.account, one.contract, one.strategy): one.quantity for one in ledger.positions},
        settings={
            row.pk: paper_settings(row.paper) for row in Account.objects.filter(kind=Kind.PAPER)
        },
    )


def save(venue: PaperVenue) -> None:
    """Write what has changed and forget what is over, inside the running transaction."""
    changed = {key: one for key, one in venue.changed.items() if key not in venue.ended}
    if changed:
        models.Resting.objects.bulk_create(
            [
                models.Resting(
                    key=key, account_id=one.account, contract=one.contract, plain=one.plain()
                )
                for key, one in changed.items()
            ],
            update_conflicts=True,
            unique_fields=["key"],
            update_fields=["plain"],
        )
    if venue.ended:
        models.Resting.objects.filter(key__in=venue.ended).delete()
