#!/usr/bin/env python3
"""Run tradehub's commands."""

import os
import sys


def main() -> None:
    """Hand the command line to Django."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradehub.settings")
    try:
        from django.core.management import execute_from_command_line
    except ImportError:
        sys.exit(
            "tradehub is not set up here yet: run `make setup`, then .venv/bin/python manage.py"
        )
    execute_from_command_line(replay_settings(sys.argv))


def replay_settings(argv: list[str]) -> list[str]:
    """Return the command line with a replay's `--settings FILE` out of Django's way.

    Django takes `--settings` of every command for the name of a settings module, before the command is asked.
    """
    if argv[1:2] != ["replay"]:
        return argv
    return [
        "--settings-file" + word.removeprefix("--settings")
        if word == "--settings" or word.startswith("--settings=")
        else word
        for word in argv
    ]


if __name__ == "__main__":
    main()
