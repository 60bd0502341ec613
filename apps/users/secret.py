"""Secrets at rest: encrypted by Fernet with the keys of the setting SECRETS_KEYS, the newest first.

A key is taken out of use by putting a new one in front and running `manage.py rotate_secrets`.
"""

from functools import cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models


class Unreadable(Exception):
    """A secret was written with a key that is not among the keys any more."""


@cache
def _box(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def seal(text: str) -> str:
    """Return the text encrypted with the newest key."""
    return _box(tuple(settings.SECRETS_KEYS)).encrypt(text.encode()).decode()


def unseal(token: str) -> str:
    """Return what was sealed.

    Raises:  Unreadable  no key of SECRETS_KEYS opens it
    """
    try:
        return _box(tuple(settings.SECRETS_KEYS)).decrypt(token.encode()).decode()
    except InvalidToken:
        raise Unreadable("a secret can't be read: its key is missing from SECRETS_KEYS") from None


def rotate(token: str) -> str:
    """Return the same secret, encrypted with the newest key.

    Raises:  Unreadable
    """
    try:
        return _box(tuple(settings.SECRETS_KEYS)).rotate(token.encode()).decode()
    except InvalidToken:
        raise Unreadable("a secret can't be read: its key is missing from SECRETS_KEYS") from None


class SealedField(models.TextField):  # type: ignore[type-arg]  # the class itself takes no arguments
    """A text that the database only ever sees encrypted. Empty stays empty. It can't be searched by."""

    def from_db_value(self, value: str | None, *_: Any) -> str | None:
        """Open it on the way out."""
        return unseal(value) if value else value

    def get_prep_value(self, value: Any) -> Any:
        """Seal it on the way in."""
        return seal(value) if value else value
