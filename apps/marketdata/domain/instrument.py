"""Instruments: what is traded, in what steps, and what a step is worth."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from types import MappingProxyType
from typing import Final


class UnknownInstrument(LookupError):
    """No instrument has this root."""

    def __init__(self, root: str) -> None:
        super().__init__(f"unknown instrument {root!r}: use one of {', '.join(INSTRUMENTS)}")
        self.root = root


class OffTick(ValueError):
    """A price that the instrument cannot have."""

    def __init__(self, root: str, price: Decimal | str, tick: Decimal) -> None:
        super().__init__(f"{price} is no price of {root}: its prices are multiples of {tick:f}")
        self.root, self.price, self.tick = root, price, tick


@dataclass(frozen=True, slots=True)
class SignalDefaults:
    """How signals of an instrument are handled unless the trader says otherwise. All in points."""

    buffer: Decimal
    stale_tolerance: Decimal
    jump: Decimal
    near_stop: Decimal


@dataclass(frozen=True, slots=True)
class Instrument:
    """A product such as NQ. Its dated contracts are `apps.marketdata.domain.contract.Contract`.

    Units:  tick_size in points; point_value, tick_value, commission and exchange_fee in dollars, the fees a side
            months, liquid_months: month codes, e.g. "HMUZ"; group: whose hours, expiry and roll it follows
    """

    root: str
    name: str
    exchange: str
    group: str
    tick_size: Decimal
    point_value: Decimal
    months: str
    liquid_months: str
    tradingview: str
    projectx: str
    commission: Decimal
    exchange_fee: Decimal
    defaults: SignalDefaults | None = None
    mini: str | None = None
    micro: str | None = None
    decimals: int = field(init=False)
    _grid: Decimal = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Work out how many decimals write the tick exactly."""
        exponent = self.tick_size.normalize().as_tuple().exponent
        decimals = max(0, -int(exponent))
        object.__setattr__(self, "decimals", decimals)
        object.__setattr__(self, "_grid", Decimal(1).scaleb(-decimals))

    @property
    def tick_value(self) -> Decimal:
        """Return what one tick of one contract is worth, in dollars."""
        return self.tick_size * self.point_value

    @property
    def is_micro(self) -> bool:
        """Return whether there is a larger contract of the same thing."""
        return self.mini is not None

    def to_ticks(self, price: Decimal | str) -> int:
        """Return a price, or a distance in points, as whole ticks.

        Raises:  OffTick  it is no number, or not a multiple of the tick
        """
        try:
            ticks, rest = divmod(Decimal(price), self.tick_size)
        except InvalidOperation:  # no number, NaN, infinite, or too long to be a price
            raise OffTick(self.root, price, self.tick_size) from None
        if rest:
            raise OffTick(self.root, price, self.tick_size)
        return int(ticks)

    def price(self, ticks: int) -> Decimal:
        """Return whole ticks as a price with the instrument's decimals."""
        return (ticks * self.tick_size).quantize(self._grid)

    def points(self, ticks: int) -> Decimal:
        """Return a distance in ticks as points, with the instrument's decimals."""
        return self.price(ticks)

    def snap(self, price: Decimal | str) -> Decimal:
        """Return the nearest price on the grid, ties away from zero."""
        ticks = (Decimal(price) / self.tick_size).quantize(Decimal(1), ROUND_HALF_UP)
        return self.price(int(ticks))

    def text(self, ticks: int) -> str:
        """Return whole ticks as the text of a price, e.g. "20005.25"."""
        return f"{self.price(ticks):f}"


QUARTERLY: Final = "HMUZ"
MONTHLY: Final = "FGHJKMNQUVXZ"
GOLD: Final = "GJMQZ"
CROPS: Final = "HKNUZ"
EQUITY: Final = "equity index"
METALS: Final = "metals"
ENERGY: Final = "energy"
BONDS: Final = "bonds"
GRAINS: Final = "grains"
FX: Final = "fx"
GROUPS: Final = (EQUITY, METALS, ENERGY, BONDS, GRAINS, FX)

# commission, then exchange and NFA fee; a side, in dollars. General knowledge of November 2026, editable in the admin.
FEES_MINI: Final = (Decimal("2.50"), Decimal("1.40"))
FEES_MICRO: Final = (Decimal("0.62"), Decimal("0.37"))

# buffer, stale tolerance, jump, near a stop; points. Proposals: NQ as the methodology has it, the others in proportion.
_DEFAULTS: Final = {
    roots: SignalDefaults(*map(Decimal, text.split()))
    for roots, text in (
        (("NQ", "MNQ"), "25.00 5.00 50.00 10.00"),
        (("ES", "MES"), "6.00 1.25 12.50 2.50"),
        (("YM", "MYM"), "50 10 100 20"),
        (("RTY", "M2K"), "6.0 1.2 12.0 2.5"),
        (("GC", "MGC"), "6.0 1.0 12.0 2.5"),
        (("CL", "MCL"), "0.30 0.05 0.60 0.12"),
    )
}


