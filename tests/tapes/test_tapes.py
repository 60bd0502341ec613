"""Every tape is a test: a market written as text, with the facts and records that must follow.

A tape is read line by line; times are of the New York day (Monday 3 November 2025 unless it says another one), `1/`
before a time means the day after. `# ` begins a comment.

    given   NAME VALUE          a setting by its machine name; also: trust, day, expires
    candle  09:30 20000 20010 19996 20004 [volume]       open, high, low, close of a minute without ticks
    tick    09:34:00.400 20014 [size 3] [id 7]
    signal  #0 bullish 09:31 [received 09:32:03] [price .. market ..] [frames disagree] [bias5 bullish] [strategy 2]
    clock   09:34:01.500        the market's time, as a heartbeat brings it
    feed    lost / back         ticks between the two come together when it is back
    gap     09:40 09:42         a stretch that cannot be had
    enter   #m long stop 19989.75, close #m              what a person wishes
    account, rules, own, order, move, cancel, exit, flatten, answer, route …     see `tests/tapes/money.py`
    end                         the recording is over (said by itself at the end)

Lines with `>` say what must follow. `> trade.stopped_out at 09:40:04.500 level 19989.75` is a fact: a tape that
names one fact names them all, each behind the input that causes it. `> #0 status ACTIVE no_be.mfe 0.5778` is a
record, after the end: only the fields that are named are compared. `-` is nothing.

Each tape is also played with up and down exchanged, and has to give the mirrored facts and records.
"""

import shlex
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from apps.bus.domain.message import iso, told
from tests.tapes.player import MIRROR, Player, pairs

TAPES = sorted(Path(__file__).parent.glob("*.tape"))
PRICES = {
    *("stop", "limit"),  # of orders
    *("stop_anchor_price", "stop_price", "entry_price", "exit_level", "exit_hit", "signal_high"),
    *("signal_low", "high", "low", "level", "traded", "price"),
}
SWAPPED_WORDS = {"buy": "sell", "sell": "buy", "long": "short", "short": "long"}


@dataclass
class Line:
    """One line that says something."""

    number: int
    words: list[str]

    @property
    def is_record(self) -> bool:
        """Return whether it tells what a record has to be."""
        return self.words[0] == ">" and self.words[1].startswith("#")

    @property
    def is_fact(self) -> bool:
        """Return whether it tells which fact has to follow."""
        return self.words[0] == ">" and not self.is_record


def read(path: Path) -> list[Line]:
    """Return the lines of a tape that say something, the end included."""
    found = []
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if text.strip() and not text.startswith("# "):
            found.append(Line(number, shlex.split(text)))
    if not any(line.words[0] == "end" for line in found):
        last = next((i for i, line in enumerate(found) if line.is_record), len(found))
        found.insert(last, Line(0, ["end"]))
    return found


@pytest.mark.parametrize("path", TAPES, ids=lambda path: path.stem)
def test_tape_is_reproduced_line_for_line(path: Path):
    script, player = read(path), Player()
    tells_facts = any(line.is_fact for line in script)
    wrong: list[str] = []
    heard = 0
    for line in script:
        if line.is_record:
            wrong += _compare(line, player.records()[line.words[1]], player)
        elif not line.is_fact:
            wrong += _unsaid(player, heard if tells_facts else len(player.facts), line)
            heard = len(player.facts)
            player.play(line.words)
        elif heard == len(player.facts):
            wrong.append(f"line {line.number}: nothing more is said")
        else:
            fact, heard = player.facts[heard], heard + 1
            got = told(fact) | {"of": fact.of}
            if got["fact"] == line.words[1]:
                wrong += _compare(line, got, player)
            else:
                wrong.append(f"line {line.number}: it says {got}")
    wrong += _unsaid(player, heard if tells_facts else len(player.facts), Line(0, []))
    assert not wrong, "\n".join(["", *wrong])


@pytest.mark.parametrize("path", TAPES, ids=lambda path: path.stem)
def test_mirrored_tape_gives_mirrored_facts_and_records(path: Path):
    upright, mirrored = Player(), Player(mirrored=True)
    for line in read(path):
        if line.words[0] != ">":
            upright.play(line.words)
            mirrored.play(line.words)
    assert mirrored.records() == _turned(upright.records())
    assert _plain(mirrored) == [_turned(fact) for fact in _plain(upright)]


def _unsaid(player: Player, heard: int, line: Line) -> list[str]:
    return [f"before line {line.number}, unsaid: {told(fact)}" for fact in player.facts[heard:]]


def _compare(line: Line, got: dict[str, Any], player: Player) -> list[str]:
    wrong = []
    for name, value in pairs(line.words[2:]).items():
        found: Any = got
        for part in name.split("."):
            if isinstance(found, list):
                found = next((one for one in found if one["bar"] == iso(player.at(part))), None)
            else:
                found = found.get(part) if isinstance(found, dict) else None
        shown = iso(player.at(value)) if _is_time(value) else value
        if _written(found) != shown:
            wrong.append(f"line {line.number}: {name} {value}, but it is {_written(found)}")
    return wrong


def _written(value: Any) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case list() | dict():
            return ",".join(map(str, value)) or "-"
        case _:
            return str(value)


def _is_time(text: str) -> bool:
    clock = text.rpartition("/")[2]
    return len(clock) >= 5 and clock[2] == ":" and clock[:2].isdigit()


def _plain(player: Player) -> list[dict[str, Any]]:
    """Return the facts without their prose, which says prices in words."""
    return [
        {name: value for name, value in told(fact).items() if name != "detail"}
        for fact in player.facts
    ]


def _turned(value: Any, name: str = "") -> Any:
    """Return a fact or record as it is with up and down exchanged."""
    if isinstance(value, dict) and name != "prices":
        turned = {
            key: _turned(item, "targets" if name == "targets" else key)
            for key, item in value.items()
        }
        for high, low in (("signal_high", "signal_low"), ("high", "low")):
            if high in turned:
                turned[high], turned[low] = turned[low], turned[high]
        return turned
    if isinstance(value, list):
        return [_turned(item, name) for item in value]
    if name == "price_ticks":
        return int(MIRROR * 4) - value
    if name == "jump_ticks":
        return -value
    if isinstance(value, str) and (name in PRICES or name == "targets") and value[:1].isdigit():
        return f"{MIRROR - Decimal(value):f}"
    if name in ("side", "direction", "action") and value in SWAPPED_WORDS:
        return SWAPPED_WORDS[value]
    if name == "prices":
        return {contract: f"{MIRROR - Decimal(last):f}" for contract, last in value.items()}
    if isinstance(value, str) and "BULLISH" in value:
        return value.replace("BULLISH", "BEARISH")
    if isinstance(value, str):
        return value.replace("BEARISH", "BULLISH")
    return value
