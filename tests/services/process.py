"""Processes that end with the one that started them."""

import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1


class NotThere(RuntimeError):
    """A neighbour that cannot be had; says in one line what to do."""


def servant() -> dict[str, Any]:
    """Return how a server is started as somebody else, since PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            who = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}
    raise NotThere("The tests need a user `postgres` or `nobody` to run PostgreSQL as.")


def own(folder: Path) -> None:
    """Give a folder to the user that servers run as."""
    who = servant()
    if who:
        os.chown(folder, who["user"], who["group"])


def workplace(prefix: str) -> Path:
    """Return a new folder that other users may enter."""
    folder = Path(tempfile.mkdtemp(prefix=f"tradehub-{prefix}-"))
    folder.chmod(0o755)
    return folder


_kept: list[socket.socket] = []


def free_port() -> int:
    """Return a port that is ours as long as this process lives, for servers that we start, again and again.

    It stays bound but does not listen: servers may share it, as all of them ask to; neither another probe nor
    somebody's outgoing connection can take it before they are there, or between two of them.
    """
    kept = socket.socket()
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    kept.bind(("127.0.0.1", 0))
    _kept.append(kept)
    port: int = kept.getsockname()[1]
    return port


def spawn(arguments: Sequence[str], folder: Path, **how: Any) -> subprocess.Popen[bytes]:
    """Start a server that is told to stop if we die; its output goes to `log` in its folder."""
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            arguments,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=_die_with_parent,
            **how,
        )


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)


def end(process: subprocess.Popen[bytes], folder: Path, sign: signal.Signals) -> None:
    """Stop a server and take its folder away."""
    if process.poll() is None:
        process.send_signal(sign)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
    shutil.rmtree(folder, ignore_errors=True)
