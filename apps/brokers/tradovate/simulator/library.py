"""The contract library: products, maturities and contracts, with ids that can be worked out. Protocol 11.

A contract's id says what it is (product, year and month), so there is no table to keep and an id from before a
restart still means the same contract.
"""

from collections.abc import Callable
from typing import Any, Final

from apps.brokers.tradovate.simulator.answer import Json, stamp
from apps.marketdata.domain.contract import MONTH_CODES, Contract, UnknownSymbol, parse
from apps.marketdata.domain.instrument import INSTRUMENTS, Instrument, instrument

CONTRACTS: Final = 3_000_000
MATURITIES: Final = 50_000_000
PRODUCTS: Final = 800
PER_PRODUCT: Final = 5000
ROOTS: Final = tuple(INSTRUMENTS)
MICS: Final = {"CME": "XCME", "CBOT": "XCBT", "COMEX": "XCEC", "NYMEX": "XNYM"}
EXCHANGES: Final = tuple(MICS)
GROUPS: Final = tuple(dict.fromkeys(product.group for product in INSTRUMENTS.values()))


class Library:
    """What can be traded, as Tradovate's entities. `front` names the front contract.

    `now` is the market's time: it resolves one-digit years."""

    def __init__(
        self, roots: tuple[str, ...], front: Callable[[str, int], str], now: Callable[[], int]
    ) -> None:
        self._roots = roots
        self._front = front
        self._now = now

    def product(self, contract: str) -> Instrument:
        """Return the instrument of a contract's name."""
        return instrument(contract[:-2])

    def contract(self, name: str) -> Contract | None:
        """Return the contract of a name such as NQZ6; None if there is none."""
        try:
            parsed = parse(name, self._now())
        except UnknownSymbol:
            return None
        return parsed if parsed.name == name else None

    def contract_id(self, name: str) -> int:
        """Return the id of a contract."""
        found = parse(name, self._now())
        return CONTRACTS + ROOTS.index(found.root) * PER_PRODUCT + _months(found)

    def resolve(self, symbol: Any) -> str | None:
        """Return the contract a request means: by name, by id as number or text, `@NQ` for the front one."""
        if isinstance(symbol, str) and symbol.startswith("@"):
            root = symbol[1:].upper()
            return self.front(root) if root in INSTRUMENTS else None
        if isinstance(symbol, str) and not symbol.isdigit():
            name = symbol.strip().upper()
            return name if self.contract(name) is not None else None
        try:
            found = self._of_id(int(symbol))
        except (TypeError, ValueError):
            return None
        return found.name if found is not None else None

    def front(self, root: str) -> str:
        """Return the name of the front contract now."""
        return self._front(root, self._now())

    def rows(self, entity: str) -> list[Json]:
        """Return every row of a library entity that a list shows."""
        match entity:
            case "product":
                return [self._product(root) for root in ROOTS]
            case "exchange":
                return [{"id": place + 1, "name": name} for place, name in enumerate(EXCHANGES)]
            case "currency":
                return [{"id": 1, "name": "USD", "symbol": "$"}]
            case "contractGroup":
                return [{"id": place + 1, "name": name} for place, name in enumerate(GROUPS)]
            case "contract":
                return [self._contract(contract) for contract in self._near()]
            case "contractMaturity":
                return [self._maturity(contract) for contract in self._near()]
            case _:
                return []

    def item(self, entity: str, row_id: int) -> Json | None:
        """Return one row by its id."""
        if entity in {"contract", "contractMaturity"}:
            maturity = entity == "contractMaturity"
            contract = self._of_id(row_id - (MATURITIES - CONTRACTS if maturity else 0))
            if contract is None:
                return None
            return self._maturity(contract) if maturity else self._contract(contract)
        return next((row for row in self.rows(entity) if row["id"] == row_id), None)

    def find(self, entity: str, name: str) -> Json | None:
        """Return one row by its exact name."""
        if entity == "contract":
            contract = self.contract(name.upper())
            return self._contract(contract) if contract is not None else None
        return next((row for row in self.rows(entity) if row.get("name") == name), None)

    def suggest(self, entity: str, text: str, most: int) -> list[Json]:
        """Return rows whose name begins with a text, the front contract first."""
        text = text.upper()
        if entity != "contract":
            found = [row for row in self.rows(entity) if row["name"].upper().startswith(text)]
            return found[:most]
        roots = [root for root in ROOTS if root.startswith(text) or text.startswith(root)]
        roots.sort(key=lambda root: root != text)
        named = [contract for root in roots for contract in self._listed(root)]
        return [self._contract(c) for c in named if c.name.startswith(text)][:most]

    def _near(self) -> list[Contract]:
        return [contract for root in self._roots for contract in self._listed(root)]

    def _listed(self, root: str) -> list[Contract]:
        """Return the front contract of a root and the three after it."""
        listed = [parse(self.front(root), self._now())]
        months = INSTRUMENTS[root].liquid_months
        while len(listed) < 4:
            last = listed[-1]
            place = last.year * 12 + last.month
            while True:
                place += 1
                year, month = (place - 1) // 12, (place - 1) % 12 + 1
                if MONTH_CODES[month - 1] in months:
                    break
            listed.append(Contract(root, year, month))
        return listed

    def _of_id(self, contract_id: int) -> Contract | None:
        place, months = divmod(contract_id - CONTRACTS, PER_PRODUCT)
        if not 0 <= place < len(ROOTS) or not 0 <= months < 1200:
            return None
        return Contract(ROOTS[place], 2000 + months // 12, months % 12 + 1)

    def _contract(self, contract: Contract) -> Json:
        row_id = CONTRACTS + ROOTS.index(contract.root) * PER_PRODUCT + _months(contract)
        return {
            "id": row_id,
            "name": contract.name,
            "contractMaturityId": row_id + MATURITIES - CONTRACTS,
            "status": "DefinitionChecked",
            "providerTickSize": float(instrument(contract.root).tick_size),
        }

    def _maturity(self, contract: Contract) -> Json:
        place = ROOTS.index(contract.root)
        return {
            "id": MATURITIES + place * PER_PRODUCT + _months(contract),
            "productId": PRODUCTS + place,
            "expirationMonth": contract.year * 100 + contract.month,
            "expirationDate": stamp(contract.expires_at),
            "isFront": contract.name == self.front(contract.root),
        }

    def _product(self, root: str) -> Json:
        product = INSTRUMENTS[root]
        return {
            "id": PRODUCTS + ROOTS.index(root),
            "name": root,
            "currencyId": 1,
            "productType": "Futures",
            "description": product.name,
            "exchangeId": EXCHANGES.index(product.exchange) + 1,
            "contractGroupId": GROUPS.index(product.group) + 1,
            "status": "Verified",
            "valuePerPoint": float(product.point_value),
            "priceFormatType": "Decimal",
            "priceFormat": -product.decimals,
            "tickSize": float(product.tick_size),
            "months": product.months,
        }


def _months(contract: Contract) -> int:
    return (contract.year - 2000) * 12 + contract.month - 1
