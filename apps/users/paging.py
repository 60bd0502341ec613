"""The shape of lists in the API."""

from typing import Any

from rest_framework import serializers
from rest_framework.pagination import PageNumberPagination


class Pages(PageNumberPagination):
    """Lists come as count, next, previous, results; 50 at a time unless `page_size` says otherwise."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500


class OnOnePage(serializers.Serializer[Any]):
    """The shape of a list that is short and comes whole; whoever uses it says what `results` are."""

    count = serializers.IntegerField()
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)


def on_one_page(items: Any) -> dict[str, Any]:
    """Return such a list of what a serializer of many has made."""
    return {"count": len(items), "next": None, "previous": None, "results": items}
