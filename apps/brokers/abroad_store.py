"""Orders at brokers between rows and the engine's venue, and what is to be sent. Only the engine writes it here."""

from apps.brokers import models
from apps.brokers.domain.abroad import AbroadState, line_of
from apps.brokers.domain.account import Kind
from apps.brokers.domain.brokervenue import BrokerVenue
from apps.bus.domain.message import DAY

_REMEMBERED = 5 * DAY  # a broker tells fills again within its session, never so much later


def load(now: int | None) -> AbroadState:
    """Return what is at brokers, and the names of the fills that were booked lately."""
    fills = models.Fill.objects.exclude(account__kind=Kind.PAPER)
    recent = fills.filter(at_ns__gte=(now or 0) - _REMEMBERED).values_list("key", flat=True)
    return AbroadState(
        [line_of(row.plain) for row in models.AbroadLine.objects.order_by("id")],
        {key.partition("/")[0] for key in recent},
    )


def save(venue: BrokerVenue) -> None:
    """Write what has changed, and each dispatch once, inside the running transaction."""
    if venue.lines.changed:
        models.AbroadLine.objects.bulk_create(
            [
                models.AbroadLine(tag=tag, account_id=line.account, plain=line.plain())
                for tag, line in venue.lines.changed.items()
            ],
            update_conflicts=True,
            unique_fields=["tag"],
            update_fields=["plain"],
        )
    if venue.lines.ended:
        models.AbroadLine.objects.filter(tag__in=venue.lines.ended).delete()
    models.Dispatch.objects.bulk_create(
        [
            models.Dispatch(
                key=one.key, user_id=one.user, account_id=one.account, order=one.order,
                errand=one.errand, tag=one.tag, contract=one.contract, payload=one.payload,
                is_exit=one.is_exit, fresh_s=one.fresh_s, at_ns=one.at,
            )
            for one in venue.dispatches
        ],
        ignore_conflicts=True,
    )  # fmt: skip
