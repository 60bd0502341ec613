"""The market as far as it was asked for: what a symbol means, and what time it is there."""

from collections.abc import Generator

from apps.brokers.domain.books import Books
from apps.brokers.domain.prices import Prices
from apps.bus.domain.message import Message
from apps.marketdata.domain.messages import ContractListed, Recall, Recalled


def asked(prices: Prices, contract: str, answer: Recalled | None) -> bool:
    """Ask as the engine does: the answer is heard before the question's generator goes on."""
    turn: Generator[Message, None, bool] = prices.ask(contract)
    question = next(turn)
    assert isinstance(question, Recall) and question.contract == contract
    if answer is not None:
        prices.hear(answer)
    try:
        next(turn)
    except StopIteration as end:
        return bool(end.value)
    raise AssertionError("it asks once")


def told(of: str, last: int | None, at: int) -> Recalled:
    return Recalled(of, None, last, at)


def test_an_undated_symbol_means_the_contract_that_is_listed_now() -> None:
    prices = Prices(Books())
    assert prices.contract("NQ1!") is None
    prices.list_front(ContractListed("NQZ5", "NQ"))
    assert (prices.contract("NQ1!"), prices.contract("NQZ5")) == ("NQZ5", "NQZ5")
    assert prices.contract("no such thing") is None


def test_a_contract_without_a_price_has_no_market() -> None:
    prices = Prices(Books())
    assert not asked(prices, "NQZ5", None)
    assert not asked(prices, "NQZ5", told("l:NQZ5", None, 5))


def test_asking_moves_the_time_forward_and_never_back() -> None:
    books = Books()
    prices = Prices(books)
    assert asked(prices, "NQZ5", told("l:NQZ5", 80_000, 7))
    assert (prices.last("NQZ5"), prices.at("NQZ5"), books.at) == (80_000, 7, 7)
    assert asked(prices, "NQZ5", told("l:NQZ5", 80_001, 3))
    assert books.at == 7


def test_what_others_asked_for_is_theirs() -> None:
    assert not asked(Prices(Books()), "NQZ5", told("v:1:NQZ5", 80_000, 7))
