"""Say whether the desk is well, for supervisors and people on a terminal."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.system.domain.health import Status, examine, overall
from apps.system.queries import signs_of_life


class Command(BaseCommand):
    """Status 0 while it is not down, 1 when it is, 2 for a component that does not exist."""

    help = "Print the health of the desk, or of one component, as JSON. Status 1 when it is down."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the name of one component."""
        parser.add_argument("component", nargs="?", help="e.g. engine, tradovate, celery")

    def handle(self, *_args: Any, component: str | None = None, **_options: Any) -> None:
        """Judge from the signs of life in the database."""
        parts = examine(signs_of_life())
        if component is not None and component not in parts:
            known = ", ".join(parts)
            raise CommandError(f"No component {component!r}: use one of {known}.", returncode=2)
        status = parts[component].status if component else overall(parts)
        told = {
            name: {"status": part.status.value, "reason": part.reason, **part.detail}
            for name, part in parts.items()
            if component in (None, name)
        }
        self.stdout.write(json.dumps({"status": status.value, "components": told}, indent=2))
        if status is Status.DOWN:
            raise SystemExit(1)
