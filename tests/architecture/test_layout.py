"""The plan of the house: layers, signboards, names, paths in the documents."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps

ROOT = Path(__file__).resolve().parents[2]
APPS = sorted(path.parent for path in (ROOT / "apps").glob("*/__init__.py"))
SOURCES = [
    path
    for folder in ("apps", "tradehub")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if "migrations" not in path.parts
]


def layers() -> dict[str, int]:
    """Return each app's floor, 0 at the top, from the import contract."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = settings["tool"]["importlinter"]["contracts"]
    rows = next(c["layers"] for c in contracts if c.get("exhaustive"))
    return {name.strip("() "): n for n, row in enumerate(rows) for name in row.split("|")}


def test_every_app_has_its_place_in_the_layers() -> None:
    assert {app.name for app in APPS} <= set(layers())


def test_foreign_keys_point_down_the_road() -> None:
    floors = layers()
    wrong = [
        f"{model._meta.label}.{field.name} -> {field.related_model._meta.label}"
        for model in apps.get_models()
        if model.__module__.startswith("apps.")
        for field in model._meta.get_fields()
        if (field.many_to_one or field.one_to_one or field.many_to_many)
        and not field.auto_created
        and field.related_model is not None
        and field.related_model.__module__.startswith("apps.")
        and model._meta.app_label != field.related_model._meta.app_label
        and floors[model._meta.app_label] >= floors[field.related_model._meta.app_label]
    ]
    assert wrong == []


@pytest.mark.parametrize("app", APPS, ids=lambda app: app.name)
def test_every_app_has_a_signboard(app: Path) -> None:
    told = ast.get_docstring(ast.parse((app / "__init__.py").read_text())) or ""
    assert [word for word in ("Owns:", "Hears:", "Says:") if word not in told] == []
    assert len(told.splitlines()) <= 8


def test_nothing_is_called_utils() -> None:
    """A function lives with the thing that it is about."""
    shunned = {"utils", "util", "helpers", "helper", "common", "core", "base", "misc"}
    assert [str(path) for path in SOURCES if path.stem in shunned] == []


def test_every_path_in_the_documents_exists() -> None:
    named = re.compile(r"`((?:apps|tradehub|tests|templates|benchmarks|docs)/[\w./-]+)`")
    missing = [
        f"{document.relative_to(ROOT)}: {path}"
        for document in [*sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("*.md"))]
        for path in named.findall(document.read_text())
        if not (ROOT / path).exists()
    ]
    assert missing == []


# The trader's words have one spelling; these are others for the same things (house rules, names).
NOT_OUR_WORDS = {
    "asset", "kline", "ohlc", "ohlcv", "pip", "sl", "tp", "rr", "max_profit", "is_long", "is_short",
    "close_price", "current_price", "profit_loss", "deal", "ticker",
}  # fmt: skip


def names(path: Path) -> Iterator[tuple[int, str]]:
    """Yield what a file gives names to: classes, functions, arguments, variables, fields."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                yield node.lineno, name
            case ast.arg(arg=name):
                yield node.lineno, name
            case ast.Name(id=name, ctx=ast.Store()):
                yield node.lineno, name


def test_the_traders_words_are_spelt_one_way() -> None:
    """Senders' and brokers' own words may stand in what reads them."""
    foreign = ("brokers/tradovate", "signals/domain/alert.py", "signals/domain/forms.py")
    wrong = [
        f"{path.relative_to(ROOT)}:{line} {name}"
        for path in SOURCES
        if not any(part in path.as_posix() for part in foreign)
        for line, name in names(path)
        if name.lower() in NOT_OUR_WORDS
    ]
    assert wrong == []


DOMAIN = [path for path in SOURCES if "domain" in path.parts]
CLOCKS = {"now", "utcnow", "today", "time", "monotonic", "perf_counter", "time_ns", "sleep"}


def test_the_domain_never_asks_what_time_it_is() -> None:
    owners = {"datetime", "date", "time"}
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in DOMAIN
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in CLOCKS
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in owners
    ]
    assert wrong == []
