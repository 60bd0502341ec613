"""How prices fill orders: one tick, one candle, or what was seen before an order came.

Source: product-spec, 4.2 and 4.3. All prices are whole ticks.
"""

from apps.brokers.domain.messages import (
    Report,
)
from apps.brokers.domain.order import OrderType
from apps.marketdata.domain.candle import Candle
from apps.papertrading.domain.fills import (
    CANDLE,
    PRINTED,
    Offer,
    Print,
    left_of,
    offered,
    queue_at,
    slippage,
    stop_offer,
)
from apps.papertrading.domain.resting import Resting
from apps.papertrading.domain.settings import THROUGH
from apps.papertrading.domain.slate import Slate


def meet(slate: Slate, seen: Print, at: int) -> None:
    """Take one tick to every working order, protective stops first."""
    for order in [one for one in slate.alive() if one.is_working]:
        if not order.is_working or order.due > at:
            continue  # gone meanwhile; or a late tick was traded before the order was there
        if order.waits_for_stop:
            _meet_stop(slate, order, seen, at)
        elif order.is_limited and order.is_laid:
            _meet_limit(slate, order, seen, at)
        else:
            lay(slate, order, seen, at)
    begin_fresh(slate, seen, at)


def begin(slate: Slate, order: Resting, at: int) -> None:
    """An order takes effect: hold it against what was seen before, then say that it works."""
    lay(slate, order, slate.seen, at)
    if not order.is_over and not order.filled:
        slate.report(order, Report.WORKING, at)
    _follow(slate, order, slate.seen, at)
    begin_fresh(slate, slate.seen, at)


def begin_fresh(slate: Slate, seen: Print | None, at: int) -> None:
    """Hold the legs that a fill has awoken against the same price, and those that this awakes."""
    while slate.fresh:
        slate.fresh.sort(key=lambda one: one.rank)
        leg = slate.fresh.pop(0)
        if leg.is_working:
            lay(slate, leg, seen, at)
            _follow(slate, leg, seen, at)


def lay(slate: Slate, order: Resting, seen: Print | None, at: int) -> None:
    """Hold an order against a price that it has not waited for.

    A market order takes what is there. A limit takes it if it is good enough and begins to rest. A stop that lies
    beyond the price already is set off. Without a price that can be trusted, all but the stop wait for the next one.
    """
    if seen is None:
        return
    slate.changed.add(order.id)
    if order.waits_for_stop:
        if _is_beyond(order, seen.price):
            _set_off(slate, order, seen, at)
    elif order.is_limited:
        _lay_limit(slate, order, seen, at)
    elif seen.is_fresh(at):
        offer = offered(seen, order.side)
        if offer is not None:
            _take(slate, order, seen, offer, at)


def _take(slate: Slate, order: Resting, seen: Print, offer: Offer, at: int) -> None:
    """Fill at the market, some ticks worse, as far as it reaches."""
    wanted = left_of(seen, offer, slate.may_fill(order, order.remaining))
    span = slate.settings.slippage_ticks
    worse = slippage(slate.seed, order.id, order.fills + 1, span) * order.side.sign
    _use(slate, order, seen, offer._replace(price=offer.price + worse), wanted, at)


def _use(slate: Slate, order: Resting, seen: Print, offer: Offer, wanted: int, at: int) -> None:
    if wanted or order.is_exit:
        # Used up before the fill is told: a leg that it awakes meets the same tick.
        if wanted:
            slate.take(order, seen, offer.pool, wanted)
        slate.fill(order, wanted, offer.price, at, offer.rests_on)


# ---- limits ----


def _lay_limit(slate: Slate, order: Resting, seen: Print, at: int) -> None:
    offer = offered(seen, order.side) if seen.is_fresh(at) else None
    if offer is None or order.limit is None:
        return
    order.is_laid = True
    order.ahead = queue_at(seen, order.side, order.limit, slate.settings.queue_ahead)
    if (order.limit - offer.price) * order.side.sign >= 0:
        wanted = left_of(seen, offer, slate.may_fill(order, order.remaining))
        _use(slate, order, seen, offer, wanted, at)


def _meet_limit(slate: Slate, order: Resting, seen: Print, at: int) -> None:
    """Traded through: all of it. Traded at the limit: what is left when those ahead have theirs."""
    assert order.limit is not None
    better = (order.limit - seen.price) * order.side.sign
    offer = offered(seen, order.side)
    rests_on = "trade" if offer is None else offer.rests_on
    if better > 0:
        slate.fill(order, order.remaining, order.limit, at, rests_on)
    elif better == 0 and slate.settings.limit_fill != THROUGH:
        printed = Offer(order.limit, seen.size - order.ahead, rests_on, PRINTED)
        order.ahead = max(0, order.ahead - seen.size)
        slate.changed.add(order.id)
        wanted = left_of(seen, printed, slate.may_fill(order, order.remaining))
        _use(slate, order, seen, printed, wanted, at)


# ---- stops ----


def _is_beyond(order: Resting, price: int) -> bool:
    assert order.stop is not None
    return (price - order.stop) * order.side.sign >= 0


