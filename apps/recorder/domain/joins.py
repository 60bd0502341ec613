"""Facts of accounts for files: that one was joined with a login's, or that only its owner can say whether it is the same."""

from dataclasses import dataclass
from typing import ClassVar

from apps.bus.domain.message import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountsJoined(Fact):
    """What an account for files held is the login's account's now, and the account for files is gone.

    fills: that a file told of it; `account`: where they are now. `at` is the wall clock's.
    """

    name: ClassVar[str] = "recorder.joined"
    of_files: int
    of_files_name: str
    account: int
    account_name: str
    login: str
    fills: int
    by: str

    @property
    def key(self) -> str:
        """Return the account for files: it is joined once."""
        return f"{self.name}:{self.of_files}"

    @property
    def of(self) -> str:
        """Return the login's account's number."""
        return str(self.account)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountsAlike(Fact):
    """An account for files may be one that a login lists; its owner is asked, once. `at` is the wall clock's."""

    name: ClassVar[str] = "recorder.alike"
    of_files: int
    of_files_name: str
    account: int
    account_name: str
    login: str

    @property
    def key(self) -> str:
        """Return both accounts."""
        return f"{self.name}:{self.of_files}:{self.account}"

    @property
    def of(self) -> str:
        """Return the login's account's number."""
        return str(self.account)
