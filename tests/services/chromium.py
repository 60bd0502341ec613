"""A real Chromium for the browser tests."""

import os
import shutil
import subprocess
import sys

from tests.services.process import NotThere

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CURE = "The browser tests need Chromium: install it (on Debian: apt-get install chromium)."


def chromium() -> str:
    """Return the path of a Chromium, installed first where we may and can."""
    found = _found()
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        _install()
        found = _found()
    if found is None:
        raise NotThere(CURE)
    return found


def _found() -> str | None:
    named = os.environ.get("CHROMIUM")
    candidates = [named] if named else [shutil.which(name) for name in NAMES]
    return next((path for path in candidates if path and os.access(path, os.X_OK)), None)


def _install() -> None:
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (
        ["update", "-qq"],
        ["install", "-y", "-qq", "--no-install-recommends", "chromium", "fonts-liberation"],
    ):
        subprocess.run(["apt-get", *arguments], env=quiet, timeout=300, capture_output=True)


if __name__ == "__main__":
    try:
        chromium()
    except NotThere as missing:
        sys.stderr.write(f"{missing}\n")
