"""What is another trader's does not exist: every address that names a row, page or API, asked by who does not own it.

The addresses are those of the resolver. First their owner asks, so that a 404 to another means "not yours" and not
"no such row": an address added later needs its row in `numbered.py`, or its word in `WORDS`, and the test says so.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from django.db import transaction
from django.test import Client
from django.urls import get_resolver, reverse
from django.urls.resolvers import RoutePattern

from apps.bus import transport
from apps.trades import services
from tests.integration.users.numbered import LIVE, MADE, a_row_of_each_kind
from tests.integration.users.people import proven, somebody
from tests.integration.users.test_strangers import OPEN, OPEN_SPACES, addresses

ALICES: Final = 4711  # the number of each of her rows
BOBS: Final = 4712
METHODS: Final = {"api": ("get", "post", "put", "patch", "delete"), "page": ("get", "post")}
# A word in an address besides a row: one that exists, else nobody gets anything.
WORDS: Final = {
    "desk:prop_deed": {"what": "own"},
    "desk:connection_deed": {"what": "off"},
    "desk:import_deed": {"what": "undo"},
    "desk:recorder_deed": {"what": "start"},
    "desk:recorder_region": {"name": "log"},
}
OF_LIVE: Final = (
    "desk:live_switch",
    "desk:live_off",
    "desk:live_orders",
)  # what they name is never a paper account
# Without a body that means something these would not look for the row.
BODIES: Final[dict[str, dict[str, Any]]] = {
    "execute-signal": {"accounts": [ALICES]},
    "desk:execute": {"account": ALICES},
}


@dataclass(frozen=True)
class Address:
    """An address that names rows, with what stands in it."""

    name: str
    rows: tuple[str, ...]
    words: dict[str, str]
    is_keyed: bool

    def of(self, number: int, first: int | None = None) -> str:
        """Return it with this number in it; `first` stands in the first place of several."""
        number += LIVE if self.name in OF_LIVE else 0
        numbers = dict.fromkeys(self.rows, number)
        if first is not None:
            numbers[self.rows[0]] = first
        key = {"key": f"key{number}"} if self.is_keyed else {}
        return reverse(self.name, kwargs={**numbers, **self.words, **key})

    @property
    def methods(self) -> tuple[str, ...]:
        """Return by which methods it is asked."""
        return METHODS["api" if self.of(1).startswith("/api/") else "page"]


def named() -> Iterator[Address]:
    """Yield every address that names a row, as the resolver knows them."""
    for space, pattern in addresses(get_resolver().url_patterns):
        if space in OPEN_SPACES or pattern.name in OPEN:
            continue
        assert isinstance(pattern.pattern, RoutePattern)
        kinds = {
            name: type(converter).__name__ for name, converter in pattern.pattern.converters.items()
        }
        rows = tuple(name for name, kind in kinds.items() if kind == "RowId")
        others = set(kinds) - set(rows) - {"key"}
        name = f"{space}:{pattern.name}" if space else str(pattern.name)
        if not rows and "key" not in kinds:
            continue
        assert others == set(WORDS.get(name, {})), (
            f"{name} ({pattern.pattern}) has {others or 'no word'} beside its row: say a word that exists in WORDS"
        )
        yield Address(name, rows, WORDS.get(name, {}), "key" in kinds)


@dataclass(frozen=True)
class Two:
    """Alice and Bob, at their browsers."""

    alice: Client
    bob: Client

    @staticmethod
    def ask(client: Client, method: str, address: Address, path: str) -> Any:
        """Return what somebody is answered; what it changed is taken back."""
        body = BODIES.get(address.name, {})
        more = {} if method == "get" else {"content_type": "application/json"}
        if not path.startswith("/api/"):
            more = {}
        whole = transaction.atomic()
        whole._from_testcase = True  # type: ignore[attr-defined]  # as pytest's own: what must be durable may stand inside it
        with whole:
            answer = getattr(client, method)(path, body, **more)
            transaction.set_rollback(True)
        return answer


@pytest.fixture
def two(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Two]:
    settings.HOME = tmp_path
    monkeypatch.setattr(services, "PATIENCE_S", 0.0)  # no engine listens: nobody waits for it
    transport.use(transport.MemoryTransport())
    alice, bob = somebody("alice"), somebody("bob")
    browsers = proven("alice"), proven("bob")  # before they have a passkey that would be asked for
    a_row_of_each_kind(alice, ALICES)
    a_row_of_each_kind(bob, BOBS)
    yield Two(*browsers)
    transport.use(None)


@pytest.mark.django_db
def test_the_owner_finds_her_row_at_every_address(two: Two) -> None:
    for address in named():
        path = address.of(ALICES)
        answers = {method: two.ask(two.alice, method, address, path) for method in address.methods}
        found = {method: answer.status_code for method, answer in answers.items()}
        assert 401 not in found.values(), path
        for answer in answers.values():
            assert not answer.get("Location", "").startswith("/accounts/login/"), path
        assert set(found.values()) - {405}, f"{path} takes none of {address.methods}"
        assert 404 not in found.values(), (
            f"{path} ({address.name}) is not found by its owner ({found}), so asking it as another proves nothing: "
            f"make a row {ALICES} of what it names in numbered.py (it makes: {MADE})"
        )


@pytest.mark.django_db
def test_another_finds_nothing_of_hers_at_any(two: Two) -> None:
    asked = 0
    for address in named():
        paths = [address.of(ALICES)]
        if len(address.rows) > 1:  # hers under one of his own
            paths.append(address.of(ALICES, first=BOBS))
        for path in paths:
            for method in address.methods:
                answer = two.ask(two.bob, method, address, path)
                assert answer.status_code in (404, 405), (method, path, answer.status_code)
                if path.startswith("/api/"):
                    assert answer["Content-Type"] == "application/problem+json", path
                asked += answer.status_code == 404
    assert asked >= 110


@pytest.mark.django_db
def test_nobody_is_sent_to_sign_in_from_every_one(two: Two) -> None:
    nobody = Client()
    for address in named():
        path = address.of(ALICES)
        for method in address.methods:
            answer = two.ask(nobody, method, address, path)
            if path.startswith("/api/"):
                assert answer.status_code in (401, 405), (method, path, answer.status_code)
            else:
                assert answer.status_code in (302, 405), (method, path, answer.status_code)
                assert answer.status_code == 405 or answer["Location"].startswith(
                    "/accounts/login/"
                ), (method, path)
