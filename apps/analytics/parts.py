"""Money read from rows in whole parts of a dollar, for figures over thousands of them.

A `Decimal` for every amount of every row, to be made whole afterwards, was most of what reading them took. The database
makes them whole instead, and exactly: PostgreSQL multiplies its numerics; SQLite keeps money as a double, which lies so
near the four decimals that were written that rounding finds them again, up to 100 billion dollars (Django's own
reading, with 15 digits, comes as far).
"""

from typing import Any, Final

from django.db.models import BigIntegerField, Func

from apps.analytics.domain.money import MONEY_PARTS

MOST: Final = 10**11  # dollars, either way


class InParts(Func):
    """A column of money in whole parts of a dollar, NULL where it is NULL."""

    arity = 1
    output_field = BigIntegerField()

    # PostgreSQL's numerics are exact, and what has four decimals is whole then.
    template = f"CAST(%(expressions)s * {MONEY_PARTS} AS bigint)"

    def as_sqlite(self, compiler: Any, connection: Any, **_: Any) -> tuple[str, Any]:
        """Return it for SQLite: the nearest whole number."""
        template = f"CAST(ROUND(%(expressions)s * {MONEY_PARTS}) AS INTEGER)"
        return self.as_sql(compiler, connection, template=template)
