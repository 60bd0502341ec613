"""A file in slices: appended in order, gone on with, nobody else's, and never more than was announced."""

import fcntl
import tracemalloc
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from apps.dashboards import import_pages
from apps.recorder import import_work, importing, receiving
from apps.recorder.models import Import
from apps.system.limits import MOST_BODY
from tests.cast import Actor
from tests.integration.recorder.imported import an_account, known, ninja

pytestmark = pytest.mark.django_db
TO = "/api/recorder/import/upload/"
TEXT = ninja(
    ("Buy", 2, "21539.50", "10:59:52 AM", "a1"), ("Sell", 2, "21535.75", "11:01:29 AM", "a2")
).encode()


@pytest.fixture(autouse=True)
def _home(settings: Any, tmp_path: Path) -> None:
    settings.HOME = tmp_path


def begun(client: Client, size: int = len(TEXT), **more: Any) -> Any:
    told = {"name": "fills.csv", "size": size, "modified": 7, "zone": "America/Chicago", **more}
    return client.post(TO, told, "application/json")


def put(client: Client, id: int, at: int | str, data: bytes) -> Any:
    return client.put(
        f"/api/recorder/import/{id}/content/", data, "application/octet-stream",
        headers={"Upload-Offset": str(at)},
    )  # fmt: skip


def test_slices_become_a_preview(alice: Actor) -> None:
    account = an_account(alice.user)
    told = begun(alice.client)
    assert told.status_code == 201
    id, half = told.json()["id"], len(TEXT) // 2
    assert told.json() == {
        "id": id, "state": "receiving", "size": len(TEXT), "offset": 0, "slice": receiving.SLICE,
    }  # fmt: skip
    assert put(alice.client, id, 0, TEXT[:half]).json()["offset"] == half
    page = alice.client.get(f"/recorders/import/{id}/").content
    assert b"are here; nothing was read" in page
    done = put(alice.client, id, half, TEXT[half:]).json()
    assert (done["state"], done["offset"]) == ("ready", len(TEXT))
    row = Import.objects.get(pk=id)
    assert row.seen["counts"] == {"new": 2} and len(row.sha256) == 64
    importing.apply(importing=row, at_once=True)
    assert len(known(account)) == 2


def test_a_broken_upload_is_gone_on_with_and_a_slice_counts_once(alice: Actor) -> None:
    an_account(alice.user)
    id = begun(alice.client).json()["id"]
    put(alice.client, id, 0, TEXT[:100])
    twice = put(alice.client, id, 0, TEXT[:100])  # its answer was lost
    assert twice.status_code == 409 and twice.json()["offset"] == 100
    assert "send from 100" in twice.json()["detail"]
    again = begun(alice.client)
    assert (again.json()["id"], again.json()["offset"]) == (id, 100)
    other = begun(alice.client, modified=8).json()  # the file was changed since
    assert other["id"] != id and other["offset"] == 0
    assert put(alice.client, id, 100, TEXT[100:]).json()["state"] == "ready"
    assert put(alice.client, id, len(TEXT), b"x").status_code == 400


def test_what_is_too_much_is_refused_with_field_and_cure(alice: Actor) -> None:
    an_account(alice.user)
    large = begun(alice.client, size=513 * 2**20)
    (error,) = large.json()["errors"]
    assert large.status_code == 400 and error["field"] == "size"
    assert "513 MB; 512 MB are taken" in error["detail"]
    assert begun(alice.client, size=0).status_code == 400
    assert begun(alice.client, zone="Mars").json()["errors"][0]["field"] == "zone"
    id = begun(alice.client).json()["id"]
    more = put(alice.client, id, 0, TEXT + b"!")
    assert more.status_code == 400 and "were announced" in more.json()["errors"][0]["detail"]
    assert receiving.offset(Import.objects.get(pk=id)) == 0
    for wrong in ("x", "\u00b2"):  # a raised two is a digit, and no number
        told = put(alice.client, id, wrong, TEXT).json()
        assert told["errors"][0]["field"] == "Upload-Offset"
    for number in range(receiving.OPEN - 1):
        assert begun(alice.client, modified=100 + number).status_code == 201
    assert "unfinished already" in begun(alice.client, modified=99).json()["errors"][0]["detail"]


