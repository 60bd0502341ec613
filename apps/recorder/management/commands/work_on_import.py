"""manage.py work_on_import: what `apps.recorder.apart` starts; not for people."""

import os
import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from apps.recorder import import_work
from apps.recorder.import_life import CannotImport


class Command(BaseCommand):
    """Work on one import, and end at once when whoever started it does.

    Not niced: one that waits for a processor while it holds the database's lock would hold up the engine.
    """

    help = "Read, import or undo one large file in a process of its own (started by the worker)."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name the import."""
        parser.add_argument("pk", type=int)

    def handle(self, **options: Any) -> None:
        """Do what it waits for."""
        threading.Thread(target=_end_with_parent, daemon=True).start()
        try:
            import_work.work(options["pk"])
        except CannotImport as problem:  # the row says it too
            self.stdout.write(str(problem))


def _end_with_parent() -> None:
    """Wait until nobody holds the other end any more; what is left is what a crash leaves."""
    while os.read(0, 64):
        pass
    os._exit(1)
