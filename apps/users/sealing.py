"""Sealed secrets of second factors, encrypted anew when a new key is put in front."""

from allauth.mfa.models import Authenticator
from django.db import transaction

from apps.users.secret import Unreadable, rotate

HIDDEN = ("secret", "seed")


def rotate_second_factors() -> tuple[int, list[str]]:
    """Encrypt each factor's secret with the newest key; return how many, and whose can't be read."""
    done, unreadable = 0, []
    for number in Authenticator.objects.order_by("pk").values_list("pk", flat=True):
        with transaction.atomic():
            row = Authenticator.objects.select_for_update().filter(pk=number).first()
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
