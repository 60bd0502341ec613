"""The shapes that analytics answers in. Dollars and ratios are decimal text; null where there is nothing to divide by."""

from datetime import date
from decimal import Decimal
from typing import Any, Final

from rest_framework import serializers

from apps.analytics.chosen import Books
from apps.analytics.domain.money import as_text, in_cents
from apps.marketdata.fields import RField
from apps.trades.domain.outcome import Variant

FIRST: Final = date(1990, 1, 1)
LAST: Final = date(2099, 12, 31)
MOST: Final = 2**62


class AmountField(serializers.CharField):
    """Dollars as decimal text with 2 decimals, with 4 where a tick is worth a part of a cent."""

    def to_representation(self, value: Any) -> str:
        """Round it once, ties away from zero."""
        return as_text(value)


class MeanField(serializers.CharField):
    """A mean of dollars as decimal text with 2 decimals."""

    def to_representation(self, value: Any) -> str:
        """Round it once, ties away from zero."""
        return f"{in_cents(value):f}"


class FloatField(serializers.CharField):
    """A ratio that rests on a root, as text with 4 decimals."""

    def to_representation(self, value: Any) -> str:
        """Write it without a sign where it is zero."""
        text = f"{value:.4f}"
        return text.removeprefix("-") if not float(text) else text


class ScopeSerializer(serializers.Serializer[Any]):
    """Over which positions figures are made."""

    account = serializers.IntegerField(
        required=False, min_value=0, max_value=MOST, help_text="One account; all of yours if left out."
    )  # fmt: skip
    books = serializers.ChoiceField(
        choices=[one.value for one in Books], required=False,
        help_text=(
            "`desk`: positions of the desk's own accounts; `recorded`: those that recorders found at brokers; `account` "
            "likewise. Left out: the desk's, unless only the recorded books have a closed position in the range; with an "
            "`account` always the desk's."
        ),
    )  # fmt: skip
    since = serializers.DateField(required=False, help_text="First trade date, e.g. 2026-11-02.")
    until = serializers.DateField(required=False, help_text="Last trade date, included.")

    def validate_since(self, day: date) -> date:
        """Refuse years in which nothing can have traded here."""
        return _possible(day)

    def validate_until(self, day: date) -> date:
        """Refuse years in which nothing can have traded here."""
        return _possible(day)

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        """Refuse a range that ends before it begins."""
        if "since" in given and "until" in given and given["since"] > given["until"]:
            raise serializers.ValidationError({"until": ["It lies before `since`."]})
        return given


class AnalyticsScopeSerializer(ScopeSerializer):
    """The same, and how Signal Lab trades are counted."""

    target = serializers.DecimalField(
        max_digits=6, decimal_places=2, min_value=Decimal("0.01"), default=Decimal(1),
        help_text="Of Signal Lab trades, in R.",
    )  # fmt: skip
    fee_r = serializers.DecimalField(
        max_digits=6, decimal_places=4, min_value=Decimal(0), default=Decimal(0),
        help_text="Fees of one Signal Lab trade in R.",
    )  # fmt: skip
    variant = serializers.ChoiceField(
        choices=[item.value for item in Variant], default=Variant.NO_BE.value,
        help_text="Of Signal Lab trades: fixed stop, or stop to break-even.",
    )  # fmt: skip


def _possible(day: date) -> date:
    if not FIRST <= day <= LAST:
        raise serializers.ValidationError("Give a date between 1990 and 2099.")
    return day


class DrawdownSerializer(serializers.Serializer[Any]):
    """The deepest fall from the running peak, which starts at 0, trade by trade."""

    depth = AmountField(help_text="0 or more.")
    peak_on = serializers.DateField(allow_null=True, help_text="Null: it fell from the start.")
    deepest_on = serializers.DateField(allow_null=True, help_text="Null: it never fell.")
    recovered_on = serializers.DateField(allow_null=True, help_text="Null: not yet.")


class DrawdownRSerializer(DrawdownSerializer):
    """The same in R."""

    depth = RField(help_text="In R, 0 or more.")  # type: ignore[assignment]  # the same, in R


