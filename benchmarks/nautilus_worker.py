"""nautilus_trader at the same task: one-minute bars, and the same trades followed by a strategy.

Runs with the Python of an environment of its own and knows nothing of tradehub. `python nautilus_worker.py WORK`
reads WORK/tape.bin (time ns, price in quarter points, size as int64) and WORK/entries.json; then, for each mode
named on a line of standard input, it runs the day once and answers with a line of JSON.
"""

import gc
import json
import sys
import time
from array import array
from pathlib import Path

from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import BarType, TradeTick
from nautilus_trader.model.enums import AccountType, AggressorSide, AssetClass, OmsType
from nautilus_trader.model.identifiers import InstrumentId, Symbol, TradeId, Venue
from nautilus_trader.model.instruments import FuturesContract
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.trading.strategy import Strategy

VENUE = Venue("SIM")
ID = InstrumentId(Symbol("NQH0"), VENUE)
BARS = BarType.from_str("NQH0.SIM-1-MINUTE-LAST-INTERNAL")
TICK = 0.25
DAY_NS = 86_400_000_000_000
TARGETS = (1, 2, 3, 5, 10, 20)


class Trade:
    """One trade on two tracks: the stop left alone, and moved to the entry at 1 R."""

    __slots__ = ("be", "be_at", "best", "entry", "hits", "key", "no_be", "no_be_at", "risk", "sign")
    __slots__ += ("armed", "be_best", "worst")

    def __init__(self, key, sign, entry, risk):
        self.key, self.sign, self.entry, self.risk = key, sign, entry, risk
        self.no_be = self.be = "OPEN"
        self.no_be_at = self.be_at = self.hits = 0
        self.best = self.be_best = self.worst = 0.0
        self.armed = False

    def meet(self, price, at):
        """Take a price in; return whether the trade is over."""
        x = (price - self.entry) * self.sign
        if x > self.best:
            self.best = x
            while self.hits < 6 and x >= TARGETS[self.hits] * self.risk:
                self.hits += 1
        elif x < self.worst:
            self.worst = x
        if self.be == "OPEN":
            if x > self.be_best:
                self.be_best = x
            if x <= (0.0 if self.armed else -self.risk):
                self.be, self.be_at = ("BREAK_EVEN" if self.armed else "STOPPED"), at
            elif x >= self.risk:
                self.armed = True
        if x <= -self.risk:
            self.no_be, self.no_be_at = "STOPPED", at
            return True
        return False


class Bars(Strategy):
    """Only what nautilus does by itself: ticks in, one-minute bars out."""

    def __init__(self, entries):
        super().__init__()
        self.bars = self.index = 0
        self.entries = {}
        for index, key, sign, price, risk in entries:
            self.entries.setdefault(index, []).append(Trade(key, sign, price * TICK, risk * TICK))
        self.open, self.all = [], []

    def on_start(self):
        self.subscribe_bars(BARS)

    def on_bar(self, bar):
        self.bars += 1


class Tracking(Bars):
    """Each tick is shown to each open trade, the plain way."""

    def on_start(self):
        super().on_start()
        self.subscribe_trade_ticks(ID)

    def on_trade_tick(self, tick):
        price, at = tick.price.as_double(), tick.ts_event
        ended = False
        for trade in self.open:
            if trade.meet(price, at):
                ended = True
        if ended:
            self.open = [trade for trade in self.open if trade.no_be == "OPEN"]
        if self.index in self.entries:
            self.enter()
        self.index += 1

    def enter(self):
        fresh = self.entries[self.index]
        self.open += fresh
        self.all += fresh


class Nearest(Tracking):
    """The trades are looked at only when the price leaves the nearest edges: our own idea, lent to the rival."""

    below, above = 1.0, -1.0

    def on_trade_tick(self, tick):
        price = tick.price.as_double()
        if not self.below < price < self.above:
            at = tick.ts_event
            for trade in self.open:
                trade.meet(price, at)
            self.look()
        if self.index in self.entries:
            self.enter()
            self.look()
        self.index += 1

    def look(self):
        self.open = [trade for trade in self.open if trade.no_be == "OPEN"]
        below, above = [0.0], [1e9]
        for trade in self.open:
            worse = 0.0 if trade.armed and trade.be == "OPEN" else -trade.risk
            better = TARGETS[trade.hits] * trade.risk if trade.hits < 6 else 1e9
            if not trade.armed:
                better = min(better, trade.risk)
            near, far = trade.entry + worse * trade.sign, trade.entry + better * trade.sign
            below.append(min(near, far))
            above.append(max(near, far))
        self.below, self.above = max(below), min(above)


MODES = {"bars": Bars, "tracking": Tracking, "nearest": Nearest}


def run(mode, contract, ticks, entries):
    """Run the day once; return the seconds, and how the trades ended."""
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    engine.add_venue(
        venue=VENUE,
        oms_type=OmsType.NETTING,
        account_type=AccountType.MARGIN,
        base_currency=USD,
        starting_balances=[Money(1_000_000, USD)],
    )
    engine.add_instrument(contract)
    engine.add_data(ticks)
    strategy = MODES[mode](entries)
    engine.add_strategy(strategy)
    gc.collect()
    begun = time.process_time()
    engine.run()
    seconds = time.process_time() - begun
    outcomes = {
        trade.key: (trade.no_be, trade.no_be_at, trade.be, trade.be_at) for trade in strategy.all
    }
    bars = strategy.bars
    engine.dispose()
    return {"seconds": seconds, "bars": bars, "outcomes": outcomes}


def main():
    """Load the day, then run what is asked for."""
    work = Path(sys.argv[1])
    numbers = array("q", (work / "tape.bin").read_bytes())
    times, prices, sizes = (numbers[part::3] for part in range(3))
    contract = FuturesContract(
        instrument_id=ID,
        raw_symbol=Symbol("NQH0"),
        asset_class=AssetClass.INDEX,
        currency=USD,
        price_precision=2,
        price_increment=Price.from_str("0.25"),
        multiplier=Quantity.from_int(20),
        lot_size=Quantity.from_int(1),
        underlying="NQ",
        activation_ns=0,
        expiration_ns=times[-1] + 90 * DAY_NS,
        ts_event=0,
        ts_init=0,
    )
    quantities = {size: Quantity.from_int(size) for size in set(sizes)}
    levels = {price: Price(price * TICK, 2) for price in set(prices)}
    ticks = [
        TradeTick(
            ID, levels[price], quantities[size], AggressorSide.NO_AGGRESSOR, TradeId(str(n)), at, at
        )
        for n, (at, price, size) in enumerate(zip(times, prices, sizes, strict=True))
    ]
    print(json.dumps({"ready": len(ticks)}), flush=True)
    for line in sys.stdin:
        entries = json.loads((work / "entries.json").read_text())
        print(json.dumps(run(line.strip(), contract, ticks, entries)), flush=True)


if __name__ == "__main__":
    main()
