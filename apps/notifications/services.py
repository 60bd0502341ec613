"""What is done about notices: make one, read them, choose how to be told, link and unlink Discord."""

import hashlib
import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict
from datetime import datetime, time, timedelta
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.bus import transport
from apps.notifications import choices
from apps.notifications.domain.kinds import ABOUT, WAITS_FOR_DAY, Channel, Kind
from apps.notifications.domain.letters import dated
from apps.notifications.domain.timing import SUMMARY_WORTH, WORTH, quiet_until
from apps.notifications.domain.wording import NO_CONTEXT, Context, Payload, word
from apps.notifications.domain.wording import Notice as Told
from apps.notifications.models import (
    Confirmation,
    Delivery,
    DiscordLink,
    Notice,
    Preferences,
)

OVERTAKEN: Final = "it was back within seconds"
TOGETHER: Final = timedelta(seconds=60)  # facts of one batch that come within this are one notice
# What pages tell by a toast of their own as soon as it happens: a second one would say it twice.
ON_THE_PAGE: Final = ("order.", "position.", "trade.", "risk.")
KEPT: Final = timedelta(days=180)


class LinkedElsewhere(Exception):
    """That Discord account is another trader's."""


def notify(
    *,
    user: Any,
    key: str,
    told: Told,
    now: datetime,
    at: datetime | None = None,
    name: str = "",
    payload: Payload | None = None,
    context: Context = NO_CONTEXT,
) -> Notice | None:
    """Keep a notice and what has to be sent of it, once per user and key; None if it was known.

    name, payload: the fact that it tells, so that later ones of its batch can join it
    """
    if Notice.objects.filter(user=user, key=key).exists():
        return None
    if told.batch and payload is not None:
        joined = _join(user, key, told, now, name, payload)
        if joined is not None:
            return joined
    row = Notice(
        user=user, key=key, kind=told.kind, severity=told.severity, title=told.title[:200],
        body=told.body, path=told.path[:200], of=told.of[:200], batch=told.batch[:160],
        parts={key: dict(payload)} if told.batch and payload is not None else {},
        context=asdict(context) if told.batch else {}, at=at or now, created_at=now,
    )  # fmt: skip
    try:
        with transaction.atomic():
            row.save(force_insert=True)
            wanted = _deliveries(row, told, now)
            Delivery.objects.bulk_create(wanted)
    except IntegrityError:  # somebody else heard the same fact at the same moment
        return None
    _poke(row, name)
    return row


def _join(
    user: Any, key: str, told: Told, now: datetime, name: str, payload: Payload
) -> Notice | None:
    """Put a fact into the notice of its batch, as long as nothing of that has been sent."""
    known = Notice.objects.filter(user=user, batch=told.batch[:160], parts__has_key=key).first()
    if known is not None:
        return known  # type: ignore[no-any-return]
    with transaction.atomic():
        row = (
            Notice.objects.select_for_update(no_key=True)
            .filter(user=user, batch=told.batch[:160])
            .order_by("-id")
            .first()
        )
        if row is None:
            return None
        waiting = (Delivery.Status.QUEUED, Delivery.Status.SUPPRESSED)
        begun = row.deliveries.exclude(status__in=waiting).exists()
        tried = row.deliveries.filter(attempts__gt=0).exists()
        overtaken = row.deliveries.filter(
            status=Delivery.Status.SUPPRESSED, reason=OVERTAKEN
        ).exists()  # what was silenced with it would never be told
        if begun or tried or overtaken or row.created_at < now - TOGETHER:
            return None
        parts = {**row.parts, key: dict(payload)}
        again = word(name, list(parts.values()), Context(**row.context))
        if again is None:
            return None
        row.parts, row.title, row.body = parts, again.title[:200], again.body
        row.severity = again.severity
        row.save(update_fields=["parts", "title", "body", "severity"])
    _poke(row, name, again=True)
    return row  # type: ignore[no-any-return]


def _deliveries(row: Notice, told: Told, now: datetime) -> list[Delivery]:
    """Return what has to be sent of a notice, with what keeps it from being sent."""
    prefs, kind = choices.preferences(row.user), Kind(row.kind)
    chosen = choices.channels_of(prefs, kind)
    worth = SUMMARY_WORTH if kind in WAITS_FOR_DAY else WORTH
    quiet = quiet_until(now, prefs.quiet_from, prefs.quiet_to, row.user.time_zone)
    if kind in prefs.breaks or kind is Kind.TEST:
        quiet = None
    ready = now + timedelta(seconds=told.grace_s)
    found = []
    for channel in (Channel.EMAIL, Channel.DISCORD):
        if channel not in chosen:
            continue
        status, reason, next_at = Delivery.Status.QUEUED, "", ready
        if channel is Channel.DISCORD:
            link = choices.link_of(row.user)
            if link is None or (not prefs.discord_on and kind is not Kind.TEST):
                continue
            if link.broken:
                status, reason = Delivery.Status.SUPPRESSED, link.broken
        elif not choices.address_of(row.user):
            continue
        if quiet is not None and status is Delivery.Status.QUEUED:
            if kind in WAITS_FOR_DAY:
                next_at = quiet
            else:
                status, reason = Delivery.Status.SUPPRESSED, "quiet hours"
        found.append(
            Delivery(
                user=row.user,
                notice=row,
                channel=channel,
                status=status,
                reason=reason[:200],
                next_at=next_at,
                worth_until=now + worth,
                nonce=nonce(row.user_id, row.key, channel),
            )
        )
    return found


def nonce(user: int, key: str, channel: str) -> str:
    """Return a delivery's own name, the same whenever and wherever it is made: at most 25 characters."""
    return hashlib.sha256(f"{user}:{key}:{channel}".encode()).hexdigest()[:24]


