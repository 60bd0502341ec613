"""What becomes of a strategy's signals in one account, as a trader fills it in."""

import re
from collections.abc import Iterator
from typing import Any, Final

from django import forms

from apps.brokers.domain.routing import BadRoute, Mode, Route, route_for
from apps.brokers.domain.ticket import MOST_TARGETS
from apps.dashboards.settings_form import Group, choice_field, text_field
from apps.marketdata.domain.instrument import instrument

MODES: Final = (
    (Mode.OBSERVE.value, "Observe: they are followed, no order is made"),
    (Mode.APPROVE.value, "Approve: each order waits for your yes"),
    (Mode.AUTOMATIC.value, "Automatic: orders are sent at once"),
)
SIZES: Final = (("contracts", "A number of contracts"), ("risk", "A part of the balance, lost at the stop"))  # fmt: skip
GROUPS: Final = (
    ("What happens", ("mode", "root")),
    ("How large, and how it ends", ("size_by", "quantity", "risk_percent", "targets", "break_even_r")),
    ("When entries are let through", ("windows", "cooldown_s", "most_trades")),
)  # fmt: skip
_TARGET: Final = re.compile(r"(?P<r>[^\s×x*]+?)\s*R?\s*(?:[×x*]\s*(?P<size>\S+))?", re.IGNORECASE)


class RouteForm(forms.Form):
    """A route. `given` is what `set_route` takes; what can't be used is said by the engine's own reader, at its field."""

    mode = choice_field("Its signals", "The firm's word on automation holds whatever is chosen here.", MODES)  # fmt: skip
    root = choice_field(
        "Traded is", "A micro moves at the same prices for a tenth of the money.", ()
    )
    size_by = choice_field("Size", "", SIZES)
    quantity = text_field("Contracts", "Counts where the size is a number of contracts.", "ct")
    risk_percent = text_field("Risk", "Counts where the size is a part of the balance. Rounded down to whole contracts.", "%")  # fmt: skip
    targets = text_field("Targets", "In R, with commas; after × how many contracts, else the rest: 1 × 1, 2. Empty: the stop alone ends it.", "R")  # fmt: skip
    break_even_r = text_field("Stop to entry at", "Empty: the stop stays where it was.", "R")
    windows = text_field("Hours", "New York time, with commas. Empty: always.", "", placeholder="09:30-11:30, 14:00-15:30")  # fmt: skip
    cooldown_s = text_field("Pause", "Between two entries. Empty: none.", "s")
    most_trades = text_field("At most", "Entries a trading day. Empty: no bound.", "")

    def __init__(self, data: Any, *, symbol_root: str, now: Route | None = None) -> None:
        super().__init__(data, initial=_written(now))
        own = instrument(symbol_root)
        others = [name for name in (own.micro, own.mini) if name]
        kept = [now.root] if now and now.root and now.root not in others else []
        self.fields["root"].required = False
        self.fields["root"].choices = [  # type: ignore[attr-defined]
            ("", f"{symbol_root}, as the signal says"),
            *((name, name) for name in [*others, *kept]),
        ]

    def groups(self) -> Iterator[Group]:
        """Return the fields as they stand on the page."""
        for title, names in GROUPS:
            yield Group(title, [self[name] for name in names])

    def clean(self) -> dict[str, Any]:
        """Ask the engine's reader whether it can be used."""
        given = super().clean() or {}
        by_risk = given.get("size_by") == "risk"
        if by_risk and not given.get("risk_percent"):
            self.add_error("risk_percent", "Say how much of the balance may be lost.")
        self.given: dict[str, Any] = {
            "mode": given.get("mode", Mode.OBSERVE.value),
            "root": given.get("root", ""),
            "quantity": None if by_risk else given.get("quantity") or "1",
            "risk_percent": given.get("risk_percent") if by_risk else None,
            "targets": self._targets(given.get("targets", "")),
            "break_even_r": given.get("break_even_r") or None,
            "windows": [one.strip() for one in given.get("windows", "").split(",") if one.strip()],
            "cooldown_s": given.get("cooldown_s") or 0,
            "most_trades": given.get("most_trades") or 0,
        }
        try:
            route_for(0, 0, 0, self.given)
        except BadRoute as bad:
            for problem in bad.problems:
                self.refuse(*_place(problem))
        return given

    def refuse(self, field: str, detail: str) -> None:
        """Show why it can't be kept, at its field where there is one."""
        self.add_error(field if field in self.fields else None, detail)

    def _targets(self, text: str) -> list[dict[str, Any]]:
        parts = [one.strip() for one in text.split(",") if one.strip()]
        if len(parts) > MOST_TARGETS:
            self.add_error("targets", f"At most {MOST_TARGETS} of them.")
        found = [_TARGET.fullmatch(one) for one in parts[:MOST_TARGETS]]
        if None in found:
            bad = parts[found.index(None)]
            self.add_error("targets", f"“{bad}” can't be read. Write 2, or 1 × 1 for one contract.")
        return [{"r": one["r"], "quantity": one["size"]} for one in found if one is not None]


def _place(problem: str) -> tuple[str, str]:
    """Return the field that a refusal speaks of, and what it says."""
    field, _, detail = problem.partition(": ")
    return field.partition(".")[0], f"{detail[:1].upper()}{detail[1:]}."


def _written(now: Route | None) -> dict[str, Any]:
    if now is None:
        return {"mode": Mode.OBSERVE.value, "size_by": "contracts", "quantity": "1", "break_even_r": "1"}  # fmt: skip
    return {
        "mode": now.mode.value,
        "root": now.root,
        "size_by": "risk" if now.risk_percent else "contracts",
        "quantity": "" if now.risk_percent else now.quantity,
        "risk_percent": now.risk_percent or "",
        "targets": targets_text(now),
        "break_even_r": now.break_even_r or "",
        "windows": ", ".join(now.windows),
        "cooldown_s": now.cooldown_s or "",
        "most_trades": now.most_trades or "",
    }


def targets_text(route: Route) -> str:
    """Return a route's targets as they are written: 1 × 1, 2."""
    return ", ".join(r if size is None else f"{r} × {size}" for r, size in route.targets)
