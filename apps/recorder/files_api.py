"""API: accounts that no login reads, for the fills of files."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from apps.brokers.answers import PROBLEM, Listing
from apps.brokers.models import BrokerAccount
from apps.recorder import files
from apps.recorder.import_life import CannotImport
from apps.users.asked import Asked, read


class FileAccountSerializer(serializers.ModelSerializer[BrokerAccount]):
    """An account for files. Its `id` is what an import, a strategy and `recorder/days/` take as a broker account."""

    class Meta:
        model = BrokerAccount
        fields = ("id", "name", "created_at")
        read_only_fields = fields


class FileAccountAsked(Asked):
    """How an account for files is called."""

    name = serializers.CharField(max_length=200, help_text="As in the export, e.g. APEX-1234.")


class FileAccounts(Listing):
    """The accounts for files."""

    serializer_class = FileAccountSerializer
    filter_backends = ()

    @extend_schema(responses={200: FileAccountSerializer(many=True)})
    def get(self, request: Request) -> Response:
        """Return your accounts that no login reads, oldest first."""
        return self.answer(files.accounts(request.user))

    @extend_schema(
        request=FileAccountAsked,
        responses={201: FileAccountSerializer, 200: FileAccountSerializer, 400: PROBLEM},
    )
    def post(self, request: Request) -> Response:
        """Make an account for files. 200: you have one of this name, and this is it."""
        known = set(files.accounts(request.user).values_list("pk", flat=True))
        name = read(FileAccountAsked, request.data).validated_data["name"]
        try:
            made = files.open_account(user=request.user, name=name)
        except CannotImport as problem:
            cure = f"{problem.cure[:1].upper()}{problem.cure[1:]}."
            raise ValidationError({"name": [cure]}) from None
        is_new = made.pk not in known
        body = FileAccountSerializer(made).data
        return Response(body, status.HTTP_201_CREATED if is_new else status.HTTP_200_OK)
