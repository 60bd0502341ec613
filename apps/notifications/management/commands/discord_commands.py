"""Tell Discord which commands there are. Once after the application is made, and after an update that says so."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.notifications import discord
from apps.notifications.commands import DESCRIBED
from apps.notifications.discord import BadToken, Discord, Done, Refused


class Command(BaseCommand):
    """Registers /status, /why, /lock and /flatten."""

    help = "Register the desk's commands with Discord."

    def handle(self, *args: Any, **options: Any) -> None:
        """Register, and say what came of it."""
        if absent := discord.missing():
            raise CommandError(f"Not set: {', '.join(absent)}. docs/operations.md tells how.")
        with Discord() as line:
            match line.register(DESCRIBED):
                case Done():
                    names = ", ".join(f"/{one['name']}" for one in DESCRIBED)
                    self.stdout.write(f"Discord knows {names}.")
                case BadToken():
                    raise CommandError("Discord does not accept DISCORD_BOT_TOKEN.")
                case Refused(status, code, reason):
                    raise CommandError(f"Discord refuses: {reason} ({code or status}).")
                case _:
                    raise CommandError("Discord did not answer. Try again in a moment.")
