"""Rows of this app: recorders and what they recorded (`recording.py`), imported files (`importing.py`), days (`days.py`)."""

from apps.recorder.models.days import AccountDayMark
from apps.recorder.models.importing import Import, ImportedRow, Stood
from apps.recorder.models.recording import (
    Assignment,
    Book,
    Opening,
    RecordedFill,
    RecordedPosition,
    Recorder,
    RecorderLog,
    RecordingSpan,
)

__all__ = [
    "AccountDayMark",
    "Assignment",
    "Book",
    "Import",
    "ImportedRow",
    "Opening",
    "RecordedFill",
    "RecordedPosition",
    "Recorder",
    "RecorderLog",
    "RecordingSpan",
    "Stood",
]
