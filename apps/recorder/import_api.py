"""API: files of fills, and how complete the days of an account are."""

from datetime import timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import serializers, status
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from apps.brokers.answers import ID, PROBLEM, Listing
from apps.bus.domain.message import to_instant
from apps.recorder import days, importing, making, queries
from apps.recorder.domain.completeness import Completeness
from apps.recorder.import_life import CannotImport
from apps.recorder.imports.values import DayOrder, Decimals
from apps.recorder.models import Import
from apps.users.asked import Asked, read
from apps.users.paging import OnOnePage, on_one_page

ANSWERS: dict[int, Any] = {400: PROBLEM, 404: PROBLEM}
MOST_DAYS = 400


class ImportSerializer(serializers.ModelSerializer[Import]):
    """A file, how far its import is, and what came of it. `counts`: new, known, conflict, left_out, repeated."""

    missing = serializers.SerializerMethodField(
        help_text='Names in the file that go nowhere yet ("": it names none); `make_accounts` makes an account for files for each.'
    )

    class Meta:
        model = Import
        fields = (
            "id", "file_name", "sha256", "size", "layout", "zone", "decimals", "days", "state", "reason", "share",
            "rows", "bad_rows", "problems", "accounts", "missing",
            "made_accounts", "seen", "counts", "made_by", "made_at", "done_at",
            "undone_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_missing(self, row: Import) -> list[str]:
        """Return the names for which an account for files can be made."""
        return making.missing(row)


class ChoicesSerializer(Asked):
    """How a file is read, and whether it is imported at once."""

    zone = serializers.CharField(
        max_length=64, default="America/Chicago", help_text="Of times that do not say their own."
    )
    decimals = serializers.ChoiceField(list(Decimals), required=False, default="")
    days = serializers.ChoiceField(
        list(DayOrder), required=False, default="", help_text="Which comes first in 3/4/2026."
    )
    account = serializers.IntegerField(
        required=False,
        min_value=1,
        help_text="Broker account, where the file names one account or none; refused where it names several.",
    )
    apply = serializers.BooleanField(default=False)
    only_good = serializers.BooleanField(default=False, help_text="Leave bad rows out.")


class UploadSerializer(ChoicesSerializer):
    """A file of fills. With `apply` it is imported once it is looked at; what speaks against that is `reason`."""

    file = serializers.FileField(
        help_text="CSV, up to 32 MB; a larger one goes in slices, see `upload/`."
    )


class ImportWishSerializer(Asked):
    """Import what a preview showed. `accounts`: names in the file to broker accounts, null leaves a name out."""

    accounts = serializers.DictField(
        child=serializers.IntegerField(allow_null=True, min_value=1), required=False
    )
    make_accounts = serializers.BooleanField(
        default=False,
        help_text="Make an account for files for each name in `missing` that `accounts` does not name, called as in the file, or after its platform.",
    )
    only_good = serializers.BooleanField(default=False)


@extend_schema_serializer(component_name="RecordedDay")
class DaySerializer(serializers.Serializer[Any]):
    """A trade date. `state` empty: closed, or yet to come."""

    day = serializers.DateField()
    state = serializers.ChoiceField([*Completeness, ""])
    why = serializers.CharField()
    fills = serializers.IntegerField()


class DayListSerializer(OnOnePage):
    """Trade dates, oldest first. All of them are on this one page."""

    results = DaySerializer(many=True)


def refused(problem: CannotImport) -> ValidationError:
    """Return the refusal that names the field and the cure."""
    return ValidationError({problem.field: [f"{problem.cure[:1].upper()}{problem.cure[1:]}."]})


class Imports(Listing):
    """Your imports."""

    serializer_class = ImportSerializer
    parser_classes = (MultiPartParser,)
    filter_backends = ()

    @extend_schema(responses={200: ImportSerializer(many=True)})
    def get(self, request: Request) -> Response:
        """Return your imports, the newest first."""
        return self.answer(Import.objects.of(request.user))

    @extend_schema(
        request={"multipart/form-data": UploadSerializer},
        responses={201: ImportSerializer, **ANSWERS},
    )
    def post(self, request: Request) -> Response:
        """Take a file in and count what is new in it; with `apply` import it. A large one is worked on in the background: `state` says how far it is."""
        given = read(UploadSerializer, request.data).validated_data
        try:
            made = importing.accept(
                user=request.user, name=given["file"].name, chunks=given["file"].chunks(), zone=given["zone"],
                decimals=given["decimals"], days=given["days"], account=given.get("account"),
                apply=given["apply"], only_good=given["only_good"],
            )  # fmt: skip
        except CannotImport as problem:
            raise refused(problem) from None
        return Response(ImportSerializer(made).data, status.HTTP_201_CREATED)


class OneOfMine(GenericAPIView[Any]):
    """Something about one of the asker's imports."""

    serializer_class: Any = ImportSerializer
    pagination_class = None
    filter_backends = ()

    def own(self, id: int) -> Import:
        """Return one of the asker's imports.

        Raises:  NotFound
        """
        found: Import | None = Import.objects.of(self.request.user).filter(pk=id).first()
        if found is None:
            raise NotFound(f"You have no import {id}.")
        return found


class OneImport(OneOfMine):
    """One import."""

    @extend_schema(parameters=[ID], responses={200: ImportSerializer, 404: PROBLEM})
    def get(self, request: Request, id: int) -> Response:
        """Return how far it is and what came of it."""
        return Response(ImportSerializer(self.own(id)).data)

    @extend_schema(
        operation_id="recorder_import_apply",
        parameters=[ID], request=ImportWishSerializer, responses={200: ImportSerializer, **ANSWERS},
    )  # fmt: skip
    def post(self, request: Request, id: int) -> Response:
        """Import what its preview shows."""
        row = self.own(id)
        given = read(ImportWishSerializer, request.data).validated_data
        try:
            only_good = given["only_good"]
            if "accounts" in given or given["make_accounts"]:
                importing.choose_accounts(
                    importing=row, chosen=given.get("accounts", {}), apply=True, only_good=only_good,
                    make_missing=given["make_accounts"],
                )  # fmt: skip
            else:
                importing.apply(importing=row, only_good=only_good)
        except CannotImport as problem:
            raise refused(problem) from None
        return Response(ImportSerializer(row).data)

    @extend_schema(parameters=[ID], responses={204: None, **ANSWERS})
    def delete(self, request: Request, id: int) -> Response:
        """Throw an upload away that was not imported."""
        try:
            importing.discard(importing=self.own(id))
        except CannotImport as problem:
            raise refused(problem) from None
        return Response(status=status.HTTP_204_NO_CONTENT)


class UndoImport(OneOfMine):
    """Undoing an import."""

    @extend_schema(parameters=[ID], request=None, responses={200: ImportSerializer, **ANSWERS})
    def post(self, request: Request, id: int) -> Response:
        """Take back what it added and nothing else confirms."""
        row = self.own(id)
        try:
            importing.undo(importing=row)
        except CannotImport as problem:
            raise refused(problem) from None
        return Response(ImportSerializer(row).data)


class RangeSerializer(serializers.Serializer[Any]):
    """A stretch of trade dates; without one the last eight weeks."""

    since = serializers.DateField(required=False)
    until = serializers.DateField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Fill in what is missing, and refuse what is no stretch."""
        attrs.setdefault("until", timezone.now().date())
        for name, day in attrs.items():
            if not 1970 <= day.year <= 2100:
                raise ValidationError({name: ["Give a date of 1970 to 2100."]})
        attrs.setdefault("since", attrs["until"] - timedelta(days=55))
        if not timedelta(0) <= attrs["until"] - attrs["since"] <= timedelta(days=MOST_DAYS):
            raise ValidationError({"until": [f"Give 0 to {MOST_DAYS} days after since."]})
        return attrs


class Days(GenericAPIView[Any]):
    """How complete the days of a broker account are."""

    asks = RangeSerializer
    serializer_class = DayListSerializer
    pagination_class = None
    filter_backends = ()

    @extend_schema(
        parameters=[
            ID,
            OpenApiParameter("since", OpenApiTypes.DATE),
            OpenApiParameter("until", OpenApiTypes.DATE),
        ],
        responses={200: DayListSerializer, **ANSWERS},
    )
    def get(self, request: Request, id: int) -> Response:
        """Return each weekday: complete, gap, filled (from a file) or unknown, and why."""
        account = queries.broker_account(request.user, id)
        if account is None:
            raise NotFound(f"You have no broker account {id}.")
        given = read(RangeSerializer, request.query_params).validated_data
        cells = days.days_of(account, given["since"], given["until"], to_instant(timezone.now()))
        return Response(on_one_page(DaySerializer(cells, many=True).data))
