"""What the API takes: every body is read by the one reader that refuses a field it does not know."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator
from rest_framework import serializers

from apps.users.asked import Asked

ROOT = Path(__file__).resolve().parents[2]
# Bytes that are no fields, read piece by piece.
RAW = {"apps/recorder/upload_api.py:_pieces"}


def bodies() -> Iterator[tuple[str, Any]]:
    """Yield each address and method that takes a body, with what reads it."""
    generator = SchemaGenerator()
    generator._initialise_endpoints()
    for path, pattern, method, view in generator._get_paths_and_endpoints():
        if method not in ("POST", "PUT", "PATCH") or not path.startswith("/api/"):
            continue
        schema = view.schema
        schema.path, schema.path_regex, schema.method = path, pattern, method
        schema.path_prefix, schema.registry = "/", generator.registry
        found = schema.get_request_serializer()
        for one in found.values() if isinstance(found, dict) else [found]:
            yield f"{method} {path}", one


def readers(found: Any) -> Iterator[serializers.BaseSerializer]:
    """Yield a serializer and those of its parts, at each depth."""
    one = found() if isinstance(found, type) else found
    if isinstance(one, serializers.ListSerializer):
        one = one.child
    if not isinstance(one, serializers.BaseSerializer):
        return
    yield one
    for field in getattr(one, "fields", {}).values():
        yield from readers(getattr(field, "child", None) or field)


def test_every_body_and_every_part_of_it_refuses_what_it_does_not_know() -> None:
    asked = [(path, one) for path, found in bodies() for one in readers(found)]
    assert len(asked) > 30
    wrong = {
        f"{path}: {type(one).__name__} is no apps.users.asked.Asked"
        for path, one in asked
        if not isinstance(one, Asked) and one.fields
    }
    assert wrong == set()


def test_every_view_reads_its_body_by_the_one_reader() -> None:
    """So what the description names is what reads it: `read(Kind, request.data)`, and nothing else touches it."""
    wrong = []
    for path in sorted((ROOT / "apps").rglob("*api.py")):
        tree, name = ast.parse(path.read_text()), path.relative_to(ROOT).as_posix()
        fit = {
            id(call.args[1])
            for call in ast.walk(tree)
            if isinstance(call, ast.Call)
            and isinstance(call.func, ast.Name)
            and call.func.id == "read"
            and len(call.args) == 2
        }
        for function in ast.walk(tree):
            if not isinstance(function, ast.FunctionDef) or f"{name}:{function.name}" in RAW:
                continue
            wrong += [
                f"{name}:{node.lineno} {function.name}"
                for node in ast.walk(function)
                if isinstance(node, ast.Attribute)
                and node.attr in ("data", "POST", "body", "FILES")
                and isinstance(node.value, ast.Name | ast.Attribute)
                and ast.unparse(node.value) in ("request", "self.request", "request._request")
                and id(node) not in fit
            ]
    assert wrong == []


def test_no_two_shapes_share_a_name_in_the_description(capsys: pytest.CaptureFixture[str]) -> None:
    """One would be described as the other."""
    described = SchemaGenerator().get_schema(public=True)
    assert "identical names" not in capsys.readouterr().err
    for name, shape in described["components"]["schemas"].items():
        if name.endswith("Asked"):
            assert shape["additionalProperties"] is False, name
