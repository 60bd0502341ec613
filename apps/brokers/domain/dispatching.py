"""What is asked of a broker about our orders: each thing once, one change at a time, and no refusal for ever."""

from collections.abc import Iterator
from typing import Any

from apps.brokers.domain.abroad import (
    FRESH_S,
    MOST_TRIES,
    STALE_S,
    Dispatch,
    Errand,
    Line,
    Stage,
)
from apps.brokers.domain.books import Books, named
from apps.brokers.domain.facts import OrderChangeRefused, OrderStuck
from apps.brokers.domain.lines import Lines
from apps.brokers.domain.messages import ReportBroker
from apps.brokers.domain.order import OrderType
from apps.bus.domain.message import Message
from apps.marketdata.domain.contract import root_of
from apps.marketdata.domain.instrument import instrument


class Dispatcher:
    """Makes the dispatches and hears what the broker thinks of them. `dispatches` have still to be written."""

    def __init__(self, books: Books, lines: Lines) -> None:
        self._books, self._lines = books, lines
        self.dispatches: list[Dispatch] = []
        self._rooms: set[str] = set()  # tags of what is to become smaller for an exit's sake

    # ---- asked ----

    def place(self, line: Line, at: int) -> Dispatch:
        """Send an order with its legs."""
        legs = self._lines.legs_of(line)
        for one in (line, *legs):
            one.stage = Stage.ASKED
            self._lines.note(one)
        errand = Errand.LIQUIDATE if line.is_kill else Errand.PLACE
        payload = _values(line) | {
            "side": line.side.value, "quantity": line.quantity, "tif": line.tif.value,
            "legs": [_values(leg) | {"tag": leg.tag} for leg in legs],
        }  # fmt: skip
        payload["is_automated"] = line.is_automated
        fresh_s = STALE_S if line.is_exit else FRESH_S
        return self._dispatch(line, errand, line.tag, payload, at, fresh_s)

    def cancel(
        self, line: Line, at: int, why: str = "", *, by_hand: bool = False, for_room: bool = False
    ) -> Iterator[Message]:
        """Ask once for the end of what is at the broker, and remember why.

        by_hand: a person wants it; for_room: for the sake of an exit that waits, and of no use without it
        """
        if line.is_over or line.is_leaving or line.stage is Stage.HERE or line.ending:
            return
        if line.is_stuck:
            return
        line.is_leaving, line.left_for = True, why
        line.changes += 1
        self._lines.note(line)
        payload, fresh_s = {"is_automated": not by_hand}, STALE_S if for_room else None
        key = f"{line.tag}.x{line.changes}"
        yield self._dispatch(line, Errand.CANCEL, key, payload, at, fresh_s)

    def shrink(
        self, line: Line, left: int, at: int, why: str = "", *, for_room: bool = False
    ) -> Iterator[Message]:
        """Want an exit to trade no more than so much from now on; for nothing it is taken back."""
        self._rooms.discard(line.tag)
        if left <= 0:
            yield from self.cancel(line, at, why, for_room=for_room)
        elif line.quantity - line.filled > left:
            line.want_quantity = line.filled + left
            self._lines.note(line)
            if for_room:
                self._rooms.add(line.tag)

    def change(self, line: Line, at: int) -> Iterator[Message]:
        """Ask for what is wanted otherwise, one thing at a time: brokers refuse a second change beside the first."""
        if line.is_over or line.is_leaving or line.is_asking or line.stage is Stage.HERE:
            return
        asked = line.wants()
        if line.is_stuck or not asked:
            line.want_nothing()
            return
        payload: dict[str, Any] = {
            name: to if name == "quantity" else line.price(to) for name, to in asked.items()
        }
        line.is_asking, line.asked, line.is_taken = True, asked, False
        line.was = {name: getattr(line, name) for name in asked}
        is_his = all(line.by_hand.get(name) == to for name, to in asked.items())
        line.by_hand = {}
        line.changes += 1
        self._lines.note(line)
        fresh_s = STALE_S if line.tag in self._rooms else None
        payload["is_automated"] = not is_his  # what no person clicked for, whoever entered
        key = f"{line.tag}.m{line.changes}"
        yield self._dispatch(line, Errand.MODIFY, key, payload, at, fresh_s)

    def end_legs(self, head: str, user: int, said: ReportBroker) -> Iterator[Message]:
        """Ask once for the end of the stop and the target of an entry that is over here, whether or not they are there."""
        for part in ("s", "t"):
            tag = f"{head[:-1]}{part}"
            made = Dispatch(
                key=f"{tag}.late", user=user, account=said.account, order="", errand=Errand.CANCEL,
                tag=tag, contract=said.contract, at=said.at, is_exit=True,
                payload={"is_automated": True},
            )  # fmt: skip
            self.dispatches.append(made)
            yield made

    def _dispatch(
        self,
        line: Line,
        errand: Errand,
        key: str,
        payload: dict[str, Any],
        at: int,
        fresh_s: int | None,
    ) -> Dispatch:
        enters = errand is Errand.PLACE and not line.is_exit
        made = Dispatch(
            key=key, user=line.user, account=line.account, order=line.order, errand=errand,
            tag=line.tag, contract=line.contract, at=at, is_exit=not enters,
            payload=payload, fresh_s=fresh_s,
        )  # fmt: skip
        self.dispatches.append(made)
        return made

    # ---- answered ----

    def take_over(self, line: Line, said: ReportBroker) -> None:
        """Take over the values that the broker confirms; a change is answered when all that it asked for is so."""
        to_ticks = instrument(root_of(line.contract)).to_ticks
        line.quantity = said.quantity or line.quantity
        if said.limit is not None and line.limit is not None:
            line.limit = to_ticks(said.limit)
        if said.stop is not None and line.stop is not None:
            line.stop = to_ticks(said.stop)
        for name in ("quantity", "limit", "stop"):
            if getattr(line, f"want_{name}") == getattr(line, name):
                setattr(line, f"want_{name}", None)
        if line.is_asking and all(getattr(line, name) == to for name, to in line.asked.items()):
            line.is_asking, line.refusals, line.refused_stop = False, 0, None
        self._let_go(line)
        self._lines.note(line)

    def taken(self, line: Line, said: ReportBroker) -> None:
        """The broker has answered a change or an end; done, it still shows itself in the values that he tells."""
        line.is_taken = line.is_taken or (said.errand, said.status) == (Errand.MODIFY, "sent")
        self._let_go(line)
        self._lines.note(line)

    def lapsed(self, line: Line) -> None:
        """What makes room for an exit could not leave in time: no refusal, and of no use any more without that exit."""
        line.is_leaving = line.is_asking = False
        line.left_for, line.want_quantity = "", None
        self._rooms.discard(line.tag)
        self._lines.note(line)

    def _let_go(self, line: Line) -> None:
        """Wait no longer for values that somebody has overtaken at the broker: his word is the newer one."""
        if line.is_asking and line.is_overtaken:
            line.is_asking = False
            for name, to in line.asked.items():
                if getattr(line, f"want_{name}") == to:
                    setattr(line, f"want_{name}", None)

    def refused(self, line: Line, reason: str, at: int) -> Iterator[Message]:
        """The broker does not want what was asked of an order. It may be asked again, but not for ever.

        An entry is taken back again at once; whether a stop shall still end or shrink is for what is held by now.
        """
        was_leaving, line.is_leaving, line.is_asking = line.is_leaving, False, False
        if line.trail is not None and line.want_stop is not None:
            line.refused_stop = line.want_stop
        line.want_nothing()
        line.refused = reason
        line.refusals += 1
        self._lines.note(line)
        order = self._books.orders.get(line.order)
        if order is not None and line.refusals <= MOST_TRIES:
            kind = OrderStuck if line.refusals == MOST_TRIES else OrderChangeRefused
            yield kind(at=at, reason=reason, number=line.changes, **named(order))
        if was_leaving and not line.is_exit:
            yield from self.cancel(line, at)


def _values(line: Line) -> dict[str, Any]:
    # a trailing stop goes out as a stop that we move: which way a broker signs its distance is documented nowhere
    is_trailing = line.type is OrderType.TRAILING_STOP
    return {
        "type": OrderType.STOP.value if is_trailing else line.type.value,
        "limit": line.price(line.limit), "stop": line.price(line.stop), "trail": None,
    }  # fmt: skip
