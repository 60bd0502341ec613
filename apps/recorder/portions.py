"""Settling in portions: while a large file is taken over or taken back, nobody waits long for the database.

All that is derived from an account's fills is written in one transaction, and beside SQLite nobody else writes meanwhile.
"""

from collections.abc import Iterable
from typing import Final

from apps.brokers.models import BrokerAccount
from apps.recorder import services

PORTION: Final = 1_000  # fills: some 0.3 s of one transaction


class Portions:
    """Settles accounts each time that enough of their fills have changed."""

    def __init__(self) -> None:
        self._since: dict[BrokerAccount, int] = {}
        self._many = 0

    def add(self, account: BrokerAccount, times: Iterable[int]) -> None:
        """Note fills of an account that have changed, by their times (ns UTC)."""
        changed = list(times)
        if changed:
            self._since[account] = min(self._since.get(account, changed[0]), *changed)
            self._many += len(changed)
        if self._many >= PORTION:
            self.settle()

    def settle(self) -> None:
        """Settle what was noted since the last time."""
        since, self._since, self._many = self._since, {}, 0
        for account, at in since.items():
            services.settle(account=account, since=at)
