"""What a contract trades at, asked for when somebody needs it, and which contract a symbol means."""

from collections.abc import Generator, Iterator
from typing import Final

from apps.brokers.domain.account import Account
from apps.brokers.domain.books import Books
from apps.bus.domain.message import Message
from apps.marketdata.domain.contract import UnknownSymbol, parse, parts_of
from apps.marketdata.domain.messages import ContractListed, Recall, Recalled

_SEEN: Final = "l:"  # the name under which a contract's price is asked for


class Prices:
    """The newest price of each contract that was asked for. Asking moves the books' time to that price's."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._fronts: dict[str, str] = {}
        self._seen: dict[str, Recalled] = {}

    def list_front(self, said: ContractListed) -> None:
        """Remember which contract an undated symbol means now."""
        self._fronts[said.root] = said.contract

    def hear(self, said: Recalled) -> None:
        """Keep what was asked for here; others ask under names of their own."""
        if said.of.startswith(_SEEN):
            self._seen[said.of.removeprefix(_SEEN)] = said

    def contract(self, symbol: str) -> str | None:
        """Return the contract that a symbol means; None: it has no market data here."""
        known = {*self._fronts.values(), *self._seen, *self._books.contracts()}
        if symbol in known:
            return symbol
        try:
            root, month, _ = parts_of(symbol)
            if month is None:
                return self._fronts.get(root)
            dated = parse(symbol, self._books.at).name
        except UnknownSymbol:
            return None
        return dated if dated in known else None  # another month is another price, not the front's

    def ask(self, contract: str) -> Generator[Message, None, bool]:
        """Ask for the newest price of a contract and return whether there is one."""
        yield Recall(f"{_SEEN}{contract}", contract)
        seen = self._seen.get(contract)
        if seen is None or seen.last is None:
            return False
        self._books.at = max(self._books.at, seen.at)
        return True

    def ask_all(self, account: Account) -> Iterator[Message]:
        """Learn what time it is wherever an account has something open."""
        contracts = {one.contract for one in self._books.orders_of(account.id)}
        contracts |= {one.contract for one in self._books.held_by(account.id)}
        for contract in sorted(contracts):
            yield from self.ask(contract)

    def last(self, contract: str) -> int:
        """Return the last price of a contract that has one and was asked for, in ticks."""
        last = self.known(contract)
        assert last is not None
        return last

    def known(self, contract: str) -> int | None:
        """Return the last price of a contract that was asked for, in ticks; None: it has none here."""
        return self._seen[contract].last

    def at(self, contract: str) -> int:
        """Return when that price traded."""
        return self._seen[contract].at
