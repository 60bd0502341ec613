"""Rule sets for staff: saving makes a new version, a version that was kept is never edited."""

import json
from typing import Any, ClassVar, Final

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin, TabularInline
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from apps.brokers.models import Account
from apps.risk.domain.fields import BadRule
from apps.risk.domain.reading import rules_for
from apps.risk.domain.rules import Rules
from apps.risk.domain.wording import Difference, differences, in_short, unsure_words
from apps.risk.models import AccountRules, RuleSet, RuleSetVersion, Standing, Study
from apps.risk.rehearsal import PREVIEW_DAYS, preview
from apps.risk.services import add_version
from apps.signals.admin import ReadOnly

EXAMPLE: Final = {
    "firm": "Topstep",
    "plan": "Combine 50K",
    "stage": "evaluation",
    "start_balance": "50000",
    "target": "3000",
    "drawdown": {"type": "eod_trailing", "amount": "2000", "lock_level": "50000"},
    "daily_loss": {"amount": "1000", "action": "soft"},
    "size": {"minis": 5, "micro_ratio": 10},
    "scaling": [{"min_profit": "0", "minis": 2}, {"min_profit": "1500", "minis": 5}],
    "consistency": {"share": "0.55", "basis": "total_profit"},
    "min_days": 2,
    "winning_days": {"count": 5, "amount": "150"},
    "hours": {"tz": "America/Chicago", "reset": "17:00", "flat_by": "15:10"},
    "news": {"before_minutes": 2, "after_minutes": 2, "moments": ["2026-12-04T13:30:00Z"]},
    "max_losses_in_row": 3,
    "payout": {"buffer": "0", "minimum": "125", "caps": ["2000"], "share_of_balance": "0.5"},
    "automation": "personal_device_only",
    "policy_words": "The firm's sentence on automation, in your words.",
    "lock_at_pct": 90,
    "flatten_on_lock": True,
    "sources": ["https://help.topstep.com/"],
    "verified_on": "2026-11-21",
    "confidence": "high",
    "unsure": ["consistency.share"],
}
WHOLE: Final = {"firm": "My own", "plan": "Daily stop", "daily_loss": {"amount": "500"}}


def as_text(rules: Any) -> str:
    """Return rules as they are edited."""
    return json.dumps(rules, indent=2, ensure_ascii=False)


def shown(changes: list[Difference]) -> SafeString:
    """Return differences as lines: field: was → is."""
    return format_html_join(
        "",
        "<div><code>{}</code>: {} → <b>{}</b></div>",
        ((one.field, one.was or "not there", one.now or "not there") for one in changes),
    )


