"""The menu at the side of Settings. A page more is one line here and a template that extends `settings/frame.html`."""

from typing import Final, NamedTuple


class Entry(NamedTuple):
    """A page of Settings: the view gives its `tab` in the context; `url` is the name of its address."""

    tab: str
    url: str
    title: str
    icon: str


MENU: Final = (
    Entry("preferences", "desk:settings", "Preferences", "gear"),
    Entry("groups", "desk:groups", "Account groups", "link"),
    Entry("security", "desk:security", "Sign-in & security", "lock"),
    Entry("sessions", "desk:sessions", "Sessions", "user"),
    Entry("notifications", "desk:notifications", "Notifications", "bell"),
    Entry("tokens", "desk:tokens", "API tokens", "code"),
)
