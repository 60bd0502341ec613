"""What is said of people's ways in, for the audit. Facts named user.*; none holds a secret, or a name that nobody has."""

from dataclasses import dataclass
from typing import ClassVar

from apps.bus.domain.message import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class UserFact(Fact):
    """Something that happened to somebody's account here. `at` is wall time; `address` is where it was done from."""

    address: str = ""

    @property
    def of(self) -> str:
        """Return whose account it is."""
        return str(self.user)

    @property
    def key(self) -> str:
        """Return who, what and when: a deed is done once."""
        return f"{self.name}:{self.user}:{self.at}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedUp(UserFact):
    """Somebody made himself an account."""

    name: ClassVar[str] = "user.signed_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn(UserFact):
    """Somebody came in; `agent` is what his browser calls itself."""

    name: ClassVar[str] = "user.signed_in"
    agent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInFailed(UserFact):
    """Somebody tried to come in as him and was refused; `what` was wrong: password, second factor, or too many (locked out)."""

    name: ClassVar[str] = "user.sign_in_failed"
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordChanged(UserFact):
    """His password is a new one; `how`: changed, set or reset (by a letter)."""

    name: ClassVar[str] = "user.password_changed"
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondFactorChanged(UserFact):
    """A part of his second factor came, went or was made anew.

    part:  totp, webauthn or recovery_codes
    how:   added, removed, reset, or taken away (by staff)
    """

    name: ClassVar[str] = "user.second_factor_changed"
    part: str
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionsEnded(UserFact):
    """He signed out of other places, this many."""

    name: ClassVar[str] = "user.sessions_ended"
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenMade(UserFact):
    """A program got a token; `label` is the name that he gave it."""

    name: ClassVar[str] = "user.token_made"
    token: int
    label: str
    scope: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRevoked(UserFact):
    """A token is worthless from now on."""

    name: ClassVar[str] = "user.token_revoked"
    token: int
    label: str
