"""What may stand behind the `?` of an address of the API: what its description names, and nothing else."""

from collections.abc import Iterator
from typing import Any

from drf_spectacular.generators import SchemaGenerator
from rest_framework.permissions import AllowAny

from apps.users.asked import words_of

# Ways out, which never fail for a word in their address.
LENIENT = {
    "DELETE /api/paper-trading/cancel-order/{id}/", "POST /api/paper-trading/cancel-all/",
    "POST /api/paper-trading/flatten/", "POST /api/recorder/stop/{id}/", "POST /api/risk/kill-switch/",
}  # fmt: skip


def addresses() -> Iterator[tuple[str, Any]]:
    """Yield each address and method of our own API that asks who is there, with its view."""
    generator = SchemaGenerator()
    generator._initialise_endpoints()
    for path, _pattern, method, view in generator._get_paths_and_endpoints():
        if path.startswith("/api/") and AllowAny not in view.permission_classes:
            yield f"{method} {path}", view


def described() -> dict[str, set[str]]:
    """Return which words each address is described with."""
    paths = SchemaGenerator().get_schema(public=True)["paths"]
    return {
        f"{method.upper()} {path}": {
            one["name"] for one in told.get("parameters", ()) if one["in"] == "query"
        }
        for path, methods in paths.items()
        for method, told in methods.items()
    }


def test_each_address_takes_what_it_is_described_with_and_nothing_else() -> None:
    told, wrong, lenient = described(), {}, set()
    for address, view in addresses():
        known = words_of(view)
        if known is None:
            lenient.add(address)
        elif told[address] - known:
            wrong[address] = told[address] - known
        elif address.startswith("GET") and known - told[address] != {"format"}:
            wrong[address] = known - told[address]
    assert wrong == {}
    assert lenient == LENIENT
