"""The newest positions of a strategy are found by an index, so that a page of them sorts nothing."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("recorder", "0009_accounts_made_for_imports")]

    operations: ClassVar = [
        migrations.AddIndex(
            model_name="recordedposition",
            index=models.Index(fields=["strategy", "-opened_ns", "-id"], name="recorded_newest"),
        ),
    ]
