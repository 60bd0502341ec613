"""What the API of accounts and orders has in common: whose an account is, and what a refusal becomes."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import status
from rest_framework.exceptions import APIException, NotFound, ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from apps.brokers import queries
from apps.brokers.models import Account, Order
from apps.trades.api import EngineSilent, NotGranted
from apps.trades.services import NoAnswer, Refused
from apps.users import problems

PROBLEM: Final = OpenApiResponse(description="Problem details.")
ID: Final = OpenApiParameter("id", OpenApiTypes.INT, OpenApiParameter.PATH)
AGAIN: Final = OpenApiParameter(
    "Idempotency-Key", str, OpenApiParameter.HEADER, description="The same key is the same wish."
)


WISH: Final = {400: PROBLEM, 404: PROBLEM, 409: PROBLEM, 503: PROBLEM}


class Listing(GenericAPIView[Any]):
    """A page of what is the asker's own."""

    def shown(self, rows: Iterable[Any]) -> Iterable[Any]:
        """Return what is serialised of the rows of a page."""
        return rows

    def answer(self, chosen: Any) -> Response:
        """Return a page of what was chosen."""
        page = self.paginate_queryset(chosen) or []
        items = self.get_serializer(self.shown(page), many=True).data
        return self.get_paginated_response(items)


class Wishing(GenericAPIView[Any]):
    """Something that the engine is asked for."""

    pagination_class = None
    filter_backends = ()


@contextmanager
def granted(*fields: str) -> Iterator[None]:
    """Answer what the engine refuses: 400 where one of these fields is to blame, else 409; 503 if it is silent."""
    try:
        yield
    except Refused as refused:
        raise problem_of(refused, fields) from None
    except NoAnswer:
        raise EngineSilent from None


def problem_of(refused: Refused, fields: tuple[str, ...] = ()) -> APIException:
    """Return the answer to a refusal."""
    code, detail = refused.reason.lower(), refused.detail[:1].upper() + refused.detail[1:]
    if refused.field.partition(".")[0].partition("[")[0] in fields:
        told: dict[str, list[str]] = {}
        for field, wrong in refused.told:
            told.setdefault(field, []).append(wrong)
        return ValidationError(told, code=code)
    return NotGranted(detail, code)


def own_account(user: Any, id: int) -> Account:
    """Return one of the asker's accounts.

    Raises:  NotFound  he has no such account, whoever else has
    """
    found = queries.account(user, id)
    if found is None:
        raise NotFound(f"You have no account {id}.")
    return found


def key_of(request: Request) -> str | None:
    """Return the name that the asker gave his wish.

    Raises:  ValidationError  it is too long
    """
    key: str | None = request.headers.get("Idempotency-Key")
    if key and len(key) > 80:
        raise ValidationError({"Idempotency-Key": ["Use at most 80 characters."]})
    return key or None


def blocked(order: Order) -> Response:
    """Return the answer to an order that the rules stopped: what they said, and the order's number."""
    body = problems.details(
        status.HTTP_409_CONFLICT, reasons_of(order), code="blocked",
        reasons=order.reason.split(","), order=order.pk, verdict=order.verdict,
    )  # fmt: skip
    return Response(body, status.HTTP_409_CONFLICT, content_type=problems.MEDIA_TYPE)


def reasons_of(order: Order) -> str:
    """Return in words why the rules stopped an order."""
    told = order.verdict.get("reasons") or ()
    words = [str(one[1]) for one in told if isinstance(one, list | tuple) and len(one) == 2]
    return " ".join(words) or f"The rules of {order.account.name} stop it: {order.reason}."
