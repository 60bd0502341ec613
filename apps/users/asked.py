"""What is sent to the API: read in one way, so that nothing that is not understood is passed over in silence."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, ClassVar, Final, cast

from rest_framework import serializers
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.utils.html import is_html_input

FORM_TOKEN: Final = "csrfmiddlewaretoken"  # noqa: S105  # Django's forms send it beside their fields
MOST_NAMED: Final = 10
LONGEST: Final = 80  # characters of a name that are told again
ANYTHING: Final = None  # as `asks` of a view: what never fails for a word in its address


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
        yield from _told(unknown, sorted(self.fields), "field")


class KnownWords(BasePermission):
    """Lets nobody ask with a word behind the `?` that the address does not know: a misspelt filter would show all.

    Known are the filters of a list, its pages, and what the view names as `asks`: words, or a serializer that reads them.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return True.

        Raises:  ValidationError  naming each word that is none, with the cure
        """
        known, method = words_of(view), str(request.method).lower()
        if known is not ANYTHING and hasattr(view, method):  # else the method is what is wrong
            unknown = [name for name in request.query_params if name not in known]
            offered = sorted(known - {str(api_settings.URL_FORMAT_OVERRIDE)})
            if refused := dict(_told(unknown, offered, "parameter")):
                raise serializers.ValidationError(refused)
        return True


def words_of(view: Any) -> frozenset[str] | None:
    """Return what may stand behind the `?` of a view's address; None: anything."""
    asks: Collection[str] | type[serializers.Serializer[Any]] | None = getattr(view, "asks", ())
    if asks is ANYTHING:
        return None
    known = {*(asks().fields if isinstance(asks, type) else asks), api_settings.URL_FORMAT_OVERRIDE}
    if getattr(view, "filter_backends", ()):
        known |= set(getattr(view, "filterset_class").base_filters)  # noqa: B009  # each list that filters has one
    if (pages := getattr(view, "pagination_class", None)) is not None:
        known |= {pages.page_query_param, pages.page_size_query_param}
    return frozenset(known)


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


def _told(unknown: Iterable[str], known: list[str], what: str) -> Iterator[tuple[str, list[Any]]]:
    """Yield the first names that are none, each with the cure."""
    for name in list(unknown)[:MOST_NAMED]:
        cure = _cure(name[:LONGEST], known, what)
        yield name[:LONGEST], [serializers.ErrorDetail(cure, "unknown")]


def _cure(name: str, known: list[str], what: str) -> str:
    near = get_close_matches(_plain(name), [_plain(one) for one in known], n=1)
    for one in known:
        if near and _plain(one) == near[0]:
            return f"There is no such {what}; did you mean {one}?"
    return f"There is no such {what}; known are {', '.join(known) or 'none'}."


def _plain(name: str) -> str:
    """Return a name as stopLoss, Stop-Loss and stop_loss have it alike."""
    return "".join(letter for letter in name.lower() if letter.isalnum())
