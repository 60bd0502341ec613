"""Account groups: making, changing and ending them.

The rows are what the engine starts from; each change is told to it in the transaction that makes it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from apps.brokers.domain.account import BadAccount
from apps.brokers.domain.groups import Group, group_for
from apps.brokers.domain.messages import ListGroup
from apps.brokers.domain.routing import Mode
from apps.brokers.models import Account, AccountGroup, GroupMember, Route
from apps.brokers.services import wish_id
from apps.bus import bus
from apps.trades.services import Refused

Members = Iterable[Mapping[str, Any]]
MOST_GROUPS = 50


def groups(user: Any) -> QuerySet[AccountGroup]:
    """Return a trader's groups with their members."""
    rows: QuerySet[AccountGroup] = AccountGroup.objects.of(user)
    return rows.prefetch_related("members__account")


def make_group(*, user: Any, name: str, members: Members = (), source: str = "api") -> AccountGroup:
    """Make a group. `members`: account and multiplier each, accounts of this trader alone.

    Raises:  Refused
    """
    if groups(user).count() >= MOST_GROUPS:
        raise Refused("TOO_MANY", f"you have {MOST_GROUPS} groups already; end one first", "name")
    row = AccountGroup(user=user)
    _keep(row, name, members, source)
    return row


def change_group(
    *, group: AccountGroup, name: str, members: Members, source: str = "api"
) -> AccountGroup:
    """Give a group another name, other members or multipliers, for alerts from now on.

    Raises:  Refused
    """
    _keep(group, name, members, source)
    return group


def end_group(*, group: AccountGroup, source: str = "api") -> None:
    """Delete a group; an alert that names it from now on is refused. Positions stay as they are."""
    wish = _wish(group.user_id, group.pk, None)
    with transaction.atomic():
        group.delete()
        bus.enlist(wish, user=group.user_id, source=source)


def _keep(row: AccountGroup, name: str, members: Members, source: str) -> None:
    read = _read(row.user_id, name, members)
    mine = Account.objects.filter(user=row.user_id).values_list("pk", flat=True)
    unknown = {account for account, _ in read.members} - set(mine)
    if unknown:
        raise Refused("NO_ACCOUNT", f"you have no account {min(unknown)}", "members")
    named = [account for account, _ in read.members]
    closed = Account.objects.filter(pk__in=named, is_open=False).order_by("pk").first()
    if closed is not None:
        detail = f"{closed.name} is closed on this desk; leave it out, or open it again first"
        raise Refused("CLOSED", detail, "members")
    try:
        with transaction.atomic():
            known = AccountGroup.objects.select_for_update(no_key=True).filter(pk=row.pk)
            if row.pk and known.first() is None:
                raise Refused("GONE", "this group was ended meanwhile; make it anew", "name")
            row.name = read.name
            row.save()
            row.members.all().delete()
            GroupMember.objects.bulk_create(
                GroupMember(user_id=row.user_id, group=row, account_id=account, multiplier=size)
                for account, size in read.members
            )
            bus.enlist(_wish(row.user_id, row.pk, read), user=row.user_id, source=source)
    except IntegrityError:
        detail = f"you have a group called {read.name} already"
        raise Refused("NAME_TAKEN", detail, "name") from None


def _read(user: int, name: str, members: Members) -> Group:
    try:
        return group_for(0, user, {"name": name, "members": list(members)})
    except BadAccount as problem:
        field, _, detail = str(problem).partition(": ")
        raise Refused("BAD_VALUE", detail, field) from None


def _wish(user: int, pk: int, group: Group | None) -> ListGroup:
    config = None if group is None else group.plain()
    return ListGroup(id=wish_id(), user=user, group=pk, config=config)


@dataclass(frozen=True, slots=True)
class Reached:
    """One account that an order alert reaches, and what becomes of its entries there: a mode, or "" for none."""

    account: Account
    times: str
    mode: str


def reach(user: Any, strategies: Iterable[int]) -> dict[int, list[tuple[str, list[Reached]]]]:
    """Return, by strategy, whom an order alert reaches without a group ("" first), then by each group's name.

    Three queries, however many there are.
    """
    routes = list(Route.objects.of(user).select_related("account").order_by("id"))
    listed = list(groups(user))
    found: dict[int, list[tuple[str, list[Reached]]]] = {}
    for strategy in strategies:
        mine = {one.account_id: one for one in routes if one.strategy_id == strategy}
        routed = [
            Reached(one.account, "1", one.mode) for one in mine.values() if one.mode != Mode.OBSERVE
        ]
        found[strategy] = [("", routed)] + [
            (one.name, [_reached(member, mine) for member in one.members.all()]) for one in listed
        ]
    return found


def _reached(member: GroupMember, routes: Mapping[int, Route]) -> Reached:
    route = routes.get(member.account_id)
    return Reached(member.account, member.times, route.mode if route else "")
