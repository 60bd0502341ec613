"""manage.py import_fills: a file of fills into a trader's broker accounts, without doubles."""

from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.bus.domain.message import iso
from apps.recorder import importing
from apps.recorder.import_life import CannotImport
from apps.recorder.models import Import
from apps.users.models import User

CHUNK = 1024 * 1024
OPTIONS = {
    "account": "--account", "accounts": "--account", "only_good": "--only-good", "zone": "--zone",
    "decimals": "--decimals", "days": "--days",
}  # fmt: skip


class Command(BaseCommand):
    """Import a file; --look only counts. Ends with status 2 and one line where it cannot, and leaves no upload behind."""

    help = "Import a CSV export of fills (Tradovate, NinjaTrader, TopstepX); twice changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name the file, its owner, and how to read it."""
        parser.add_argument("file", type=Path)
        parser.add_argument("--user", required=True, help="whose accounts")
        parser.add_argument(
            "--zone", default="America/Chicago", help="of times that do not say their own"
        )
        parser.add_argument("--decimals", default="", choices=["", "point", "comma"])
        parser.add_argument(
            "--days", default="", choices=["", "month", "day"], help="first in 3/4/2026"
        )
        parser.add_argument(
            "--account", action="append", default=[], metavar="NAME=ID",
            help="broker account of a name in the file; NAME is empty where the file names none",
        )  # fmt: skip
        parser.add_argument(
            "--make-accounts", action="store_true",
            help="make an account for files for each name in the file that goes nowhere; for a file without names one",
        )  # fmt: skip
        parser.add_argument("--only-good", action="store_true", help="leave bad rows out")
        parser.add_argument("--look", action="store_true", help="count, import nothing")

    def handle(self, **options: Any) -> None:
        """Look, then import, and say what came of it."""
        try:
            self._run(options)
        except CannotImport as problem:
            field = OPTIONS.get(problem.field, problem.field)
            raise CommandError(f"{field}: {problem.cure}", returncode=2) from None
        except OSError as problem:
            raise CommandError(f"{options['file']}: {problem.strerror}", returncode=2) from None

    def _run(self, options: dict[str, Any]) -> None:
        user = User.objects.filter(username=options["user"]).first()
        if user is None:
            raise CommandError(f"--user {options['user']!r}: there is no such person", returncode=2)
        row = importing.accept(
            user=user, name=options["file"].name, chunks=_chunks(options["file"]), zone=options["zone"],
            decimals=options["decimals"], days=options["days"], at_once=True,
        )  # fmt: skip
        try:
            self._go_on(row, options)
        finally:
            row.refresh_from_db()
            if row.state in (Import.State.READY, Import.State.BAD) and not row.evidence.exists():
                importing.discard(importing=row)

    def _go_on(self, row: Import, options: dict[str, Any]) -> None:
        """Import what was looked at, or say why not."""
        if row.state == Import.State.BAD:
            raise CommandError(f"{options['file']}: {row.reason}", returncode=2)
        if options["account"] or options["make_accounts"]:
            chosen = dict(map(_account, options["account"]))
            importing.choose_accounts(
                importing=row, chosen=chosen, at_once=True, make_missing=options["make_accounts"]
            )
        for problem in (*row.problems, *_warnings(row)):
            self.stderr.write(problem)
        if options["look"]:
            self.stdout.write(
                f"{row.layout}: {row.rows:,} rows, {_words(row.seen['counts'])}; nothing was imported"
            )
            return
        importing.apply(importing=row, only_good=options["only_good"], at_once=True)
        self.stdout.write(f"import {row.pk}, {row.layout}: {row.rows:,} rows, {_words(row.counts)}")


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def _account(text: str) -> tuple[str, int]:
    name, equals, pk = text.rpartition("=")
    if not equals or not pk.isdigit():
        raise CannotImport("--account", f"{text!r} is not of the form NAME=ID")
    return name, int(pk)


def _warnings(row: Import) -> Iterator[str]:
    """Yield what a person should look at before it is imported."""
    fitting = row.seen.get("fitting", [])
    if fitting:
        cure = f"all of it fits in {', '.join(fitting)}"
    else:
        cure = "it fits in none of the usual zones" if row.seen.get("needs_zone") else "the file tells its own"  # fmt: skip
    if apart := row.seen.get("apart"):
        yield (
            f"--zone {row.zone}: {apart['fills']:,} fills fall on another trade date than the file says "
            f"(row {apart['row']}: {apart['told']}, read as {apart['day']}); {cure}"
        )
    if closed := row.seen.get("closed"):
        yield (
            f"--zone {row.zone}: {closed['fills']:,} fills lie where the exchange is closed "
            f"(row {closed['row']}: {iso(closed['at'])}); {cure}"
        )
    for name, before in row.seen.get("elsewhere", {}).items():
        yield f"--account {name}={row.accounts[name]}: it went to {before['called']} ({before['account']}) last time"


def _words(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items())