class RuleSetForm(forms.ModelForm):  # type: ignore[type-arg]  # it takes no type where it runs
    """The newest version's rules as text. What they can't be is said at the field, with value and cure."""

    rules = forms.CharField(
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 30, "spellcheck": "false"}),
        help_text=format_html(
            "Money is text in dollars; what is left out is no rule. Everything that can be said:"
            "<details><summary>A full example</summary><pre>{}</pre></details>",
            as_text(EXAMPLE),
        ),
    )
    note = forms.CharField(
        required=False,
        max_length=200,
        widget=UnfoldAdminTextInputWidget(),
        help_text="What changed, and why, e.g. Best day 55 % since September.",
    )

    class Meta:
        model = RuleSet
        fields: ClassVar = ["name", "firm", "slug", "is_active"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.read: Rules | None = None
        newest = self.instance.versions.first() if self.instance.pk else None
        self.fields["rules"].initial = as_text(WHOLE if newest is None else newest.rules)

    def clean_rules(self) -> str:
        """Read the rules; a contradiction is told as field, value and cure."""
        text: str = self.cleaned_data["rules"]
        try:
            self.read = rules_for(json.loads(text, parse_float=str))
        except json.JSONDecodeError as bad:
            raise forms.ValidationError(
                f"Line {bad.lineno}, column {bad.colno} is no JSON: {bad.msg}."
            ) from None
        except BadRule as bad:
            raise forms.ValidationError(str(bad)) from None
        return text

    def is_valid(self) -> bool:
        """Return whether it may be kept; a preview never is."""
        return super().is_valid() and "_preview" not in self.data


class VersionInline(TabularInline):  # type: ignore[misc]  # unfold is not typed
    """What a rule set has said, newest first."""

    model = RuleSetVersion
    fields: ClassVar = [
        "number",
        "what_changed",
        "note",
        "verified_on",
        "made_by",
        "made_at",
        "used_by",
    ]
    readonly_fields: ClassVar = fields
    extra = 0
    can_delete = False
    verbose_name_plural = "versions: none of them is ever edited"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Saving the rules above makes one."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What was kept stays."""
        return False

    @admin.display(description="Against the version before")
    def what_changed(self, version: RuleSetVersion) -> SafeString | str:
        """Return how it differs from the one before."""
        return what_changed(version)

    @admin.display(description="Accounts")
    def used_by(self, version: RuleSetVersion) -> int:
        """Return how many accounts live under it."""
        return version.accounts.count()


def what_changed(version: RuleSetVersion) -> SafeString | str:
    """Return how a version differs from the one before."""
    older = RuleSetVersion.objects.filter(
        rule_set=version.rule_set_id, number__lt=version.number
    ).first()
    if older is None:
        return "the first"
    return shown(differences(older.rules, version.rules)) or "nothing"


@admin.register(RuleSet)
class RuleSetAdmin(ModelAdmin):  # type: ignore[misc]  # unfold is not typed
    """Firms' plans and the house's own. Saving makes a new version; accounts keep the one they were opened under."""

    form = RuleSetForm
    list_display: ClassVar = [
        "name",
        "firm",
        "in_short",
        "newest",
        "unsure",
        "is_preset",
        "is_active",
    ]
    list_filter: ClassVar = ["firm", "is_preset", "is_active"]
    search_fields: ClassVar = ["name", "firm", "slug"]
    prepopulated_fields: ClassVar = {"slug": ("name",)}
    fieldsets: ClassVar = (
        (None, {"fields": ("name", "firm", "slug", "is_active")}),
        ("Rules: saving makes a new version", {"fields": ("rules", "note")}),
    )
    inlines: ClassVar = [VersionInline]
    change_form_after_template = "risk/admin_preview.html"
    save_as = False

    def get_queryset(self, request: HttpRequest) -> Any:
        """Return rule sets with their versions."""
        return super().get_queryset(request).prefetch_related("versions")

    def has_delete_permission(self, request: HttpRequest, obj: RuleSet | None = None) -> bool:
        """Nobody deletes what accounts live under, or what comes again with the next update."""
        if obj is None:
            return False
        is_used = AccountRules.objects.filter(version__rule_set=obj).exists()
        return not (obj.is_preset or is_used) and bool(super().has_delete_permission(request, obj))

    def save_model(self, request: HttpRequest, obj: RuleSet, form: Any, change: bool) -> None:
        """Keep the rule set, and its rules as a version of their own if they are new."""
        super().save_model(request, obj, form, change)
        add_version(
            rule_set=obj, rules=form.read, made_by=request.user, note=form.cleaned_data["note"]
        )

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the form; asked for a preview, tell what the rules as typed would have done, and keep nothing."""
        more = {
            "preview_accounts": Account.objects.select_related("user").order_by("user", "name"),
            "preview_account": request.POST.get("preview_account", ""),
            "preview_days": PREVIEW_DAYS,
        }
        if request.method == "POST" and "_preview" in request.POST:
            more |= self._preview(request, object_id)
        response: HttpResponse = super().changeform_view(
            request, object_id, form_url, (extra_context or {}) | more
        )
        return response

    def _preview(self, request: HttpRequest, object_id: str | None) -> dict[str, Any]:
        obj = self.get_object(request, object_id or "") if object_id else None
        form = RuleSetForm(request.POST, instance=obj)
        form.is_valid()
        if form.read is None:
            return {}
        newest = obj.versions.first() if obj else None
        changes = differences(newest.rules if newest else None, form.read.plain())
        told: dict[str, Any] = {"preview_changes": changes if newest else None, "is_preview": True}
        number = _number(request.POST.get("preview_account", ""))
        account = Account.objects.filter(pk=number).first() if number else None
        if account is not None:
            told["preview"] = preview(account, form.read, until=timezone.now())
        return told

    @admin.display(description="In short")
    def in_short(self, row: RuleSet) -> str:
        """Return the newest rules in one line."""
        newest = _newest(row)
        return in_short(rules_for(newest.rules)) if newest else ""

    @admin.display(description="Version")
    def newest(self, row: RuleSet) -> str:
        """Return the newest version, and when it was read."""
        newest = _newest(row)
        return f"v{newest.number}, read {newest.verified_on or 'never'}" if newest else "none yet"

    @admin.display(description="Unsure")
    def unsure(self, row: RuleSet) -> str:
        """Return which fields have to be compared with the contract."""
        newest = _newest(row)
        return unsure_words(rules_for(newest.rules)) if newest else ""


def _newest(row: RuleSet) -> RuleSetVersion | None:
    return next(iter(row.versions.all()), None)


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 18 else None


@admin.register(AccountRules)
class AccountRulesAdmin(ReadOnly):
    """Which account lives under which version; its trader chooses."""

    list_display: ClassVar = ["account", "version", "since"]
    list_filter: ClassVar = ["version__rule_set__firm"]
    list_select_related: ClassVar = ["account", "version__rule_set"]
    search_fields: ClassVar = ["account__name", "version__rule_set__name"]


@admin.register(Standing)
class StandingAdmin(ReadOnly):
    """Where each account stands, as the engine wrote it."""

    list_display: ClassVar = ["account", "level"]
    list_filter: ClassVar = ["level"]
    list_select_related: ClassVar = ["account"]
    search_fields: ClassVar = ["account__name"]


@admin.register(Study)
class StudyAdmin(ReadOnly):
    """Evaluations that traders had worked out."""

    list_display: ClassVar = ["id", "user", "version", "account", "state", "progress", "made_at"]
    list_filter: ClassVar = ["state"]
    list_select_related: ClassVar = ["user", "version__rule_set", "account"]
