"""Every operation by its path, the same for REST and for sockets. Source: protocol 3 to 5 and 7."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from apps.brokers.tradovate.simulator.account import ACCOUNT_ID
from apps.brokers.tradovate.simulator.answer import Answer, Json
from apps.brokers.tradovate.simulator.entities import MASTERS, Entities
from apps.brokers.tradovate.simulator.library import Library
from apps.brokers.tradovate.simulator.sessions import USER_ID, Session, Sessions

OPEN: Final = frozenset(("auth/accesstokenrequest", "auth/oauthtoken"))
# arrays of a snapshot whose plural is not the entity's name and an "s"
PLURALS: Final = {
    "contractMaturity": "contractMaturities",
    "currency": "currencies",
    "userProperty": "userProperties",
    "orderStrategy": "orderStrategies",
    "accountRiskStatus": "accountRiskStatuses",
}
NOT_SYNCED: Final = frozenset(
    (
        "tradingPermission",
        "contactInfo",
        "cashBalanceLog",
        "userAccountPositionLimit",
        "userAccountRiskParameter",
    )
)
SYNCED: Final = tuple(name for name in MASTERS if name not in NOT_SYNCED)
Operation = Callable[[Json, Session], Answer]


class Api:
    """The operations of one simulator."""

    def __init__(
        self,
        sessions: Sessions,
        entities: Entities,
        library: Library,
        operations: Mapping[str, Callable[[Json], Answer]],
        fees_of: Callable[[str], Json],
    ) -> None:
        self.strict = False
        self._sessions = sessions
        self._entities = entities
        self._library = library
        self._fees_of = fees_of
        self._operations: dict[str, Operation] = {
            "auth/renewaccesstoken": lambda asked, session: sessions.renew(session),
            "auth/me": self._me,
            "contract/rollcontract": self._roll,
            "contract/rollcontracts": self._roll,
            "contract/getproductfeeparams": self._fees,
            "replay/checkreplaysession": lambda asked, session: Answer(200, {"checkStatus": "OK"}),
            "replay/initializeclock": lambda asked, session: Answer(200, {"ok": True}),
            "replay/changespeed": lambda asked, session: Answer(200, {"ok": True}),
        }
        for path, operation in operations.items():
            self._operations[path] = _without_session(operation)

    def call(self, path: str, asked: Json, session: Session | None) -> Answer:
        """Return the answer to one call; `session` is None where nobody is logged in."""
        if path in OPEN:
            return self._log_in(path, asked)
        if session is None:
            return Answer(401, {"errorText": "Access is denied"})
        operation = self._operations.get(path)
        if operation is not None:
            return operation(asked, session)
        read = self._entities.read(path, asked)
        return read if read is not None else Answer(404, {"errorText": f"Not found: {path}"})

    def snapshot(self, asked: Json) -> Json:
        """Return what `user/syncrequest` begins with: every row asked for, by the plural of its entity."""
        told: Json = {}
        for entity in SYNCED:
            if entity in {"user", "contractGroup"} or self.wants(asked, entity):
                rows = self._entities.listed(entity)
                told[PLURALS.get(entity, entity + "s")] = [
                    row for row in rows if _in_shard(asked, entity, row)
                ]
        return told

    def wants(self, asked: Json, entity: str) -> bool:
        """Return whether a sync asked for this entity; without a list it is everything, or in strict mode nothing."""
        kinds = asked.get("entityTypes")
        if kinds is None:
            return not self.strict
        return entity in kinds

    def hears(self, asked: Json, entity: str, row: Json) -> bool:
        """Return whether a synced socket is told about this row."""
        return self.wants(asked, entity) and _in_shard(asked, entity, row)

    def _log_in(self, path: str, asked: Json) -> Answer:
        if path == "auth/accesstokenrequest":
            return self._sessions.log_in(asked)
        given = self._sessions.log_in({"name": "demo", "password": "demo"})
        if asked.get("grant_type") not in {"authorization_code", "refresh_token"} or (
            "accessToken" not in given.body
        ):
            told = {"error": "invalid_grant", "error_description": "code is needed"}
            return Answer(400, told)
        return Answer(
            200,
            {
                "access_token": given.body["accessToken"],
                "token_type": "bearer",
                "expires_in": int(self._sessions.token_seconds),
            },
        )

    def _me(self, asked: Json, session: Session) -> Answer:
        return Answer(
            200,
            {
                "userId": USER_ID,
                "name": "demo",
                "fullName": "Demo Trader",
                "email": "demo@example.test",
                "emailVerified": True,
                "isTrial": False,
            },
        )

    def _roll(self, asked: Json, session: Session) -> Answer:
        name = str(asked.get("name") or asked.get("symbol") or "").upper()
        contract = self._library.contract(name)
        root = contract.root if contract is not None else name
        try:
            found = self._library.find("contract", self._library.front(root))
        except LookupError:
            found = None
        if found is None:
            return Answer(200, {"errorText": f"Unknown contract {name}"})
        return Answer(200, {"contract": found})

    def _fees(self, asked: Json, session: Session) -> Answer:
        rows = []
        for product_id in asked.get("productIds") or []:
            row = self._library.item("product", int(product_id))
            if row is not None:
                fees = self._fees_of(str(row["name"]))
                rows.append({"productId": product_id, **fees})
        return Answer(200, {"params": rows})


def _without_session(operation: Callable[[Json], Answer]) -> Operation:
    return lambda asked, session: operation(asked)


def _in_shard(asked: Json, entity: str, row: Json) -> bool:
    """Return whether a row belongs to the accounts and the shard a socket asked for."""
    account = row["id"] if entity == "account" else row.get("accountId")
    accounts: Iterable[Any] = asked.get("accounts") or ()
    if account is not None and accounts and account not in accounts:
        return False
    shard = asked.get("shardingExpression")
    if not isinstance(shard, dict) or not shard.get("divisor"):
        return True
    by_user = shard.get("expressionType") == "modUserId"
    number = USER_ID if by_user else (account if account is not None else ACCOUNT_ID)
    return bool(number % int(shard["divisor"]) == int(shard.get("remainder", 0)))
