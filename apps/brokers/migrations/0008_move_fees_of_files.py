"""What files told of the fees of their own fills moves to where it gives way to the broker's word, and goes by an undo."""

from typing import Any

from django.db import migrations
from django.db.models import F


def forwards(apps: Any, schema_editor: Any) -> None:
    fills = apps.get_model("brokers", "BrokerFill").objects
    fills.filter(source__startswith="csv:").update(file_fees=F("fees"), fees=None)


def backwards(apps: Any, schema_editor: Any) -> None:
    fills = apps.get_model("brokers", "BrokerFill").objects
    fills.filter(fees=None).update(fees=F("file_fees"))


class Migration(migrations.Migration):
    dependencies = [("brokers", "0007_fees_of_files")]

    operations = [migrations.RunPython(forwards, backwards)]
