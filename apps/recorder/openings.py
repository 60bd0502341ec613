"""What accounts held before the desk knew them: what closes it is no position the other way round.

A broker tells the fills of its running day only. The broker's position, less the fills that it has told, is what was held
before the first of them. Positions and fills are read one after the other, so it counts once two looks have found the same.
"""

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Case, F, Min, Sum, Value, When

from apps.brokers.mirror import BY_FILE
from apps.brokers.models import BrokerAccount, BrokerFill, BrokerPosition
from apps.recorder.models import Opening, RecordingSpan
from apps.recorder.services import settle

APART: Final = timedelta(seconds=50)  # a poll lies between two looks


def look_at_all(wall: datetime) -> int:
    """Look at every account that a broker lists; return how many openings were found."""
    found = 0
    for account in BrokerAccount.objects.filter(is_open=True, connection__is_removed=False):
        found += look(account, wall)
    return found


def look(account: BrokerAccount, wall: datetime) -> int:
    """Find out what an account held of each contract before its first known fill, once; return how many are known now."""
    settled = set(
        Opening.objects.filter(account=account, is_settled=True).values_list("contract", flat=True)
    )
    told = BrokerFill.objects.filter(account=account, is_active=True).exclude(
        source__startswith=BY_FILE
    )
    signed = Case(When(side="buy", then=F("quantity")), default=Value(-1) * F("quantity"))
    traded = {
        row["contract"]: row
        for row in told.exclude(contract__in=settled).order_by().values("contract").annotate(
            net=Sum(signed), first=Min("at_ns"), day=Min("trade_date"))
    }  # fmt: skip
    held = {
        row.contract: row
        for row in BrokerPosition.objects.filter(account=account).exclude(contract__in=settled)
    }
    found = 0
    for contract in {*traded, *held}:
        row, position = traded.get(contract), held.get(contract)
        days = told.filter(contract=contract).values("trade_date").distinct().count()
        before = (position.net if position else 0) - (row["net"] if row else 0)
        if days > 1:
            before = 0  # a day between may be missing: where it comes from cannot be told
        at = row["first"] if row else (position.at_ns + 1 if position else 0)
        found += _say(account, contract, before, at, wall)
    return found


def _say(account: BrokerAccount, contract: str, net: int, at: int, wall: datetime) -> bool:
    with transaction.atomic():
        said = {"said_net": net, "said_at": wall, "at_ns": at}
        Opening.objects.get_or_create(account=account, contract=contract, defaults=said)
        one = Opening.objects.select_for_update(no_key=True).get(account=account, contract=contract)
        if one.is_settled:
            return False
        if one.said_net != net:
            one.said_net, one.said_at, one.at_ns = net, wall, at
            one.save()
            return False
        if wall - one.said_at < APART:
            return False
        one.net, one.at_ns, one.is_settled = net, at, True
        one.save()
    if net and RecordingSpan.objects.filter(account=account).exists():
        settle(account=account, since=at)
    return True
