"""The life of a signal once more, written straight down: the engine's slow witness.

Plain lists, one price after the other, every open trade asked at each; no spans, nothing shared with the engine. It
knows the whole recording, so an alert in time is simply handled at its candle's close. Prices are whole quarter
points, instants ns UTC. Source: methodology, 2 to 14.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

S = 1_000_000_000
NEW_YORK = ZoneInfo("America/New_York")


class Bar(NamedTuple):
    """A candle: when it opens, and its four prices."""

    t: int
    o: int
    h: int
    l: int  # noqa: E741
    c: int


class Print(NamedTuple):
    """A trade on the tape."""

    t: int
    p: int


@dataclass
class Call:
    """An alert: +1 up, -1 down."""

    id: str
    way: int
    time: int | None
    received: int | None = None
    away: int | None = None  # ticks between its price and the market's
    frames_disagree: bool = False
    strategy: int = 0


@dataclass
class Rules:
    """The settings that matter here, in ticks and ns."""

    length: int = 60 * S
    buffer: int = 100
    left: int = 5
    double: bool = True
    body: bool = False
    trigger: Fraction = Fraction(1)
    targets: tuple[Fraction, ...] = (Fraction(1), Fraction(2), Fraction(3))
    stale: int = 20
    fired: bool = False
    grace: int = 5 * S
    sessions: bool = True
    calendar: bool = True


@dataclass
class Life:
    """What became of one call."""

    call: Call
    status: str = "PENDING"
    reason: str | None = None
    s: int | None = None  # index of its bar
    bar: int | None = None
    late: bool = False
    cancelled_by: str | None = None
    cancel_bar: int | None = None
    c: int | None = None
    rule: str | None = None
    anchor: int | None = None
    stop: int | None = None
    entry: tuple[int, int, int] | None = None  # bar, at, price
    risk: int = 0
    best: dict[str, int] = field(default_factory=lambda: {"no_be": 0, "be": 0})
    hits: dict[str, dict[Fraction, int]] = field(default_factory=lambda: {"no_be": {}, "be": {}})
    exits: dict[str, tuple[int, int, int, int]] = field(default_factory=dict)
    ended: dict[str, str] = field(default_factory=dict)
    worst: int = 0
    armed: tuple[int, int] | None = None
    path: list[tuple[int, int, int, int]] = field(default_factory=list)

    @property
    def trade_id(self) -> str | None:
        if self.bar is None:
            return None
        clock = datetime.fromtimestamp(self.bar // S, NEW_YORK)
        return f"{clock:%Y%m%d_%H%M%S}000_{'BULLISH' if self.call.way > 0 else 'BEARISH'}"


class World:
    """One recording, run from its beginning to its end."""

    def __init__(self, rules: Rules, calls: list[Call], all_bars: list[Bar], end: int) -> None:
        self.rules, self.calls = rules, calls
        self.all_bars = all_bars
        last = max([end, *(call.received - S for call in calls if call.received is not None)])
        self.known = {bar.t for bar in all_bars if bar.t + rules.length <= last}
        self.bars: list[Bar] = []
        self.lives = {call.id: Life(call) for call in calls}
        self.pending: dict[int, Life] = {}
        self.waiting: list[Life] = []  # confirmed, not entered yet
        self.trades: list[Life] = []
        self.used: set[tuple[int, str]] = set()
        for life in self.lives.values():
            self.place(life)

    # ---- which candle (2, 14) ----

    def place(self, life: Life) -> None:
        call, length = life.call, self.rules.length
        at = call.time if call.time is not None else call.received
        assert at is not None
        if self.rules.fired or call.time is None:
            over = [bar.t for bar in self.all_bars if bar.t + length <= at]
            life.bar = over[-1] if over else None
        else:
            life.bar = at - at % length
        if life.bar not in self.known:
            life.status, life.reason = "REJECTED", "NO_CANDLE"
            return
        if call.received is not None:
            now = call.received - call.received % length
            if call.received - life.bar > 86_400 * S or life.bar > now + length:
                life.status, life.reason = "REJECTED", "NO_CANDLE"
                return
            life.late = call.received > life.bar + length + self.rules.grace

    # ---- a candle closes (1) ----

    def close(self, bar: Bar) -> None:
        self.bars.append(bar)
        k = len(self.bars) - 1
        for life in self.arrivals():
            if life.bar == bar.t and not life.late and life.reason != "NO_CANDLE":
                self.judge(life, k, bar.t)
        for life in list(self.pending.values()):
            assert life.s is not None
            if life.s < k and self.confirms(life, k):
                self.confirm(life, k)
                self.waiting.append(life)
        for life in self.trades:
            self.note(life, bar)

    def arrivals(self) -> list[Life]:
        order = sorted(self.calls, key=lambda call: call.received or 0)
        return [self.lives[call.id] for call in order]

    # ---- validation, cancelling (4, 5) ----

    def judge(self, life: Life, s: int, cancel_bar: int) -> None:
        call, rules, bar = life.call, self.rules, self.bars[s]
        life.s = s
        name = (call.strategy, str(life.trade_id))
        if name in self.used:
            life.status, life.reason = "IGNORED", "DUPLICATE"
            return
        self.used.add(name)
        if call.frames_disagree:
            life.status, life.reason = "REJECTED", "HTF_MISALIGNED"
            return
        rival = self.pending.get(call.strategy)
        why = None
        if rules.sessions and session(bar.t) == "INVALID":
            why = "OUT_OF_SESSION"
        elif rules.calendar and not is_open(bar.t):
            why = "MARKET_CLOSED"
        elif call.away is not None and call.away >= rules.stale:
            why = "STALE"
        if rival is not None and rival.call.way == -call.way:
            rival.status, rival.reason = "CANCELLED", "OPPOSING_SIGNAL"
            rival.cancelled_by, rival.cancel_bar = life.trade_id, cancel_bar
            del self.pending[call.strategy]
            rival = None
        if why is not None:
            life.status, life.reason = "REJECTED", why
        elif rival is not None:
            life.status, life.reason = "IGNORED", "ALREADY_PENDING"
        else:
            self.pending[call.strategy] = life

    def late(self, life: Life, now: "Bar | None", now_at: int) -> None:
        """Judge a late call, run it through the bars since its own and through the open one."""
        s = next(i for i, bar in enumerate(self.bars) if bar.t == life.bar)
        self.judge(life, s, self.bars[-1].t)
        for k in range(s + 1, len(self.bars)):
            if self.pending.get(life.call.strategy) is not life:
                return
            if self.confirms(life, k):
                self.confirm(life, k)
                self.enter_late(life, k, now, now_at)

    def enter_late(self, life: Life, c: int, now: "Bar | None", now_at: int) -> None:
        past = self.bars[c + 1 :]
        for bar in past:
            self.walk(life, bar)
            self.note(life, bar)
        if now is not None:
            self.walk(life, now)
        if not past and now is None:
            self.waiting.append(life)
        elif life.risk > 0:
            self.trades.append(life)

    # ---- confirmation and stop (6, 7, 8) ----

    def confirms(self, life: Life, k: int) -> bool:
        assert life.s is not None
        s, c = self.bars[life.s], self.bars[k]
        if life.call.way > 0:
            return c.c > s.h and (not self.rules.body or c.c > c.o)
        return c.c < s.l and (not self.rules.body or c.c < c.o)

    def confirm(self, life: Life, c: int) -> None:
        del self.pending[life.call.strategy]
        assert life.s is not None
        life.status, life.c = "CONFIRMED", c
        s, way = life.s, life.call.way

        def tip(i: int) -> int:  # the extreme that matters, lower is more extreme
            return self.bars[i].l if way > 0 else -self.bars[i].h

        def pivot(i: int) -> bool:
            def higher(k: int) -> bool:
                return 0 <= k <= c and tip(k) > tip(i)

            if higher(i - 1) and higher(i + 1):
                return True
            if not self.rules.double:
                return False
            right = i + 1 <= c and tip(i + 1) == tip(i) and higher(i - 1) and higher(i + 2)
            left = i >= 1 and tip(i - 1) == tip(i) and higher(i - 2) and higher(i + 1)
            return right or left

        lowest = min(tip(i) for i in range(s, c + 1))
        holders = [i for i in range(s, c + 1) if tip(i) == lowest]
        lefts = [i for i in range(s - 1, s - 1 - self.rules.left, -1) if i >= 0]
        against = [i for i in lefts if (self.bars[i].c - self.bars[i].o) * way < 0]
        if any(pivot(i) for i in holders):
            anchor = next(i for i in holders if pivot(i))
            life.rule = "SIGNAL_PIVOT" if anchor == s else "RANGE_PIVOT"
        elif any(pivot(i) for i in lefts):
            anchor, life.rule = next(i for i in lefts if pivot(i)), "LEFT_PIVOT"
        elif against:
            anchor, life.rule = against[0], "LEFT_OPPOSING"
        else:
            anchor, life.rule = holders[0], "RANGE_EXTREME"
        life.anchor = anchor
        life.stop = (tip(anchor) - self.rules.buffer) * way

    # ---- entry and tracking (9, 10, 11) ----

    def enter(self, life: Life, price: int, at: int, bar: int) -> None:
        assert life.stop is not None
        life.entry = (bar, at, price)
        life.risk = (price - life.stop) * life.call.way
        life.status = "ACTIVE" if life.risk > 0 else "VOID"
        life.reason = None if life.risk > 0 else "NON_POSITIVE_RISK"

    def first_price(self, price: int, at: int, bar: int) -> None:
        for life in self.waiting:
            self.enter(life, price, at, bar)
            if life.status == "ACTIVE":
                self.trades.append(life)
        self.waiting = []

    def price(self, life: Life, p: int, at: int, bar: int, *, jumped: bool = True) -> None:
        assert life.entry is not None
        way = life.call.way
        x = (p - life.entry[2]) * way
        armed_before = life.armed is not None
        for track in ("no_be", "be"):
            if track in life.exits:
                continue
            edge = 0 if track == "be" and armed_before else -life.risk
            if x <= edge:
                hit = x if jumped else edge
                level = life.entry[2] + edge * way
                life.exits[track] = (bar, at, level, life.entry[2] + hit * way)
                life.ended[track] = "STOPPED" if edge else "BREAK_EVEN"
                if track == "no_be":
                    life.worst = min(life.worst, hit)
                    life.status = "COMPLETED"
                continue
            if track == "no_be":
                life.worst = min(life.worst, x)
            if x > life.best[track]:
                life.best[track] = x
                for n in self.rules.targets:
                    if n not in life.hits[track] and x >= n * life.risk:
                        life.hits[track][n] = at
            if track == "be" and not armed_before and x >= self.rules.trigger * life.risk:
                life.armed = (bar, at)

    def walk(self, life: Life, bar: Bar) -> None:
        start = bar.t - bar.t % self.rules.length
        if life.entry is None:
            self.enter(life, bar.o, bar.t, start)
        if life.status != "ACTIVE":
            return
        bad, good = (bar.l, bar.h) if life.call.way > 0 else (bar.h, bar.l)
        self.price(life, bar.o, bar.t, start)
        for p in (bad, good, bar.c):
            self.price(life, p, bar.t, start, jumped=False)

    def note(self, life: Life, bar: Bar) -> None:
        end = bar.t + self.rules.length
        if life.entry is None or life.risk <= 0 or end <= life.entry[0]:
            return
        if "no_be" in life.exits and life.exits["no_be"][0] < bar.t:
            return
        life.path.append((bar.t, life.best["no_be"], life.best["be"], life.worst))


# ---- the two ways to run a recording ----


def aggregate(prints: list[Print], length: int) -> list[Bar]:
    """Return the candles of a tape, made by sorting its prints into boxes."""
    boxes: dict[int, list[int]] = {}
    for one in prints:
        boxes.setdefault(one.t - one.t % length, []).append(one.p)
    return [Bar(t, p[0], max(p), min(p), p[-1]) for t, p in sorted(boxes.items())]


def join(bars: list[Bar], length: int) -> list[Bar]:
    """Return longer candles out of shorter ones."""
    boxes: dict[int, list[Bar]] = {}
    for bar in bars:
        boxes.setdefault(bar.t - bar.t % length, []).append(bar)
    return [
        Bar(t, b[0].o, max(x.h for x in b), min(x.l for x in b), b[-1].c)
        for t, b in sorted(boxes.items())
    ]


def run_ticks(prints: list[Print], calls: list[Call], rules: Rules) -> list[dict[str, Any]]:
    """Return the records of calls over a clean tape."""
    end = prints[-1].t - prints[-1].t % (60 * S) + 60 * S
    bars = aggregate(prints, rules.length)
    world = World(rules, calls, bars, end)
    todo = [life for life in world.arrivals() if life.late and life.reason != "NO_CANDLE"]
    box: list[int] = []
    closed, start = 0, 0

    def close_until(at: int) -> None:
        nonlocal closed, box
        while closed < len(bars) and bars[closed].t + rules.length <= at:
            world.close(bars[closed])
            closed, box = closed + 1, []

    def hear(until: int) -> None:
        while todo and todo[0].call.received is not None and todo[0].call.received < until:
            life = todo.pop(0)
            assert life.call.received is not None
            close_until(life.call.received - S)
            now = Bar(start, box[0], max(box), min(box), box[-1]) if box else None
            world.late(life, now, life.call.received)

    for at, p in prints:
        hear(at)
        close_until(at)
        if not box:
            start = at - at % rules.length
            world.first_price(p, at, start)
        box.append(p)
        for life in world.trades:
            if life.status == "ACTIVE":
                world.price(life, p, at, at - at % rules.length)
    hear(end)
    close_until(end)
    hear(1 << 62)
    close_until(max([end, *(call.received - S for call in calls if call.received)]))
    return [written(world, world.lives[call.id]) for call in calls]


def run_candles(minutes: list[Bar], calls: list[Call], rules: Rules) -> list[dict[str, Any]]:
    """Return the records of calls over one-minute candles whose ticks are not known."""
    end = minutes[-1].t + 60 * S
    bars = join(minutes, rules.length)
    world = World(rules, calls, bars, end)
    todo = [life for life in world.arrivals() if life.late and life.reason != "NO_CANDLE"]
    closed = 0
    box: list[Bar] = []

    def close_until(at: int) -> None:
        nonlocal closed, box
        while closed < len(bars) and bars[closed].t + rules.length <= at:
            world.close(bars[closed])
            closed, box = closed + 1, []

    def hear(until: int) -> None:
        while todo and todo[0].call.received is not None and todo[0].call.received < until:
            life = todo.pop(0)
            assert life.call.received is not None
            close_until(life.call.received)
            now = join(box, rules.length)[0] if box else None
            world.late(life, now, life.call.received)

    for minute in minutes:
        hear(minute.t + 60 * S)
        close_until(minute.t)
        world.first_price(minute.o, minute.t, minute.t - minute.t % rules.length)
        for life in world.trades:
            world.walk(life, minute)
        box.append(minute)
        close_until(minute.t + 60 * S)
    hear(1 << 62)
    close_until(max([end, *(call.received - S for call in calls if call.received)]))
    return [written(world, world.lives[call.id]) for call in calls]


# ---- clocks and words ----


def session(at: int) -> str:
    clock = datetime.fromtimestamp(at // S, NEW_YORK)
    minute = clock.hour * 60 + clock.minute
    for name, start, end in (
        ("ASIA", 1200, 1440), ("LONDON", 0, 360), ("NY PRE", 360, 510), ("NY AM", 510, 720),
        ("NY LUNCH", 720, 780), ("NY PM", 780, 960),
    ):  # fmt: skip
        if start <= minute < end:
            return name
    return "INVALID"


def is_open(at: int) -> bool:
    """Return the weekly hours; the markets of these tests know no holiday."""
    clock = datetime.fromtimestamp(at // S, NEW_YORK)
    day, hour = clock.weekday(), clock.hour
    weekend = day == 5 or (day == 4 and hour >= 18) or (day == 6 and hour < 18)
    return hour != 17 and not weekend


def in_r(distance: int, risk: int) -> str:
    tenths = Fraction(abs(distance) * 10_000, risk)
    whole = int(tenths + Fraction(1, 2))
    sign = "-" if distance < 0 and whole else ""
    return f"{sign}{whole // 10_000}.{whole % 10_000:04d}"


def price(ticks: int | Fraction | None) -> str | None:
    if ticks is None:
        return None
    value = Fraction(ticks) / 4
    text = f"{float(value):.6f}".rstrip("0")
    whole, _, rest = text.partition(".")
    return f"{whole}.{rest.ljust(2, '0')}"


def moment(at: int | None) -> str | None:
    if at is None:
        return None
    text = datetime.fromtimestamp(at // S, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    millis = at % S // 1_000_000
    return f"{text}.{millis:03d}Z" if millis else f"{text}Z"


def name_of(target: Fraction) -> str:
    return str(target) if target.denominator == 1 else str(float(target))


def written(world: World, life: Life) -> dict[str, Any]:
    """Return a record in the promised shape."""
    call, bars, c, s = life.call, world.bars, life.c, life.s
    entered = life.entry is not None and life.risk > 0
    bar = bars[s] if s is not None else None
    return {
        "id": call.id,
        "trade_id": life.trade_id,
        "direction": "BULLISH" if call.way > 0 else "BEARISH",
        "session": None if life.bar is None else session(life.bar),
        "status": life.status,
        "reason": life.reason,
        "cancelled_by": life.cancelled_by,
        "signal_bar": moment(life.bar),
        "signal_high": price(bar.h if bar else None),
        "signal_low": price(bar.l if bar else None),
        "cancel_bar": moment(life.cancel_bar),
        "confirmation_bar": moment(bars[c].t) if c is not None else None,
        "bars_to_confirmation": c - s if c is not None and s is not None else None,
        "stop_rule": life.rule,
        "stop_anchor_bar": moment(bars[life.anchor].t) if life.anchor is not None else None,
        "stop_anchor_price": price(
            (life.stop + world.rules.buffer * call.way) if life.stop is not None else None
        ),
        "stop_price": price(life.stop),
        "entry_bar": moment(life.entry[0]) if life.entry else None,
        "entry_time": moment(life.entry[1]) if life.entry else None,
        "entry_price": price(life.entry[2]) if life.entry else None,
        "risk": price(life.risk) if life.entry else None,
        "targets": _targets(world, life) if entered else None,
        "mae": in_r(life.worst, life.risk) if entered else None,
        "no_be": _track(life, "no_be") if entered else None,
        "be": _track(life, "be") | _armed(life) if entered else None,
        "path": [
            {
                "bar": moment(t),
                "no_be_mfe": in_r(no_be, life.risk),
                "be_mfe": in_r(be, life.risk),
                "mae": in_r(worst, life.risk),
            }
            for t, no_be, be, worst in life.path
        ],
    }


def _targets(world: World, life: Life) -> dict[str, Any]:
    assert life.entry is not None
    entry, way = life.entry[2], life.call.way
    return {name_of(n): price(entry + n * life.risk * way) for n in world.rules.targets}


def _track(life: Life, name: str) -> dict[str, Any]:
    end = life.exits.get(name)
    status = life.ended.get(name, "OPEN")
    return {
        "status": status,
        "mfe": in_r(life.best[name], life.risk),
        "mfe_points": price(life.best[name]),
        "result_r": {"OPEN": None, "STOPPED": "-1.0000", "BREAK_EVEN": "0.0000"}[status],
        "exit_bar": moment(end[0]) if end else None,
        "exit_time": moment(end[1]) if end else None,
        "exit_level": price(end[2]) if end else None,
        "exit_hit": price(end[3]) if end else None,
        "targets_hit": {name_of(n): moment(at) for n, at in sorted(life.hits[name].items())},
    }


def _armed(life: Life) -> dict[str, Any]:
    return {
        "triggered": life.armed is not None,
        "trigger_bar": moment(life.armed[0]) if life.armed else None,
        "trigger_time": moment(life.armed[1]) if life.armed else None,
    }
