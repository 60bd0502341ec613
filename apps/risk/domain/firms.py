"""What holds for every plan of a prop firm: its day, its word on automation in our own words, where we read it.

Where a firm's flat-by time is not known, the close of the exchange stands in: with it no position is ever left open.
Source: reference/prop-firm-rules.md, 1 and 3 to 10, read 2026-11-21.
"""

from collections.abc import Mapping
from typing import Any, Final

_CATALOGUE: Final = "Public catalogue that quotes the firm's pages"
_EXCHANGE: Final = {"tz": "America/Chicago", "reset": "17:00", "flat_by": "16:00"}

FIRMS: Final[Mapping[str, dict[str, Any]]] = {
    "Topstep": {
        "hours": {"tz": "America/Chicago", "reset": "17:00", "flat_by": "15:10"},
        "automation": "personal_device_only",
        "policy_words": "Own bots may trade the simulated stages at the trader's own risk, without high-frequency "
        "trading, but every order has to leave from the trader's own device: no server, VPS, VPN or relay. "
        "Not on Live Funded accounts.",
        "sources": [
            "https://help.topstep.com/en/articles/8284204",
            "https://help.topstep.com/en/articles/8284208",
            "https://help.topstep.com/en/articles/8284233",
            "https://help.topstep.com/en/articles/10490293",
            "https://help.topstep.com/en/articles/11187768",
        ],
        "confidence": "high",
    },
    "Apex": {
        "hours": {"tz": "America/New_York", "reset": "18:00", "flat_by": "16:59"},
        "automation": "manual_only",
        "policy_words": "No automation and no algorithms: single orders placed by hand. A copier between one's own "
        "accounts may repeat orders that were placed by hand.",
        "sources": [
            f"{_CATALOGUE}, 2026-10-04 (both evaluations)",
            f"{_CATALOGUE}, 2026-09-22",
            "A rules engine checked in September 2026 (PA terms, contract caps)",
        ],
        "confidence": "medium",
    },
    "TradeDay": {
        "hours": _EXCHANGE,
        "automation": "platform_only",
        "policy_words": "A trader's own automated strategy only inside a supported platform; bought bots and "
        "servers (VPS) are prohibited, and there is no interface for other programs.",
        "sources": [
            f"{_CATALOGUE}, 2026-09-22, with the firm's support links",
            "Reviews of January and February 2026",
        ],
        "confidence": "medium",
    },
    "Take Profit Trader": {
        "hours": {"tz": "America/New_York", "reset": "18:00", "flat_by": "17:00"},
        "automation": "manual_only",
        "policy_words": "Automation is prohibited on Test, PRO and PRO+ by the firm's trading policies as read in "
        "September 2026. Older reviews say that it is allowed; we go by the stricter reading.",
        "sources": [f"{_CATALOGUE}, 2026-09-22", "Reviews of February to May 2026"],
        "confidence": "medium",
    },
    "My Funded Futures": {
        "hours": {"tz": "America/New_York", "reset": "18:00", "flat_by": "16:10"},
        "automation": "allowed",
        "policy_words": "A trader's own algorithms are allowed, without high-frequency trading and without "
        "exploiting simulated fills. Nothing is said about servers.",
        "sources": [
            "https://help.myfundedfutures.com/en/articles/11994562",
            "https://help.myfundedfutures.com/en/articles/16158363",
            f"{_CATALOGUE}, 2026-09-22",
            "A review of May 2026",
        ],
        "confidence": "medium",
    },
    "Earn2Trade": {
        "hours": {"tz": "America/Chicago", "reset": "17:00", "flat_by": "15:50"},
        "automation": "unknown",
        "policy_words": "The firm does not clearly permit automation; trade copiers are prohibited.",
        "sources": [
            "https://help.earn2trade.com/en/articles/5941958",
            f"{_CATALOGUE}, 2026-09-22",
        ],
        "confidence": "medium",
    },
    "FTMO Futures": {
        "hours": _EXCHANGE,
        "automation": "unknown",
        "policy_words": "The CFD side allows legitimate expert advisors; for futures no sentence was found.",
        "sources": [
            "A rules engine that read the firm's futures page (2026-09-14) and terms v5 on 2026-09-21"
        ],
        "confidence": "medium",
    },
    "Tradeify": {
        "hours": {"tz": "America/New_York", "reset": "18:00", "flat_by": "16:45"},
        "automation": "unknown",
        "policy_words": "A bot is allowed only if the trader alone owns it and uses it at no other firm; a server "
        "only after a normal login. Ask yourself whether that holds before you set this to allowed.",
        "sources": [f"{_CATALOGUE}, September to November 2026"],
        "confidence": "medium",
    },
    "Lucid": {
        "hours": {"tz": "America/New_York", "reset": "18:00", "flat_by": "16:45"},
        "automation": "unknown",
        "policy_words": "No sentence about automation was found.",
        "sources": [f"{_CATALOGUE}, September to November 2026"],
        "confidence": "medium",
    },
    "Bulenox": {
        "hours": _EXCHANGE,
        "automation": "unknown",
        "policy_words": "No sentence about automation was found.",
        "sources": [f"{_CATALOGUE}, September to November 2026"],
        "confidence": "low",
    },
    "Alpha Futures": {
        "hours": {"tz": "America/New_York", "reset": "18:00", "flat_by": "16:20"},
        "automation": "manual_only",
        "policy_words": "Automation is prohibited on every account type.",
        "sources": [f"{_CATALOGUE}, 2026-09-22", f"{_CATALOGUE}, September to November 2026"],
        "confidence": "low",
    },
    "The Trading Pit": {
        "hours": {"tz": "America/Chicago", "reset": "16:00", "flat_by": "15:55"},
        "automation": "unknown",
        "policy_words": "No sentence about automation was found.",
        "sources": [f"{_CATALOGUE}, September to November 2026", "The firm's own questions page"],
        "confidence": "low",
    },
}  # fmt: skip
