"""People, for staff."""

from typing import ClassVar

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from apps.users.models import User


@admin.register(User)
class PersonAdmin(UserAdmin, ModelAdmin):  # type: ignore[misc, type-arg]  # unfold has no types
    """Who may come in, and how they like to see things."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    fieldsets: ClassVar = (
        *(UserAdmin.fieldsets or ()),
        ("Preferences", {"fields": ("time_zone", "theme", "units")}),
    )
