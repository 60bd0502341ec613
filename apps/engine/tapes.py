"""What a replay reads beside ticks and candles: the signals file and the settings file."""

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from apps.marketdata.domain.contract import UnknownSymbol, root_of
from apps.marketdata.domain.session import frame_end, frame_start
from apps.marketdata.tables import BadData
from apps.signals.domain import wire
from apps.signals.domain.messages import Alert
from apps.signals.domain.refusal import Unreadable


class SignalFile(NamedTuple):
    """The alerts of one root in order of arrival, and how many were of other roots."""

    alerts: list[Alert]
    names: dict[str, str]  # the engine's key to the file's own id, where an id comes twice
    left_out: int


def read_signals(path: Path, root: str, default_symbol: str, seconds: int) -> SignalFile:
    """Return the signals of a JSON-lines file that concern `root`.

    Order of arrival is `received_at`; where none has one, the order of the file.

    Raises:  BadData  a line that is no JSON object or has no id
    """
    alerts: list[Alert] = []
    names: dict[str, str] = {}
    left_out = 0
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as problem:
        raise BadData(
            path, 0, "", problem.strerror or "can't be read", "Name a readable file."
        ) from None
    except UnicodeDecodeError:
        raise BadData(path, 0, "", "is not UTF-8", "Save it as UTF-8 text.") from None
    for row, line in enumerate(lines, 1):
        if not line.strip():
            continue
        given = _object(path, row, line)
        symbol = given.get("symbol") or default_symbol
        if not _is_of(symbol, root):
            left_out += 1
            continue
        alert = _alert(path, row, given, str(symbol))
        key = alert.id if alert.id not in names else f"{alert.id}#{row}"
        names[key] = alert.id
        alerts.append(replace(alert, id=key))
    if any(alert.received_at is not None for alert in alerts):
        alerts.sort(key=lambda alert: _arrival(alert, seconds))
    return SignalFile(alerts, names, left_out)


def read_settings(path: Path) -> dict[str, Any]:
    """Return the settings of a JSON file, numbers exact.

    Raises:  BadData  it is no JSON object
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise BadData(path, 0, "", "can't be read", "Name a readable JSON file.") from None
    try:
        given = json.loads(text, parse_float=Decimal)
    except ValueError as problem:
        raise BadData(path, 0, "", f"is no JSON: {problem}", "Mend it.") from None
    if not isinstance(given, dict):
        raise BadData(path, 0, "", "is no JSON object", 'Write it like {"buffer": "0.25"}.')
    return given


def _object(path: Path, row: int, line: str) -> dict[str, Any]:
    try:
        given = json.loads(line, parse_float=Decimal)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise BadData(path, row, "", "is no JSON object", "Write one object a line.")
    if given.get("id") in (None, "") or isinstance(given["id"], dict | list | bool):
        raise BadData(path, row, "id", "is missing", "Give each signal an id.")
    return given


def _alert(path: Path, row: int, given: Mapping[str, Any], symbol: str) -> Alert:
    try:
        received_at = wire.instant(given, "received_at")
    except Unreadable as problem:
        cure = "Write epoch seconds, milliseconds or ISO-8601, or leave it out."
        raise BadData(path, row, "received_at", str(problem), cure) from None
    try:
        time = wire.instant(given, "time")
        direction = given.get("direction")
    except Unreadable:
        time, direction = None, None  # the record says MALFORMED
    if time is None and received_at is None:
        direction = None if given.get("time") is not None else given.get("direction")
    htf_ok = given.get("htf_ok")
    return Alert(
        id=str(given["id"]),
        symbol=symbol,
        direction=direction if isinstance(direction, str) else None,
        time=time,
        price=_text(given.get("price")),
        market_price=_text(given.get("market_price")),
        received_at=received_at,
        htf_ok=htf_ok if isinstance(htf_ok, bool) else None,
    )


def _arrival(alert: Alert, seconds: int) -> int:
    if alert.received_at is not None or alert.time is None:
        return alert.received_at or 0
    return frame_end(frame_start(alert.time, seconds), seconds)


def _is_of(symbol: object, root: str) -> bool:
    try:
        return isinstance(symbol, str) and root_of(symbol) == root
    except UnknownSymbol:
        return False


def _text(value: object) -> str | None:
    if value is None or isinstance(value, bool | dict | list) or value == "":
        return None
    return str(value)
