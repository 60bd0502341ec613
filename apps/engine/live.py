"""The engine, live: one thread reads one queue and owns one database connection. No lock, no race.

What is put on the queue comes from a feed; alerts and commands wait in the inbox. Alerts are taken in at the market
time at which they were received, commands at once. Facts are committed with the rows they change before anybody
hears of them; readings are said as they come and saved once a second.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from django.db import close_old_connections, connection

from apps.brokers.domain.abroad import STALE_S
from apps.brokers.domain.messages import Flatten
from apps.brokers.domain.ports import (
    FeedChanged,
    FeedItem,
    FeedState,
    QuoteArrived,
    TicksArrived,
)
from apps.bus import bus, transport
from apps.bus.domain.message import HOUR, Command, Fact, Message, iso
from apps.bus.models import Inbox
from apps.bus.only import OnlyOne
from apps.engine.domain.engine import Engine, build_engine
from apps.engine.domain.order import InOrder
from apps.engine.inbox import (
    InboxReader,
    at_brokers,
    expired,
    lapsed,
    read,
    waits_for_no_market,
)
from apps.engine.journal import Journal, Turn, beat
from apps.engine.readings import Readings
from apps.engine.together import Together
from apps.marketdata.domain.calendar import is_open
from apps.marketdata.domain.contract import root_of
from apps.marketdata.domain.instrument import instrument
from apps.marketdata.domain.market import LATENESS
from apps.marketdata.domain.messages import (
    NEVER,
    CandleRecorded,
    CandlesClosed,
    ClockTicked,
    ContractListed,
    FeedChangedState,
    GapOpened,
    Look,
    QuarantineEnded,
    Resumed,
    TickRefused,
    TimeTold,
)
from apps.marketdata.domain.tick import Tick
from apps.marketdata.models import TickMark
from apps.signals.domain import posted
from apps.signals.domain.messages import Alert
from apps.trades.domain.messages import MfeChanged

log = logging.getLogger(__name__)

FRAMES = (120, 180, 240, 360, 600, 720, 1200, 1800)  # any that a strategy may choose
KEPT = (60, 300, 900, 3600, 14_400, 86_400)
BATCH = 512  # ticks between two commits while missed ticks are worked off
TOGETHER = 2048  # the same, of several contracts
OVER = (FeedState.ENDED, FeedState.STOPPED)
SAVE_EVERY = 1.0
LOOK_EVERY = 0.25
LAG_ALARM = 0.5  # seconds between the feed's word and ours


class LiveEngine:
    """The one engine of this installation. `step` does one thing; `start` does them for ever."""

    def __init__(
        self,
        contracts: Sequence[ContractListed],
        *,
        fronts_at: Callable[[int], Sequence[ContractListed]] = lambda at: (),
        on_roll: Callable[[tuple[str, ...]], None] = lambda contracts: None,
        has_clock: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        # when it was put, and what; None: the inbox rang
        self.queue: queue.Queue[tuple[float, FeedItem | None]] = queue.Queue()
        self.at = 0
        self.feed_state: FeedState = FeedState.CONNECTING
        self._feed_reason = ""
        self._contracts = list(contracts)
        self._fronts_at, self._on_roll = fronts_at, on_roll
        self._hour = 0
        self._beside: set[str] = set()
        self._monotonic, self._wall = monotonic, wall
        self._journal = Journal()
        self._turn = Turn()
        self._readings = Readings()
        self._has_clock = has_clock
        self._together = Together()
        self._inbox = InboxReader(monotonic)
        self._suspects: dict[tuple[str, int], Tick] = {}
        self._saved = self._looked = 0.0
        self._heard: float | None = None
        self._lag = 0.0
        self._is_behind = False
        self._caught_up = False
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._thread: threading.Thread | None = None
        self._only = OnlyOne("engine")
        self.failure: BaseException | None = None
        self.counts: dict[str, int] = {"ticks": 0, "refused": 0, "turns": 0}

    # ---- life ----

    def start(self) -> None:
        """Run on a thread of its own; returns when the rows are loaded.

        Raises:  AnotherRuns  somebody else writes this installation's trades
        """
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()
        threading.Thread(target=self._hear_bell, name="engine-bell", daemon=True).start()
        self._ready.wait()
        if self.failure is not None:
            self._thread.join()
            raise self.failure

    def stop(self, timeout: float = 3.0) -> None:
        """Save what there is and end."""
        self._stop.set()
        transport.inbox_waiting().set()
        if self._thread is not None:
            self._thread.join(timeout)

    def _hear_bell(self) -> None:
        self._inbox.hear_bell(self._stop, lambda: self.queue.put((self._monotonic(), None)))

    def is_alive(self) -> bool:
        """Return whether the thread still runs."""
        return self._thread is not None and self._thread.is_alive()

    def put(self, item: FeedItem) -> None:
        """Take an item from a feed, from any thread."""
        self.queue.put((self._monotonic(), item))

    def _run(self) -> None:
        try:
            self.load()
            self._ready.set()
            while not self._stop.is_set():
                self.step()
            self.save()
            beat("engine", "stopped", {"market_at": iso(self.at)})
        except BaseException as problem:
            # an impossible state or a database that does not answer: die, and come back by the one way there is
            self.failure = problem
            log.exception("the engine stops: %s", " ".join(str(problem).split()))
        finally:
            self._ready.set()
            self._only.release()
            connection.close()

    def load(self) -> None:
        """Load the rows and let everybody say again what he waits for."""
        close_old_connections()  # before the lock, which on PostgreSQL lives and dies with the connection
        self._only.take()
        self.engine: Engine = build_engine(self._journal.load(), frames=FRAMES)
        tapes = self.engine.market.tapes.values()
        self.at = max((tape.last_at for tape in tapes), default=0)
        self._order = InOrder(self.engine, stamp=self._priced, since=self.at)
        for listed in self._contracts:
            self._take(self.engine.handle(listed))
        self._take(self.engine.handle(Resumed()))
        self._suspects = {
            (tape.contract, tape.held[0].id): tape.held[0] for tape in tapes if tape.held
        }
        self.save()
        for tape in tapes:
            self._readings.hear_price(tape.contract, self._wall())
        self._readings.say_prices(self.engine.market.tapes, self._fronts())
        self._readings.say_started()

    def _fronts(self) -> list[str]:
        """Return the front contract of each root: the one that was listed last."""
        return list({listed.root: listed.contract for listed in self._contracts}.values())

    # ---- one step ----

    def step(self, timeout: float = 0.05) -> None:
        """Take one item from the queue, and whatever is due."""
        try:
            put_at, item = self.queue.get(timeout=timeout)
        except queue.Empty:
            put_at, item = 0.0, None
        for row in self._inbox.waiting(item):
            self._accept(row)
        now = self._monotonic()
        if item is not None:
            self._hear(item, self._wall() - timedelta(seconds=now - put_at))
        if item is None or self.queue.empty():
            self._readings.say_prices(self.engine.market.tapes, self._fronts())
        if item is not None and self.feed_state is FeedState.LIVE:
            self._lag = max(self._lag, now - put_at)
        if now - self._looked >= LOOK_EVERY:
            self._look(now)
        if self._turn.has_news:
            self._commit()
        elif now - self._saved >= SAVE_EVERY:
            self.save()

    def _look(self, now: float) -> None:
        """Let the trades learn how far the price went since somebody last looked."""
        self._looked = now
        self._take(self.engine.handle(Look()))

    def save(self) -> None:
        """Commit the readings and leave a sign of life."""
        now = self._saved = self._monotonic()
        self._only.check()
        self._commit()
        detail = {
            "market_at": iso(self.at) if self.at else None,
            "market_open": any(self._is_open(contract) for contract in self.engine.market.tapes),
            "feed": self.feed_state,
            "feed_reason": self._feed_reason,
            "frame_age_s": None if self._heard is None else now - self._heard,
            "lag_ms": self._tell_lag(),
            "queue": self.queue.qsize(),
            "held_alerts": len(self._order.alerts),
            "trades_active": len(self.engine.book.open),
            "signals_pending": len(self.engine.desk.pending),
            **self.counts,
        }
        beat("engine", "running", detail)

    def _tell_lag(self) -> int:
        """Return the longest that anything waited for us since the last time, in ms; raise the alarm once."""
        lag, self._lag = self._lag, 0.0
        was_behind, self._is_behind = self._is_behind, lag > LAG_ALARM
        if self._is_behind and not was_behind:
            log.warning("the engine is %.0f ms behind its feed", lag * 1000)
        return round(lag * 1000)

    def _is_open(self, contract: str) -> bool:
        return not self.at or is_open(self.at, instrument(root_of(contract)).group)

    def _hear(self, item: FeedItem, wall: datetime) -> None:
        """Take one item in; `wall` is when the feed brought it."""
        if self._together and not isinstance(item, TicksArrived | QuoteArrived | ClockTicked):
            self._hear_what_waited(item)
        match item:
            case TicksArrived():
                self._heard = self._monotonic()
                if self._is_told_together():
                    self._together.add(item, wall)
                else:
                    self._hear_ticks(item)
                    self._readings.hear_price(item.contract, wall)
            case ClockTicked():
                self._heard = self._monotonic()
                if self._together or self._is_told_together():  # the instant itself goes on
                    self._hear_together(item.at - 1)
                else:
                    self._take(self._order.until(item.at))
                    self._take(self.engine.handle(item))
                self._tell_time(item.at)
            case QuoteArrived():
                self._heard = self._monotonic()
                self._readings.hear_quote(item, wall)
            case FeedChanged():
                self._hear_feed(item)
            case GapOpened() | CandleRecorded():
                self._take(self.engine.handle(item))
        self._note_handled()

    def _is_told_together(self) -> bool:
        """Return whether the ticks of several contracts wait for each other, to be heard in the order of their times.

        So what an order in one contract meets does not depend on how far another one's ticks have been worked off: while
        missed ones come contract by contract, and on a market whose own clock follows each step. On a real market
        that is live, the order of arrival is the truth, and nobody waits.
        """
        catches_up = self.feed_state is FeedState.CATCHING_UP
        return len(self._fronts()) > 1 and (self._has_clock or catches_up)

    def _hear_what_waited(self, item: FeedItem) -> None:
        """Take in all ticks where no clock of the market's own will tell up to when they are complete.

        When such a market goes live its time is told: whoever hears that it is live has heard what was missed.
        """
        if not (self._has_clock and isinstance(item, FeedChanged)) or item.state in OVER:
            self._hear_together(NEVER)
        elif item.state is FeedState.LIVE:
            self._hear_together(item.at - 1)  # the instant itself goes on

    def _hear_together(self, until: int) -> None:
        """Take in what has waited up to an instant, by time."""
        merged, arrivals = self._together.take(until, self._wall())
        last = merged[-1][1].at if merged else self.at
        if not self._has_clock:
            self._order.heard(self.at)  # while it was live, its clock came by itself
        for start in range(0, len(merged), TOGETHER):
            chunk = merged[start : start + TOGETHER]
            for contract in sorted({contract for contract, _ in chunk}):
                own = tuple(tick for of, tick in chunk if of == contract)
                self._turn.ticks.append((contract, own))
            self._take(self._order.together(chunk, chunk[-1][1].at - 1))
            self.counts["ticks"] += len(chunk)
            self._tell_time(chunk[-1][1].at)
            if len(merged) > TOGETHER:
                self._note_handled()
                self._commit()
        self._take(self._order.together((), last if until == NEVER else until))
        for item, wall in arrivals:
            self._readings.hear_price(item.contract, wall)

    def _hear_ticks(self, item: TicksArrived) -> None:
        ticks = item.ticks
        for start in range(0, len(ticks), BATCH):
            batch = ticks[start : start + BATCH]
            self._turn.ticks.append((item.contract, batch))
            self.counts["ticks"] += len(batch)
            self._take(self._order.ticks(item.contract, batch))
            if len(ticks) > BATCH:
                self._note_handled()
                self._commit()
        if ticks:
            self._tell_time(ticks[-1].at)

    def _tell_time(self, at: int) -> None:
        if at > self.at:
            self.at = at
            if at // HOUR != self._hour:
                self._hour = at // HOUR
                self._roll(at)
            transport.set_market_time(at, self.feed_state is FeedState.LIVE)

    def _roll(self, at: int) -> None:
        """Follow the next contract from its roll on; trades and signals of the old one stay with theirs."""
        followed = {listed.contract for listed in self._contracts}
        fresh = [front for front in self._fronts_at(at) if front.contract not in followed]
        if not fresh:
            return
        old = self._fronts()
        for front in fresh:
            self._contracts.append(front)
            self._take(self.engine.handle(front))
        self._on_roll(tuple(dict.fromkeys([*sorted(self._beside), *old, *self._fronts()])))

    def _follow_held(self) -> None:
        """Follow what somebody holds in no listed contract too: it was traded at his broker by hand."""
        listed = [one.contract for one in self._contracts]
        beside = self.engine.ledger.books.contracts() - set(listed)
        if self._caught_up and not beside <= self._beside:
            self._beside |= beside
            self._on_roll((*sorted(self._beside), *listed))

    def _hear_feed(self, item: FeedChanged) -> None:
        self.feed_state, self._feed_reason = item.state, item.reason
        if item.state in (FeedState.LIVE, FeedState.ENDED):
            self._caught_up = True
            self._inbox.look_at_once()
        elif item.state in (FeedState.CONNECTING, FeedState.CATCHING_UP, FeedState.LOST):
            self._caught_up = False
        # The feed says the last time that it heard of, which may lie before the ticks that we know: a market whose own
        # clock ticks every second, or none at all after a start. Market time never steps back.
        at = max(item.at, self.at)
        # a first start knows no time yet, and 1970 is none
        transport.set_market_time(self.at or item.at or None, item.state is FeedState.LIVE)
        said = FeedChangedState(
            at=at,
            contract=item.contract,
            state=item.state,
            reason=item.reason,
            wall_at=item.wall_at,
        )
        self._turn.facts.append(said)
        self._readings.say_feed(item, at)
        if item.state is FeedState.ENDED:  # no later frame will close the recording's last minute
            self._take(self.engine.handle(ClockTicked(self.at + LATENESS)))

    # ---- what follows ----

    def _take(self, messages: Iterable[Message], cause: int | None = None) -> None:
        """Read a turn to its end and keep what has to be written or told."""
        turn = self._turn
        for said in messages:
            match said:
                case Fact():
                    turn.facts.append(said)
                    if cause is not None:
                        turn.causes[said.key] = cause
                    if isinstance(said, QuarantineEnded):
                        self._mark(said)
                case CandlesClosed():
                    turn.candles += [
                        (said.contract, seconds, candle)
                        for seconds, candle in said.candles
                        if seconds in KEPT
                    ]
                case TickRefused():
                    self.counts["refused"] += 1
                    turn.refused.setdefault((said.contract, said.tick.id), said.reason)
                    if said.reason == "suspicious":
                        self._suspects[said.contract, said.tick.id] = said.tick
                case MfeChanged():
                    self._readings.say_mfe(said)

    def _mark(self, ended: QuarantineEnded) -> None:
        """Say how a suspicious tick counts in the end."""
        mark = TickMark.ORDINARY if ended.outcome == "released" else TickMark.DROPPED
        tick = self._suspects.pop((ended.contract, ended.tick_id), None)
        if tick is not None:
            self._turn.marks.append((ended.contract, tick, mark))

    def _commit(self) -> None:
        """Make the turn true, then tell it. The cursor moves, so what was not learned by now never would be."""
        self._look(self._monotonic())
        turn, self._turn = self._turn, Turn()
        self.counts["turns"] += 1
        bus.tell(self._journal.write(turn, self.engine, self.at))
        self._readings.say_candles(turn.candles)
        self._follow_held()

    # ---- inbox ----

    def _accept(self, row: Inbox) -> None:
        command = read(row)
        if command is None:
            self._turn.handled.append(row.pk)
        elif isinstance(command, Alert):
            if self.at or row.market_at is not None:  # else it waits until the market has a time
                self._hold(row, command)
        elif (
            (self._caught_up and self.at)
            or isinstance(command, posted.KeepOutsideView)
            or self._goes_before_the_market(command)
        ):
            self._obey(row, command)
        # else it waits: a wish is carried out at the market's price, or expires, and we know neither price nor time

    def _goes_before_the_market(self, command: Command) -> bool:
        """Return whether a wish is taken in without a live market.

        While missed ticks are worked off it waits all the same, or a position would meet prices from before its fill.
        """
        is_possible = bool(self.at) and self.feed_state is not FeedState.CATCHING_UP
        return is_possible and waits_for_no_market(command, self.engine.ledger.books)

    def _hold(self, row: Inbox, alert: Alert) -> None:
        """Let an alert wait for its market time, so that results don't depend on how fast we are."""
        received = row.market_at if row.market_at is not None else self.at
        alert = replace(alert, received_at=received)
        self._inbox.hold(alert, row)
        self._order.add(alert)
        if received <= self.at and self._caught_up:
            self._take(self._order.until(self.at))
            self._note_handled()

    def _priced(self, alert: Alert) -> Alert:
        """Return an alert with the market's price at its receipt, which staleness is judged by."""
        contract = self.engine.desk.contract_of(alert.symbol)
        tape = self.engine.market.tapes.get(contract or "")
        if tape is None or tape.last is None:
            return alert
        return replace(alert, market_price=instrument(tape.root).text(tape.last))

    def _note_handled(self) -> None:
        """Mark the inbox rows of those alerts that the engine has taken by now."""
        self._turn.handled += self._inbox.let_go(self._order.alerts)

    def _obey(self, row: Inbox, command: Command) -> None:
        self._turn.handled.append(row.pk)
        if row.expires_market_at is not None and self.at >= row.expires_market_at:
            self._turn.facts.append(expired(row, command, self.at))
            self._turn.causes[self._turn.facts[-1].key] = row.pk
        elif isinstance(command, posted.KeepOutsideView):
            self._turn.posted.append(command)
        elif (in_time := self._in_time(row, command)) is not None:
            self._take(self.engine.handle(TimeTold(self.at)))
            self._take(map(self._dated, self.engine.handle(in_time)), cause=row.pk)

    def _in_time(self, row: Inbox, command: Command) -> Command | None:
        """Return what is done of a wish. A press to get out of brokers' accounts that waited too long closes nothing there."""
        accounts = at_brokers(command, self.engine.ledger.books)
        age = self._wall() - row.received_at
        if not accounts or age.total_seconds() <= STALE_S:
            return command
        log.error("inbox row %s, %s, was read %.0f s late", row.pk, row.kind, age.total_seconds())
        self._turn.facts += lapsed(row, accounts, self.at, age)
        if isinstance(command, Flatten):
            return replace(command, is_late=True)
        self._turn.facts.append(expired(row, command, self.at))
        self._turn.causes[self._turn.facts[-1].key] = row.pk
        return None

    def _dated(self, said: Message) -> Message:
        """Return a fact with the time it was made at, where no market could tell it."""
        if isinstance(said, Fact) and not said.at:
            return replace(said, at=self.at)
        return said
