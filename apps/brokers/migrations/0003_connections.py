from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("brokers", "0002_remote_accounts"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="connection",
            name="connection_name_once_per_user",
        ),
        migrations.AddField(
            model_name="brokeraccount",
            name="version",
            field=models.PositiveIntegerField(default=1, help_text="How often it was told of."),
        ),
        migrations.AddField(
            model_name="brokerfill",
            name="version",
            field=models.PositiveIntegerField(default=1, help_text="How often it was told."),
        ),
        migrations.AddField(
            model_name="connection",
            name="heard_at",
            field=models.DateTimeField(help_text="Last time its stream was up.", null=True),
        ),
        migrations.AddField(
            model_name="connection",
            name="is_removed",
            field=models.BooleanField(default=False, help_text="Its rows stay, its secrets don't."),
        ),
        migrations.AddField(
            model_name="connection",
            name="paused_until",
            field=models.BigIntegerField(default=0, help_text="No login before, ns UTC."),
        ),
        migrations.AddField(
            model_name="connection",
            name="renewed_at",
            field=models.BigIntegerField(default=0, help_text="Last attempt, ns UTC."),
        ),
        migrations.AlterField(
            model_name="brokerfill",
            name="contract",
            field=models.CharField(max_length=32),
        ),
        migrations.AlterField(
            model_name="brokerorder",
            name="contract",
            field=models.CharField(max_length=32),
        ),
        migrations.AlterField(
            model_name="brokerposition",
            name="contract",
            field=models.CharField(max_length=32),
        ),
        migrations.AddConstraint(
            model_name="connection",
            constraint=models.UniqueConstraint(
                condition=models.Q(("is_removed", False)),
                fields=("user", "name"),
                name="connection_name_once_per_user",
            ),
        ),
        migrations.AddConstraint(
            model_name="connection",
            constraint=models.UniqueConstraint(
                condition=models.Q(("is_removed", False)),
                fields=("user", "environment", "login"),
                name="connection_login_once_per_user",
            ),
        ),
    ]
