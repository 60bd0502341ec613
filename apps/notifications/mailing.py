"""Letters leave the outbox. A letter has no nonce: one whose outcome is unknown is not sent a second time."""

import smtplib
from datetime import datetime
from typing import Final

import structlog
from django.core import mail
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.utils import timezone

from apps.bus.lease import Clock, only_one
from apps.notifications import choices, queries
from apps.notifications.domain.kinds import Channel
from apps.notifications.domain.letters import dated, letter
from apps.notifications.domain.timing import pause
from apps.notifications.models import Delivery
from apps.notifications.sending import when

log = structlog.get_logger(__name__)

AT_ONCE: Final = 50
MAYBE: Final = "it may have been sent: the mail server did not say"


def send_mail(*, clock: Clock = timezone.now) -> int:
    """Send the letters that are due, unless somebody else is at it; return how many got out."""
    due = Delivery.objects.filter(channel=Channel.EMAIL, status=Delivery.Status.QUEUED)
    stuck = Delivery.objects.filter(channel=Channel.EMAIL, status=Delivery.Status.SENDING)
    if not due.filter(next_at__lte=clock()).exists() and not stuck.exists():
        return 0
    sent = 0
    with only_one(Channel.EMAIL, clock) as lease:
        if lease is None:
            return 0
        stuck.update(status=Delivery.Status.GIVEN_UP, reason=MAYBE)
        for _ in range(AT_ONCE):
            lease.renew()
            now = clock()
            one = (
                due.filter(next_at__lte=now).select_related("notice", "user").order_by("id").first()
            )
            if one is None:
                break
            sent += _send(one, now)
    return sent


def _send(one: Delivery, now: datetime) -> bool:
    to = choices.address_of(one.user)
    if not to or now > one.worth_until:
        return _end(one, Delivery.Status.GIVEN_UP, "too old to be of use" if to else "no address")
    one.attempts += 1
    line = mail.get_connection(fail_silently=False)
    try:
        line.open()
    except (OSError, smtplib.SMTPException):
        return _later(one, now, "the mail server can't be reached")
    one.status = Delivery.Status.SENDING
    one.save(update_fields=["status", "attempts"])
    try:
        _letter(one, to, line).send()
    except smtplib.SMTPRecipientsRefused:
        return _end(one, Delivery.Status.GIVEN_UP, "the mail server does not take this address")
    except smtplib.SMTPResponseException as answer:
        if answer.smtp_code < 500:
            return _later(one, now, f"the mail server is busy ({answer.smtp_code})")
        return _end(one, Delivery.Status.GIVEN_UP, f"the mail server refuses ({answer.smtp_code})")
    except ValueError as fault:  # an address or a line that no letter can bear
        log.warning("mail.unwritable", delivery=one.pk, problem=type(fault).__name__)
        return _end(one, Delivery.Status.GIVEN_UP, "no letter can be written to this address")
    except (OSError, smtplib.SMTPException) as problem:
        log.warning("mail.unknown", delivery=one.pk, problem=type(problem).__name__)
        return _end(one, Delivery.Status.GIVEN_UP, MAYBE)
    finally:
        line.close()
    one.sent_at = now
    return _end(one, Delivery.Status.SENT, "")


def _letter(one: Delivery, to: str, line: BaseEmailBackend) -> EmailMessage:
    row = one.notice
    text = letter(
        body=dated(row.body, one.user.time_zone), link=queries.link_back(row.path), at=when(one),
        settings_link=queries.link_back("/settings/notifications/"),
    )  # fmt: skip
    subject = " ".join(f"tradehub: {row.title}".split())
    headers = {"Auto-Submitted": "auto-generated", "Message-ID": f"<{one.nonce}@tradehub>"}
    return EmailMessage(subject, text, to=[to], connection=line, headers=headers)


def _later(one: Delivery, now: datetime, reason: str) -> bool:
    one.next_at = now + pause(one.attempts)
    one.status, one.reason = Delivery.Status.QUEUED, reason
    one.save(update_fields=["next_at", "status", "reason", "attempts"])
    return False


def _end(one: Delivery, status: str, reason: str) -> bool:
    one.status, one.reason = status, reason
    one.save(update_fields=["status", "reason", "sent_at", "attempts"])
    return status == Delivery.Status.SENT
