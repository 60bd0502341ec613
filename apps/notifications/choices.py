"""How a trader wants to be told, and where he can be reached."""

from typing import Any

from allauth.account.models import EmailAddress

from apps.notifications.domain.kinds import ABOUT, Channel, Kind
from apps.notifications.models import DiscordLink, Preferences


def preferences(user: Any) -> Preferences:
    """Return how a trader wants to be told, as usual if he never said."""
    known = Preferences.objects.of(user).first()
    return known or Preferences(user=user)


def channels_of(prefs: Preferences, kind: Kind) -> frozenset[Channel]:
    """Return by which ways a trader is told of a kind."""
    chosen = prefs.channels.get(kind.value)
    if chosen is None:
        return ABOUT[kind].usual
    return frozenset(Channel(way) for way in chosen if way in list(Channel))


def link_of(user: Any) -> DiscordLink | None:
    """Return a trader's Discord account, None if he has linked none."""
    found: DiscordLink | None = DiscordLink.objects.of(user).first()
    return found


def address_of(user: Any) -> str:
    """Return where a trader's letters go: an address that he has confirmed, empty if there is none."""
    confirmed = EmailAddress.objects.filter(user_id=user.pk, verified=True)
    return confirmed.order_by("-primary", "pk").values_list("email", flat=True).first() or ""