def _listed() -> Mapping[str, Instrument]:
    """Return the product table. `projectx` roots are the vendor's own; where its API names another, that holds."""
    micros = {
        "MES": "ES",
        "MNQ": "NQ",
        "MYM": "YM",
        "M2K": "RTY",
        "MGC": "GC",
        "MCL": "CL",
        "SIL": "SI",
    }
    minis = {mini: micro for micro, mini in micros.items()}
    rows = (
        # root, name, exchange, group, tick, point value, months, liquid months, TradingView, ProjectX
        ("ES", "E-mini S&P 500", "CME", EQUITY, "0.25", "50", QUARTERLY, QUARTERLY, "CME_MINI", "EP"),
        ("NQ", "E-mini Nasdaq-100", "CME", EQUITY, "0.25", "20", QUARTERLY, QUARTERLY, "CME_MINI", "ENQ"),
        ("YM", "E-mini Dow", "CBOT", EQUITY, "1", "5", QUARTERLY, QUARTERLY, "CBOT_MINI", "YM"),
        ("RTY", "E-mini Russell 2000", "CME", EQUITY, "0.10", "50", QUARTERLY, QUARTERLY, "CME_MINI", "RTY"),
        ("MES", "Micro S&P 500", "CME", EQUITY, "0.25", "5", QUARTERLY, QUARTERLY, "CME_MINI", "MES"),
        ("MNQ", "Micro Nasdaq-100", "CME", EQUITY, "0.25", "2", QUARTERLY, QUARTERLY, "CME_MINI", "MNQ"),
        ("MYM", "Micro Dow", "CBOT", EQUITY, "1", "0.50", QUARTERLY, QUARTERLY, "CBOT_MINI", "MYM"),
        ("M2K", "Micro Russell 2000", "CME", EQUITY, "0.10", "5", QUARTERLY, QUARTERLY, "CME_MINI", "M2K"),
        ("GC", "Gold, 100 oz", "COMEX", METALS, "0.10", "100", MONTHLY, GOLD, "COMEX", "GCE"),
        ("MGC", "Micro Gold, 10 oz", "COMEX", METALS, "0.10", "10", MONTHLY, GOLD, "COMEX_MINI", "MGC"),
        ("SI", "Silver, 5,000 oz", "COMEX", METALS, "0.005", "5000", MONTHLY, CROPS, "COMEX", "SIE"),
        ("SIL", "Micro Silver, 1,000 oz", "COMEX", METALS, "0.005", "1000", MONTHLY, CROPS, "COMEX", "SIL"),
        ("CL", "WTI crude, 1,000 bbl", "NYMEX", ENERGY, "0.01", "1000", MONTHLY, MONTHLY, "NYMEX", "CLE"),
        ("MCL", "Micro WTI, 100 bbl", "NYMEX", ENERGY, "0.01", "100", MONTHLY, MONTHLY, "NYMEX_MINI", "MCLE"),
        ("NG", "Henry Hub gas, 10,000 MMBtu", "NYMEX", ENERGY, "0.001", "10000", MONTHLY, MONTHLY, "NYMEX", "NGE"),
        ("ZB", "30-year T-bond", "CBOT", BONDS, "0.03125", "1000", QUARTERLY, QUARTERLY, "CBOT", "USA"),
        ("ZN", "10-year T-note", "CBOT", BONDS, "0.015625", "1000", QUARTERLY, QUARTERLY, "CBOT", "TYA"),
        ("ZC", "Corn, 5,000 bu", "CBOT", GRAINS, "0.25", "50", CROPS, CROPS, "CBOT", "ZCE"),
        ("ZS", "Soybeans, 5,000 bu", "CBOT", GRAINS, "0.25", "50", "FHKNQUX", "FHKNX", "CBOT", "ZSE"),
        ("ZW", "Chicago wheat, 5,000 bu", "CBOT", GRAINS, "0.25", "50", CROPS, CROPS, "CBOT", "ZWA"),
        ("6E", "Euro FX, 125,000 EUR", "CME", FX, "0.00005", "125000", MONTHLY, QUARTERLY, "CME", "EU6"),
        ("6J", "Japanese Yen, 12,500,000 JPY", "CME", FX, "0.0000005", "12500000", MONTHLY, QUARTERLY, "CME", "JY6"),
    )  # fmt: skip
    listed: dict[str, Instrument] = {}
    for root, name, exchange, group, tick, point, months, liquid, tradingview, projectx in rows:
        commission, exchange_fee = FEES_MICRO if root in micros else FEES_MINI
        listed[root] = Instrument(
            root=root,
            name=name,
            exchange=exchange,
            group=group,
            tick_size=Decimal(tick),
            point_value=Decimal(point),
            months=months,
            liquid_months=liquid,
            tradingview=tradingview,
            projectx=projectx,
            commission=commission,
            exchange_fee=exchange_fee,
            defaults=next((kept for roots, kept in _DEFAULTS.items() if root in roots), None),
            mini=micros.get(root),
            micro=minis.get(root),
        )
    return MappingProxyType(listed)


INSTRUMENTS: Final[Mapping[str, Instrument]] = _listed()


def instrument(root: str) -> Instrument:
    """Return the instrument with this root.

    Raises:  UnknownInstrument
    """
    try:
        return INSTRUMENTS[root]
    except KeyError:
        raise UnknownInstrument(root) from None