class PeriodSerializer(serializers.Serializer[Any]):
    """A day, a week or a month in which a trade was closed; weeks begin on Monday."""

    start = serializers.DateField(help_text="Its first day: trade dates of the account.")
    net = AmountField(help_text="After fees.")
    trades = serializers.IntegerField()
    wins = serializers.IntegerField()
    losses = serializers.IntegerField()


class LevelSerializer(serializers.Serializer[Any]):
    """Where the account stood at the close of a day, counted from 0."""

    day = serializers.DateField(source="day.start")
    net = AmountField(source="day.net")
    trades = serializers.IntegerField(source="day.trades")
    equity = AmountField(help_text="All nets so far.")
    drawdown = AmountField(help_text="How far that is under its highest close, 0 or more.")


class CellSerializer(serializers.Serializer[Any]):
    """The trades of one hour, weekday, session or side."""

    key = serializers.CharField()
    name = serializers.CharField()
    trades = serializers.IntegerField()
    wins = serializers.IntegerField()
    losses = serializers.IntegerField()
    break_evens = serializers.IntegerField()
    is_few = serializers.BooleanField(help_text="Under 5 trades: nothing is claimed.")
    win_rate = RField(allow_null=True)
    net = AmountField()
    expectancy = MeanField(allow_null=True)
    expectancy_r = RField(allow_null=True)
    profit_factor = RField(allow_null=True)


class FiguresSerializer(serializers.Serializer[Any]):
    """Figures over closed trades. They are classed before fees and shown after them."""

    trades = serializers.IntegerField()
    wins = serializers.IntegerField()
    losses = serializers.IntegerField()
    break_evens = serializers.IntegerField()
    with_risk = serializers.IntegerField(help_text="Trades that had a stop; R rests on these.")
    win_rate = RField(allow_null=True, help_text="Of all trades, break-evens included.")
    gross = AmountField(help_text="Before fees.")
    fees = AmountField()
    fees_unknown = serializers.IntegerField(
        help_text="Trades of which the broker has not said all fees yet: net is before those."
    )
    net = AmountField()
    net_r = RField(allow_null=True)
    average_win = MeanField(allow_null=True)
    average_loss = MeanField(allow_null=True)
    largest_win = AmountField(allow_null=True)
    largest_loss = AmountField(allow_null=True)
    profit_factor = RField(allow_null=True, help_text="Null without losses.")
    expectancy = MeanField(allow_null=True, help_text="Mean net of a trade.")
    expectancy_r = RField(allow_null=True)
    drawdown = DrawdownSerializer()
    drawdown_r = DrawdownRSerializer()
    longest_losing_streak = serializers.IntegerField()
    longest_winning_streak = serializers.IntegerField()
    days = serializers.IntegerField(help_text="Trade dates on which a trade was closed.")
    sharpe = FloatField(allow_null=True, help_text="Of daily nets, a year; null under 2 days.")
    sortino = FloatField(allow_null=True, help_text="Null under 2 days and without a losing day.")
    best_day = PeriodSerializer(allow_null=True)
    worst_day = PeriodSerializer(allow_null=True)
    mean_seconds = RField(allow_null=True, help_text="In trade, market time.")
    median_seconds = RField(allow_null=True)
    average_mfe = MeanField(allow_null=True)
    average_mae = MeanField(allow_null=True, help_text="0 or below.")
    average_mfe_r = RField(allow_null=True)
    average_mae_r = RField(allow_null=True)
    efficiency = RField(allow_null=True, help_text="Captured of what was available, 0 to 1.")


class LabPeriodSerializer(PeriodSerializer):
    """A day in R."""

    net = RField()  # type: ignore[assignment]  # the same, in R


