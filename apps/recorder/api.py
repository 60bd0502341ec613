"""API: strategies as recorders, what they recorded, and settling whose a fill is."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from apps.brokers.answers import ID, PROBLEM, Listing
from apps.bus.domain.message import to_instant
from apps.recorder import archiving, deciding, queries, recorders
from apps.recorder.domain.terms import BadRecorder
from apps.recorder.filters import PositionFilter, StrategyFilter
from apps.recorder.models import Recorder
from apps.recorder.serializers import (
    AssignmentSerializer,
    LogSerializer,
    NameSerializer,
    PositionSerializer,
    RecordedSerializer,
    StartSerializer,
    StrategyMadeSerializer,
    StrategySerializer,
    StrategyWriteSerializer,
    UndecidedSerializer,
)
from apps.signals.models import Strategy
from apps.trades.api import EngineSilent, NotGranted
from apps.trades.queries import market_day
from apps.trades.services import NoAnswer
from apps.users.asked import ANYTHING, read
from apps.users.paging import Pages

ANSWERS: dict[int, Any] = {400: PROBLEM, 404: PROBLEM}


class _Owning(GenericAPIView[Any]):
    """One of the asker's strategies."""

    pagination_class = None
    filter_backends: Any = ()
    serializer_class: Any = StrategySerializer

    def own(self, id: int) -> Strategy:
        """Return one of the asker's strategies.

        Raises:  NotFound  he has no such strategy, whoever else has
        """
        found = queries.strategy(self.request.user, id)
        if found is None:
            raise NotFound(f"You have no strategy {id}.")
        return found

    def recorder(self, id: int) -> Recorder:
        """Return the recorder of one of the asker's strategies.

        Raises:  NotFound
        """
        found = queries.recorder_of(self.own(id))
        if found is None:
            raise NotFound(f"Strategy {id} has no recorder yet; give it an account first.")
        return found

    def told(self, id: int, status: int = 200, secret: str = "") -> Response:
        """Return a strategy as it stands now; with its secret where it is new."""
        (view,) = queries.recorder_views(self.request.user, market_day(), [self.own(id)])
        kind = StrategyMadeSerializer if secret else StrategySerializer
        return Response(kind(replace(view, secret=secret)).data, status)

    def figures(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return what was sent with the account that its number names.

        Raises:  ValidationError  the asker has no such account
        """
        if "product" in given:
            given["root"] = given.pop("product")
        if (pk := given.get("account")) is not None:
            given["account"] = queries.broker_account(self.request.user, pk)
            if given["account"] is None:
                raise ValidationError({"account": [f"You have no broker account {pk}."]})
        return given


def _refused(bad: BadRecorder) -> Exception:
    if not bad.field:
        return NotGranted(bad.detail, bad.code)
    return ValidationError({bad.field: [bad.detail]})


def _recording_stays(given: dict[str, Any], is_recording: bool) -> None:
    """Take what was said of recording out of a body: another address switches that.

    Raises:  ValidationError  it says otherwise than it is
    """
    if given.pop("is_recording", is_recording) != is_recording:
        cure = "It is switched at /api/recorder/start/<id>/ and /api/recorder/stop/<id>/."
        raise ValidationError({"is_recording": [cure]})


class Strategies(_Owning, Listing):
    """All strategies of the asker."""

    pagination_class: Any = Pages
    filter_backends: Any = (DjangoFilterBackend,)
    filterset_class = StrategyFilter

    def shown(self, rows: Iterable[Any]) -> Iterable[Any]:
        """Return strategies as they stand."""
        return queries.recorder_views(self.request.user, market_day(), rows)

    def get_queryset(self) -> Any:
        """Return the asker's strategies."""
        return queries.strategies(self.request.user)

    @extend_schema(
        operation_id="strategies_list",
        responses={200: StrategySerializer(many=True), 400: PROBLEM},
    )
    def get(self, request: Request) -> Response:
        """Return your strategies, oldest first; those that are archived with `archived=true`."""
        return self.answer(self.filter_queryset(self.get_queryset()))

    @extend_schema(
        request=StrategyWriteSerializer, responses={201: StrategyMadeSerializer, 400: PROBLEM}
    )
    def post(self, request: Request) -> Response:
        """Make a strategy with its recorder. Its webhook's secret is told this one time."""
        given = self.figures(dict(read(StrategyWriteSerializer, request.data).validated_data))
        _recording_stays(given, False)
        try:
            made, secret = recorders.create(user=request.user, **given)
        except BadRecorder as bad:
            raise _refused(bad) from None
        return self.told(made.strategy_id, status.HTTP_201_CREATED, secret)


class OneStrategy(_Owning):
    """One strategy."""

    @extend_schema(parameters=[ID], responses={200: StrategySerializer, 404: PROBLEM})
    def get(self, request: Request, id: int) -> Response:
        """Return one of your strategies as it stands."""
        return self.told(id)

    @extend_schema(
        parameters=[ID], request=StrategyWriteSerializer,
        responses={200: StrategySerializer, **ANSWERS},
    )  # fmt: skip
    def put(self, request: Request, id: int) -> Response:
        """Change one of your strategies; what is left out stays. A strategy without a recorder gets one."""
        return self._change(request, id, partial=False)

    @extend_schema(
        parameters=[ID], request=StrategyWriteSerializer(partial=True),
        responses={200: StrategySerializer, **ANSWERS},
    )  # fmt: skip
    def patch(self, request: Request, id: int) -> Response:
        """Change something of one of your strategies."""
        return self._change(request, id, partial=True)

    @extend_schema(parameters=[ID], responses={204: None, 404: PROBLEM, 409: PROBLEM})
    def delete(self, request: Request, id: int) -> Response:
        """Delete one of your strategies for good that has no history and does not record; others are archived instead."""
        try:
            archiving.delete(strategy=self.own(id), by=request.user.get_username())
        except BadRecorder as bad:
            raise _refused(bad) from None
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _change(self, request: Request, id: int, *, partial: bool) -> Response:
        own = self.own(id)
        sent = read(StrategyWriteSerializer, request.data, partial=partial)
        given, kept = self.figures(dict(sent.validated_data)), queries.recorder_of(own)
        _recording_stays(given, kept is not None and kept.is_recording)
        try:
            recorder = kept or recorders.bind(strategy=own)
            recorders.change(recorder=recorder, by=request.user.get_username(), **given)
        except BadRecorder as bad:
            raise _refused(bad) from None
        return self.told(id)


class StrategyPositions(_Owning, Listing):
    """What a strategy held."""

    pagination_class: Any = Pages
    filter_backends: Any = (DjangoFilterBackend,)
    filterset_class = PositionFilter
    serializer_class: Any = PositionSerializer

    def get_queryset(self) -> Any:
        """Return the asker's recorded positions."""
        return queries.positions(self.request.user)

    def shown(self, rows: Iterable[Any]) -> Iterable[Any]:
        """Return positions against the prices of the moment."""
        return queries.views(rows)

    @extend_schema(
        parameters=[ID], responses={200: PositionSerializer(many=True), **ANSWERS},
        operation_id="strategy_positions",
    )  # fmt: skip
    def get(self, request: Request, id: int) -> Response:
        """Return what one of your strategies held, newest first."""
        own = self.own(id)
        return self.answer(self.filter_queryset(self.get_queryset().filter(strategy=own)))


class RecorderPositions(StrategyPositions):
    """What a recorder recorded, fill by fill."""

    serializer_class: Any = RecordedSerializer

    def shown(self, rows: Iterable[Any]) -> Iterable[Any]:
        """Return positions with their fills."""
        return queries.views(rows, with_fills=True)

    @extend_schema(
        parameters=[ID], responses={200: RecordedSerializer(many=True), **ANSWERS},
        operation_id="recorder_positions",
    )  # fmt: skip
    def get(self, request: Request, id: int) -> Response:
        """Return what one of your strategies held, with its fills and why each is taken as its, newest first."""
        return super().get(request, id)


class ArchiveStrategy(_Owning):
    """Away and back."""

    @extend_schema(
        parameters=[ID], request=None,
        responses={200: StrategySerializer, 404: PROBLEM, 409: PROBLEM, 503: PROBLEM},
    )  # fmt: skip
    def post(self, request: Request, id: int) -> Response:
        """Put one of your strategies away: its alerts are refused, its routes end, it stops recording, its history stays.

        409 `in_use`: it holds something, or an order of it works. Archiving it again is no error.
        """
        try:
            archiving.archive(strategy=self.own(id), by=request.user.get_username(), source="api")
        except BadRecorder as bad:
            raise _refused(bad) from None
        except NoAnswer:
            raise EngineSilent from None
        return self.told(id)

    @extend_schema(parameters=[ID], request=None, responses={200: StrategySerializer, 404: PROBLEM})
    def delete(self, request: Request, id: int) -> Response:
        """Take one of your strategies out of the archive; routes and recording are set anew."""
        archiving.restore(strategy=self.own(id), by=request.user.get_username())
        return self.told(id)


class StartRecorder(_Owning):
    """Recording begins."""

    @extend_schema(
        parameters=[ID], request=StartSerializer, responses={200: StrategySerializer, **ANSWERS}
    )
    def post(self, request: Request, id: int) -> Response:
        """Record the fills of one of your strategies from now on, or from an earlier moment. Doing it again is no error."""
        since = read(StartSerializer, request.data).validated_data.get("since")
        begin = None if since is None else max(0, to_instant(since))
        try:
            recorders.start(recorder=self.recorder(id), by=request.user.get_username(), since=begin)
        except BadRecorder as bad:
            raise _refused(bad) from None
        return self.told(id)


class StopRecorder(_Owning):
    """Recording ends."""

    asks = ANYTHING

    @extend_schema(parameters=[ID], request=None, responses={200: StrategySerializer, **ANSWERS})
    def post(self, request: Request, id: int) -> Response:
        """Record no more entries of one of your strategies; what is open is followed to its end."""
        recorders.stop(recorder=self.recorder(id), by=request.user.get_username())
        return self.told(id)


class CloneRecorder(_Owning):
    """A copy."""

    @extend_schema(
        parameters=[ID], request=NameSerializer, responses={201: StrategyMadeSerializer, **ANSWERS}
    )
    def post(self, request: Request, id: int) -> Response:
        """Make a copy of one of your strategies, without history, not recording."""
        name = read(NameSerializer, request.data).validated_data.get("name", "")
        try:
            made, secret = recorders.clone(
                recorder=self.recorder(id), by=request.user.get_username(), name=name
            )
        except BadRecorder as bad:
            raise _refused(bad) from None
        return self.told(made.strategy_id, status.HTTP_201_CREATED, secret)


class ResetRecorder(_Owning):
    """History begins anew."""

    @extend_schema(parameters=[ID], request=None, responses={200: StrategySerializer, **ANSWERS})
    def post(self, request: Request, id: int) -> Response:
        """Leave out what one of your strategies has closed so far. Fills are kept, and DELETE takes it back."""
        recorders.reset(recorder=self.recorder(id), by=request.user.get_username())
        return self.told(id)

    @extend_schema(parameters=[ID], request=None, responses={200: StrategySerializer, **ANSWERS})
    def delete(self, request: Request, id: int) -> Response:
        """Take the last reset back."""
        recorders.undo_reset(recorder=self.recorder(id), by=request.user.get_username())
        return self.told(id)


class RecorderLogs(_Owning, Listing):
    """What happened to a recorder."""

    pagination_class: Any = Pages
    serializer_class: Any = LogSerializer

    @extend_schema(
        parameters=[ID], responses={200: LogSerializer(many=True), **ANSWERS},
        operation_id="recorder_logs",
    )  # fmt: skip
    def get(self, request: Request, id: int) -> Response:
        """Return the log of one of your recorders, newest first."""
        return self.answer(queries.log(request.user, self.own(id).pk))


class Undecided(Listing):
    """Fills that wait for a person."""

    serializer_class = UndecidedSerializer
    filter_backends = ()

    @extend_schema(
        operation_id="recorder_undecided", responses={200: UndecidedSerializer(many=True)}
    )
    def get(self, request: Request) -> Response:
        """Return the fills of which only you can say whose they are, oldest first."""
        return self.answer(queries.undecided(request.user))


class AssignFill(GenericAPIView[Any]):
    """A decision whose a fill is."""

    serializer_class = AssignmentSerializer
    pagination_class = None
    filter_backends = ()

    @extend_schema(
        parameters=[ID], request=AssignmentSerializer,
        responses={200: AssignmentSerializer, **ANSWERS},
    )  # fmt: skip
    def post(self, request: Request, id: int) -> Response:
        """Say whose one of your fills is; where one strategy has all of it, its whole order is settled so."""
        row = self._fill(id)
        shares = [
            (part["strategy"], part["quantity"])
            for part in read(AssignmentSerializer, request.data).validated_data["shares"]
        ]
        by = request.user.get_username()
        try:
            deciding.assign(user=request.user, fill=row, shares=shares, by=by)
        except BadRecorder as bad:
            raise _refused(bad) from None
        told = [{"strategy": whose, "quantity": many} for whose, many in shares]
        return Response(self.get_serializer({"shares": told}).data)

    @extend_schema(parameters=[ID], responses={204: None, 404: PROBLEM})
    def delete(self, request: Request, id: int) -> Response:
        """Take your decision about a fill back."""
        if not deciding.undo(fill=self._fill(id), by=request.user.get_username()):
            raise NotFound(f"Nobody has settled whose fill {id} is.")
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _fill(self, id: int) -> Any:
        found = queries.fill(self.request.user, id)
        if found is None:
            raise NotFound(f"You have no fill {id}.")
        return found
