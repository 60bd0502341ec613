"""Rows of this app: recorders and what they recorded (`recording.py`), imported files (`importing.py`), days (`days.py`), sizes (`watching.py`), accounts that may be one (`joining.py`)."""

from apps.recorder.models.days import AccountDayMark
from apps.recorder.models.importing import Import, ImportedRow, Stood
from apps.recorder.models.joining import Resemblance
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
from apps.recorder.models.watching import SizeDifference

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
    "Resemblance",
    "SizeDifference",
    "Stood",
]
