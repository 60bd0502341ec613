"""What a trader fills in about an account's rules: opening, rules, own limits, lockout, payout, reset, simulator."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

from django import forms

from apps.brokers.models import Account
from apps.bus.domain.message import MINUTE
from apps.risk.domain.own_limits import OwnLimits
from apps.risk.domain.reading import rules_for
from apps.risk.domain.wording import in_short, unsure_words
from apps.risk.models import RuleSet, RuleSetVersion
from apps.risk.portfolio import newest_version, rule_sets
from apps.signals.queries import strategies

NUMBER: Final = {"class": "input", "inputmode": "decimal", "autocomplete": "off"}
LENGTHS: Final = (
    ("15", "15 minutes"),
    ("30", "30 minutes"),
    ("60", "1 hour"),
    ("120", "2 hours"),
    ("240", "4 hours"),
    ("day", "the rest of this trading day"),
    ("1440", "24 hours"),
    ("10080", "7 days"),
)


def _amount(label: str, hint: str = "", *, required: bool = True, **more: Any) -> forms.CharField:
    widget = forms.TextInput(attrs=NUMBER | more)
    field = forms.CharField(
        label=label, help_text=hint, required=required, max_length=20, widget=widget
    )
    field.unit = "$"  # type: ignore[attr-defined]
    return field


def _count(label: str, hint: str, least: int, most: int = 1440) -> forms.IntegerField:
    return forms.IntegerField(
        label=label,
        help_text=hint,
        required=False,
        min_value=least,
        max_value=most,
        widget=forms.TextInput(attrs=NUMBER | {"placeholder": "no limit"}),
    )


def _plain(text: str) -> str:
    return text.strip().replace(",", "").replace("$", "").replace(" ", "")


def choices(none: str) -> list[Any]:
    """Return the newest version of each rule set that is offered, grouped by firm; unsure ones say so."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for one in rule_sets():
        newest: RuleSetVersion | None = next(iter(one.versions.all()), None)
        if newest is not None:
            groups.setdefault(one.firm, []).append((str(one.pk), _said(one, newest)))
    return [("", none), *groups.items()]


def _said(one: RuleSet, newest: RuleSetVersion) -> str:
    rules = rules_for(newest.rules)
    unsure = unsure_words(rules)
    words = f"{one.name}: {in_short(rules)}"
    return f"{words} (unsure: {unsure})" if unsure else words


class RuleSetField(forms.ChoiceField):
    """A choice of a rule set; its clean value is the newest version, None where none is chosen."""

    def __init__(self, *, none: str, **options: Any) -> None:
        widget = forms.Select(attrs={"class": "input"})
        super().__init__(choices=lambda: choices(none), widget=widget, **options)

    def clean(self, value: Any) -> RuleSetVersion | None:
        """Return the newest version of what was chosen."""
        chosen = super().clean(value)
        if not chosen:
            return None
        return newest_version(int(chosen))


class OpenForm(forms.Form):
    """A new paper account."""

    name = forms.CharField(
        label="Name",
        max_length=40,
        help_text="As you call it, e.g. Alpha.",
        widget=forms.TextInput(attrs={"class": "input", "autocomplete": "off"}),
    )
    rule_set = RuleSetField(
        label="Rule set",
        none="none: your own limits alone",
        required=False,
        help_text="What is marked unsure has to be compared with your own contract.",
    )
    balance = _amount(
        "Start balance", "Empty: the rule set's own, else $50,000.", required=False,
        placeholder="the rule set's",
    )  # fmt: skip

    def clean_balance(self) -> str:
        """Return plain decimal text."""
        return _plain(self.cleaned_data["balance"])

    @property
    def start_balance(self) -> str:
        """Return what the account begins with."""
        version = self.cleaned_data["rule_set"]
        usual = rules_for(version.rules).start_balance if version else Decimal(50_000)
        return self.cleaned_data["balance"] or f"{usual:f}"


class RulesForm(forms.Form):
    """Other rules for an account."""

    rule_set = RuleSetField(
        label="Rule set", none="choose one", help_text="The newest version of it holds from now on."
    )
    floor = _amount(
        "Where the line lies now",
        "Only for an account with a history elsewhere: the equity at which it fails today.",
        required=False,
        placeholder="reckoned from its balance",
    )

    def clean_floor(self) -> str | None:
        """Return plain decimal text, None where it is not known."""
        return _plain(self.cleaned_data["floor"]) or None


