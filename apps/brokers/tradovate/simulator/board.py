"""What the simulator knows of a contract's day: last trade, range, volume, book. Source: protocol 8."""

from random import Random
from typing import Final

from apps.brokers.tradovate.simulator.answer import Json, stamp, trade_date
from apps.brokers.tradovate.simulator.market import Market
from apps.brokers.tradovate.simulator.skeleton import day_start, trade_day
from apps.marketdata.domain.instrument import Instrument
from apps.marketdata.domain.tick import Tick

DEPTH: Final = 10


class Board:
    """One contract since the open of its trade date.

    Units:   prices in whole ticks
    """

    def __init__(
        self, contract: str, contract_id: int, product: Instrument, market: Market
    ) -> None:
        self.contract = contract
        self.contract_id = contract_id
        self.product = product
        self.last: Tick | None = None
        self._market = market
        self._day = 0
        self._until = 0
        self._open = self._high = self._low = 0
        self._volume = 0
        self._volumes: dict[int, int] = {}

    def fill_in(self, at: int) -> None:
        """Read the trade date up to an instant, and what traded last before it."""
        for tick in self._market.ticks(self.contract, day_start(trade_day(at)), at):
            self.take(tick)
        if self.last is None:
            for place, minute in enumerate(self._market.minutes_back(self.contract, at)):
                earlier = [tick for tick in minute if tick.at < at]
                if earlier:
                    self.last = earlier[-1]
                if earlier or place > 2000:
                    break

    def take(self, tick: Tick) -> None:
        """Count one trade."""
        if tick.at >= self._until:  # asking the calendar for every tick would be dear
            self._day = trade_day(tick.at)
            self._until = day_start(self._day + 1)
            self._open = self._high = self._low = tick.price
            self._volume = 0
            self._volumes = {}
        self.last = tick
        self._high = max(self._high, tick.price)
        self._low = min(self._low, tick.price)
        self._volume += tick.size
        self._volumes[tick.price] = self._volumes.get(tick.price, 0) + tick.size

    def price(self, ticks: int) -> float:
        """Return a price as the JSON number it is on the wire."""
        return float(self.product.price(ticks))

    def bid_ask(self) -> tuple[int, int] | None:
        """Return the best bid and ask beside the last trade; one tick around it where none was recorded."""
        if self.last is None:
            return None
        quote = self.last.quote
        bid = quote.bid if quote is not None and quote.bid is not None else self.last.price
        ask = quote.ask if quote is not None and quote.ask is not None else None
        return bid, (ask if ask is not None and ask > bid else bid + 1)

    def quote(self, at: int) -> Json:
        """Return the full quote."""
        entries: Json = {}
        sides = self.bid_ask()
        if self.last is not None and sides is not None:
            recorded = self.last.quote
            bid_size = recorded.bid_size if recorded is not None else None
            ask_size = recorded.ask_size if recorded is not None else None
            entries["Bid"] = {"price": self.price(sides[0]), "size": bid_size or 1}
            entries["Offer"] = {"price": self.price(sides[1]), "size": ask_size or 1}
            entries["Trade"] = {"price": self.price(self.last.price), "size": self.last.size}
        if self._volume:
            entries["TotalTradeVolume"] = {"size": self._volume}
            entries["OpenInterest"] = {"size": 268_110}
            entries["OpeningPrice"] = {"price": self.price(self._open)}
            entries["HighPrice"] = {"price": self.price(self._high)}
            entries["LowPrice"] = {"price": self.price(self._low)}
        settlement = self._market.settlement(self.contract, at)
        if settlement is not None:
            entries["SettlementPrice"] = {"price": self.price(settlement)}
        return {
            "timestamp": stamp(self.last.at if self.last is not None else at),
            "contractId": self.contract_id,
            "entries": entries,
        }

    def dom(self, at: int) -> Json:
        """Return the full book: bids falling, offers rising, never crossed."""
        bids: list[Json] = []
        offers: list[Json] = []
        sides = self.bid_ask()
        if self.last is not None and sides is not None:
            chance = Random(self.last.id)
            for level in range(DEPTH):
                bids.append({"price": self.price(sides[0] - level), "size": chance.randint(1, 30)})
                offers.append(
                    {"price": self.price(sides[1] + level), "size": chance.randint(1, 30)}
                )
        return {
            "contractId": self.contract_id,
            "timestamp": stamp(self.last.at if self.last is not None else at),
            "bids": bids,
            "offers": offers,
        }

    def histogram(self, at: int) -> Json:
        """Return the volume at each price of the trade date, as offsets in ticks from its open."""
        return {
            "contractId": self.contract_id,
            "timestamp": stamp(at),
            "tradeDate": trade_date(trade_day(at)),
            "base": self.price(self._open),
            "items": {str(p - self._open): size for p, size in sorted(self._volumes.items())},
            "refresh": True,
        }
