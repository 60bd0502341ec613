"""The simulator misbehaves: faults begin when they are due, and end when their time is over."""

from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from math import ceil
from typing import Any, Final, Protocol

from apps.brokers.tradovate.simulator.answer import Answer, Json
from apps.brokers.tradovate.simulator.book import Book
from apps.brokers.tradovate.simulator.faults import Fault
from apps.brokers.tradovate.simulator.sessions import Sessions
from apps.brokers.tradovate.simulator.socket import Connection
from apps.brokers.tradovate.simulator.streams import Streams

GARBAGE: Final = (
    'a[{"e":"chart","d":{"charts":[{"id":31,"s":"db","td":2026',
    'a[{"e":"chart","d":{"charts":[{"id":31,"td":"soon","bp":"x","bt":null,"tks":"none"}]}}]',
    "x",
    'a{"s":200}',
    'a[null,7,"text",[]]',
    'a[{"e":"md","d":{"quotes":[{"contractId":"NQ","entries":[]}]}}]',
    'a[{"s":"ok","i":"nine"}]',
    "",
    'a[{"e":"clock","d":"no json"}]',
    'a[{"e":"props","d":{"entityType":"order"}}]',
)
CAPTCHA_SECONDS: Final = 3600.0


@dataclass(eq=False, slots=True)
class Penalty:
    """A ticket that calls get instead of an answer. Units: wall seconds; left: tickets still to be handed out"""

    path: str
    p_time: float
    captcha: bool
    left: int
    ready_at: float | None = None


class Host(Protocol):
    """The simulator as its faults see it."""

    sessions: Sessions
    streams: Streams
    book: Book
    connections: list[Connection]
    batch: bool
    split: int

    def soon(self, errand: Coroutine[Any, Any, None]) -> None:
        """Run an errand in the background."""


