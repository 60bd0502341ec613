"""A stage of the engine: a plain class whose methods say what they listen to."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from apps.bus.domain.message import Message

Hears = Callable[..., Iterable[Message]]
F = TypeVar("F", bound=Callable[..., Any])


def handles(*kinds: type[Message]) -> Callable[[F], F]:
    """Mark a method as the one that hears these kinds of message; it yields what follows from them."""

    def mark(method: F) -> F:
        method.hears = kinds  # type: ignore[attr-defined]
        return method

    return mark


def ears(stage: object) -> Iterator[tuple[type[Message], Hears]]:
    """Yield what a stage listens to, with the bound method that hears it."""
    for name in dir(type(stage)):
        for kind in getattr(getattr(type(stage), name), "hears", ()):
            yield kind, getattr(stage, name)