def test_a_slice_that_breaks_off_leaves_nothing(alice: Actor) -> None:
    row = receiving.begin(user=alice.user, name="x.csv", size=100, zone="UTC")

    def broken() -> Any:
        yield b"half"
        raise OSError("the line is dead")

    with pytest.raises(OSError, match="dead"):
        receiving.append(row, 0, broken())
    assert receiving.offset(row) == 0


def test_two_at_once_cannot_write_one_place(alice: Actor) -> None:
    row = receiving.begin(user=alice.user, name="x.csv", size=100, zone="UTC")
    with receiving._opened(row.path) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(receiving.WrongPlace):
            receiving.append(row, 0, [b"x"])
    assert receiving.append(row, 0, [b"x"]) == 1


def test_an_upload_is_nobody_elses(alice: Actor, bob: Actor) -> None:
    an_account(alice.user)
    id = begun(alice.client).json()["id"]
    assert put(bob.client, id, 0, TEXT).status_code == 404
    assert bob.client.get(f"/api/recorder/import/{id}/content/").status_code == 404
    assert begun(bob.client).json()["id"] != id
    assert put(Client(), id, 0, TEXT).status_code == begun(Client()).status_code == 401
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice.user, backend="django.contrib.auth.backends.ModelBackend")
    assert put(strict, id, 0, TEXT).status_code == 403
    assert alice.client.get(f"/api/recorder/import/{id}/content/").json()["offset"] == 0


def test_an_upload_that_nobody_goes_on_with_is_thrown_away(alice: Actor) -> None:
    row = Import.objects.get(pk=begun(alice.client).json()["id"])
    receiving.append(row, 0, [TEXT[:10]])
    assert importing.forget_uploads() == 0 and import_work.left_over() == []
    Import.objects.update(moved_at=timezone.now() - timedelta(days=2))
    assert importing.forget_uploads() == 1 and not row.path.exists()
    other = begun(alice.client).json()["id"]
    alice.client.post(f"/recorders/import/{other}/discard/")
    assert not Import.objects.exists()


def test_forty_megabytes_in_slices_take_a_few_slices_of_memory(
    alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_work, "send", lambda _pk: None)  # the reading is the worker's
    slice, many = b"x" * receiving.SLICE, 10
    id = begun(alice.client, size=many * len(slice)).json()["id"]
    put(alice.client, id, 0, slice)  # what is loaded once
    tracemalloc.start()
    try:
        for number in range(1, many):
            put(alice.client, id, number * len(slice), slice)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert Import.objects.get(pk=id).state == Import.State.LOOKING
    # the test's own client keeps a slice five times
    assert peak < 7 * receiving.SLICE, f"{peak / 2**20:.0f} MB"


def test_the_form_without_its_script_says_how_much_it_takes(
    alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    an_account(alice.user)
    monkeypatch.setattr(import_pages, "MOST_AT_ONCE", 100)
    sent = alice.client.post(
        "/recorders/import/",
        {"file": SimpleUploadedFile("a.csv", TEXT, "text/csv"), "zone": "UTC"},
    )
    assert sent.status_code == 422 and b"without JavaScript" in sent.content
    assert b"import_fills" in sent.content and not Import.objects.exists()


def test_a_body_that_was_not_kept_is_answered_by_its_length(alice: Actor) -> None:
    for path, kind in (("/recorders/import/", "text/html"), (TO, "application/problem+json")):
        said = alice.client.post(path, b"", "text/csv", CONTENT_LENGTH=str(MOST_BODY + 1))
        assert said.status_code == 413 and said["Content-Type"].startswith(kind)
        assert b"36 MB" in said.content
