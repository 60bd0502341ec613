"""Every address of the desk, with ids filled in: for tests that have to look behind each door there is."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import product

from django.urls import URLPattern, URLResolver, get_resolver

_PLACE = re.compile(r"<(?:(\w+):)?(\w+)>|\(\?P<(\w+)>[^)]*\)")
NOT_THESE = (
    "logout",
    "admin/",
    "(?!",
)  # what ends the visit; the admin has doors for each row of its own


def every_path(numbers: Sequence[int], words: Sequence[str], *, under: str = "/") -> Iterator[str]:
    """Yield each address below a path: numbers stand for rows, words for what else an address takes."""
    for pattern in _patterns(get_resolver().url_patterns, ""):
        path = "/" + re.sub(r"\^|\$|\\Z|\\", "", pattern)
        if not path.startswith(under) or any(word in path for word in NOT_THESE):
            continue
        yield from _filled(path, numbers, words)


def _patterns(patterns: Iterable[URLPattern | URLResolver], before: str) -> Iterator[str]:
    for one in patterns:
        here = before + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from _patterns(one.url_patterns, here)
        else:
            yield here


def _filled(path: str, numbers: Sequence[int], words: Sequence[str]) -> Iterator[str]:
    places = [found.group(1) or "str" for found in _PLACE.finditer(path)]
    numeric = ("row", "int")
    offered = [[str(n) for n in numbers] if kind in numeric else list(words) for kind in places]
    for values in product(*offered):
        filled = path
        for value in values:
            filled = _PLACE.sub(value, filled, count=1)
        yield filled
