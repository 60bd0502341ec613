"""The outbox is emptied: direct messages one after the other, as Discord asks; letters beside them.

Nothing is lost, because a delivery stays queued until its outcome is known. Nothing is doubled: an attempt is noted
before it is made; if its outcome is unknown, it is repeated with the same nonce while Discord knows that, and later
only after a look whether it has arrived.
"""

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.conf import settings
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from apps.bus.lease import Clock, Lease, Lost, only_one
from apps.notifications import choices, deeds, discord, queries, services
from apps.notifications.discord import (
    BadToken,
    Discord,
    Done,
    NotReached,
    Refused,
    Unknown,
    Wait,
)
from apps.notifications.domain import letters
from apps.notifications.domain.kinds import Channel, Kind
from apps.notifications.domain.timing import NONCE_HOLDS, pause
from apps.notifications.domain.wording import Notice as Told
from apps.notifications.models import Delivery, DiscordLink, Sender
from apps.users.models import User

log = structlog.get_logger(__name__)

AT_ONCE: Final = 200  # messages of one run; the next comes within seconds
BUDGET_S: Final = 40.0
OURS: Final = "a fault of ours"
IN_ORDER: Final = 4  # tries for which later messages to the same person wait behind one
GONE: Final = 10003
FAULT_PAUSE: Final = timedelta(minutes=1)
SKEW: Final = timedelta(minutes=5)  # of our clock against Discord's
STOPPED: Final = "Discord does not accept this desk's bot token. The operator has to set another."
WHY: Final = {
    50007: "Discord says that you take no messages from this desk's bot: open your direct messages to it, or add it to your account.",
    50278: "You and this desk's bot share no server: add the bot to your account or join its server.",
    10013: "Discord does not know this account any more.",
    50033: "Discord does not take this account as somebody to write to.",
    10003: "Discord does not know the conversation any more.",
}


def send_discord(*, clock: Clock = timezone.now, open_line: Callable[[], Discord] = Discord) -> int:
    """Send what is due to Discord, unless somebody else is at it; return how many messages got out."""
    waiting = Delivery.objects.filter(channel=Channel.DISCORD, next_at__lte=clock())
    waiting = waiting.filter(status__in=(Delivery.Status.QUEUED, Delivery.Status.SENDING))
    if not discord.is_configured() or not (waiting.exists() or deeds.are_waiting(clock())):
        return 0
    sent = 0
    with only_one(Channel.DISCORD, clock) as lease:
        if lease is None:
            return 0
        _recover(Channel.DISCORD)
        Sender.objects.get_or_create(name=Channel.DISCORD)
        until = clock() + timedelta(seconds=BUDGET_S)
        with open_line() as line:
            if not _is_silent(Sender.objects.get(name=Channel.DISCORD), clock()):
                deeds.follow_up(line, clock, lease)  # somebody looks at it now
            for _ in range(AT_ONCE):
                lease.renew()
                row, now = Sender.objects.get(name=Channel.DISCORD), clock()
                if now >= until or _is_silent(row, now):
                    break
                delivery = _next(Channel.DISCORD, now, row)
                if delivery is None:
                    break
                sent += _try(_Attempt(line, delivery, clock, lease))
    return sent


def _recover(channel: Channel) -> None:
    """Queue again what a worker was sending when it died: we hold the lease, so nobody is at it."""
    Delivery.objects.filter(channel=channel, status=Delivery.Status.SENDING).update(
        status=Delivery.Status.QUEUED
    )


def fingerprint() -> str:
    """Return what tells one bot token from another without being one."""
    return hashlib.sha256(settings.DISCORD_BOT_TOKEN.encode()).hexdigest()[:16]


def _is_silent(row: Sender, now: datetime) -> bool:
    """Return whether nobody may be sent anything now. Another token than the one that was refused may try."""
    if row.stopped and row.stopped_key == fingerprint():
        return True
    if row.stopped:
        Sender.objects.filter(pk=row.pk).update(stopped="", stopped_key="")
    return row.paused_until is not None and row.paused_until > now


