"""Fill the holiday table with what is shipped; from here on the staff keeps it."""

from datetime import time

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from apps.marketdata.domain.calendar import HOLIDAYS


def fill(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """Write one row for each shipped holiday."""
    rows = apps.get_model("marketdata", "HolidayRow")
    rows.objects.using(editor.connection.alias).bulk_create(
        rows(
            day=holiday.day,
            group=holiday.group,
            event=holiday.event,
            kind=holiday.kind.value,
            closes=None if holiday.closes is None else time(*divmod(holiday.closes, 60)),
            status=holiday.status.value,
        )
        for holiday in HOLIDAYS
    )


class Migration(migrations.Migration):
    dependencies = [("marketdata", "0001_marketdata")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
