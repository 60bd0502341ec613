"""The account that a page is about: chosen by the trader, kept in his session, with how it stands under its rules."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from django.http import Http404, HttpRequest

from apps.brokers.domain.account import Kind, Stake
from apps.brokers.models import Account, Order
from apps.brokers.queries import AccountView, PositionView, account_views
from apps.dashboards.gauges import Gauge, Risk, risk_of
from apps.dashboards.live_note import Note, notes_of
from apps.risk.domain.standing import Standing
from apps.risk.queries import standings_of

CHOSEN: Final = "account"  # in the session
_KEPT: Final = "_tradehub_accounts"


@dataclass(frozen=True)
class Accounts:
    """A trader's open accounts, and the one that he has chosen."""

    views: list[AccountView]
    chosen: AccountView | None
    standings: dict[int, Standing]

    @property
    def env(self) -> Stake:
        """Return what is lost with the chosen account, paper where there is none: nothing can be sent without one."""
        return self.chosen.row.stake if self.chosen else Stake.PAPER

    @property
    def lets_out(self) -> bool:
        """Return whether entries of the chosen account leave for its broker at this moment."""
        return self.chosen is not None and _is_on(self.chosen.row)

    @property
    def notes(self) -> list[Note]:
        """Return the banners of real money and of firms' accounts whose orders reach a broker at this moment."""
        return notes_of(one.row for one in self.views if _is_on(one.row))

    @property
    def at_brokers(self) -> list[AccountView]:
        """Return the accounts that trade at a broker."""
        return [one for one in self.views if one.row.kind != Kind.PAPER]

    @property
    def others(self) -> list[AccountView]:
        """Return the accounts that are not chosen."""
        return [one for one in self.views if one is not self.chosen]

    @property
    def elsewhere(self) -> list[PositionView]:
        """Return the open positions of the other accounts."""
        return [held for one in self.others for held in one.positions]

    @property
    def held(self) -> list[Order]:
        """Return every order that waits for a yes, in whatever account, the oldest first."""
        return [order for one in self.views for order in one.held]

    @cached_property
    def risk(self) -> Risk | None:
        """Return how the chosen account stands, None where there is none."""
        return None if self.chosen is None else self.risk_in(self.chosen)

    def risk_in(self, view: AccountView) -> Risk:
        """Return how one account stands."""
        return risk_of(view, self.standings.get(view.row.pk))

    @property
    def gauges(self) -> Iterable[Gauge]:
        """Return the gauges of the chosen account."""
        return self.risk.gauges if self.risk else ()


def _is_on(row: Account) -> bool:
    switch = getattr(row, "live_switch", None)
    return switch is not None and switch.is_on


def accounts_of(request: HttpRequest) -> Accounts:
    """Return the accounts of whoever asks, read once for each request."""
    kept = vars(request)
    if _KEPT not in kept:
        views = account_views(request.user)
        wanted = request.session.get(CHOSEN)
        chosen = next((one for one in views if one.row.pk == wanted), views[0] if views else None)
        kept[_KEPT] = Accounts(views, chosen, standings_of(one.row for one in views))
    found: Accounts = kept[_KEPT]
    return found


def forget(request: HttpRequest) -> None:
    """Read the accounts again when they are asked for: something was changed."""
    vars(request).pop(_KEPT, None)


def choose(request: HttpRequest, account: Account) -> None:
    """Remember which account a trader works with."""
    request.session[CHOSEN] = account.pk
    forget(request)


def chosen_account(request: HttpRequest) -> Account:
    """Return the chosen account's row.

    Raises:  Http404  he has none
    """
    view = accounts_of(request).chosen
    if view is None:
        raise Http404("account")
    return view.row
