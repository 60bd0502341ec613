"""Every reason for which a webhook turns something away: its code, its cause and its cure.

This table is the only place where they are written; the manual (`docs/webhooks.md`) is held to it by a test.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Reason:
    """A kind of refusal. Units: status is the HTTP status."""

    status: int
    title: str
    cure: str


REASONS: Final[Mapping[str, Reason]] = {
    # the door
    "UNKNOWN_TOKEN": Reason(
        404,
        "No strategy has this secret",
        "Copy the address again from the strategy's page; after a rotation only the new one works.",
    ),
    "WRONG_METHOD": Reason(405, "Alerts are posted", "Send the alert with POST."),
    "NO_CHART_FEED": Reason(
        422,
        "Prices of a chart are no feed of this desk",
        "The desk has its own ticks; switch this alert off, or send signals and orders.",
    ),
    "ARCHIVED": Reason(
        403,
        "This strategy is archived",
        "Restore it on the page Strategies, or switch the alert off where it is sent.",
    ),
    "SWITCHED_OFF": Reason(403, "This strategy is switched off", "Switch it on on its page."),
    "WRONG_ADDRESS": Reason(
        403,
        "This strategy takes alerts from TradingView only",
        "Send from TradingView, or switch off 'only TradingView' for this strategy.",
    ),
    "NO_SIGNATURE": Reason(
        401,
        "This strategy takes signed alerts only",
        "Send X-Webhook-Signature: sha256=<HMAC of the body>, or switch off the requirement "
        "(TradingView cannot sign).",
    ),
    "BAD_SIGNATURE": Reason(
        401,
        "The signature does not fit the body",
        "Sign the exact bytes that are sent, with the signing key of this strategy; a new secret "
        "brings a new key.",
    ),
    "TOO_MANY": Reason(
        429,
        "Too many alerts in a short time",
        "Wait for the seconds that Retry-After names; send one alert per candle and event.",
    ),
    "TOO_LARGE": Reason(
        413, "The body is larger than 64 KB", "Send the alert's own fields only, not histories."
    ),
    "NOT_STORED": Reason(
        503,
        "The desk could not store it just now",
        "Send it again; TradingView does so by itself, up to three times.",
    ),
    # the text
    "EMPTY_BODY": Reason(400, "The body is empty", "Write a message into the alert's message box."),
    "NOT_UTF8": Reason(400, "The body is not UTF-8 text", "Send the text as UTF-8."),
    "BAD_JSON": Reason(
        400,
        "The text begins like JSON but is not",
        "Look at the character that the detail names: most often a quote too many, or a "
        "placeholder whose value holds a quote.",
    ),
    "DUPLICATE_KEY": Reason(
        400, "One key stands there twice with different values", "Write each key once."
    ),
    "TOO_DEEP": Reason(
        400, "Nested deeper than 16 levels", "Send the alert's fields on one or two levels."
    ),
    "NOT_AN_OBJECT": Reason(
        400, "The JSON is not an object", 'Send one object: {"signal_type": "Bullish", ...}.'
    ),
    "BAD_LINE": Reason(
        400,
        "The line is neither a signal nor an order line",
        "Use SIGNAL:Bullish:price:strength:frames:type:time or NAME: buy, Price = ..., Ticker = ...",
    ),
    "UNKNOWN_FORM": Reason(
        422,
        "This is no known kind of alert",
        "Send a direction (signal), an action (order), or one of the documented types.",
    ),
    # the fields
    "MISSING_FIELD": Reason(422, "A field is missing", "Send the field that is named."),
    "WRONG_TYPE": Reason(
        422, "A field has the wrong kind of value", "Send text or a number, as the manual says."
    ),
    "TOO_LONG": Reason(
        422, "A text is too long", "Keep texts under 500 characters, names of trades under 80."
    ),
    "BAD_DIRECTION": Reason(
        422,
        "The direction cannot be read",
        "Write bullish, bull, long, buy or bearish, bear, short, sell.",
    ),
    "BAD_ACTION": Reason(
        422,
        "The action cannot be read",
        "Write buy, sell, close, long, short, flat, exit, closelong or closeshort.",
    ),
    "BAD_NUMBER": Reason(
        422, "A number cannot be read", "Write plain digits with a point, e.g. 25035.75."
    ),
    "OUT_OF_RANGE": Reason(
        422,
        "A number is impossible",
        "Prices lie above 0 and below 1,000,000,000; quantities are whole, 1 to 10,000.",
    ),
    "BAD_TIME": Reason(
        422,
        "The time cannot be read",
        "Send epoch milliseconds, epoch seconds or ISO-8601, between the years 2000 and 2100.",
    ),
    "UNKNOWN_SYMBOL": Reason(
        422,
        "This symbol is not traded here",
        "Send one the desk knows, e.g. NQ1!, MNQ1!, NQZ2026, or leave it out.",
    ),
    "EXPIRED": Reason(
        422,
        "This order alert is too old",
        "Orders older than expires_s (60 s) by their own time are never carried out late; check the "
        "sender's clock, or send expires_s.",
    ),
}


@dataclass(frozen=True, slots=True)
class Refused:
    """An answer: why this is not taken. `field` is where it went wrong, empty for the whole."""

    code: str
    detail: str
    field: str = ""

    @property
    def reason(self) -> Reason:
        """Return what the manual says about it."""
        return REASONS[self.code]


class Unreadable(Exception):
    """Raised while reading a field; `parse` turns it into the answer."""

    def __init__(self, code: str, detail: str, field: str = "") -> None:
        super().__init__(detail)
        self.refused = Refused(code, detail, field)
