"""Looks for secrets where none may be: in logs, pages, answers, task arguments, rows that people see.

with Watch("hunter2", "AT.sim.") as watch:
    ...
    watch.see("the add page", response.content)
# leaving it asserts that no secret was seen, in what was handed over or in any log record of that time
"""

import logging
from collections.abc import Iterable
from types import TracebackType
from typing import Any


class _Ear(logging.Handler):
    """Keeps what every logger says, with its arguments and its traceback."""

    def __init__(self, heard: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self._heard = heard
        self.setFormatter(logging.Formatter("%(name)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self._heard.append(f"{self.format(record)} {record.args!r}")


class Watch:
    """Watches a stretch of a test. `secrets` are texts that may appear nowhere."""

    def __init__(self, *secrets: str) -> None:
        assert secrets and all(len(secret) >= 6 for secret in secrets), "too short to look for"
        self._secrets = secrets
        self._seen: list[tuple[str, str]] = []
        self._logged: list[str] = []
        self._ear = _Ear(self._logged)
        self._level = 0

    def __enter__(self) -> "Watch":
        root = logging.getLogger()
        self._level = root.level
        root.addHandler(self._ear)
        root.setLevel(logging.DEBUG)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: Any, trace: TracebackType | None
    ) -> None:
        root = logging.getLogger()
        root.removeHandler(self._ear)
        root.setLevel(self._level)
        if kind is None:
            self.check()

    def add(self, *secrets: str) -> None:
        """Look for these too, in what was seen already as well as in what comes."""
        assert all(len(secret) >= 6 for secret in secrets), "too short to look for"
        self._secrets += secrets

    def see(self, where: str, what: object) -> None:
        """Look at something that people or other programs can see."""
        text = what.decode(errors="replace") if isinstance(what, bytes) else str(what)
        self._seen.append((where, text))

    def found(self) -> Iterable[str]:
        """Return where secrets were seen, without telling them again."""
        looked = [*self._seen, *(("a log record", line) for line in self._logged)]
        for where, text in looked:
            for number, secret in enumerate(self._secrets):
                if secret in text:
                    yield f"secret {number} in {where}"

    def check(self) -> None:
        """Fail if a secret was seen."""
        assert self._logged or self._seen, "nothing was looked at"
        found = sorted(set(self.found()))
        assert not found, found
