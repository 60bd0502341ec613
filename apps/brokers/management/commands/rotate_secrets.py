"""`manage.py rotate_secrets`: every secret that the desk keeps encrypted anew, with the newest key."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.users.sealing import rotate_fields, rotate_second_factors, sealed_fields


class Command(BaseCommand):
    """Run it after a new key was put in front of SECRETS_KEYS; then the old one may be taken out."""

    help = "Encrypt all secrets with the first key of SECRETS_KEYS."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Rotate each row in a transaction of its own; say what can't be read, and go on."""
        told: list[str] = []
        unreadable: list[str] = []
        for model, columns in sealed_fields():
            done, closed = rotate_fields(model, columns)
            told.append(f"{done} {model._meta.verbose_name_plural}")
            unreadable += closed
        factors, closed = rotate_second_factors()
        unreadable += closed
        self.stdout.write(
            f"{', '.join(told)} and {factors} second factors encrypted with the newest key"
        )
        if unreadable:
            raise CommandError(
                f"can't be read with any key of SECRETS_KEYS: {', '.join(unreadable)}. Put the key they were "
                "written with back, or let their owners type the passwords again; staff take an unreadable second factor away."
            )
