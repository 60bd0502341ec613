"""Workers and imports: one at a time does one, a dead one's is taken over, and no queue tells a task twice meanwhile."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import current_app
from django.conf import settings as desk
from django.utils import timezone

from apps.bus.models import LeaseRow
from apps.recorder import import_work, importing, writing
from apps.recorder.models import Import
from tests.cast import Actor
from tests.integration.recorder.imported import an_account, known, ninja, uploaded

pytestmark = pytest.mark.django_db
BUY = ("Buy", 2, "21539.50", "10:59:52 AM", "a1")


@pytest.fixture(autouse=True)
def _home(settings: Any, tmp_path: Path) -> None:
    settings.HOME = tmp_path


def test_one_worker_at_a_time_does_an_import_and_a_dead_ones_is_taken_over(alice: Actor) -> None:
    account = an_account(alice.user)
    found = uploaded(alice.user, ninja(BUY))
    Import.objects.filter(pk=found.pk).update(state=Import.State.APPLYING)
    held = LeaseRow.objects.create(
        name=f"import:{found.pk}", holder="another",
        held_until=timezone.now() + timedelta(minutes=1),
    )  # fmt: skip
    import_work.work(found.pk)
    found.refresh_from_db()
    assert found.state == Import.State.APPLYING and known(account) == []
    LeaseRow.objects.filter(pk=held.pk).update(held_until=timezone.now() - timedelta(seconds=1))
    import_work.work(found.pk)
    found.refresh_from_db()
    assert found.state == Import.State.DONE and len(known(account)) == 1
    assert not LeaseRow.objects.exists()


def test_a_worker_that_has_lost_its_import_writes_no_end_of_it(
    alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    an_account(alice.user)
    found = uploaded(alice.user, ninja(BUY))
    write = writing.write

    def slow(*given: Any) -> list[int]:
        changed = write(*given)
        LeaseRow.objects.update(holder="another", held_until=timezone.now() + timedelta(minutes=1))
        return changed

    monkeypatch.setattr(writing, "write", slow)
    importing.apply(importing=found, at_once=True)
    assert found.state == Import.State.APPLYING and found.staged.exists()
    assert LeaseRow.objects.get().holder == "another"


def test_no_task_runs_longer_than_the_queue_waits_for_it() -> None:
    current_app.loader.import_default_modules()
    limits = [task.time_limit or desk.CELERY_TASK_TIME_LIMIT for task in current_app.tasks.values()]
    assert max(limits) < desk.CELERY_VISIBILITY_S