def _next(channel: Channel, now: datetime, row: Sender | None = None) -> Delivery | None:
    """Return the oldest message that may go now. Behind one that has just failed its reader's later ones wait for a while.

    Else "closed" could reach him before "opened". After a few tries they overtake it, and at once where the fault is its own.
    """
    queued = Delivery.objects.filter(channel=channel, status=Delivery.Status.QUEUED)
    ahead = queued.filter(
        user=OuterRef("user"), pk__lt=OuterRef("pk"), attempts__range=(1, IN_ORDER),
        next_at__gt=now, worth_until__gt=now,
    ).exclude(reason__startswith=OURS)  # fmt: skip
    due = queued.filter(~Exists(ahead), next_at__lte=now)
    if row is not None and row.opening_paused_until and row.opening_paused_until > now:
        opened = DiscordLink.objects.exclude(channel="").values("user_id")
        due = due.filter(user_id__in=opened)
    found: Delivery | None = due.select_related("notice", "user").order_by("id").first()
    return found


def _try(attempt: "_Attempt") -> bool:
    """Make an attempt. A fault of ours in one message must not keep the others from getting out."""
    try:
        return attempt.run()
    except Lost:
        raise
    except Exception as fault:
        log.exception("discord.fault", delivery=attempt.delivery.pk)
        return attempt.failed(f"{OURS}: {type(fault).__name__}")


