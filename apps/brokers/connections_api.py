"""API: logins at brokers and the accounts that they see. Secrets only go in; nothing answers with one."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from apps.brokers import connecting
from apps.brokers.answers import ID, PROBLEM, Listing, Wishing, granted
from apps.brokers.fields import MoneyField
from apps.brokers.models import BrokerAccount, Connection
from apps.brokers.queries import broker_accounts, connection_of, connections
from apps.users.asked import Asked, read
from apps.users.paging import OnOnePage, on_one_page

REFUSALS = {400: PROBLEM, 409: PROBLEM}


class ConnectionSerializer(serializers.ModelSerializer[Connection]):
    """A login as its owner may see it."""

    class Meta:
        """What is shown: no secret is among it."""

        model = Connection
        fields = (
            "id", "name", "broker", "environment", "login", "is_on", "state", "reason", "state_at",
            "heard_at", "polled_at", "created_at",
        )  # fmt: skip
        read_only_fields = fields


class BrokerAccountSerializer(serializers.ModelSerializer[BrokerAccount]):
    """An account as the broker has it, and the desk's own account that uses it."""

    connection_name = serializers.CharField(source="connection.name")
    environment = serializers.CharField(source="connection.environment")
    kind = serializers.SerializerMethodField(help_text="demo or live: real money.")
    balance = MoneyField(allow_null=True)
    realized = MoneyField(allow_null=True)

    class Meta:
        """What is shown."""

        model = BrokerAccount
        fields = (
            "id", "connection", "connection_name", "environment", "remote", "name", "nickname",
            "kind", "is_open", "balance", "realized", "account",
        )  # fmt: skip
        read_only_fields = fields

    def get_kind(self, account: BrokerAccount) -> str:
        """Return what it trades with."""
        return "live" if account.is_live else "demo"


class SeenSerializer(serializers.Serializer[Any]):
    """An account that a login sees, before anything is kept."""

    remote = serializers.CharField()
    name = serializers.CharField()
    is_open = serializers.BooleanField()
    is_live = serializers.BooleanField()


class SeenListSerializer(OnOnePage):
    """The accounts that a login sees. All of them are on this one page."""

    results = SeenSerializer(many=True)


class LoginAsked(Asked):
    """A login at Tradovate."""

    environment = serializers.CharField(max_length=10, help_text="demo, live or simulator.")
    login = serializers.CharField(max_length=80, help_text="The user name at the broker.")
    password = serializers.CharField(max_length=200, write_only=True, trim_whitespace=False)
    cid = serializers.CharField(max_length=64, default="", allow_blank=True)
    sec = serializers.CharField(
        max_length=200, default="", allow_blank=True, write_only=True, trim_whitespace=False
    )
    app_id = serializers.CharField(max_length=64, default="", allow_blank=True)


class ConnectionAsked(LoginAsked):
    """A login that is to be kept."""

    name = serializers.CharField(max_length=40)


class ConnectionChangeAsked(Asked):
    """What is to be changed; what is left out stays. `is_on` switches it."""

    name = serializers.CharField(max_length=40, required=False)
    login = serializers.CharField(max_length=80, required=False)
    password = serializers.CharField(
        max_length=200, required=False, write_only=True, trim_whitespace=False
    )
    cid = serializers.CharField(max_length=64, required=False, allow_blank=True)
    sec = serializers.CharField(
        max_length=200, required=False, allow_blank=True, write_only=True, trim_whitespace=False
    )
    app_id = serializers.CharField(max_length=64, required=False, allow_blank=True)
    is_on = serializers.BooleanField(required=False)


class BrokerAccounts(Listing):
    """The accounts at brokers."""

    serializer_class = BrokerAccountSerializer
    filter_backends = ()

    def get_queryset(self) -> QuerySet[BrokerAccount]:
        """Return the asker's own."""
        return broker_accounts(self.request.user)

    @extend_schema(responses={200: BrokerAccountSerializer(many=True)})
    def get(self, request: Request) -> Response:
        """Return every account that your logins at brokers see."""
        return self.answer(self.get_queryset())


class Connections(Listing):
    """The logins at brokers."""

    serializer_class = ConnectionSerializer
    filter_backends = ()

    def get_queryset(self) -> QuerySet[Connection]:
        """Return the asker's own."""
        return connections(self.request.user)

    @extend_schema(responses={200: ConnectionSerializer(many=True)})
    def get(self, request: Request) -> Response:
        """Return your logins at brokers and how they stand."""
        return self.answer(self.get_queryset())


class AddTradovate(Wishing):
    """Keeps a login."""

    serializer_class = ConnectionAsked

    @extend_schema(responses={201: ConnectionSerializer, **REFUSALS})
    def post(self, request: Request) -> Response:
        """Try a login at Tradovate and keep it with its accounts; nothing is kept if it is not taken."""
        wish = read(ConnectionAsked, request.data)
        with granted(*wish.fields):
            made = connecting.add(user=request.user, **wish.validated_data)
        return Response(ConnectionSerializer(made).data, status=status.HTTP_201_CREATED)


class TestTradovate(Wishing):
    """Tries a login."""

    serializer_class = LoginAsked

    @extend_schema(responses={200: SeenListSerializer, **REFUSALS})
    def post(self, request: Request) -> Response:
        """Try a login at Tradovate and return the accounts it sees. It is not connected by that.

        Its session is used again when it is connected. After three refusals in an hour none is tried: 409 `too_many`.
        """
        wish = read(LoginAsked, request.data)
        with granted(*wish.fields):
            accounts = connecting.test(user=request.user, **wish.validated_data)
        return Response(on_one_page(SeenSerializer(accounts, many=True).data))


class ConnectionItem(Wishing):
    """One login."""

    serializer_class = ConnectionChangeAsked

    @extend_schema(parameters=[ID], responses={200: ConnectionSerializer, 404: PROBLEM})
    def get(self, request: Request, id: int) -> Response:
        """Return one of your logins."""
        return Response(ConnectionSerializer(_own(request, id)).data)

    @extend_schema(parameters=[ID], responses={200: ConnectionSerializer, 404: PROBLEM, **REFUSALS})
    def patch(self, request: Request, id: int) -> Response:
        """Change a login: another password is tried first. Or switch it on or off."""
        row = _own(request, id)
        wish = read(ConnectionChangeAsked, request.data)
        given = dict(wish.validated_data)
        on = given.pop("is_on", None)
        with granted(*wish.fields):
            if given:
                row = connecting.change(connection=row, **given)
            if on is not None:
                row = connecting.switch(connection=row, on=on)
        return Response(ConnectionSerializer(row).data)

    @extend_schema(parameters=[ID], responses={204: None, 404: PROBLEM, 409: PROBLEM})
    def delete(self, request: Request, id: int) -> Response:
        """Forget a login and its secrets, when nothing that is open depends on it."""
        with granted():
            connecting.remove(connection=_own(request, id))
        return Response(status=status.HTTP_204_NO_CONTENT)


class Reconnect(Wishing):
    """Logs in again."""

    serializer_class = None

    @extend_schema(
        parameters=[ID],
        request=None,
        responses={200: ConnectionSerializer, 404: PROBLEM, 409: PROBLEM},
    )
    def post(self, request: Request, id: int) -> Response:
        """Log in again after the login was refused, or its place taken by another session."""
        with granted():
            row = connecting.reconnect(connection=_own(request, id))
        return Response(ConnectionSerializer(row).data)


def _own(request: Request, id: int) -> Connection:
    found = connection_of(request.user, id)
    if found is None:
        raise NotFound(f"You have no connection {id}.")
    return found