class Mischief:
    """What goes wrong now, and what is still to come. `tick` is called a few times a second."""

    def __init__(self, host: Host, wall: Callable[[], float]) -> None:
        self._host = host
        self._wall = wall
        self._planned: deque[Fault] = deque()
        self._began: float | None = None
        self._ends: dict[str, float] = {}
        self._redirect_to = ""
        self._limited = ""
        self._penalties: list[Penalty] = []

    @property
    def outage(self) -> bool:
        """Return whether the market goes on although nobody can follow it."""
        return self._on("drop") or self._on("stall")

    @property
    def refusing(self) -> bool:
        """Return whether no socket may open."""
        return self._on("drop")

    @property
    def stalling(self) -> bool:
        """Return whether sockets say nothing."""
        return self._on("stall")

    @property
    def wrong_host(self) -> bool:
        """Return whether this is the wrong host for now."""
        return self._on("redirect_host")

    def plan(self, faults: tuple[Fault, ...]) -> None:
        """Add faults for later."""
        self._planned = deque(sorted((*self._planned, *faults), key=lambda fault: fault.at_s))

    def tick(self, *, watched: bool) -> None:
        """Begin what is due and end what is over."""
        now = self._wall()
        if self._began is None:
            if not watched:
                return
            self._began = now
        while self._planned and self._planned[0].at_s <= now - self._began:
            self.begin(self._planned.popleft())
        self.end_over()

    def end_over(self) -> None:
        """End what has lasted long enough."""
        for name in [name for name, end in self._ends.items() if end <= self._wall()]:
            del self._ends[name]
            if name == "stall":
                for connection in self._host.connections:
                    connection.stalled.set()
            elif name == "delay_responses":
                for connection in self._host.connections:
                    connection.release()
            elif name == "md_denied":
                self._host.streams.denied = False

    def begin(self, fault: Fault) -> None:
        """Do it."""
        options = fault.options
        if "for_s" in options:
            self._ends[fault.do] = self._wall() + float(options["for_s"])
        getattr(self, f"_do_{fault.do}")(**{k: v for k, v in options.items() if k != "for_s"})

    def intercept(self, path: str, asked: Json) -> Answer | None:
        """Return what a call gets instead of its answer; None if nothing is wrong with it."""
        self.end_over()
        if self._on("redirect_host"):
            return Answer(307, None, f"{self._redirect_to}/{path}")
        if self._on("rate_limit") and self._limited in {"", path}:
            return Answer(429, None)
        for penalty in self._penalties:
            if penalty.path in {"", path} and (ticket := self._ticket(penalty)) is not None:
                return ticket
        return None

    def _ticket(self, penalty: Penalty) -> Answer | None:
        """Return the ticket a call gets; None once it has waited, with or without the ticket in hand."""
        now = self._wall()
        if penalty.ready_at is not None and now >= penalty.ready_at:
            penalty.ready_at = None
            if not penalty.left:
                self._penalties.remove(penalty)
                return None
        if penalty.ready_at is None:
            penalty.left -= 1
            wait = CAPTCHA_SECONDS if penalty.captcha else penalty.p_time
            penalty.ready_at = now + wait
        told = {
            "p-ticket": f"pt-{int(penalty.ready_at * 1000):x}",
            "p-time": ceil(penalty.p_time if penalty.captcha else penalty.ready_at - now),
            "p-captcha": penalty.captcha,
        }
        return Answer(200, told)

    def _on(self, name: str) -> bool:
        return self._ends.get(name, 0.0) > self._wall()

    # ---- one for each name in FAULTS ----

    def _do_drop(self) -> None:
        for connection in list(self._host.connections):
            connection.cut()

    def _do_stall(self) -> None:
        for connection in self._host.connections:
            connection.stalled.clear()

    def _do_close(self, notice: str) -> None:
        for connection in self._host.connections:
            self._host.soon(connection.close(notice))

    def _do_shutdown(self, reason: str) -> None:
        for connection in self._host.connections:
            connection.event("shutdown", {"reasonCode": reason})
            self._host.soon(connection.close())

    def _do_garbage(self, count: int) -> None:
        for connection in self._host.connections:
            for number in range(count):
                connection.frame(GARBAGE[number % len(GARBAGE)])

    def _do_duplicate(self, count: int) -> None:
        self._host.streams.spoiler.duplicate += count

    def _do_shuffle(self, count: int) -> None:
        self._host.streams.spoiler.shuffle += count

    def _do_late(self, count: int, after: int) -> None:
        spoiler = self._host.streams.spoiler
        spoiler.late, spoiler.after = spoiler.late + count, after

    def _do_spike(self, points: float) -> None:
        self._host.streams.spike(points)

    def _do_rate_limit(self, path: str) -> None:
        self._limited = path.strip("/").lower()

    def _do_penalty(self, path: str, p_time: float, captcha: bool, times: int) -> None:
        self._penalties.append(Penalty(path.strip("/").lower(), p_time, captcha, times))

    def _do_expire_token(self) -> None:
        self._host.sessions.expire()

    def _do_displace(self) -> None:
        self._host.sessions.displace()

    def _do_redirect_host(self, to: str) -> None:
        self._redirect_to = to.rstrip("/")

    def _do_bad_login(self, mode: str) -> None:
        self._host.sessions.auth_error_mode = mode

    def _do_delay_responses(self) -> None:
        for connection in self._host.connections:
            connection.hold()

    def _do_split_snapshot(self, parts: int) -> None:
        self._host.split = parts

    def _do_md_denied(self) -> None:
        self._host.streams.denied = True

    def _do_deltas(self, on: bool) -> None:
        self._host.streams.deltas = on

    def _do_batch(self, on: bool) -> None:
        self._host.batch = on

    def _do_partial_fills(self, on: bool) -> None:
        self._host.book.partial = on

    def _do_reject(self, reason: str) -> None:
        self._host.book.reject_next = reason

    def _do_bust(self) -> None:
        self._host.book.bust_last()

    def _do_rollover(self) -> None:
        self._host.book.roll_over()
