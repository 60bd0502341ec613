"""Rows of what is to be sent: read and written for the gateway, told to the engine, and what the broker calls them."""

import unicodedata
from decimal import Decimal
from typing import Any, Final

from django.utils import timezone

from apps.brokers.domain.abroad import Errand
from apps.brokers.domain.messages import ReportBroker
from apps.brokers.domain.order import OrderType, Side, TimeInForce
from apps.brokers.domain.ports import Leg, NewOrder
from apps.brokers.domain.seen import OrderSeen
from apps.brokers.models import WAITING, Account, BrokerAccount, BrokerOrder, Dispatch, Order
from apps.brokers.models.remote import AT_WORK
from apps.brokers.seen_rows import order_seen
from apps.bus import bus

NAME: Final = "tradehub"
TEXT_MOST: Final = 64  # characters of a text that a broker keeps


def read(number: int) -> Dispatch:
    """Return a dispatch as it stands, with its account and nothing remembered of before."""
    row: Dispatch = Dispatch.objects.select_related("account__remote", "account__user").get(
        pk=number
    )
    return row


def write(number: int, **fields: Any) -> None:
    """Write fields of a dispatch."""
    Dispatch.objects.filter(pk=number).update(**fields)


def write_waiting(number: int, **fields: Any) -> None:
    """Write fields of a dispatch, unless it has ended meanwhile: a person may have settled it."""
    Dispatch.objects.filter(pk=number, status__in=WAITING).update(**fields)


def placed_by(tag: str) -> Dispatch | None:
    """Return the dispatch with which an order goes out: a leg's is its entry's, an exit alone has one of its own."""
    head = f"{tag[:-1]}e" if "-" in tag else tag
    return Dispatch.objects.filter(errand=Errand.PLACE, tag=head).first()


def is_undecided(row: Dispatch) -> bool:
    """Return whether nobody but a person can tell whether it was sent, see `Resolver`."""
    return row.status == Dispatch.Status.UNKNOWN and bool(row.payload.get("undecided"))


def undecided(account: Account) -> list[Dispatch]:
    """Return what of an account a person has to settle."""
    rows = Dispatch.objects.filter(account=account, status=Dispatch.Status.UNKNOWN)
    return [one for one in rows.order_by("id") if is_undecided(one)]


def look_alikes(row: Dispatch) -> list[BrokerOrder]:
    """Return the orders without a mark that work at the broker and ask for the very same."""
    asked = row.payload
    alike = BrokerOrder.objects.filter(
        account__account=row.account_id, status__in=AT_WORK, tag="", contract=row.contract,
        side=asked["side"], type=asked["type"], quantity=asked["quantity"],
    )  # fmt: skip
    wanted = price(asked["limit"]), price(asked["stop"])
    return [one for one in alike if (one.limit, one.stop) == wanted]


def settle(row: Dispatch, *, number: str = "") -> bool:
    """Settle what nobody could tell, by a person's word: it is the broker's order of this number, or there is none.

    Returns whether that was still open.
    """
    status = Dispatch.Status.SENT if number else Dispatch.Status.NOT_SENT
    if read(row.pk).status != Dispatch.Status.UNKNOWN:
        return False
    if number:
        found = BrokerOrder.objects.filter(account__account=row.account_id, remote=number)
        found.update(tag=row.tag)
    # told first: told twice it changes nothing, told never the engine would wait for ever
    tell_outcome(row, status, "" if number else "NOT_SENT")
    fields = {"reason": "" if number else "SETTLED", "done_at": timezone.now(), "status": status}
    write_waiting(row.pk, **fields, remote={row.tag: number} if number else {})
    return True


def marked(row: Dispatch, tag: str) -> OrderSeen | None:
    """Return the order with this mark of ours in a dispatch's account, as its broker last told of it."""
    known = BrokerOrder.objects.filter(account__account=row.account_id, tag=tag).first()
    return None if known is None else order_seen(known, row.account.remote.remote)


def mirrored(row: Dispatch) -> OrderSeen | None:
    """Return the order that a dispatch is about as its broker last told of it, in whichever session that was."""
    mine = BrokerOrder.objects.filter(account__account=row.account_id, tag=row.tag)
    number = number_of(row)
    known = mine.first() if row.tag else None
    if known is None and number:
        known = BrokerOrder.objects.filter(
            account__account=row.account_id, remote=number
        ).first()  # its mark was not heard of
    return None if known is None else order_seen(known, row.account.remote.remote)


def account_of(row: Dispatch) -> str:
    """Return the broker's own number of a dispatch's account."""
    return BrokerAccount.objects.get(account_id=row.account_id).remote


def number_of(row: Dispatch) -> str:
    """Return the broker's own number of the order that a dispatch is about, empty where it is not known."""
    if "remote" in row.payload:
        return str(row.payload["remote"])
    placed = placed_by(row.tag) if row.tag else None
    if placed is not None and row.tag in placed.remote:
        return str(placed.remote[row.tag])
    known = BrokerOrder.objects.filter(account__account=row.account_id, tag=row.tag).first()
    return known.remote if known is not None and row.tag else ""


def tell_outcome(row: Dispatch, status: str, reason: str) -> None:
    """Bring what became of a dispatch to the engine, once. It has no wall time: that would end days of the market's."""
    said = ReportBroker(
        account=row.account_id, what="dispatch", at=0, tag=row.tag,
        errand=row.errand, status="sent" if status == Dispatch.Status.SENT else status, reason=reason,
    )  # fmt: skip
    bus.submit(
        said, user=row.user_id, source="gateway", key=f"dispatch:{row.key}:{status}:{reason}"[:200]
    )


def tell_smaller(row: Dispatch, quantity: int) -> None:
    """Bring to the engine that an exit goes out for less, and write it down: no more than that is held there."""
    said = ReportBroker(
        account=row.account_id, what="order", at=row.at_ns, tag=row.tag, status="working",
        quantity=quantity,
    )  # fmt: skip
    key = f"dispatch:{row.key}:smaller:{quantity}"[:200]
    bus.submit(said, user=row.user_id, source="gateway", key=key)
    row.payload = row.payload | {"quantity": quantity, "meant": row.payload["quantity"]}
    write(row.pk, payload=row.payload)


def new_order(row: Dispatch, account: str) -> NewOrder:
    """Return the order that a dispatch asks to be placed."""
    asked: dict[str, Any] = row.payload
    return NewOrder(
        account=account, contract=row.contract, side=Side(asked["side"]),
        type=OrderType(asked["type"]), quantity=asked["quantity"], tag=row.tag,
        limit=price(asked["limit"]), stop=price(asked["stop"]), trail=price(asked["trail"]),
        tif=TimeInForce(asked["tif"]), text=asked.get("text", NAME), is_automated=asked["is_automated"],
        is_exit=row.is_exit,
        legs=tuple(
            Leg(
                OrderType(leg["type"]), limit=price(leg["limit"]), stop=price(leg["stop"]),
                trail=price(leg["trail"]), tag=leg["tag"],
            )
            for leg in asked["legs"]
        ),
    )  # fmt: skip


def name_of(row: Dispatch) -> str:
    """Return what an order is called at the broker: its strategy's name, in letters that every broker can take."""
    order = Order.objects.filter(key=row.order).select_related("strategy").first()
    name = order.strategy.name if order is not None and order.strategy is not None else ""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = "".join(one if one.isprintable() else " " for one in plain).split()
    return " ".join(words)[:TEXT_MOST].rstrip() or NAME


def price(text: Any) -> Decimal | None:
    """Return a price of a dispatch; None where it says none."""
    return None if text is None else Decimal(str(text))
