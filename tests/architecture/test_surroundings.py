"""What the house stands on: the driver, the variables, the packages."""

import json
import re
from pathlib import Path

from django.db.backends.postgresql.psycopg_any import is_psycopg3

ROOT = Path(__file__).resolve().parents[2]


def test_postgresql_is_spoken_to_through_psycopg2() -> None:
    """Django silently prefers psycopg 3 where it is installed, and COPY would break."""
    assert not is_psycopg3


def test_every_variable_is_explained_and_every_explained_one_is_read() -> None:
    settings = (ROOT / "tradehub/settings.py").read_text()
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', settings))
    read |= {f"TRADOVATE_{name}" for name in ("NAME", "PASSWORD", "APP_ID", "CID", "SEC")}
    told = set(re.findall(r"(?m)^([A-Z_]+)=", (ROOT / ".env.example").read_text()))
    assert read == told


def test_the_lock_of_the_front_end_pins_without_naming_a_registry() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text())
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert packages
    for name, package in packages.items():
        assert package["integrity"].startswith("sha512-"), name
        assert "resolved" not in package, name


def test_requirements_are_pinned() -> None:
    for file in ("base.txt", "dev.txt", "setup.txt", "node.txt"):
        for line in (ROOT / "requirements" / file).read_text().splitlines():
            wanted = line.split("#")[0].split(";")[0].strip().rstrip("\\").strip()
            if wanted and not wanted.startswith("--hash"):
                assert "==" in wanted, f"{file}: {line}"
