"""Accounts that were listed before the market had a time had closed every day since 1970: none of them was."""

from django.db import migrations


def forget(apps, schema_editor):
    """Forget the days that had ended before the market's first candle, in rows and facts."""
    candle = apps.get_model("marketdata", "CandleRow").objects.order_by("open_at").first()
    if candle is None:
        return
    ended = {"ended_ns__lt": int(candle.open_at.timestamp()) * 1_000_000_000}
    apps.get_model("brokers", "AccountDay").objects.filter(trades=0, **ended).delete()
    told = {"name": "account.day_closed", "at_ns__lt": ended["ended_ns__lt"]}
    apps.get_model("bus", "FactRow").objects.filter(**told).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("brokers", "0005_account_groups"),
        ("bus", "0003_inbox_of"),
        ("marketdata", "0002_holidays"),
    ]

    operations = [migrations.RunPython(forget, migrations.RunPython.noop)]
