"""The engine with its feed, as one thing: the long-running command and the one process both run it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

from django.conf import settings

from apps.brokers.domain.ports import Cursor
from apps.brokers.logins import FeedLogin
from apps.brokers.tradovate.feed import Market, TradovateFeed
from apps.brokers.tradovate.hosts import Hosts, TradovateSettings
from apps.brokers.tradovate.simulator.market import default_start
from apps.engine.journal import Journal
from apps.engine.live import LiveEngine
from apps.marketdata.domain.calendar import is_open
from apps.marketdata.domain.contract import parse, root_of
from apps.marketdata.domain.instrument import instrument
from apps.marketdata.domain.messages import ContractListed
from apps.marketdata.domain.session import day_bounds
from apps.marketdata.queries import front_contract, instrument_as_set


@dataclass(frozen=True, slots=True)
class Source:
    """Where the market comes from.

    first_at:  market time at the very first start, when no tick is stored yet
    fronts:    the contracts that are followed at an instant of market time, the desk's own product first
    has_clock: the server says market time, as the simulator does; else it is the wall clock's
    is_kept:   the login outlives this process, and connections may have it too: they share its token
    """

    login: TradovateSettings
    root: str
    first_at: int
    fronts: Callable[[int], tuple[str, ...]]
    has_clock: bool = False
    is_kept: bool = False


@dataclass
class Trading:
    """Engine and feed. Start it once; it holds the lock that keeps a second engine away."""

    source: Callable[[], Source]
    name: str = "engine"
    engine: LiveEngine = field(init=False)
    feed: TradovateFeed = field(init=False)
    login: FeedLogin | None = field(init=False, default=None)

    def start(self) -> None:
        """Load the rows, then ask the feed for what came after the newest stored tick.

        Raises:  AnotherRuns
        """
        source = self.source()
        cursors = Journal().cursors()
        own = [at for contract, (_, at) in cursors.items() if root_of(contract) == source.root]
        # a simulated market stood still while the desk was down, a real one went on, and may have rolled
        now = max(own, default=source.first_at) if source.has_clock else source.first_at
        fronts = source.fronts(now)
        self.engine = LiveEngine(
            [listed(front, now) for front in fronts],
            fronts_at=lambda at: [listed(front, at) for front in source.fronts(at)],
            on_roll=lambda contracts: self.feed.follow(contracts),
            has_clock=source.has_clock,
        )
        self.engine.start()
        self.login = FeedLogin(source.login) if source.is_kept else None
        self.feed = TradovateFeed(
            source.login,
            Market(_tick_size, _is_open, has_clock=source.has_clock),
            self._wanted(fronts),
            self.engine.put,
            resume=self._newest,
            warm_up=lambda contract: _warm_up(source, contract, max(self.engine.at, now)),
            session=self.login.session if self.login else None,
            quota=self.login.quota if self.login else None,
        )
        self.feed.start()

    def _newest(self, contract: str) -> Cursor | None:
        """Return the newest applied tick of a contract, at the moment when it is followed."""
        tape = self.engine.engine.market.tapes.get(contract)
        return None if tape is None or tape.last is None else Cursor(tape.last_id, tape.last_at)

    def _wanted(self, fronts: tuple[str, ...]) -> tuple[str, ...]:
        """Return the contracts to follow: those that somebody still waits on first, the desk's own product last."""
        return (*sorted(self.engine.engine.contracts() - set(fronts)), *reversed(fronts))

    def stop(self) -> None:
        """Log off, then save what there is."""
        self.feed.stop(2.0)
        if self.login is not None:
            self.login.close()
        self.engine.stop(1.5)

    def is_alive(self) -> bool:
        """Return whether both still run."""
        return self.engine.is_alive() and self.feed.is_alive()


def listed(contract: str, at: int) -> ContractListed:
    """Return how the engine is told to follow a contract."""
    product = instrument_as_set(root_of(contract))
    jump = product.defaults.jump / product.tick_size if product.defaults else None
    return ContractListed(
        contract, product.root, None if jump is None else int(jump), parse(contract, at).expires_at
    )


def _warm_up(source: Source, contract: str, at: int) -> int:
    """Return from when on a contract's ticks are wanted: its whole day, or from now where somebody holds it already.

    What was traded at a broker by hand is held before it is followed, and would meet prices from before its fill.
    """
    return day_bounds(at)[0] if contract in source.fronts(at) else at


def _tick_size(contract: str) -> Decimal:
    return instrument(root_of(contract)).tick_size


def _is_open(contract: str, at: int) -> bool:
    return is_open(at, instrument(root_of(contract)).group)


def real_source() -> Source:
    """Return Tradovate itself, logged in as the environment says."""
    given = settings.TRADOVATE
    login = TradovateSettings(
        name=given["name"],
        password=given["password"],
        environment=given["env"],
        app_id=given["app_id"],
        device_id=_device_id(),
        cid=given["cid"],
        sec=given["sec"],
    )
    root = root_of(settings.SYMBOL)
    roots = traded_roots(root)
    return Source(
        login,
        root,
        time.time_ns(),
        lambda at: tuple(front_contract(one, at).name for one in roots),
        is_kept=True,
    )


def traded_roots(root: str) -> tuple[str, ...]:
    """Return what is followed for a product: itself and its micro, whose orders fill on its own ticks."""
    micro = instrument(root).micro
    return (root, micro) if micro else (root,)


def _device_id() -> str:
    """Return this installation's own name, made once: Tradovate limits how many devices log in."""
    path = Path(settings.HOME) / "device_id"
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        path.write_text(str(uuid4()), encoding="utf-8")
        return path.read_text(encoding="utf-8")


def source_elsewhere() -> Source:
    """Return a simulator that runs in a process of its own; SYMBOL may name a dated contract.

    It is taken to have begun where simulated markets begin, so that a first start asks for that day's ticks.
    """
    login = TradovateSettings(
        "demo", "demo", environment="simulator", hosts=Hosts.at(settings.MARKET)
    )
    now = default_start(time.time_ns())
    return Source(
        login,
        root_of(settings.SYMBOL),
        now,
        lambda at: (parse(settings.SYMBOL, at).name,),
        has_clock=True,
        is_kept=True,
    )
