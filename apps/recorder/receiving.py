"""A large upload in slices: appended where the last one ended, gone on with after a break, at most a slice in memory."""

import fcntl
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO, Final

from django.utils import timezone

from apps.recorder.import_life import CannotImport, State
from apps.recorder.import_work import begin_work
from apps.recorder.importing import begun
from apps.recorder.imports.reading import MOST_BYTES
from apps.recorder.models import Import

SLICE: Final = 4 * 1024 * 1024  # bytes that a browser sends at a time; a request may have MOST_BODY
OPEN: Final = 5  # unfinished uploads of a person: 2.5 GB at most
ROOM: Final = 256 * 1024 * 1024  # bytes that an upload leaves free on the disk


class WrongPlace(Exception):
    """A slice does not begin where the last one ended; `offset` is where it has to."""

    def __init__(self, offset: int) -> None:
        super().__init__(f"the next byte wanted is {offset}")
        self.offset = offset


def begin(*, user: Any, name: str, size: int, modified: int = 0, **choices: Any) -> Import:
    """Announce a file, or go on with one of the same name, size and change that was broken off.

    modified: when the sender's file was changed last, ms since 1970; 0 is never gone on with
    choices:  as `importing.accept` takes them: zone, decimals, days, account, apply, only_good

    Raises:  CannotImport
    """
    made = begun(user=user, name=name, **choices)
    if not 0 < size <= MOST_BYTES:
        raise CannotImport(
            "size",
            "the file is empty; export it again"
            if size < 1
            else f"the file has {size / 2**20:,.0f} MB; {MOST_BYTES // 2**20} MB are taken. Export a shorter time",
        )
    waiting = Import.objects.of(user).filter(state=State.RECEIVING)
    same: Import | None = waiting.filter(
        file_name=made.file_name, size=size, modified_ms=modified
    ).first()
    if modified and same is not None:
        same.zone, same.decimals, same.days, same.wish = (
            made.zone,
            made.decimals,
            made.days,
            made.wish,
        )
        same.save(update_fields=["zone", "decimals", "days", "wish", "moved_at"])
        return same
    if waiting.count() >= OPEN:
        raise CannotImport(
            "size", f"{OPEN} uploads are unfinished already; finish one, or throw one away"
        )
    made.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    free = shutil.disk_usage(made.path.parent).free - ROOM
    if free < 2 * size:  # the file, and its rows laid down
        raise CannotImport(
            "size",
            f"the desk's disk has no room for {size / 2**20:,.0f} MB; make some, or export a shorter time",
        )
    made.size, made.modified_ms, made.state = size, modified, State.RECEIVING
    made.save()
    return made


def offset(importing: Import) -> int:
    """Return how many bytes of an upload are here."""
    try:
        return importing.path.stat().st_size
    except FileNotFoundError:
        return 0


def append(importing: Import, at: int, chunks: Iterable[bytes]) -> int:
    """Write a slice that begins at byte `at`, and return where the next one does. After the last one it is looked at.

    A slice that breaks off half way leaves nothing of it behind.

    Raises:  WrongPlace  it begins elsewhere, or another slice is just being written
             CannotImport  it is over, or has more bytes than were announced
    """
    with _opened(importing.path) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise WrongPlace(offset(importing)) from None
        here = file.seek(0, os.SEEK_END)
        kept = Import.objects.filter(pk=importing.pk, state=State.RECEIVING)
        if not kept.exists():
            raise CannotImport("import", "it is not being uploaded any more")
        if at != here:
            raise WrongPlace(here)
        end = _write(file, here, chunks, importing.size)
        kept.update(moved_at=timezone.now(), share=end / importing.size)
        is_whole = end == importing.size and kept.update(
            state=State.LOOKING, share=0, moved_at=timezone.now()
        )
    if is_whole:
        importing.refresh_from_db()
        begin_work(importing)
    importing.refresh_from_db()
    return end


def _opened(path: Path) -> BinaryIO:
    """Open it for reading and writing, made if it is not there, never emptied."""
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b")


def _write(file: BinaryIO, here: int, chunks: Iterable[bytes], size: int) -> int:
    end = here
    try:
        for chunk in chunks:
            end += len(chunk)
            if end > size:
                raise CannotImport(
                    "size", f"{size:,} bytes were announced, and more have come; begin anew"
                )
            file.write(chunk)
        file.flush()
    except BaseException:
        file.truncate(here)
        raise
    return end