class LabFiguresSerializer(FiguresSerializer):
    """The same figures over Signal Lab trades: every amount is in R, with 4 decimals."""

    gross = RField()  # type: ignore[assignment]  # the same, in R
    fees = RField()  # type: ignore[assignment]
    net = RField()  # type: ignore[assignment]
    average_win = RField(allow_null=True)  # type: ignore[assignment]
    average_loss = RField(allow_null=True)  # type: ignore[assignment]
    largest_win = RField(allow_null=True)  # type: ignore[assignment]
    largest_loss = RField(allow_null=True)  # type: ignore[assignment]
    expectancy = RField(allow_null=True)  # type: ignore[assignment]
    drawdown = DrawdownRSerializer()
    best_day = LabPeriodSerializer(allow_null=True)
    worst_day = LabPeriodSerializer(allow_null=True)
    average_mfe = RField(allow_null=True)  # type: ignore[assignment]
    average_mae = RField(allow_null=True)  # type: ignore[assignment]


class BreakdownsSerializer(serializers.Serializer[Any]):
    """Where and when trades were made."""

    by_hour = CellSerializer(many=True, help_text="Of the entry, Chicago.")
    by_weekday = CellSerializer(many=True, help_text="Of the trade date.")
    by_session = CellSerializer(many=True, help_text="Of the entry.")
    by_direction = CellSerializer(many=True)


class BooksField(serializers.ChoiceField):
    """From which books the figures of an answer are."""

    def __init__(self, **more: Any) -> None:
        """Offer the books that there are."""
        told = "The books that were read; Signal Lab trades stand apart."
        super().__init__(choices=[one.value for one in Books], help_text=told, **more)


class StrategyAnalyticsSerializer(serializers.Serializer[Any]):
    """A strategy in figures: its positions in dollars, its Signal Lab trades in R."""

    strategy = serializers.IntegerField(source="row.pk")
    name = serializers.CharField(source="row.name")
    books = BooksField()
    positions = FiguresSerializer(source="performance.figures")
    days = PeriodSerializer(source="performance.days", many=True)
    weeks = PeriodSerializer(source="performance.weeks", many=True)
    months = PeriodSerializer(source="performance.months", many=True)
    breakdowns = BreakdownsSerializer(source="performance")
    signal_lab = LabFiguresSerializer(source="lab.figures")
    recorded = FiguresSerializer(
        source="recorded.figures",
        help_text="What its recorder found at brokers, whatever the books.",
    )


class CurvesSerializer(serializers.Serializer[Any]):
    """A strategy as it is drawn: its curve by day, its calendar, its cells."""

    strategy = serializers.IntegerField(source="row.pk")
    name = serializers.CharField(source="row.name")
    books = BooksField()
    trades = serializers.IntegerField(source="performance.figures.trades")
    net = AmountField(source="performance.figures.net")
    drawdown = DrawdownSerializer(source="performance.figures.drawdown")
    curve = LevelSerializer(source="performance.curve", many=True)
    days = PeriodSerializer(source="performance.days", many=True)
    weeks = PeriodSerializer(source="performance.weeks", many=True)
    months = PeriodSerializer(source="performance.months", many=True)
    breakdowns = BreakdownsSerializer(source="performance")


class OfStrategySerializer(serializers.Serializer[Any]):
    """What one strategy came to."""

    strategy = serializers.IntegerField(source="pk", allow_null=True, help_text="Null: by hand.")
    name = serializers.CharField()
    figures = FiguresSerializer()


class StrategyPerformanceSerializer(serializers.Serializer[Any]):
    """All strategies side by side, and everything together."""

    books = BooksField()
    all = FiguresSerializer(help_text="Everything, by hand included.")
    strategies = OfStrategySerializer(many=True)


class SummarySerializer(serializers.Serializer[Any]):
    """Your books at a glance. Weeks begin on Monday; days are trade dates."""

    books = BooksField()
    trade_date = serializers.DateField(source="told.day", help_text="The exchange's day now.")
    open_positions = serializers.IntegerField(source="told.open_positions")
    today = FiguresSerializer(source="told.today")
    week = FiguresSerializer(source="told.week")
    month = FiguresSerializer(source="told.month")
    all = FiguresSerializer(source="told.all")
