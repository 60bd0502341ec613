"""A login name has one token, whoever logs in with it: the newest that a connection held moves to the row they share."""

from typing import Any

import msgspec
from django.db import migrations, models
from django.utils.crypto import salted_hmac

from apps.users.secret import SealedField, Unreadable


def _digest(*words: str) -> str:
    told = msgspec.json.encode(words).decode()
    return salted_hmac("brokers.login", told, algorithm="sha256").hexdigest()


def _place(row: Any) -> str:
    return "simulator" if row.environment == "simulator" else "tradovate"


def forwards(apps: Any, schema_editor: Any) -> None:
    """Move tokens. What can't be read is left behind: that login logs in anew."""
    connections = apps.get_model("brokers", "Connection").objects
    tokens = apps.get_model("brokers", "LoginToken").objects
    mine = connections.filter(broker="tradovate", is_removed=False)
    for number in mine.order_by("-token_issued_at").values_list("pk", flat=True):
        try:
            row = connections.get(pk=number)
        except Unreadable:
            continue
        if row.state == "displaced" and row.is_on:  # it waits for its owner, and the feed with it
            tokens.update_or_create(
                broker=row.broker, place=_place(row), login=row.login,
                defaults={"is_displaced": True},
            )  # fmt: skip
        if not row.token:
            continue
        keys = _digest(row.cid, row.sec, row.app_id or "tradehub")
        proof = {"password": _digest(row.password), "keys": [keys], "refused": "", "reason": ""}
        tokens.get_or_create(
            broker=row.broker,
            place=_place(row),
            login=row.login,
            defaults={
                "token": row.token,
                "proof": msgspec.json.encode(proof).decode(),
                "token_issued_at": row.token_issued_at,
                "token_expires_at": row.token_expires_at,
                "renewed_at": row.renewed_at,
                "hosts": {row.environment: row.hosts} if row.hosts else {},
            },
        )


def backwards(apps: Any, schema_editor: Any) -> None:
    """Give each token to one connection; another of the same login logs in for itself, as it did before."""
    connections = apps.get_model("brokers", "Connection").objects
    for row in apps.get_model("brokers", "LoginToken").objects.exclude(token=""):
        mine = connections.filter(broker=row.broker, login=row.login, is_removed=False)
        if row.place == "simulator":
            mine = mine.filter(environment="simulator")
        else:
            mine = mine.exclude(environment="simulator")
        first = mine.order_by("pk").values_list("pk", flat=True).first()
        connections.filter(pk=first).update(
            token=row.token,
            token_issued_at=row.token_issued_at,
            token_expires_at=row.token_expires_at,
            renewed_at=row.renewed_at,
        )


class Migration(migrations.Migration):
    dependencies = [("brokers", "0009_cash_read_at")]

    operations = [
        migrations.CreateModel(
            name="LoginToken",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("broker", models.CharField(default="tradovate", max_length=12)),
                ("place", models.CharField(help_text="tradovate, demo and live alike, or simulator.", max_length=10)),
                ("login", models.CharField(help_text="The user name at the broker.", max_length=80)),
                ("token", SealedField(blank=True)),
                ("proof", SealedField(blank=True)),
                ("token_issued_at", models.BigIntegerField(default=0, help_text="ns UTC.")),
                ("token_expires_at", models.BigIntegerField(default=0, help_text="ns UTC.")),
                ("renewed_at", models.BigIntegerField(default=0, help_text="Last attempt, ns UTC.")),
                ("is_displaced", models.BooleanField(default=False, help_text="Pushed out; nobody logs in until the owner says so.")),
                ("paused_until", models.BigIntegerField(default=0, help_text="No login before, ns UTC.")),
                ("reason", models.CharField(blank=True, help_text="Why it rests.", max_length=200)),
                ("lease_by", models.CharField(blank=True, max_length=64)),
                ("lease_until", models.BigIntegerField(default=0, help_text="ns UTC of the wall clock.")),
                ("hosts", models.JSONField(default=dict, help_text="Where the broker steered us to, for each environment.")),
            ],
            options={
                "ordering": ["id"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("broker", "place", "login"), name="login_token_once_per_login"
                    )
                ],
            },
        ),
        migrations.RunPython(forwards, backwards),
        *[
            migrations.RemoveField(model_name="connection", name=name)
            for name in (
                "token", "token_issued_at", "token_expires_at", "renewed_at", "paused_until",
                "lease_by", "lease_until", "hosts",
            )
        ],
    ]  # fmt: skip
