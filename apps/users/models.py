"""People, and rows that belong to one of them."""

from typing import Any, ClassVar, Self
from zoneinfo import available_timezones

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.core.exceptions import ValidationError
from django.db import models


def known_zone(name: str) -> None:
    """Refuse a time zone that does not exist."""
    if name not in available_timezones():
        raise ValidationError(f"{name!r} is no time zone; write it like America/New_York.")


class Theme(models.TextChoices):
    """How the pages look."""

    SYSTEM = "system", "As the computer"
    LIGHT = "light", "Light"
    DARK = "dark", "Dark"


class Units(models.TextChoices):
    """In what moves and results are shown first."""

    R = "r", "R"
    POINTS = "points", "Points"
    TICKS = "ticks", "Ticks"
    MONEY = "money", "Dollars"


class User(AbstractUser):
    """A trader, or a member of staff."""

    time_zone = models.CharField(
        max_length=64,
        default="America/New_York",
        validators=[known_zone],
        help_text="In which times are shown, e.g. America/New_York.",
    )
    theme = models.CharField(max_length=8, choices=Theme, default=Theme.SYSTEM)
    units = models.CharField(
        max_length=8, choices=Units, default=Units.R, help_text="In what results are shown first."
    )
    sounds = models.BooleanField(default=False, help_text="A short tone with each message.")
    must_confirm = models.BooleanField(
        default=False,
        help_text="Signed up by himself and has not confirmed his e-mail address: he may not come in yet.",
    )


class OwnedQuerySet(models.QuerySet[Any]):
    """Rows of which each belongs to one trader."""

    def of(self, user: Any) -> Self:
        """Return only this trader's rows; nobody's for a stranger."""
        return self.filter(user_id=user.pk) if user.is_authenticated else self.none()


class Owned(models.Model):
    """The base of rows with one owner. Pages and the API reach them through `objects.of(user)`."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", editable=False
    )

    objects: ClassVar = OwnedQuerySet.as_manager()

    class Meta:
        abstract = True


class Scope(models.TextChoices):
    """What a token may do."""

    READ = "read", "Read only"
    FULL = "full", "Read and change"


class ApiToken(Owned):
    """A program's way in, in its owner's name. Only a hash of the secret is kept."""

    name = models.CharField(max_length=60)
    scope = models.CharField(max_length=8, choices=Scope, default=Scope.READ)
    digest = models.CharField(max_length=64, unique=True, editable=False)  # SHA-256, hex
    hint = models.CharField(
        max_length=8, editable=False
    )  # the end of the secret, to tell them apart
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)  # None: never

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(scope__in=Scope.values), name="users_apitoken_known_scope"
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} (…{self.hint})"
