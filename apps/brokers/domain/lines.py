"""Every order at a broker, the questions that are asked of them together, and which of them have still to be written."""

from collections.abc import Iterable, Iterator

from apps.brokers.domain.abroad import Line, Place, Stage
from apps.brokers.domain.order import Role


class Lines(dict[str, Line]):
    """Every order at a broker by its tag. `changed` and `ended` are what the journal has still to write."""

    def __init__(self, lines: Iterable[Line] = ()) -> None:
        super().__init__((line.tag, line) for line in lines)
        self.changed: dict[str, Line] = {}
        self.ended: set[str] = set()

    def written(self) -> None:
        """Everything that had changed has been written."""
        self.changed.clear()
        self.ended.clear()

    def take_in(self, line: Line) -> None:
        """Know an order from now on."""
        self[line.tag] = line
        self.note(line)

    def note(self, line: Line) -> None:
        """An order is otherwise than its row."""
        self.changed[line.tag] = line

    def sweep(self, place: Place) -> None:
        """Forget brackets and exits of which nothing lives, once the place needs them no more."""
        for line in self.in_place(place):
            mine = self.of_bracket(line.bracket) or [line]
            heads = [one for one in mine if one.role is Role.ENTRY]
            if all(one.is_over for one in mine) and not any(self.open_of(head) for head in heads):
                for one in mine:
                    self.pop(one.tag, None)
                    self.changed.pop(one.tag, None)
                    self.ended.add(one.tag)

    def places(self) -> set[Place]:
        """Return the holdings that somebody has an order in."""
        return {one.place for one in self.values()}

    def in_place(self, place: Place) -> list[Line]:
        """Return the orders of one holding, the oldest first."""
        return sorted(
            (one for one in self.values() if one.place == place), key=lambda one: (one.age, one.tag)
        )

    def of_order(self, order: str) -> list[Line]:
        """Return what one order of the desk is at the broker."""
        return [one for one in self.values() if one.order == order]

    def of_bracket(self, bracket: str) -> list[Line]:
        """Return an entry's own orders and those of its legs."""
        return [one for one in self.values() if bracket and one.bracket == bracket]

    def legs_of(self, head: Line) -> list[Line]:
        """Return stop and target of an entry."""
        return [one for one in self.values() if one.head == head.tag]

    def open_of(self, head: Line) -> int:
        """Return how many contracts of an entry are still held."""
        return head.filled - head.closed - sum(leg.filled for leg in self.legs_of(head))

    def heads(self, place: Place) -> list[Line]:
        """Return the entries of a holding, the oldest first."""
        return [one for one in self.in_place(place) if one.role is Role.ENTRY]

    def cover(self, place: Place) -> int:
        """Return how many contracts the exits of a holding could trade together; of two that are tied, the larger."""
        total = 0
        for head in self.heads(place):
            if head.filled:
                live = [one.remaining for one in self.legs_of(head) if one.stage is not Stage.OVER]
                # what sleeps at the broker wakes for what its entry has got, no more
                total += min(max(live, default=0), head.filled)
        return total + sum(
            one.remaining for one in self.alone(place) if one.stage is not Stage.HERE
        )

    def alone(self, place: Place) -> Iterator[Line]:
        """Yield the exits that belong to no bracket and are not over."""
        for one in self.in_place(place):
            if one.is_exit and not one.head and not one.is_over:
                yield one