class OwnForm(forms.Form):
    """A trader's own limits. Empty: no such limit."""

    max_daily_loss = _amount(
        "Daily loss", "From the balance at the reset.", required=False, placeholder="no limit"
    )
    max_trades = _count("Trades a day", "Open ones count.", 0)
    max_losses_in_row = _count("Losses in a row", "Then the day is over.", 1)
    cooldown_minutes = _count("Pause after a loss", "In minutes.", 1)
    max_minis = _count("Contracts at once", "In minis; ten micros are one.", 0)

    @staticmethod
    def initial_of(own: OwnLimits) -> dict[str, Any]:
        """Return limits as the form shows them."""
        return own.plain()

    @property
    def limits(self) -> dict[str, Any]:
        """Return what was filled in, as `OwnLimits.plain()`."""
        given = dict(self.cleaned_data)
        given["max_daily_loss"] = _plain(given["max_daily_loss"])
        return {name: value for name, value in given.items() if value not in (None, "")}


class LockOutForm(forms.Form):
    """How long a trader keeps himself out."""

    length = forms.ChoiceField(
        label="For", choices=LENGTHS, widget=forms.Select(attrs={"class": "input"})
    )

    def until(self, at: int, day_ends: int) -> int:
        """Return the end of the lockout, market time in ns UTC."""
        length: str = self.cleaned_data["length"]
        if length == "day":
            return day_ends if day_ends > at else at + 24 * 60 * MINUTE
        return at + int(length) * MINUTE


class PayoutForm(forms.Form):
    """Money that leaves an account."""

    amount = _amount("Amount")

    def clean_amount(self) -> str:
        """Return plain decimal text."""
        return _plain(self.cleaned_data["amount"])


class ResetForm(forms.Form):
    """An account begins anew."""

    balance = _amount("Start balance")

    def clean_balance(self) -> str:
        """Return plain decimal text."""
        return _plain(self.cleaned_data["balance"])


class LiftForm(forms.Form):
    """Nothing to fill in."""


class StudyForm(forms.Form):
    """What the simulator is to work out."""

    source = forms.ChoiceField(label="Whose trades", widget=forms.Select(attrs={"class": "input"}))
    rule_set = RuleSetField(label="Rules", none="choose a rule set")
    contracts = forms.IntegerField(
        label="Size of each",
        min_value=1,
        max_value=100,
        initial=1,
        help_text="For Signal Lab trades; an account's own keep their size.",
        widget=forms.TextInput(attrs=NUMBER),
    )
    unit = forms.ChoiceField(
        label="Counted in",
        choices=[("micros", "micros"), ("minis", "minis")],
        widget=forms.Select(attrs={"class": "input"}),
    )
    days = forms.IntegerField(
        label="Stop after",
        min_value=1,
        max_value=250,
        initial=60,
        help_text="Trading days within which each drawn path has to pass.",
        widget=forms.TextInput(attrs=NUMBER),
    )

    def __init__(self, data: Any = None, *, user: Any, accounts: Iterable[Account]) -> None:
        super().__init__(data)
        self._accounts = {f"a{one.pk}": one for one in accounts}
        mine = strategies(user).order_by("name")
        self._strategies = {f"s{one.pk}": one for one in mine}
        source: Any = self.fields["source"]
        source.choices = [
            ("Closed positions of", [(key, str(one.name)) for key, one in self._accounts.items()]),
            ("Signal Lab trades of", [(key, one.name) for key, one in self._strategies.items()]),
        ]

    @property
    def has_sources(self) -> bool:
        """Return whether there is anything to choose from."""
        return bool(self._accounts or self._strategies)

    @property
    def asked(self) -> dict[str, Any]:
        """Return what `start_study` takes."""
        given = self.cleaned_data
        return {
            "version": given["rule_set"],
            "account": self._accounts.get(given["source"]),
            "strategy": self._strategies.get(given["source"]),
            "contracts": given["contracts"],
            "micros": given["unit"] == "micros",
            "days": given["days"],
        }
