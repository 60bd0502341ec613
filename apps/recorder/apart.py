"""Work on a large import in a process of its own, so that reading it neither holds the desk's interpreter nor keeps its memory."""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db.models import Max

from apps.bus import bus
from apps.bus.models import FactRow
from apps.recorder import import_work
from apps.recorder.models import Import

LARGE: Final = 1024 * 1024  # bytes; a smaller file is not worth a start of Python
_WORDS: Final = 2_000  # bytes of what it wrote before it ended


class Ended(Exception):
    """The process ended badly; the sweep has the import worked on again."""


def work(pk: int) -> None:
    """Do what an import waits for: here, or apart if it is large.

    Raises:  CannotImport, Ended
    """
    found = Import.objects.filter(pk=pk).only("size", "user_id").first()
    if found is None or found.size <= LARGE:
        import_work.work(pk)
        return
    before = FactRow.objects.aggregate(last=Max("seq"))["last"] or 0
    command = [
        sys.executable,
        str(Path(settings.BASE_DIR) / "manage.py"),
        "work_on_import",
        str(pk),
    ]
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(  # noqa: S603 our own command
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said
        )
        try:
            status = process.wait()  # its standard input stays open as long as we live
        finally:
            process.kill()
            assert process.stdin is not None
            process.stdin.close()
        said.seek(max(0, said.tell() - _WORDS))
        words = said.read().decode(errors="replace")
    bus.tell_of_others(user=found.user_id, since=before)
    if status:
        raise Ended(words)
