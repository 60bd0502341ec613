"""Rows of this app: recorders and what they recorded (`recording.py`)."""

from apps.recorder.models.recording import (
    Assignment,
    Book,
    RecordedFill,
    RecordedPosition,
    Recorder,
    RecorderLog,
    RecordingSpan,
)

__all__ = [
    "Assignment",
    "Book",
    "RecordedFill",
    "RecordedPosition",
    "Recorder",
    "RecorderLog",
    "RecordingSpan",
]
