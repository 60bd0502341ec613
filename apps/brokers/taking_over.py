"""Taking a broker's position over: what makes the desk's the same is booked at prices that were paid, where they are known.

What opens contracts costs what the broker says of its position. What closes some must never be booked at that: an entry's
price as an exit invents a result. It is booked by the broker's own fills that the desk has missed, else at the last price.
"""

from dataclasses import dataclass
from decimal import Decimal

from apps.brokers import reports
from apps.brokers.domain.messages import ReportBroker
from apps.brokers.models import Account, BrokerFill, BrokerPosition, Difference
from apps.bus import bus
from apps.marketdata import price
from apps.marketdata.domain.contract import root_of
from apps.marketdata.domain.instrument import instrument
from apps.trades.services import Refused


@dataclass(frozen=True, slots=True)
class Part:
    """Contracts to book, signed, at a price, and whose price that is in words."""

    signed: int
    price: Decimal
    whose: str

    @property
    def words(self) -> str:
        """Return it as a person says it: sold 2 at 20005.25, the market's last price."""
        verb = "bought" if self.signed > 0 else "sold"
        return f"{verb} {abs(self.signed)} at {self.price:f}, {self.whose}"


def take_over(account: Account, difference: Difference) -> str:
    """Book what makes the desk's position the broker's and say at which prices.

    Raises:  Refused  neither the broker nor the market has a price for it
    """
    contract = difference.subject
    ours, theirs = int(difference.detail["ours"]), int(difference.detail["theirs"])
    remote = BrokerPosition.objects.filter(account__account=account, contract=contract).first()
    begins = f"Taking the broker's position in {contract} over: "
    fills = reports.missed(account, contract, theirs - ours)
    if fills:
        for fill in fills:
            reports.tell_missed(account, fill)
        return f"{begins}{'; '.join(_told(fill) for fill in fills)}."
    average = remote.price if remote is not None and theirs else None
    parts = _parts(contract, ours, theirs, average)
    for number, part in enumerate(parts):
        last = f".{number}" if number else ""
        said = ReportBroker(
            account=account.pk, what="fill", at=0,
            fill=f"takeover.{difference.pk}{last}", contract=contract,
            side="buy" if part.signed > 0 else "sell", quantity=abs(part.signed),
            price=f"{part.price:f}", reason=part.whose,
        )  # fmt: skip
        key = f"takeover:{difference.pk}{last}"
        bus.submit(said, user=account.user_id, source="page", key=key)
    unknown = " What was really paid is in the broker's own statement." if ours else ""
    return f"{begins}{'; '.join(part.words for part in parts)}.{unknown}"


def _parts(contract: str, ours: int, theirs: int, average: Decimal | None) -> list[Part]:
    """Return what to book: contracts that close first, then those that open."""
    sign = 1 if ours > 0 else -1
    kept = max(0, sign * theirs) if ours else 0  # of ours, as far as it goes the same way
    closes = -sign * max(0, abs(ours) - kept)
    opens = theirs - ours - closes
    found = []
    if closes:
        found.append(Part(closes, _last(contract), "the market's last price"))
    if opens and average is None:
        found.append(Part(opens, _last(contract), "the market's last price"))
    elif opens and average is not None:
        paid = instrument(root_of(contract)).snap(average)
        found.append(Part(opens, paid, "the broker's average entry"))
    return found


def _last(contract: str) -> Decimal:
    now = price.price_of(contract)  # its own, never the month's in front
    if now is None or now.reading.get("last") is None:
        raise Refused("NO_MARKET", f"{contract} has no price here to book it at", "difference")
    return instrument(root_of(contract)).snap(Decimal(str(now.reading["last"])))


def _told(fill: BrokerFill) -> str:
    verb = "bought" if fill.side == "buy" else "sold"
    price = instrument(root_of(fill.contract)).snap(fill.price)
    return f"{verb} {fill.quantity} at {price:f}, the broker's own fill"
