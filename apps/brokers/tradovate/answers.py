"""What Tradovate's answers mean to whoever asked: its errors as those of the port, its refusals inside a 200.

Whether an order may have been executed decides everything: before it was sent, `NotSent`; after that, without an
answer, `OutcomeUnknown`. Source: protocol 5.3 and 12.
"""

import msgspec
from msgspec import Raw, Struct

from apps.brokers.domain.ports import (
    BrokerError,
    LoginRefused,
    NotSent,
    OrderRefused,
    OutcomeUnknown,
    SignedInElsewhere,
    Unavailable,
)
from apps.brokers.tradovate.rest import (
    CaptchaDemanded,
    Displaced,
    Locked,
    RateLimited,
    Refused,
    TradovateError,
    Unauthorised,
    Unreachable,
    Unsent,
    WrongHost,
)
from apps.brokers.tradovate.session import CredentialsRefused, LoginPaused
from apps.bus.domain.message import HOUR, SECOND

REST_SECONDS = HOUR / SECOND  # after a captcha, a lock or "over quota" only quiet helps
SOON_SECONDS = 15.0


class _Violation(Struct):
    constraint: str = ""
    value: str = ""
    description: str = ""


class Outcome(Struct, rename="camel"):
    """The answer to an order, a change or a cancel."""

    order_id: int = 0
    oso1_id: int = msgspec.field(default=0, name="oso1Id")
    oso2_id: int = msgspec.field(default=0, name="oso2Id")
    oco_id: int = 0
    command_id: int = 0
    failure_reason: str = ""
    failure_text: str = ""
    error_text: str = ""
    violations: list[_Violation] = []
    ok: bool | None = None


def outcome_of(data: Raw) -> Outcome:
    """Return what became of an order, a change or a cancel.

    Raises:  OrderRefused    it says no, in any of its four ways
             OutcomeUnknown  it says neither yes nor no
    """
    try:
        told = msgspec.json.decode(data, type=Outcome)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise OutcomeUnknown("the answer can't be read") from None
    if told.violations:
        first = told.violations[0]
        words = f"{first.constraint} {first.value} {first.description}".strip()
        raise OrderRefused("Violation", words)
    if told.failure_reason and told.failure_reason != "Success":
        raise OrderRefused(told.failure_reason, told.failure_text)
    if told.error_text:
        raise OrderRefused("Refused", told.error_text)
    if told.ok is False:
        raise OrderRefused("Refused", told.failure_text or "not ok")
    if not told.order_id and not told.command_id and not told.ok:
        raise OutcomeUnknown("the answer names no order")
    return told


def of_login(problem: TradovateError, now: int) -> BrokerError:
    """Return what trouble with the token means: nothing was sent."""
    match problem:
        case CredentialsRefused():
            return LoginRefused(str(problem))
        case Displaced():
            return SignedInElsewhere("signed in elsewhere: a newer login has taken the place")
        case LoginPaused():
            return Unavailable(str(problem), max(problem.until - now, 0) / SECOND)
        case _:
            return of_read(problem)


def of_read(problem: TradovateError) -> BrokerError:
    """Return what a query's trouble means."""
    match problem:
        case Displaced():
            return SignedInElsewhere("signed in elsewhere: a newer login has taken the place")
        case CaptchaDemanded() | Locked() | RateLimited():
            return Unavailable(f"asks for quiet: {problem}", REST_SECONDS)
        case Unauthorised():
            return LoginRefused(str(problem))
        case Unsent():
            return Unavailable("it cannot be reached from this machine", SOON_SECONDS)
        case Unreachable() | WrongHost():
            return Unavailable(str(problem), SOON_SECONDS)
        case _:
            return BrokerError(str(problem))


def of_order(problem: TradovateError) -> BrokerError:
    """Return what trouble with sending an order, a change or a cancel means."""
    match problem:
        case Unsent() | WrongHost() | CaptchaDemanded() | Locked() | RateLimited():
            return NotSent(str(problem))
        case Displaced():
            return SignedInElsewhere("signed in elsewhere: a newer login has taken the place")
        case Unauthorised():
            return OrderRefused("Unauthorized", str(problem))
        case Unreachable():
            return OutcomeUnknown(str(problem))
        case Refused():
            return OrderRefused("Refused", str(problem))
        case _:
            return OutcomeUnknown(str(problem))
