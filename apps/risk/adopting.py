"""Using a broker's account on this desk, under its firm's rules from the first moment."""

from dataclasses import dataclass

from apps.brokers import connecting
from apps.brokers.models import Account, BrokerAccount
from apps.risk.models import RuleSetVersion
from apps.risk.services import give_rules
from apps.trades.services import Refused


@dataclass(frozen=True, slots=True)
class Adopted:
    """An account that is used on this desk now. `not_ruled`: why the rules that were chosen do not hold; empty: they do."""

    account: Account
    version: RuleSetVersion | None = None
    not_ruled: str = ""


def adopt(
    *, account: BrokerAccount, name: str, firm: str = "", version: RuleSetVersion | None = None,
    floor: str | None = None, source: str = "page",
) -> Adopted:  # fmt: skip
    """Use a broker's account under a name of its own. It is used all the same where its rules can't hold.

    floor: where the floor of the maximum loss lies today, decimal text, for an account with a history elsewhere

    Raises:  Refused  it can't be used
    """
    made = connecting.adopt(account=account, name=name, firm=firm, source=source)
    if version is None:
        return Adopted(made)
    try:
        give_rules(account=made, version=version, floor=floor, source=source)
    except Refused as refused:
        return Adopted(made, not_ruled=refused.detail)
    return Adopted(made, version)
