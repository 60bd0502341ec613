"""API: where the desk and a broker disagree, and the one-click repairs of it."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from apps.brokers import live
from apps.brokers.answers import ID, WISH, Listing, Wishing, granted
from apps.brokers.asked import choices
from apps.brokers.domain.account import Reason
from apps.brokers.models import Difference
from apps.brokers.queries import differences
from apps.users.asked import Asked, read


class DifferenceSerializer(serializers.ModelSerializer[Difference]):
    """Where the desk and the broker disagree. Of balances `detail` has ours, theirs and the amount, theirs less ours."""

    called = serializers.CharField(source="account.name")
    repairs = serializers.SerializerMethodField(help_text="What `how` may be.")

    class Meta:
        """What is shown."""

        model = Difference
        fields = (
            "id", "account", "called", "kind", "subject", "words", "detail", "repairs", "seen_at",
            "told_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_repairs(self, difference: Difference) -> list[str]:
        """Return the repairs that mend it."""
        return list(live.REPAIRS[difference.kind])


class RepairAsked(Asked):
    """How a difference shall be mended."""

    how = serializers.ChoiceField(choices=[(how, how) for how in live.HOWS])
    stop = serializers.CharField(
        max_length=20, default="", allow_blank=True, help_text="Of `stop`: its price."
    )
    reason = serializers.ChoiceField(
        choices=choices(Reason), default="", allow_blank=True,
        help_text="Of `book`: fees and other count in today's result, transfer (a payout or deposit) does not.",
    )  # fmt: skip
    amount = serializers.CharField(
        max_length=20, default="", allow_blank=True,
        help_text="Of `book`: the difference as you saw it, theirs less ours, e.g. -3.60.",
    )  # fmt: skip


class RepairedSerializer(serializers.Serializer[Any]):
    """What is being done."""

    detail = serializers.CharField()


class Differences(Listing):
    """What differs now."""

    serializer_class = DifferenceSerializer
    filter_backends = ()

    def get_queryset(self) -> QuerySet[Difference]:
        """Return the asker's own."""
        return differences(self.request.user)

    @extend_schema(responses={200: DifferenceSerializer(many=True)})
    def get(self, request: Request) -> Response:
        """Return what differs between the desk and your brokers, once it has stood for some seconds."""
        return self.answer(self.get_queryset())


class Repair(Wishing):
    """Mends one."""

    serializer_class = RepairAsked

    @extend_schema(parameters=[ID], responses={200: RepairedSerializer, **WISH})
    def post(self, request: Request, id: int) -> Response:
        """Mend one difference. To book a difference of balances twice books it once."""
        found = differences(request.user, gone=True).filter(pk=id).first()
        if found is None:
            raise NotFound(f"You have no difference {id}.")
        wish = read(RepairAsked, request.data)
        with granted(*wish.fields):
            said = live.repair(
                user=request.user, difference=found, source="api", **wish.validated_data
            )
        return Response({"detail": said})
