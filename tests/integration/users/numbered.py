"""One row of every kind that an address can name, all of one number, so that a sweep finds something to steal."""

from datetime import timedelta
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.utils import timezone

from apps.brokers.models import (
    AccountGroup,
    BrokerAccount,
    BrokerFill,
    Connection,
    Difference,
    LiveSwitch,
    Route,
)
from apps.notifications.models import Notice
from apps.recorder.models import Assignment, Import, ImportedRow, Recorder, Resemblance
from apps.risk.models import RuleSetVersion, Study
from apps.signals.models import Strategy
from apps.trades.models import Trade
from apps.users.models import ApiToken
from tests.factories import ENTERED, a_signal, a_strategy, a_trade, at
from tests.integration.papertrading.rows import a_position, an_account, an_order
from tests.integration.users.people import enter

LIVE = 10_000  # added to it, the number of the account that is none on paper
MADE = (
    "strategy with route, recorder, signal and trade; paper account with order and position; "
    "live account with switch and difference; "
    "group; connection with broker account and assigned fill; import with a row; accounts that may be one; study; notice; token; session; passkey"
)


def a_row_of_each_kind(user: Any, number: int) -> None:
    """Make them all with this number ; a new kind of row is made here."""
    now = timezone.now()
    strategy = a_strategy(user)
    Strategy.objects.filter(pk=strategy.pk).update(id=number)
    strategy = Strategy.objects.get(pk=number)
    signal = a_signal(
        user, strategy=strategy, id=number, key=f"key{number}", status="CONFIRMED", stop_price="1"
    )
    trade = a_trade(user, signal=signal)
    Trade.objects.filter(pk=trade.pk).update(id=number)
    account = an_account(user, id=number)
    live = an_account(user, "Real", id=number + LIVE, kind="live")
    an_order(account, id=number)
    a_position(account, id=number)
    LiveSwitch.objects.create(user=user, account=live, id=number)
    Difference.objects.create(
        user=user, account=live, id=number, kind="orphan", subject="1", words="w", seen_at=now,
        detail={"remote": "1", "contract": "NQZ5"},
    )  # fmt: skip
    Route.objects.create(user=user, strategy=strategy, account=account, id=number)
    AccountGroup.objects.create(user=user, name="mine", id=number)
    connection = Connection.objects.create(
        user=user, id=number, name="Mine", environment="simulator", login="me", device_id="d"
    )
    remote = BrokerAccount.objects.create(
        user=user, id=number, connection=connection, remote="1", name="DEMO1"
    )
    fill = BrokerFill.objects.create(
        user=user, id=number, account=remote, remote="1", contract="NQZ5", side="buy", quantity=1,
        price="20000", at_ns=at(ENTERED), trade_date=now.date(), source="poll",
    )  # fmt: skip
    Assignment.objects.create(user=user, fill=fill, shares=[[None, 1]], made_by="alice")
    Recorder.objects.create(user=user, id=number, strategy=strategy, account=remote, root="NQ")
    imported = Import.objects.create(
        user=user, id=number, file_name="f.csv", sha256="0" * 64, size=1, zone="America/Chicago",
        state=Import.State.DONE, made_by=user.get_username(), done_at=now,
    )  # fmt: skip
    ImportedRow.objects.create(
        id=number, importing=imported, account=remote, family="f", key="k", state="known", row=2,
        contract="NQZ5", side="buy", quantity=1, price="20000", at_ns=fill.at_ns, grain_ns=1,
    )  # fmt: skip
    of_files = BrokerAccount.objects.create(
        user=user, id=number + LIVE, connection=connection, remote="2", name="DEMO-1"
    )
    Resemblance.objects.create(user=user, id=number, of_files=of_files, account=remote)
    Study.objects.create(
        user=user, id=number, version=RuleSetVersion.objects.all()[0], account=account
    )
    Notice.objects.create(
        user=user, id=number, key="k", kind="test", severity="info", title="t", path="/", at=now,
        created_at=now,
    )  # fmt: skip
    ApiToken.objects.create(
        user=user, id=number, name="t", digest=f"{number:064}", created_at=now,
        expires_at=now + timedelta(days=1),
    )  # fmt: skip
    _session(user, number)
    Authenticator.objects.create(
        user=user, id=number, type=Authenticator.Type.WEBAUTHN, data={"name": "key", "credential": {}}
    )  # fmt: skip


def _session(user: Any, number: int) -> None:
    """Let him be signed in at another place as well, by this number."""
    enter(user.get_username())
    row = UserSession.objects.filter(user=user).latest("pk")
    UserSession.objects.filter(pk=row.pk).update(id=number)
