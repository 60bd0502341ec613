"""A login at a broker, opened: with the token and the quota that every process of this installation shares."""

from collections.abc import Callable
from random import Random

from django.conf import settings

from apps.brokers.models.remote import Connection
from apps.brokers.standing import DatabaseThread, State, stand
from apps.brokers.tallies import SharedTally
from apps.brokers.tokens import LoginRow, free_for_feed
from apps.brokers.tradovate.broker import TradovateBroker
from apps.brokers.tradovate.hosts import Hosts, TradovateSettings
from apps.brokers.tradovate.quota import Quota
from apps.brokers.tradovate.rest import Rest
from apps.brokers.tradovate.session import Session
from apps.brokers.tradovate.shared import SharedSession
from apps.brokers.tradovate.wall import WallClock

__all__ = [
    "DatabaseThread",
    "FeedLogin",
    "State",
    "open_broker",
    "open_trial",
    "register_market",
    "settings_of",
    "stand",
]

_market: Hosts | None = None  # where the desk's own simulator listens, in the process that runs it


def register_market(hosts: Hosts | None) -> None:
    """Say where the desk's own simulator listens; the one process calls this."""
    global _market
    _market = hosts


def settings_of(row: Connection) -> TradovateSettings:
    """Return a login as the client wants it.

    Raises:  LookupError  the desk's own market is not there
    """
    hosts = None
    if row.environment == "simulator":
        elsewhere = settings.MARKET.startswith("http://")
        hosts = _market or (Hosts.at(settings.MARKET) if elsewhere else None)
        if hosts is None:
            raise LookupError("the desk's own market does not run here")
    return TradovateSettings(
        name=row.login,
        password=row.password,
        environment=row.environment,
        app_id=row.app_id or "tradehub",
        device_id=row.device_id,
        cid=row.cid,
        sec=row.sec,
        hosts=hosts,
    )


def open_broker(
    row: Connection, thread: DatabaseThread, *, wall: WallClock | None = None
) -> TradovateBroker:
    """Return a broker for a login that is kept.

    Raises:  LookupError  it is a login at the desk's own market, which does not run here
    """
    clock = wall or WallClock()
    login = settings_of(row)
    return _broker(login, LoginRow(login, thread, clock, row.pk), clock)


def open_trial(row: Connection, thread: DatabaseThread) -> tuple[TradovateBroker, LoginRow]:
    """Return a broker for a login that somebody typed in just now, and the row that it shares with the kept ones.

    Raises:  LookupError  as above
    """
    clock = WallClock()
    login = settings_of(row)
    store = LoginRow(login, thread, clock, is_trial=True)
    return _broker(login, store, clock), store


def _broker(login: TradovateSettings, store: LoginRow, clock: WallClock) -> TradovateBroker:
    chance = Random()
    return TradovateBroker(
        login,
        wall=clock,
        chance=chance,
        quota=Quota(clock, SharedTally(login.environment, login.name)),
        session=lambda rest: SharedSession(login, rest, clock, chance, store),
    )


class FeedLogin:
    """The login of the desk's feed, beside the connections: one token with those of the same name."""

    def __init__(self, login: TradovateSettings) -> None:
        free_for_feed(login)
        self._login = login
        self._thread = DatabaseThread()
        self._clock = WallClock()
        self._store = LoginRow(login, self._thread, self._clock)
        self.quota = Quota(self._clock, SharedTally(login.environment, login.name))

    @property
    def session(self) -> Callable[[Rest], Session]:
        """Return what makes the feed's session."""
        login, clock, store = self._login, self._clock, self._store
        return lambda rest: SharedSession(login, rest, clock, Random(), store)

    def close(self) -> None:
        """Let go of the database, once the feed has ended."""
        self._thread.close()
