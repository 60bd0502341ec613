"""API: a file of fills in slices, for one that is too large for a single request."""

from collections.abc import Iterator
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.parsers import BaseParser, JSONParser
from rest_framework.request import Request
from rest_framework.response import Response

from apps.brokers.answers import ID, PROBLEM
from apps.recorder import receiving
from apps.recorder.import_api import ANSWERS, ChoicesSerializer, OneOfMine, refused
from apps.recorder.import_life import CannotImport
from apps.recorder.models import Import
from apps.users.asked import read
from apps.users.problems import MEDIA_TYPE, details

_PIECE = 64 * 1024
_AT = OpenApiParameter(
    "Upload-Offset", OpenApiTypes.INT, OpenApiParameter.HEADER, required=True,
    description="The byte of the file that the slice begins at.",
)  # fmt: skip


class AnnouncedSerializer(ChoicesSerializer):
    """A file that is going to come in slices."""

    name = serializers.CharField(max_length=255)
    size = serializers.IntegerField(min_value=0, help_text="Bytes, up to 512 MB.")
    modified = serializers.IntegerField(
        default=0, min_value=0, max_value=2**53,
        help_text="When your file was last changed, ms since 1970; the same one is gone on with.",
    )  # fmt: skip


class ReceivedSerializer(serializers.Serializer[Import]):
    """How much of an upload is here. Send the next slice from `offset`; at `size` the desk begins to read."""

    id = serializers.IntegerField()
    state = serializers.ChoiceField(Import.State.choices)
    size = serializers.IntegerField()
    offset = serializers.SerializerMethodField()
    slice = serializers.SerializerMethodField(help_text="Bytes to send at a time.")

    def get_offset(self, row: Import) -> int:
        """Return how many bytes are here."""
        is_open = row.state == Import.State.RECEIVING
        return receiving.offset(row) if is_open else row.size

    def get_slice(self, _row: Import) -> int:
        """Return how large a slice should be."""
        return receiving.SLICE


class Bytes(BaseParser):
    """A body that is a piece of a file: left to be read piece by piece."""

    media_type = "application/octet-stream"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        """Return the body as it comes."""
        return stream


class Uploads(OneOfMine):
    """Announcing an upload."""

    parser_classes = (JSONParser,)
    serializer_class = ReceivedSerializer

    @extend_schema(request=AnnouncedSerializer, responses={201: ReceivedSerializer, 400: PROBLEM})
    def post(self, request: Request) -> Response:
        """Announce a file, or go on with one of the same name, size and change: `offset` is where."""
        given = read(AnnouncedSerializer, request.data).validated_data
        try:
            made = receiving.begin(user=request.user, **given)
        except CannotImport as problem:
            raise refused(problem) from None
        return Response(ReceivedSerializer(made).data, status.HTTP_201_CREATED)


class Slices(OneOfMine):
    """The content of an upload."""

    parser_classes = (Bytes,)
    serializer_class = ReceivedSerializer

    @extend_schema(parameters=[ID], responses={200: ReceivedSerializer, 404: PROBLEM})
    def get(self, request: Request, id: int) -> Response:
        """Return how much of it is here."""
        return Response(ReceivedSerializer(self.own(id)).data)

    @extend_schema(
        parameters=[ID, _AT], request={"application/octet-stream": OpenApiTypes.BINARY},
        responses={200: ReceivedSerializer, 409: PROBLEM, 413: PROBLEM, **ANSWERS},
    )  # fmt: skip
    def put(self, request: Request, id: int) -> Response:
        """Append a slice. 409: it begins at another byte than the next one; ask where, and send from there."""
        row = self.own(id)
        text = request.headers.get("Upload-Offset", "")
        if not (text.isascii() and text.isdigit()) or len(text) > 15:
            raise refused(
                CannotImport("Upload-Offset", "say at which byte of the file the slice begins")
            )
        try:
            receiving.append(row, int(text), _pieces(request))
        except CannotImport as problem:
            raise refused(problem) from None
        except receiving.WrongPlace as problem:
            said = f"Upload-Offset: {text} is not where the last slice ended; send from {problem.offset}."
            body = details(409, said, code="wrong_offset", offset=problem.offset)
            return Response(body, status.HTTP_409_CONFLICT, content_type=MEDIA_TYPE)
        return Response(ReceivedSerializer(row).data)


def _pieces(request: Request) -> Iterator[bytes]:
    stream: Any = request.data
    while piece := stream.read(_PIECE):
        yield piece
