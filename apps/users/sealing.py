"""Sealed secrets, wherever they lie, encrypted anew when a new key is put in front."""

from collections.abc import Iterator

from allauth.mfa.models import Authenticator
from django.apps import apps
from django.db import connection as database
from django.db import models, transaction

from apps.users.secret import SealedField, Unreadable, rotate

HIDDEN = ("secret", "seed")


def sealed_fields() -> Iterator[tuple[type[models.Model], list[str]]]:
    """Yield every model of this desk that keeps sealed texts, with the columns of them."""
    for model in apps.get_models():
        fields = [one for one in model._meta.local_fields if isinstance(one, SealedField)]
        if fields:
            yield model, [str(one.column) for one in fields]


def rotate_fields(model: type[models.Model], columns: list[str]) -> tuple[int, list[str]]:
    """Encrypt the sealed texts of each row with the newest key; return how many rows, and which can't be read.

    What no key opens is left as it is. The rows are read past the model, which would open them.
    """
    quoted = database.ops.quote_name
    table, key = quoted(model._meta.db_table), quoted(str(model._meta.pk.column))
    listed = ", ".join(map(quoted, columns))
    places = ", ".join(f"{quoted(one)} = %s" for one in columns)
    same = " AND ".join(f"{quoted(one)} = %s" for one in columns)
    done, unreadable = 0, []
    for number in model._base_manager.order_by("pk").values_list("pk", flat=True):
        with transaction.atomic(), database.cursor() as cursor:
            cursor.execute(f"SELECT {listed} FROM {table} WHERE {key} = %s", [number])  # noqa: S608
            sealed = cursor.fetchone()
            if sealed is None:  # gone meanwhile
                continue
            try:
                fresh = [rotate(value) if value else value for value in sealed]
            except Unreadable:
                unreadable.append(number)
                continue
            # what was written meanwhile is with the newest key already
            cursor.execute(
                f"UPDATE {table} SET {places} WHERE {key} = %s AND {same}",  # noqa: S608
                [*fresh, number, *sealed],
            )
            done += 1
    return done, [_called(model, number) for number in unreadable]


def _called(model: type[models.Model], number: int) -> str:
    """Return what a row is called that can't be opened."""
    names = {one.name for one in model._meta.local_fields}
    kept = model._base_manager.filter(pk=number)
    name = kept.values_list("name", flat=True).first() if "name" in names else None
    return f"{model._meta.verbose_name} {number}" + (f" ({name})" if name else "")


def rotate_second_factors() -> tuple[int, list[str]]:
    """Encrypt each factor's secret with the newest key; return how many, and whose can't be read."""
    done, unreadable = 0, []
    for number in Authenticator.objects.order_by("pk").values_list("pk", flat=True):
        with transaction.atomic():
            row = Authenticator.objects.select_for_update(no_key=True).filter(pk=number).first()
            sealed = (
                {} if row is None else {one: row.data[one] for one in HIDDEN if row.data.get(one)}
            )
            if not sealed:
                continue
            try:
                row.data = row.data | {name: rotate(value) for name, value in sealed.items()}
            except Unreadable:
                unreadable.append(f"the second factor of {row.user}")
                continue
            row.save(update_fields=["data"])
            done += 1
    return done, unreadable
