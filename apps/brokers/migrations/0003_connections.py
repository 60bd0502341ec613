from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("brokers", "0002_remote_accounts"),
    ]

    operations = [
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
    ]
