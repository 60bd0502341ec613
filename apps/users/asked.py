"""What is sent to the API: read in one way, so that nothing that is not understood is passed over in silence."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, ClassVar, Final, cast

from rest_framework import serializers
from rest_framework.utils.html import is_html_input

FORM_TOKEN: Final = "csrfmiddlewaretoken"  # noqa: S105  # Django's forms send it beside their fields
MOST_NAMED: Final = 10
LONGEST: Final = 80  # characters of a name that are told again


class Asked(serializers.Serializer[Any]):
    """The base of every body that is sent. A field that is not known is refused: a misspelt stop would be none.

    `echoes`: fields of the answer that may come back with a changed one; they change nothing.
    """

    echoes: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def up_to(cls, most: int) -> Any:
        """Return a list of such parts, which may be left out."""
        options: dict[str, Any] = {"many": True, "required": False, "max_length": most}
        return cls(**options)

    def to_internal_value(self, data: Any) -> Any:
        """Name each field that does not exist, with all else that is wrong."""
        unknown = dict(self._unknown(data)) if isinstance(data, Mapping) else {}
        if not unknown:
            return super().to_internal_value(data)
        found: dict[str, Any] = {}
        try:
            super().to_internal_value(data)
        except serializers.ValidationError as wrong:
            found = cast(dict[str, Any], wrong.detail)
        raise serializers.ValidationError(unknown | found)

    def _unknown(self, data: Mapping[Any, Any]) -> Iterator[tuple[str, list[Any]]]:
        """Yield the first fields that are none, each with the cure."""
        allowed = {*self.fields, *self.echoes, FORM_TOKEN}
        sent = dict.fromkeys(_top(str(name)) if is_html_input(data) else str(name) for name in data)
        unknown = [name for name in sent if name not in allowed]
        for name in unknown[:MOST_NAMED]:
            said = serializers.ErrorDetail(_cure(name[:LONGEST], sorted(self.fields)), "unknown")
            yield name[:LONGEST], [said]


def read(kind: type[Any], data: Any, *, partial: bool = False) -> Any:
    """Return what was sent, as a serializer that found it right.

    Raises:  ValidationError
    """
    wish = kind(data=data, partial=partial)
    wish.is_valid(raise_exception=True)
    return wish


def _top(name: str) -> str:
    """Return the field that a form's name leads into: `shares[0]strategy` and `bracket.stop` name parts."""
    return name.partition("[")[0].partition(".")[0]


def _cure(name: str, known: list[str]) -> str:
    near = get_close_matches(_plain(name), [_plain(one) for one in known], n=1)
    for one in known:
        if near and _plain(one) == near[0]:
            return f"There is no such field; did you mean {one}?"
    return f"There is no such field; known are {', '.join(known) or 'none'}."


def _plain(name: str) -> str:
    """Return a name as stopLoss, Stop-Loss and stop_loss have it alike."""
    return "".join(letter for letter in name.lower() if letter.isalnum())
