"""Correcting: what is booked because a broker's money is not ours.

What the balances differ by becomes a fact, and the balance is the broker's from then on. So does what a fill cost by the
broker's word, where that came later than the fill.
"""

from collections.abc import Iterator
from decimal import Decimal

from apps.brokers.domain.account import Account, BadAccount, Kind, Reason, cents, signed
from apps.brokers.domain.books import ON_ITS_WAY, Books
from apps.brokers.domain.facts import DifferenceBooked, FeesCorrected, PayoutTaken
from apps.brokers.domain.messages import BookDifference, ReportFees
from apps.bus.domain.message import Message
from apps.trades.domain.messages import CommandRefused


def book_difference(books: Books, wish: BookDifference) -> Iterator[Message]:
    """Let the balance become the broker's. Once: what was booked already is no longer at `ours`."""
    account = books.own(wish, wish.account)
    if isinstance(account, CommandRefused):
        yield account
        return
    try:
        ours, theirs = signed("ours", wish.ours), signed("theirs", wish.theirs)
        reason = reason_of(wish.reason)
    except BadAccount as problem:
        yield books.refused(wish, "BAD_VALUE", str(problem))
        return
    if (why := _why_not(books, account)) is not None:
        yield books.refused(wish, *why)
        return
    if account.balance != ours:
        detail = f"the balance is {cents(account.balance)} by now and not {cents(ours)}: look again"
        yield books.refused(wish, "CHANGED", detail)
        return
    by = theirs - ours
    account.correct(by, reason)
    books.changed_accounts[account.id] = account
    yield DifferenceBooked(
        at=books.at, user=account.user, account=account.id, wish=wish.id,
        difference=wish.difference, reason=reason.value, ours=cents(ours), amount=cents(by),
        balance=cents(account.balance),
    )  # fmt: skip
    if reason is Reason.TRANSFER and by < 0:
        yield PayoutTaken(
            at=books.at, user=account.user, account=account.id, wish=wish.id, amount=cents(-by),
            balance=cents(account.balance),
        )  # fmt: skip
    yield books.booked(account)


def correct_fees(books: Books, said: ReportFees) -> Iterator[Message]:
    """Book what a fill cost more or less than was believed, on the day on which that is heard."""
    account = books.accounts.get(said.account)
    if account is None or account.kind is Kind.PAPER:
        return
    by = Decimal(said.fees) - Decimal(said.was)
    account.balance -= by
    account.fees_today += by
    books.changed_accounts[account.id] = account
    held = next((one for one in books.held_by(account.id) if one.key == said.position), None)
    if held is not None:
        held.fees += by
        books.changed_positions[held.key] = held
    fact = FeesCorrected(
        at=books.at, user=account.user, account=account.id, fill=said.fill, position=said.position,
        fees=cents(Decimal(said.fees)), was=cents(Decimal(said.was)), balance=cents(account.balance),
    )  # fmt: skip
    books.fees_of_past.append((fact, held is not None))
    yield fact
    yield books.booked(account)


def reason_of(text: str) -> Reason:
    """Return a reason that came as text.

    Raises:  BadAccount
    """
    try:
        return Reason(text)
    except ValueError:
        raise BadAccount(f"reason: {text!r} is none of {', '.join(Reason)}") from None


def _why_not(books: Books, account: Account) -> tuple[str, str] | None:
    """Return code and words of what stands against it, whatever the amount."""
    if account.kind is Kind.PAPER:
        return "PAPER", "account: a paper account has no broker whose balance could differ"
    sent = any(one.status in ON_ITS_WAY for one in books.orders_of(account.id))
    if sent or books.held_by(account.id):
        detail = "balances are compared while nothing is held and no order is on its way: wait until it is flat"
        return "NOT_FLAT", detail
    return None
