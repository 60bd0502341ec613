"""How far an import is: moved from state to state by whoever is at it, and forgotten when nobody wants it."""

from collections.abc import Callable
from typing import Any

from django.utils import timezone

from apps.bus.lease import Lease
from apps.recorder.models import Import

State = Import.State


class CannotImport(Exception):
    """The wish cannot be granted: `field` is to blame, the text says the cure."""

    def __init__(self, field: str, cure: str) -> None:
        super().__init__(f"{field}: {cure}")
        self.field, self.cure = field, cure


def move(importing: Import, before: State, after: State, **fields: Any) -> None:
    """Say that a step is over, unless somebody else has said so."""
    Import.objects.filter(pk=importing.pk, state=before).update(
        state=after, moved_at=timezone.now(), **fields
    )


def progress_of(
    importing: Import, lease: Lease, begin: float = 0.0, end: float = 1.0
) -> Callable[[float], None]:
    """Return what writes the share that is done, at most a hundred times, and keeps the lease meanwhile."""
    last = -1

    def tell(share: float) -> None:
        nonlocal last
        whole = begin + (end - begin) * share
        if int(whole * 100) > last:
            last = int(whole * 100)
            lease.renew()
            Import.objects.filter(pk=importing.pk).update(share=whole, moved_at=timezone.now())

    return tell


def forget_file(importing: Import) -> None:
    """Delete the upload and the rows laid down of it."""
    importing.path.unlink(missing_ok=True)
    importing.staged.unlink(missing_ok=True)