def suppress(*, user: Any, batch: str, reason: str) -> int:
    """Leave unsent what of a batch has not left yet: it was overtaken. Return how many."""
    rows = Delivery.objects.filter(
        user=user, notice__batch=batch, status=Delivery.Status.QUEUED, attempts=0
    )
    return rows.update(status=Delivery.Status.SUPPRESSED, reason=reason[:200])


def _poke(row: Notice, name: str, *, again: bool = False) -> None:
    """Say on the owner's pages that there is something new; a toast where no other tells it."""
    kind = Kind(row.kind)
    toasts = Channel.TOAST in choices.channels_of(choices.preferences(row.user), kind)
    says = toasts and not again and not name.startswith(ON_THE_PAGE)
    poke = {
        "fact": "notice.made" if says else "notice.counted",
        "of": str(row.pk),
        "sound": ABOUT[kind].sound if toasts and not again else "",
        "told": {
            "title": row.title,
            "severity": row.severity,
            "body": dated(row.body, row.user.time_zone),
        },
    }
    topic = f"user.{row.user_id}.notices"
    transaction.on_commit(lambda: transport.publish(topic, poke, kind="fact"))


# ---- reading ----


def mark_read(*, user: Any, ids: Collection[int] | None = None) -> int:
    """Mark notices as read, all without `ids`; return how many were new."""
    rows = Notice.objects.of(user).filter(read_at__isnull=True)
    if ids is not None:
        rows = rows.filter(pk__in=list(ids))
    changed: int = rows.update(read_at=timezone.now())
    if changed:
        poke = {"fact": "notice.counted", "of": "", "told": {}}
        topic = f"user.{user.pk}.notices"
        transaction.on_commit(lambda: transport.publish(topic, poke, kind="fact"))
    return changed


def forget(*, now: datetime) -> int:
    """Delete notices that are old and read, and questions that are over; return how many notices' rows went."""
    Confirmation.objects.filter(expires_at__lt=now - timedelta(days=1)).delete()
    old = Notice.objects.filter(created_at__lt=now - KEPT, read_at__isnull=False)
    return old.delete()[0]


# ---- how one wants to be told ----


def set_preferences(
    *,
    user: Any,
    channels: Mapping[Kind, Iterable[Channel]],
    quiet_from: time | None,
    quiet_to: time | None,
    breaks: Iterable[Kind],
    discord_on: bool,
) -> Preferences:
    """Keep all of a trader's choices."""
    chosen = {kind.value: sorted(set(ways)) for kind, ways in channels.items()}
    row, _ = Preferences.objects.update_or_create(
        user=user,
        defaults={
            "channels": chosen, "quiet_from": quiet_from, "quiet_to": quiet_to,
            "breaks": sorted(set(breaks)), "discord_on": discord_on,
        },
    )  # fmt: skip
    return row


def switch_discord(*, user: Any, on: bool | None = None) -> bool:
    """Turn direct messages on or off, or round without a wish; return how they are now."""
    with transaction.atomic():
        Preferences.objects.get_or_create(user=user)
        row = Preferences.objects.select_for_update(no_key=True).get(user=user)
        row.discord_on = not row.discord_on if on is None else on
        row.save(update_fields=["discord_on"])
    return bool(row.discord_on)


def send_test(*, user: Any) -> Notice:
    """Have a test message sent by every way that is open."""
    told = Told(
        Kind.TEST, "Test message", "So you are told when something happens.",
        path="/settings/notifications/",
    )  # fmt: skip
    row = notify(user=user, key=f"test:{uuid.uuid4().hex}", told=told, now=timezone.now())
    assert row is not None
    return row


# ---- Discord ----


def link_discord(*, user: Any, snowflake: str, username: str) -> DiscordLink:
    """Make a Discord account a trader's own; linking anew mends a broken link.

    Raises:  LinkedElsewhere
    """
    if DiscordLink.objects.filter(snowflake=snowflake).exclude(user=user).exists():
        raise LinkedElsewhere
    try:
        with transaction.atomic():
            row, _ = DiscordLink.objects.update_or_create(
                user=user,
                defaults={
                    "snowflake": snowflake, "username": username[:80], "channel": "", "broken": "",
                    "linked_at": timezone.now(),
                },
            )  # fmt: skip
    except IntegrityError:
        raise LinkedElsewhere from None
    return row


def unlink_discord(*, user: Any) -> bool:
    """Forget a trader's Discord account, and what still waits to be sent there."""
    with transaction.atomic():
        waiting = Delivery.objects.filter(
            user=user, channel=Channel.DISCORD, status=Delivery.Status.QUEUED
        )
        waiting.update(status=Delivery.Status.GIVEN_UP, reason="Discord was unlinked")
        count, _ = DiscordLink.objects.of(user).delete()
    return bool(count)


def break_link(*, link: DiscordLink, reason: str, now: datetime) -> None:
    """Note that a Discord account can't be written to, give up what waits for it, and tell its owner in the app."""
    with transaction.atomic():
        changed = DiscordLink.objects.filter(pk=link.pk, broken="").update(broken=reason[:200])
        Delivery.objects.filter(
            user_id=link.user_id, channel=Channel.DISCORD, status=Delivery.Status.QUEUED
        ).update(status=Delivery.Status.GIVEN_UP, reason=reason[:200])
        if changed:
            told = Told(
                Kind.CHANNEL, "Discord can't reach you",
                f"{reason} Nothing is sent there until you link it again.",
                path="/settings/notifications/",
            )  # fmt: skip
            key = f"discord.broken:{link.snowflake}:{now.isoformat()}"
            notify(user=link.user, key=key, told=told, now=now)
