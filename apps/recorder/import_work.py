"""Who works on an import and when: a small one at once, a larger one in the worker; one at a time, and again after a crash."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Final

from celery import current_app
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from kombu.exceptions import OperationalError

from apps.bus.lease import Lease, only_one
from apps.recorder import applying, previewing
from apps.recorder.import_life import CannotImport, State, forget_file, move
from apps.recorder.models import Import

WORK: Final = "apps.recorder.tasks.work_on_import"
AT_ONCE: Final = 1024 * 1024  # bytes; larger files are the worker's
HOLDS: Final = timedelta(minutes=5)  # a worker that said nothing for so long is dead
WAITS_S: Final = 50  # the sweep sends what waits once a minute


def begin_work(importing: Import, *, at_once: bool | None = None) -> None:
    """Have it worked on: a small one now, a larger one by the worker."""
    if importing.size <= AT_ONCE if at_once is None else at_once:
        work(importing.pk)
    else:
        transaction.on_commit(lambda: send(importing.pk))


def send(pk: int) -> None:
    """Give an import to the worker. If that cannot be reached or is busy for long, its own sweep sends it again."""
    with suppress(OperationalError):
        current_app.send_task(WORK, [pk], expires=WAITS_S)


def work(pk: int) -> None:
    """Do what an import waits for, unless another worker is at it. Done again, it goes on where it stopped."""
    with only_one(f"import:{pk}", timezone.now, HOLDS) as lease:
        importing = Import.objects.filter(pk=pk).first()
        if lease is not None and importing is not None:
            _work(importing, lease)


def _work(importing: Import, lease: Lease) -> None:
    doing: Mapping[str, Callable[[Import, Lease], None]] = {
        State.LOOKING: previewing.look, State.COUNTING: previewing.recount,
        State.APPLYING: applying.write, State.UNDOING: applying.take_back,
    }  # fmt: skip
    if (do := doing.get(importing.state)) is not None:
        do(importing, lease)
    elif importing.state in (State.DONE, State.UNDONE):
        forget_file(importing)  # a task that was killed had only that left to do
    importing.refresh_from_db()
    if importing.state == State.READY and importing.wish:
        _go_on(importing, lease)


def _go_on(importing: Import, lease: Lease) -> None:
    """Do what was asked for with the upload, now that it is known what is in it.

    Raises:  CannotImport  it cannot be done; it waits as a preview and says why
    """
    wish, names = importing.wish, importing.accounts
    try:
        if wish["account"] is not None and len(names) != 1:
            raise CannotImport(
                "account",
                f"the file names {len(names)} accounts ({', '.join(names)[:200]}); say where each goes, by `accounts` of import {importing.pk} in the API, or have accounts made for them, by its `make_accounts`",
            )
        if wish["apply"]:
            applying.start(importing, only_good=wish["only_good"])
    except CannotImport as problem:
        move(importing, State.READY, State.READY, wish={}, reason=problem.cure[:600])
        raise
    move(importing, State.READY, State.READY, wish={})
    if wish["apply"]:
        importing.refresh_from_db()
        applying.write(importing, lease)


def left_over() -> list[int]:
    """Return imports that nobody works on although they wait for it: their worker died, or was never reached."""
    old = timezone.now() - timedelta(minutes=2)
    waiting = Import.objects.filter(
        Q(state__in=[State.LOOKING, State.COUNTING, State.APPLYING, State.UNDOING])
        | (Q(state=State.READY) & ~Q(wish={})),
        moved_at__lt=old,
    )
    return list(waiting.values_list("pk", flat=True))
