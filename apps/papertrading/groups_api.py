"""API: account groups, the names under which one order alert reaches several accounts."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from apps.brokers import grouping
from apps.brokers.answers import ID, PROBLEM, Listing, Wishing, granted, own_account
from apps.brokers.models import AccountGroup
from apps.papertrading.asked import GroupAsked
from apps.papertrading.serializers import GroupSerializer
from apps.users.asked import read

_BAD = {400: PROBLEM, 404: PROBLEM}


class Groups(Listing):
    """The asker's groups."""

    serializer_class = GroupSerializer
    filter_backends = ()

    @extend_schema(responses={200: GroupSerializer(many=True)})
    def get(self, request: Request) -> Response:
        """Return your groups with their accounts and multipliers."""
        return self.answer(grouping.groups(request.user))

    @extend_schema(request=GroupAsked, responses={201: GroupSerializer, **_BAD})
    def post(self, request: Request) -> Response:
        """Make a group of your accounts; an order alert names it as its `account_group`."""
        given = _given(request)
        with granted("name", "members", "multiplier"):
            made = grouping.make_group(user=request.user, **given)
        return Response(GroupSerializer(made).data, status=status.HTTP_201_CREATED)


class OneGroup(Wishing):
    """One of the asker's groups."""

    serializer_class = GroupSerializer

    @extend_schema(parameters=[ID], responses={200: GroupSerializer, 404: PROBLEM})
    def get(self, request: Request, id: int) -> Response:
        """Return one of your groups."""
        return Response(GroupSerializer(_own(request.user, id)).data)

    @extend_schema(parameters=[ID], request=GroupAsked, responses={200: GroupSerializer, **_BAD})
    def put(self, request: Request, id: int) -> Response:
        """Give a group this name and these members, for alerts from now on."""
        group, given = _own(request.user, id), _given(request)
        with granted("name", "members", "multiplier"):
            grouping.change_group(group=group, **given)
        return Response(GroupSerializer(_own(request.user, id)).data)

    @extend_schema(parameters=[ID], responses={204: None, 404: PROBLEM})
    def delete(self, request: Request, id: int) -> Response:
        """End a group: alerts that name it are refused from now on. Positions stay as they are."""
        grouping.end_group(group=_own(request.user, id))
        return Response(status=status.HTTP_204_NO_CONTENT)


def _given(request: Request) -> dict[str, Any]:
    """Return what was sent; an account that is not the asker's is one that is not there."""
    given: dict[str, Any] = read(GroupAsked, request.data).given()
    for one in given["members"]:
        own_account(request.user, one["account"])
    return given


def _own(user: Any, id: int) -> AccountGroup:
    found = grouping.groups(user).filter(pk=id).first()
    if found is None:
        raise NotFound(f"You have no group {id}.")
    return found
