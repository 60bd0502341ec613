"""What the one process is made of besides the web server."""

import time
from pathlib import Path

from django.conf import settings

from apps.brokers.gateways import Gateways
from apps.brokers.logins import register_market
from apps.brokers.reading import Readers
from apps.brokers.tradovate.hosts import Hosts, TradovateSettings
from apps.brokers.tradovate.simulator.clock import load_position
from apps.brokers.tradovate.simulator.market import DRESSES, GeneratedMarket, Market, default_start
from apps.brokers.tradovate.simulator.recording import FileMarket
from apps.brokers.tradovate.simulator.server import Plan, Simulator
from apps.engine.journal import Journal
from apps.engine.running import Source, Trading, real_source, source_elsewhere, traded_roots
from apps.marketdata.domain.contract import UnknownSymbol, root_of
from apps.system.onebox import Part
from apps.system.ownloop import OwnLoop
from apps.system.shelf import slug
from apps.system.worker import EmbeddedCelery

TRADER = "trader"  # logs in at the desk's own market beside its feed


class NoSuchMarket(ValueError):
    """The variables name a market that cannot be made; says why and what to do."""


def simulated_market() -> Market | None:
    """Return the market that MARKET asks for, None for the real one. A generated one keeps its first start.

    Raises:  NoSuchMarket, BadData
    """
    try:
        root = root_of(settings.SYMBOL)
    except UnknownSymbol as problem:
        raise NoSuchMarket(f"SYMBOL is {settings.SYMBOL!r}: {problem}") from None
    if settings.MARKET == "tradovate" or is_elsewhere(settings.MARKET):
        return None
    if settings.MARKET != "generated":
        return FileMarket(settings.MARKET, root)
    if root not in DRESSES:
        raise NoSuchMarket(
            f"SYMBOL is {settings.SYMBOL!r}: the generated market has no such product. "
            f"Use one of: {', '.join(DRESSES)}."
        )
    roots = tuple(one for one in traded_roots(root) if one in DRESSES)
    market = GeneratedMarket(settings.SEED, default_start(time.time_ns()), roots)
    stored = load_position(position_path(market), market)
    if stored is None or stored.start == market.start:
        return market
    return GeneratedMarket(settings.SEED, stored.start, roots)


def position_path(market: Market) -> Path:
    """Return where a simulated market keeps how far it has come."""
    home: Path = settings.HOME
    return home / f"simulator-{slug(market.identity)}.json"


def identity(market: Market | None) -> str:
    """Return the name under which a market's database is kept."""
    if market is not None:
        return market.identity
    real = f"tradovate {settings.TRADOVATE['env']}"
    return settings.MARKET if is_elsewhere(settings.MARKET) else real


def is_elsewhere(market: str) -> bool:
    """Return whether MARKET is the address of a simulator in a process of its own."""
    return market.startswith("http://")


def parts(market: Market | None, *, webhook: str) -> list[Part]:
    """Return the parts in the order in which they start.

    webhook: where the stand-in for TradingView posts its alerts
    """
    worker = EmbeddedCelery()
    if market is None:
        trading = Trading(source_elsewhere if is_elsewhere(settings.MARKET) else real_source)
        return [worker, trading, *_brokers()]
    simulator = _simulator(market, webhook)

    def source() -> Source:
        register_market(Hosts.at(simulator.url))
        login = TradovateSettings("demo", "demo", hosts=Hosts.at(simulator.url))
        roots = market.roots()

        def fronts(at: int) -> tuple[str, ...]:
            return tuple(market.front(root, at) for root in roots)

        return Source(login, roots[0], market.start, fronts, has_clock=True)

    return [worker, OwnLoop("simulator", simulator), Trading(source), *_brokers()]


def _brokers() -> list[Part]:
    """Return who reads brokers, and who brings orders to them."""
    return [OwnLoop("brokers", Readers()), OwnLoop("gateway", Gateways())]


def _simulator(market: Market, webhook: str) -> Simulator:
    """Return the simulator, never ahead of what the desk has stored."""
    newest = [at for _, at in Journal().cursors().values()]
    plan = Plan(
        speed=settings.SPEED,
        state_path=position_path(market),
        resume_not_after=max(newest, default=None),
        alerts_to=webhook,
        users=("demo", TRADER),
        first_id=time.time_ns() // 10**8,  # a market begun anew has other orders than the last one
    )
    return Simulator(market, plan)
