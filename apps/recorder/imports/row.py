"""What one row of a file says was traded."""

from dataclasses import dataclass
from decimal import Decimal

from apps.brokers.domain.order import Side


@dataclass(frozen=True, slots=True)
class FileFill:
    """Contracts that a row says were bought or sold.

    row:      the file's line, the header is 1
    account:  as the file calls it, "" where it names none
    key:      names it within its family of layouts, so that the same row in another file is known again
    is_named: False: the key only says what it is, and equal ones are told apart by counting them
    name:     the broker's own number of the fill, "" where the file has none
    part:     of which pair: a fill that closed in two steps stands in two rows, each with a part of its contracts
    at:       ns UTC; `grain`: how finely the file tells it
    fees:     of its contracts, None where the file does not say
    twin:     names the row within the file where its key does not
    average:  the price is one of several fills of one order
    told_day: the trade date as the file tells it, "" where it does not; of a pair the later fill's
    """

    row: int
    account: str
    contract: str
    side: Side
    quantity: int
    price: Decimal
    at: int
    grain: int
    key: str
    is_named: bool = True
    name: str = ""
    part: str = ""
    order: str = ""
    fees: Decimal | None = None
    average: bool = False
    twin: str = ""
    told_day: str = ""


def plain(price: Decimal) -> str:
    """Return a price as people write it, without zeros at its end."""
    return f"{price.normalize():f}"


def shown(price: Decimal) -> str:
    """Return a price as it is shown where nobody knows its tick: at least two decimals."""
    short = price.normalize()
    return f"{short:.2f}" if int(short.as_tuple().exponent) > -2 else f"{short:f}"
