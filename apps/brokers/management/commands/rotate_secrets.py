"""`manage.py rotate_secrets`: every secret of logins and second factors encrypted anew, with the newest key."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection as database
from django.db import transaction

from apps.brokers.models import Connection
from apps.users.sealing import rotate_second_factors
from apps.users.secret import Unreadable, rotate

SEALED = ("password", "sec", "token")


class Command(BaseCommand):
    """Run it after a new key was put in front of SECRETS_KEYS; then the old one may be taken out."""

    help = "Encrypt all secrets with the first key of SECRETS_KEYS."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Rotate each row in a transaction of its own; say what can't be read, and go on."""
        table = Connection._meta.db_table
        unreadable: list[str] = []
        done = 0
        for number, name in Connection.objects.values_list("pk", "name"):
            try:
                with transaction.atomic(), database.cursor() as cursor:
                    columns = ", ".join(SEALED)
                    cursor.execute(f"SELECT {columns} FROM {table} WHERE id = %s", [number])  # noqa: S608
                    sealed = cursor.fetchone()
                    fresh = [rotate(value) if value else value for value in sealed]
                    places = ", ".join(f"{column} = %s" for column in SEALED)
                    # what was written meanwhile is with the newest key already
                    same = " AND ".join(f"{column} = %s" for column in SEALED)
                    cursor.execute(
                        f"UPDATE {table} SET {places} WHERE id = %s AND {same}",  # noqa: S608
                        [*fresh, number, *sealed],
                    )
                done += 1
            except Unreadable:
                unreadable.append(f"{number} ({name})")
        factors, closed = rotate_second_factors()
        unreadable += closed
        self.stdout.write(
            f"{done} connections and {factors} second factors encrypted with the newest key"
        )
        if unreadable:
            raise CommandError(
                f"can't be read with any key of SECRETS_KEYS: {', '.join(unreadable)}. Put the key they were "
                "written with back, or let their owners type the passwords again; staff take an unreadable second factor away."
            )
