"""Refusals of the API as problem details (RFC 9457), one shape for all."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

MEDIA_TYPE = "application/problem+json"


def details(
    status: int,
    detail: str,
    *,
    code: str,
    errors: Sequence[Mapping[str, str]] = (),
    **more: Any,
) -> dict[str, Any]:
    """Return the body of a refusal: type, title, status, detail, code, and errors by field."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        **more,
    }
    if errors:
        body["errors"] = [dict(error) for error in errors]
    return body


def problem(exc: Exception, context: Mapping[str, Any]) -> Response | None:
    """Answer what a view raised; None leaves it to Django as a server error."""
    response = exception_handler(exc, dict(context))
    if response is None:
        return None
    errors: list[dict[str, str]] = []
    match exc:
        case exceptions.ValidationError():
            errors = _by_field(exc.get_full_details(), "")
            detail, code = "Some values cannot be accepted.", "invalid"
        case exceptions.APIException():
            told = exc.get_full_details()
            detail, code = str(exc.detail), "error"
            if isinstance(told, Mapping) and "code" in told:
                code = str(told["code"])
        case Http404():
            detail, code = "There is no such thing here.", "not_found"
        case PermissionDenied():
            detail, code = "You may not do this.", "permission_denied"
        case _:
            detail, code = "The request cannot be answered.", "error"
    response.data = details(response.status_code, detail, code=code, errors=errors)
    response.content_type = MEDIA_TYPE
    return response


def _by_field(told: Any, path: str) -> list[dict[str, str]]:
    """Return each refusal of a (nested) form as field, detail, code."""
    if isinstance(told, Mapping) and set(told) == {"message", "code"}:
        return [{"field": path, "detail": str(told["message"]), "code": str(told["code"])}]
    found: list[dict[str, str]] = []
    if isinstance(told, Mapping):
        for name, inner in told.items():
            step = "" if name == "non_field_errors" else str(name)
            found += _by_field(inner, ".".join(part for part in (path, step) if part))
    elif isinstance(told, list):
        for inner in told:
            found += _by_field(inner, path)
    return found
