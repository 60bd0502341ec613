"""Accounts of prop firms whose orders were let out without a second factor wait until it was shown."""

from typing import Any

from django.db import migrations


def switch_off(apps: Any, schema_editor: Any) -> None:
    """Let no entry of a firm's account in a demo environment out; its owner lets it out again."""
    switches = apps.get_model("brokers", "LiveSwitch").objects
    firms = switches.filter(is_on=True, account__kind="demo").exclude(account__firm="")
    firms.update(is_on=False)


class Migration(migrations.Migration):
    dependencies = [("brokers", "0010_one_token_per_login")]

    operations = [migrations.RunPython(switch_off, migrations.RunPython.noop, elidable=True)]
