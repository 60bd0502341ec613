"""Keys of authenticator apps and seeds of recovery codes lay open in their rows: seal them."""

from django.db import migrations

from apps.users.secret import seal, unseal

HIDDEN = ("secret", "seed")


def _each(apps, change):
    for row in apps.get_model("mfa", "Authenticator").objects.all():
        found = {name: change(row.data[name]) for name in HIDDEN if row.data.get(name)}
        if found:
            row.data = row.data | found
            row.save(update_fields=["data"])


def seal_all(apps, _schema):
    """Seal what lay open."""
    _each(apps, seal)


def open_all(apps, _schema):
    """Write it open again, as the version before reads it."""
    _each(apps, unseal)


class Migration(migrations.Migration):
    dependencies = [
        ("users", "0002_preferences_and_tokens"),
        ("mfa", "0003_authenticator_type_uniq"),
    ]

    operations = [migrations.RunPython(seal_all, open_all)]