class _Attempt:
    """One try to deliver one direct message."""

    def __init__(self, line: Discord, delivery: Delivery, clock: Clock, lease: Lease) -> None:
        self.line, self.delivery, self.clock, self.lease = line, delivery, clock, lease
        self.link: DiscordLink | None = choices.link_of(delivery.user)

    def run(self) -> bool:
        """Try; return whether the message got out."""
        one, now = self.delivery, self.clock()
        if self.link is None or self.link.broken:
            return self._give_up(self.link.broken if self.link else "Discord is not linked")
        if now > one.worth_until:
            return self._give_up(f"too old to be of use{': ' + one.reason if one.reason else ''}")
        if not self.link.channel and not self._open(self.link):
            return False
        if one.unknown_since is not None and now > one.unknown_since + NONCE_HOLDS:
            found = self._look(one.unknown_since)
            if found is not None:
                return found
        return self._send()

    def _open(self, link: DiscordLink) -> bool:
        answer = self.line.open(link.snowflake)
        channel = ""
        if isinstance(answer, Done) and isinstance(answer.data, dict):
            channel = str(answer.data.get("id") or "")
        if channel:
            link.channel = channel[:20]
            link.save(update_fields=["channel"])
            return True
        match answer:
            case Wait(seconds, everywhere, reason):
                until = self.clock() + timedelta(seconds=seconds)
                field = "paused_until" if everywhere else "opening_paused_until"
                Sender.objects.filter(name=Channel.DISCORD).update(**{field: until})
                self._later(reason, until)
            case _:  # it counts as a try: the next one comes later, and what follows to him waits behind it
                self._set(attempts=self.delivery.attempts + 1)
                self._not_sent(answer)
        return False

    def _look(self, since: datetime) -> bool | None:
        """See whether an earlier attempt has arrived; None if not, so that it may be sent again."""
        assert self.link is not None
        answer = self.line.find(self.link.channel, self.delivery.nonce, since - SKEW)
        match answer:
            case Done(None):
                self._set(unknown_since=None)
                return None
            case Done(message):
                return self._sent(str(message))
            case Refused(200, _, reason):
                return self._give_up(f"it may have arrived: {reason}")
            case _:
                return self._not_sent(answer)

    def _send(self) -> bool:
        assert self.link is not None
        one, before = self.delivery, self.delivery.unknown_since
        self.lease.renew()
        self._set(
            status=Delivery.Status.SENDING, attempts=one.attempts + 1,
            unknown_since=before or self.clock(),
        )  # fmt: skip
        answer = self.line.send(self.link.channel, message_of(one), nonce=one.nonce)
        match answer:
            case Done(data, pause_s):
                if pause_s:
                    self._hold_back(timedelta(seconds=pause_s))
                return self._sent(str(data.get("id") or "") if isinstance(data, dict) else "")
            case Unknown(reason):
                return self._later(reason, self.clock() + pause(one.attempts))
        self._set(unknown_since=before)  # this attempt at least was not taken
        return self._not_sent(answer)

    # ---- what comes of it ----

    def failed(self, reason: str) -> bool:
        """Put it off: it could not be tried to the end. What may have been sent stays marked so."""
        return self._later(reason, self.clock() + max(pause(self.delivery.attempts), FAULT_PAUSE))

    def _not_sent(self, answer: discord.Answer) -> bool:
        now, one = self.clock(), self.delivery
        match answer:
            case Wait(seconds, everywhere, reason):
                if everywhere:
                    Sender.objects.filter(name=Channel.DISCORD).update(
                        paused_until=now + timedelta(seconds=seconds)
                    )
                self._later(reason, now + timedelta(seconds=seconds))
                self._hold_back(timedelta(seconds=seconds))
            case BadToken():
                self._stop()
            case Refused(status, code, reason):
                self._refused(status, code, reason)
            case NotReached(reason) | Unknown(reason):
                self._later(reason, now + pause(max(one.attempts, 1)))
            case Done():
                self._later("Discord's answer was empty", now + pause(max(one.attempts, 1)))
        return False

    def _refused(self, status: int, code: int, reason: str) -> None:
        assert self.link is not None
        log.warning("discord.refused", status=status, code=code, delivery=self.delivery.pk)
        if code == GONE and not self.delivery.reopened:
            self.link.channel = ""
            self.link.save(update_fields=["channel"])
            self._set(reopened=True)
            self._later("its conversation is opened anew", self.clock())
            return
        told = WHY.get(code) or f"Discord refuses: {reason or status} ({code or status})."
        self._give_up(told)
        if (
            code in discord.PERSONAL
        ):  # else it is this message, or an address of ours: nobody's link
            services.break_link(link=self.link, reason=told, now=self.clock())

    def _stop(self) -> None:
        """Our own key is bad: be silent, and tell those who can mend it."""
        now = self.clock()
        self._later("the operator's bot token is not accepted", now)
        Sender.objects.filter(name=Channel.DISCORD).update(
            stopped=STOPPED, stopped_key=fingerprint()
        )
        log.error("discord.stopped", reason="the bot token is not accepted")
        told = Told(Kind.CHANNEL, "Discord sends nothing", STOPPED, path="/settings/notifications/")
        for staff in User.objects.filter(is_active=True, is_staff=True):
            key = f"discord.stopped:{fingerprint()}"
            services.notify(user=staff, key=key, told=told, now=now)

    def _hold_back(self, length: timedelta) -> None:
        """Let what else waits for the same person wait as long: its route is used up."""
        until = self.clock() + length
        Delivery.objects.filter(
            Q(next_at__lt=until), user=self.delivery.user, channel=Channel.DISCORD,
            status=Delivery.Status.QUEUED,
        ).update(next_at=until)  # fmt: skip

    def _sent(self, message: str) -> bool:
        self._set(
            status=Delivery.Status.SENT, message=message[:200], sent_at=self.clock(), reason="",
            unknown_since=None,
        )  # fmt: skip
        return True

    def _later(self, reason: str, at: datetime) -> bool:
        self._set(status=Delivery.Status.QUEUED, reason=reason[:200], next_at=at)
        return False

    def _give_up(self, reason: str) -> bool:
        self._set(status=Delivery.Status.GIVEN_UP, reason=reason[:200])
        return False

    def _set(self, **fields: object) -> None:
        for name, value in fields.items():
            setattr(self.delivery, name, value)
        self.delivery.save(update_fields=list(fields))


def message_of(one: Delivery) -> dict[str, object]:
    """Return a delivery as Discord gets it."""
    row = one.notice
    return letters.direct_message(
        title=row.title, body=letters.dated(row.body, one.user.time_zone), severity=row.severity, link=queries.link_back(row.path),
        at=when(one), mark=one.nonce,
    )  # fmt: skip


def when(one: Delivery) -> str:
    """Return the moment of a notice on its owner's clock."""
    return letters.on_clock(one.notice.at, one.user.time_zone)
