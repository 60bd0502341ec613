"""What may stand in an address."""

from django.urls import register_converter
from django.urls.converters import IntConverter


class RowId(IntConverter):
    """The id of a row, as `<row:id>`: a number that every database can hold; a longer one names nothing."""

    regex = "[0-9]{1,18}"


register_converter(RowId, "row")