def _meet_stop(slate: Slate, order: Resting, seen: Print, at: int) -> None:
    if _is_beyond(order, seen.price):
        head = slate.head_of(order)
        if head is not None and head.is_working and head.is_laid and head.limit is not None:
            # On its way to the stop the price came through what is left of the entry: that is filled, then stopped.
            _meet_limit(slate, head, seen, at)
        _set_off(slate, order, seen, at)
        return
    _arm(slate, order, seen.price, at)
    _follow(slate, order, seen, at)


def _set_off(slate: Slate, order: Resting, seen: Print, at: int) -> None:
    """A stop becomes a market order, or a limit order, with the trade that set it off."""
    order.is_triggered = True
    slate.changed.add(order.id)
    if order.is_limited:
        _lay_limit(slate, order, seen, at)
    elif seen.is_fresh(at):
        _take(slate, order, seen, stop_offer(seen, order.side), at)


def _arm(slate: Slate, order: Resting, price: int, at: int) -> None:
    """Break-even: once `arm_at` has traded, the stop lies at the entry's average price, rounded to its loss."""
    hold = -order.side.sign
    head = slate.head_of(order)
    if order.arm_at is None or (price - order.arm_at) * hold < 0:
        return
    order.arm_at = None
    slate.changed.add(order.id)
    if head is not None and head.filled:
        average = head.paid // head.filled if hold > 0 else -(-head.paid // head.filled)
        _tighten(slate, order, average, at)


def _follow(slate: Slate, order: Resting, seen: Print | None, at: int) -> None:
    """A trailing stop follows every new best price; it never goes back."""
    if seen is None or not order.waits_for_stop or order.trail is None or not order.is_working:
        return
    hold = -order.side.sign
    if order.best is None or (seen.price - order.best) * hold > 0:
        order.best = seen.price
        slate.changed.add(order.id)
        _tighten(slate, order, order.best - hold * order.trail, at)


def _tighten(slate: Slate, order: Resting, level: int, at: int) -> None:
    if order.stop is None or (level - order.stop) * -order.side.sign > 0:
        order.stop = level
        slate.report(order, Report.CHANGED, at)


# ---- candles, where ticks are not known ----


def walk(slate: Slate, candle: Candle) -> None:
    """Walk an account's orders over a candle: open, adverse extreme, favourable extreme, close.

    Adverse is what is bad for the holder; where nothing is held, for him who enters first.
    Source: methodology, 11. Only the open may jump; from there on every price in between was traded.
    """
    for place in sorted({order.place for order in slate.alive() if order.is_working}):
        mine = [one for one in slate.alive() if one.is_working and one.place == place]
        hold = slate.open.get(place, 0)
        if not hold:
            entries = [one for one in mine if not one.is_exit]
            hold = min(entries or mine, key=lambda one: one.age).side.sign
        extremes = (candle.low, candle.high) if hold > 0 else (candle.high, candle.low)
        _step(slate, place, candle.open, candle.at, jumped=True)
        for price in (*extremes, candle.close):
            _step(slate, place, price, candle.at, jumped=False)


def _step(slate: Slate, place: tuple[int, str, int], price: int, at: int, *, jumped: bool) -> None:
    """Take one price of a candle to the orders of a place, then to the legs that they have awoken."""
    met: set[tuple[str, int]] = set()
    while True:
        todo = [
            one
            for one in slate.alive()
            if one.is_working and one.place == place and (one.id, one.quantity) not in met
        ]
        if not todo:
            break
        met.add((todo[0].id, todo[0].quantity))
        _meet_candle(slate, todo[0], price, at, jumped=jumped)
    slate.fresh.clear()


def _meet_candle(slate: Slate, order: Resting, price: int, at: int, *, jumped: bool) -> None:
    if order.waits_for_stop:
        if not _is_beyond(order, price):
            _arm(slate, order, price, at)
            _follow(slate, order, Print(price, at), at)
            return
        assert order.stop is not None
        order.is_triggered = True
        slate.changed.add(order.id)
        _fill_on_candle(slate, order, price if jumped else order.stop, at)
    elif not order.is_limited:
        _fill_on_candle(slate, order, price, at)
    elif order.limit is not None:
        through = (order.limit - price) * order.side.sign > 0
        if through and not order.is_laid and jumped:
            slate.fill(order, order.remaining, price, at, CANDLE)
        elif through:
            slate.fill(order, order.remaining, order.limit, at, CANDLE)
        else:
            order.is_laid, order.ahead = True, slate.settings.queue_ahead
            slate.changed.add(order.id)


def _fill_on_candle(slate: Slate, order: Resting, base: int, at: int) -> None:
    """Fill all of a market or stop order; a stop-limit only as well as its limit says, else it rests."""
    span = slate.settings.slippage_ticks
    price = base + slippage(slate.seed, order.id, order.fills + 1, span) * order.side.sign
    if order.type is OrderType.STOP_LIMIT:
        assert order.limit is not None
        if (order.limit - base) * order.side.sign < 0:
            order.is_laid, order.ahead = True, slate.settings.queue_ahead
            return
        price = min(price, order.limit) if order.side.sign > 0 else max(price, order.limit)
    slate.fill(order, order.remaining, price, at, CANDLE)
