"""PaperVenue, the last stage: an order that is allowed is filled as the tape would have filled it."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from apps.brokers.domain.messages import (
    CancelRequested,
    ChangeRequested,
    ListAccount,
    OrderAllowed,
    Report,
)
from apps.brokers.domain.order import Order
from apps.bus.domain.message import Message
from apps.bus.domain.stage import handles
from apps.marketdata.domain.messages import (
    CandleReached,
    ClockTicked,
    ContractExpired,
    Leaves,
    PriceReached,
    Recall,
    Recalled,
    Resumed,
    Waits,
)
from apps.papertrading.domain.fills import Print
from apps.papertrading.domain.matching import meet, walk
from apps.papertrading.domain.resting import Resting, Stage, taken_over
from apps.papertrading.domain.settings import PaperSettings, paper_settings
from apps.papertrading.domain.slate import Place, Slate
from apps.papertrading.domain.timing import (
    ask_cancel,
    ask_change,
    next_at,
    pass_candle,
    pass_time,
    travel,
)
from apps.trades.domain.messages import CommandRefused

EXPIRED_CONTRACT = "EXPIRED_CONTRACT"
PAPER = "paper"


@dataclass
class VenueState:
    """What of the venue outlives the process.

    open: signed contracts of every place (account, contract, strategy), as the ledger has them
    settings: of the accounts that trade on paper, and of no other
    """

    resting: list[Resting] = field(default_factory=list)
    open: dict[Place, int] = field(default_factory=dict)
    settings: dict[int, PaperSettings] = field(default_factory=dict)


class PaperVenue:
    """Matches the orders of paper accounts. One slate, and one sleeper, for each account and contract.

    changed: orders to be written; ended: ids of orders to be deleted. The journal clears both.
    """

    def __init__(self, state: VenueState | None = None, seed: str = "1") -> None:
        state = state or VenueState()
        self.seed = seed
        self.open = {place: held for place, held in state.open.items() if held}
        self.settings = dict(state.settings)
        self.changed: dict[str, Resting] = {}
        self.ended: set[str] = set()
        self._slates: dict[str, Slate] = {}
        self._next: dict[str, int | None] = {}
        self._at = 0
        for order in state.resting:
            if order.account in self.settings:
                slate = self._slate(order.account, order.contract)
                slate.orders[order.id] = order

    @property
    def resting(self) -> list[Resting]:
        """Return all that is kept, as it would be loaded again."""
        return [order for slate in self._slates.values() for order in slate.orders.values()]

    def contracts(self) -> set[str]:
        """Return the contracts in which something rests or is on its way."""
        return {order.contract for order in self.resting if not order.is_over}

    # ---- accounts and starts ----

    @handles(ListAccount)
    def list_account(self, wish: ListAccount) -> Iterator[Message]:
        """Take over how an account's orders are filled. Accounts that are not paper are not matched here."""
        if wish.config.get("kind", PAPER) != PAPER:
            self.settings.pop(wish.account, None)
            return
        try:
            settings = paper_settings(wish.config.get("paper"))
        except ValueError as problem:
            self.settings.setdefault(wish.account, PaperSettings())
            yield CommandRefused(
                at=self._at,
                user=wish.user,
                command=wish.id,
                reason="BAD_VALUE",
                detail=str(problem),
            )
            return
        self.settings[wish.account] = settings
        for slate in self._all():
            if slate.account == wish.account:
                slate.settings = settings
                yield from self._settle(slate)

    @handles(Resumed)
    def resume(self, said: Resumed) -> Iterator[Message]:
        """Ask for the market once more, and say again where each account waits."""
        for slate in self._all():
            yield Recall(slate.name, slate.contract)
            yield from self._settle(slate)

    @handles(Recalled)
    def hear_recalled(self, said: Recalled) -> Iterator[Message]:
        """Keep what was seen last. Where only candles are known (id -1), nothing was."""
        slate = self._slates.get(said.of)
        if slate is not None and said.last is not None and said.id >= 0:
            slate.look_at(Print(said.last, said.at, said.size, said.quote, said.id))
        return iter(())

    # ---- wishes ----

    @handles(OrderAllowed)
    def hear_allowed(self, said: OrderAllowed) -> Iterator[Message]:
        """Send an order and the legs of its bracket on their way."""
        order = said.order
        if order.account not in self.settings:
            return
        slate = self._slate(order.account, order.contract)
        if order.id in slate.orders:
            return
        if not slate.is_awake:  # who is awake has seen every tick himself
            yield Recall(slate.name, slate.contract)
        pass_time(slate, said.at)  # what was due before this wish was there has happened before it
        due = travel(slate, order.id, said.at)
        first = slate.orders.get(order.after)
        waits = first is not None and not first.is_over
        made = self._put(slate, order, Stage.ASLEEP if waits else Stage.COMING, due, said.at)
        made.has_legs = bool(said.legs)
        for leg in said.legs:
            self._put(slate, leg, Stage.ASLEEP, due, said.at)
        yield from self._settle(slate)

    def _put(self, slate: Slate, order: Order, stage: Stage, due: int, at: int) -> Resting:
        made = taken_over(order, stage, due, slate.next_age())
        made.at = at
        slate.put(made)
        return made

    @handles(CancelRequested, ChangeRequested)
    def hear_wish(self, said: CancelRequested | ChangeRequested) -> Iterator[Message]:
        """Take a cancel or a change in. For an order that is over it comes too late: what ended it is on its way."""
        slate = self._slates.get(_name(said.order.account, said.order.contract))
        order = slate.orders.get(said.order.id) if slate is not None else None
        if slate is None or order is None or order.is_over:
            return
        if not slate.is_awake:
            yield Recall(slate.name, slate.contract)
        pass_time(slate, said.at)
        if not order.is_over:
            if isinstance(said, CancelRequested):
                ask_cancel(slate, order, said)
            else:
                ask_change(slate, order, said)
        yield from self._settle(slate)

    # ---- prices and time ----

    @handles(PriceReached)
    def hear_price(self, said: PriceReached) -> Iterator[Message]:
        """First what was due before this tick, from what was seen before it; then the tick itself."""
        slate = self._slates.get(said.of)
        if slate is None:
            return
        self._at = max(self._at, said.at)
        if (
            not slate.is_awake
        ):  # ticks have passed that it has not seen; this one may be later than they
            yield Recall(slate.name, slate.contract)
        pass_time(slate, said.at)
        tick = Print(said.price, said.at, said.size, said.quote, said.id)
        is_late = slate.seen is not None and tick.id < slate.seen.id
        if not is_late:
            slate.look_at(tick)
        meet(slate, tick if is_late or slate.seen is None else slate.seen, said.at)
        yield from self._settle(slate)

    @handles(CandleReached)
    def hear_candle(self, said: CandleReached) -> Iterator[Message]:
        """Where ticks are not known, a candle stands for four prices."""
        slate = self._slates.get(said.of)
        if slate is None:
            return
        self._at = max(self._at, said.candle.at)
        pass_candle(slate, said.candle.at)
        walk(slate, said.candle)
        yield from self._settle(slate)

    @handles(ClockTicked)
    def tick_clock(self, said: ClockTicked) -> Iterator[Message]:
        """Let what is due happen though no tick came."""
        self._at = max(self._at, said.at)
        for slate in self._all():
            due = self._next.get(slate.name)
            if due is not None and due <= said.at and said.contract in ("", slate.contract):
                pass_time(slate, said.at)
                yield from self._settle(slate, said.at)

    @handles(ContractExpired)
    def hear_expiry(self, said: ContractExpired) -> Iterator[Message]:
        """Nothing can be traded any more: all orders end, exits first, and what is open is settled elsewhere."""
        for slate in self._all():
            if slate.contract == said.contract:
                pass_time(slate, said.at)
                for order in sorted(slate.alive(), key=lambda one: not one.is_exit):
                    slate.end(order, Report.CANCELLED, said.at, EXPIRED_CONTRACT)
                slate.seen = None
        for place in [place for place in self.open if place[1] == said.contract]:
            del self.open[place]
        for slate in self._all():
            if slate.contract == said.contract:
                yield from self._settle(slate)

    # ---- small things ----

    def _all(self) -> list[Slate]:
        """Return every slate, in an order that a restart does not change."""
        return [self._slates[name] for name in sorted(self._slates)]

    def _settle(self, slate: Slate, at: int = 0) -> Iterator[Message]:
        """Say what has happened on a slate, then where it waits now."""
        self._note(slate, at)
        yield from slate.say()
        if self._slates.get(slate.name) is not slate:
            return  # all of it ended in the answer to a report, which has said so
        self._note(slate, at)
        if not slate.orders:
            del self._slates[slate.name]
            self._next.pop(slate.name, None)
            yield Leaves(slate.name, slate.contract)
            return
        self._next[slate.name] = next_at(slate)
        below, above = slate.span()
        slate.is_awake = below >= above
        yield Waits(slate.name, slate.contract, below, above)

    def _note(self, slate: Slate, at: int) -> None:
        """Note what has to be written and what to be deleted."""
        slate.sweep(max(at, slate.seen.at if slate.seen is not None else 0))
        for id in slate.gone:
            self.changed.pop(id, None)
            self.ended.add(id)
        for id in slate.changed - slate.gone:
            self.changed[id] = slate.orders[id]
        slate.changed.clear()
        slate.gone.clear()

    def _slate(self, account: int, contract: str) -> Slate:
        name = _name(account, contract)
        if name not in self._slates:
            self._slates[name] = Slate(
                account, contract, self.settings[account], self.seed, self.open
            )
        return self._slates[name]


def _name(account: int, contract: str) -> str:
    return f"v:{account}:{contract}"
