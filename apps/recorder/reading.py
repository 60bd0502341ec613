"""Whether a broker account is read now, and the words for it where it is not."""

from apps.brokers.models import BrokerAccount
from apps.bus.domain.message import iso, to_instant
from apps.recorder.domain import reading
from apps.recorder.domain.reading import Unread


def unread(account: BrokerAccount, now: int) -> Unread | None:
    """Return why an account is not read at an instant of the wall clock, None while it is."""
    login = account.connection
    heard = [to_instant(at) for at in (login.polled_at, login.heard_at) if at is not None]
    return reading.unread(
        state=login.state, is_on=login.is_on, is_removed=login.is_removed, is_open=account.is_open,
        last=max(heard, default=None), stood=to_instant(login.state_at or login.created_at), now=now,
    )  # fmt: skip


def words(account: BrokerAccount, found: Unread) -> str:
    """Say in a sentence that an account is not read, why, and what helps."""
    since = "" if found.since is None else f" since {iso(found.since)[:16].replace('T', ' ')} UTC"
    return f"{account} is not read{since}, so nothing is recorded: {found.why}; {found.cure}."
