"""Accounts that were listed before the market had a time were opened in 1970 as it seemed, and ran out of time by rule."""

from django.db import migrations


def set_right(apps, schema_editor):
    """Let an account's time begin with its first day of market, and take back a failure from before it."""
    candle = apps.get_model("marketdata", "CandleRow").objects.order_by("open_at").first()
    if candle is None:
        return
    first = candle.open_at
    days = apps.get_model("brokers", "AccountDay").objects.order_by("trade_date")
    for row in apps.get_model("risk", "Standing").objects.all():
        opened = row.plain.get("opened_on", "")
        if not opened or opened >= first.date().isoformat():
            continue
        day = days.filter(account_id=row.account_id).values_list("trade_date", flat=True).first()
        row.plain["opened_on"] = day.isoformat() if day else row.plain["trade_date"]
        was_late = row.plain.get("failed_why") == "TIME_LIMIT"
        if was_late and row.plain["failed_at"] < int(first.timestamp()) * 1_000_000_000:
            del row.plain["failed_at"], row.plain["failed_why"]
            row.level = "safe"  # the engine reckons anew at its start
        row.save(update_fields=["level", "plain"])


class Migration(migrations.Migration):
    dependencies = [("risk", "0001_rules"), ("brokers", "0006_no_days_before_the_market")]

    operations = [migrations.RunPython(set_right, migrations.RunPython.noop)]
