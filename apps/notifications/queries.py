"""Reads for pages and API. User first."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from apps.notifications import discord
from apps.notifications.choices import link_of, preferences
from apps.notifications.domain.kinds import Channel
from apps.notifications.models import Delivery, DiscordLink, Notice, Sender


def notices(user: Any) -> QuerySet[Notice]:
    """Return a trader's notices, newest first."""
    rows: QuerySet[Notice] = Notice.objects.of(user).order_by("-id")
    return rows


def notice(user: Any, pk: int) -> Notice | None:
    """Return one of a trader's notices, None if he has no such one."""
    return notices(user).filter(pk=pk).first()


def unread(user: Any) -> int:
    """Return how many notices a trader has not read."""
    return notices(user).filter(read_at__isnull=True).count()


def unsent(rows: Iterable[Notice]) -> dict[int, list[Delivery]]:
    """Return, by notice, what of these did not get out, or not yet."""
    ways = Delivery.objects.filter(notice__in=[row.pk for row in rows])
    found: dict[int, list[Delivery]] = {}
    for one in ways.exclude(status=Delivery.Status.SENT).order_by("id"):
        found.setdefault(one.notice_id, []).append(one)
    return found


def link_back(path: str) -> str:
    """Return the full address of a page of the desk."""
    home = settings.PUBLIC_URL or f"http://{settings.HOST}:{settings.PORT}"
    return home.rstrip("/") + path


@dataclass(frozen=True, slots=True)
class DiscordState:
    """How a trader stands with Discord. `missing`: variables that the operator has not set; `stopped`: why nobody is sent anything."""

    missing: list[str]
    link: DiscordLink | None
    is_on: bool
    stopped: str

    @property
    def can_link(self) -> bool:
        """Return whether the operator has done his part."""
        return not [name for name in self.missing if name != "DISCORD_PUBLIC_KEY"]


def discord_state(user: Any) -> DiscordState:
    """Return how a trader stands with Discord."""
    sender = Sender.objects.filter(name=Channel.DISCORD).exclude(stopped="").first()
    return DiscordState(
        discord.missing(),
        link_of(user),
        preferences(user).discord_on,
        sender.stopped if sender else "",
    )
