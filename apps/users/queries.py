"""Reads about somebody's own account. User first."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from apps.bus.models import FactRow
from apps.users.domain.messages import (
    PasswordChanged,
    SecondFactorChanged,
    SessionsEnded,
    SignedIn,
    SignedUp,
    SignInFailed,
    TokenMade,
    TokenRevoked,
)

PARTS: Final = {
    "totp": "Authenticator app",
    "webauthn": "Passkey",
    "recovery_codes": "Recovery codes",
}
WORDS: Final = {
    SignedUp.name: "Account made",
    SignedIn.name: "Signed in",
    SignInFailed.name: "Refused: wrong {what}",
    PasswordChanged.name: "Password {how}",
    SecondFactorChanged.name: "{part} {how}",
    SessionsEnded.name: "Signed out of {count} other places",
    TokenMade.name: "Token “{label}” made",
    TokenRevoked.name: "Token “{label}” revoked",
}
LOCKED_OUT: Final = "Refused: locked out after too many wrong passwords"


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that happened at somebody's door. `agent` is what the browser said of itself."""

    at: datetime
    text: str
    address: str
    agent: str
    is_refusal: bool


def activity(user: Any, limit: int = 12) -> list[Deed]:
    """Return what happened lately to what guards somebody's account, newest first."""
    rows = FactRow.objects.filter(user_id=user.pk, name__in=list(WORDS)).order_by("-seq")[:limit]
    return [
        Deed(
            at=row.at,
            text=_words(row.name, row.payload),
            address=str(row.payload.get("address", "")),
            agent=str(row.payload.get("agent", "")),
            is_refusal=row.name == SignInFailed.name,
        )
        for row in rows
    ]


def _words(name: str, told: Mapping[str, Any]) -> str:
    if told.get("what") == "locked out":
        return LOCKED_OUT
    if told.get("count") == 1:
        return "Signed out of one other place"
    part = str(told.get("part", ""))
    return WORDS[name].format_map({**told, "part": PARTS.get(part, part)})
