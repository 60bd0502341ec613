"""People, for staff."""

from typing import ClassVar

from allauth.account.models import EmailConfirmation
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from apps.users.models import User
from apps.users.services import forget_second_factor

# allauth shows secrets, codes and keys of sessions here: nobody needs to read them.
for secret in (Authenticator, EmailConfirmation, UserSession):
    if admin.site.is_registered(secret):
        admin.site.unregister(secret)


@admin.register(User)
class PersonAdmin(UserAdmin, ModelAdmin):  # type: ignore[misc, type-arg]  # unfold has no types
    """Who may come in, and how they like to see things."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    fieldsets: ClassVar = (
        *(UserAdmin.fieldsets or ()),
        ("Preferences", {"fields": ("time_zone", "theme", "units", "sounds", "must_confirm")}),
    )
    actions = ("forget",)

    @admin.action(description="Take away the second factor (lost phone or passkey)")
    def forget(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Let somebody in again with his password alone."""
        for user in queryset:
            forget_second_factor(user=user)
            self.log_change(request, user, "second factor taken away")
        self.message_user(request, "They come in with the password alone.", messages.WARNING)
