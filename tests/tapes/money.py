"""What a tape can say of accounts, rules and orders; `Player` reads these lines too."""

from decimal import Decimal
from typing import Any

from apps.brokers.domain.messages import (
    AnswerOrder,
    BookDifference,
    CancelAll,
    CancelOrder,
    ClosePosition,
    Flatten,
    ListAccount,
    ListGroup,
    ListRoute,
    ModifyOrder,
    PlaceOrder,
    ResetAccount,
    TakePayout,
)
from apps.bus.domain.message import Command
from apps.risk.domain.messages import LiftLock, LockOut, SetOwnLimits, SetRules
from apps.signals.domain.posted import TakeOrderAlert

SIDES = {"buy": "sell", "sell": "buy"}
ACCOUNTS = {"A": 1, "B": 2, "C": 3}


def pairs(words: list[str]) -> dict[str, str]:
    """Return words that come two by two: a name and its value."""
    assert len(words) % 2 == 0, f"a name without a value: {' '.join(words)}"
    return dict(zip(words[::2], words[1::2], strict=True))


class Money:
    """The lines about money. Needs what `Player` has: handle, price, at, mirrored."""

    mirrored: bool
    _wishes: int = 0

    def handle(self, said: Any) -> None:
        """Tell the engine something."""
        raise NotImplementedError

    def price(self, text: str | None) -> str | None:
        """Return a price as it is in this market."""
        raise NotImplementedError

    def at(self, text: str) -> int:
        """Return a time of the tape as an instant."""
        raise NotImplementedError

    def _wish(self, kind: type[Command], **asked: Any) -> None:
        self._wishes += 1
        self.handle(kind(**{"id": f"w{self._wishes}", "user": 1, **asked}))

    def _account(self, words: list[str]) -> None:
        """`account A 50000 slippage 0 latency 100 queue 10 fee 0`: fees and slippage are nought unless given."""
        name, balance, *rest = words
        said = pairs(rest)
        slip, latency = int(said.get("slippage", 0)), int(said.get("latency", 0))
        fee = said.get("fee", "0")
        paper: dict[str, Any] = {"slippage_ticks": [slip, slip], "latency_ms": [latency, latency]}
        if "queue" in said:
            paper["queue_ahead"] = int(said["queue"])
        if "fill" in said:
            paper["limit_fill"] = said["fill"]
        config = {
            "name": name, "kind": said.get("kind", "paper"), "start_balance": balance,
            "fees": dict.fromkeys(("NQ", "MNQ", "ES"), fee), "paper": paper,
            "tz": said.get("tz", "America/Chicago"), "reset": said.get("reset", "17:00"),
        }  # fmt: skip
        self._wish(ListAccount, account=ACCOUNTS[name], config=config)

    def _rules(self, words: list[str]) -> None:
        """`rules A static 2000 [lock 50000] [daily 1000 soft] [minis 5] [flat_by 15:10] …`."""
        name, kind, amount, *rest = words
        said = pairs(rest)
        plain: dict[str, Any] = {
            "firm": "Tape", "plan": kind, "start_balance": said.get("start", "50000"),
            "drawdown": {"type": kind, "amount": amount},
            "automation": said.get("automation", "allowed"),
            "flatten_on_lock": said.get("flatten", "on") == "on",
        }  # fmt: skip
        if "lock" in said:
            plain["drawdown"]["lock_level"] = said["lock"]
        if "daily" in said:
            plain["daily_loss"] = {"amount": said["daily"], "action": said.get("action", "soft")}
        if "minis" in said:
            plain["size"] = {"minis": int(said["minis"])}
        if "losses" in said:
            plain["max_losses_in_row"] = int(said["losses"])
        if "flat_by" in said:
            plain["hours"] = {"flat_by": said["flat_by"]}
        self._wish(SetRules, account=ACCOUNTS[name], rules=plain, version=1)

    def _own(self, words: list[str]) -> None:
        name, *rest = words
        self._wish(SetOwnLimits, account=ACCOUNTS[name], limits=pairs(rest))

    def _lockout(self, words: list[str]) -> None:
        self._wish(LockOut, account=ACCOUNTS[words[0]], until=self.at(words[1]))

    def _lift(self, words: list[str]) -> None:
        self._wish(LiftLock, account=ACCOUNTS[words[0]])

    def _route(self, words: list[str]) -> None:
        """`route A strategy 0 mode automatic [quantity 2] [risk 0.5] [root MNQ] [even 1]`."""
        name, *rest = words
        said = pairs(rest)
        gates = {
            name: said[name] for name in ("windows", "cooldown_s", "most_trades") if name in said
        }
        config = {
            **gates, "mode": said["mode"], "quantity": said.get("quantity"), "risk_percent": said.get("risk"),
            "root": said.get("root", ""), "break_even_r": said.get("even"),
            "targets": [{"r": r} for r in said.get("target", "").split(",") if r],
        }  # fmt: skip
        strategy = int(said.get("strategy", 0))
        self._wish(ListRoute, account=ACCOUNTS[name], strategy=strategy, config=config)

    def _group(self, words: list[str]) -> None:
        """`group topstep A 1 B 0.5`: its accounts, each with its multiplier."""
        name, *rest = words
        members = [
            {"account": ACCOUNTS[one], "multiplier": size} for one, size in pairs(rest).items()
        ]
        self._wish(ListGroup, group=1, config={"name": name, "members": members})

    def _alert(self, words: list[str]) -> None:
        """`alert a1 buy 2 [group topstep] [is long|short|flat] [was …] [size 3] [most 4] [stop PRICE] [target PRICE]`."""
        id, action, size, *rest = words
        said = pairs(rest)
        turned = {**SIDES, "long": "short", "short": "long", "close_long": "close_short"} | {
            "sell": "buy", "close_short": "close_long",
        }  # fmt: skip
        turn = turned if self.mirrored else {}
        prices = {
            name: None if text is None else Decimal(text)
            for name, text in (
                ("stop_loss", self.price(said.get("stop"))),
                ("take_profit", self.price(said.get("target"))),
                ("price", self.price(said.get("at"))),
            )
        }
        self._wish(
            TakeOrderAlert, id=id, strategy=int(said.get("strategy", 1)), symbol="NQ1!",
            action=turn.get(action, action), quantity=None if size == "-" else int(size),
            account_group=said.get("group"), order_type=said.get("type"),
            market_position=turn.get(said.get("is", ""), said.get("is")),
            prev_market_position=turn.get(said.get("was", ""), said.get("was")),
            market_position_size=int(said["size"]) if "size" in said else None,
            max_position_size=int(said["most"]) if "most" in said else None,
            time=self.at(said["fired"]) if "fired" in said else None, **prices,
        )  # fmt: skip

    def _order(self, words: list[str]) -> None:
        """`order o1 A buy 2 market [at PRICE] [stop PRICE] [target PRICE[xN],…] [even R] [trail POINTS] [tif day]`.

        For a limit `at` is its limit, for a stop its stop; `limit` is that of a stop limit. `protect` is the bracket's stop.
        """
        id, name, side, size, kind, *rest = words
        said = pairs(rest)
        asked: dict[str, Any] = {}
        if "at" in said:
            asked["limit" if kind == "limit" else "stop"] = self.price(said["at"])
        if "limit" in said:
            asked["limit"] = self.price(said["limit"])
        if "trail" in said:
            asked["trail_points"] = said["trail"]
        bracket: dict[str, Any] = {}
        if "protect" in said:
            bracket["stop"] = self.price(said["protect"])
        if "protect_trail" in said:
            bracket["trail_points"] = said["protect_trail"]
        if "target" in said:
            bracket["targets"] = [self._target(one) for one in said["target"].split(",")]
        if "even" in said:
            bracket["break_even_r"] = said["even"]
        self._wish(
            PlaceOrder, id=id, account=ACCOUNTS[name], symbol=said.get("symbol", "NQ"),
            side=SIDES[side] if self.mirrored else side, type=kind, quantity=int(size),
            bracket=bracket or None, tif=said.get("tif", "gtc"),
            confirmed=said.get("confirmed", "yes") == "yes", strategy=int(said.get("strategy", 0)),
            **asked,
        )  # fmt: skip

    def _target(self, text: str) -> dict[str, Any]:
        price, _, size = text.partition("x")
        return {"price": self.price(price), "quantity": int(size) if size else None}

    def _answer(self, words: list[str]) -> None:
        order = words[0]
        if self.mirrored:  # a signal's order is named for its direction
            order = order.replace("BULLISH", "BEARISH")
        self._wish(AnswerOrder, order=order, yes=words[1] == "yes")

    def _move(self, words: list[str]) -> None:
        """`move o1-s stop 19995`, `move o1 limit 20001 quantity 1`."""
        id, *rest = words
        said = pairs(rest)
        asked = {name: self.price(said[name]) for name in ("limit", "stop") if name in said}
        size = int(said["quantity"]) if "quantity" in said else None
        self._wish(ModifyOrder, order=id, quantity=size, **asked)

    def _cancel(self, words: list[str]) -> None:
        """`cancel o1`, `cancel all A`."""
        if words[0] == "all":
            self._wish(CancelAll, account=ACCOUNTS[words[1]])
        else:
            self._wish(CancelOrder, order=words[0])

    def _exit(self, words: list[str]) -> None:
        """`exit A [quantity 1] [strategy 2] [reverse yes]`: close a position by hand."""
        name, *rest = words
        said = pairs(rest)
        size = int(said["quantity"]) if "quantity" in said else None
        self._wish(
            ClosePosition, account=ACCOUNTS[name], contract=said.get("contract", "NQZ5"),
            strategy=int(said.get("strategy", 0)), quantity=size,
            reverse=said.get("reverse") == "yes",
        )  # fmt: skip

    def _flatten(self, words: list[str]) -> None:
        self._wish(Flatten, account=ACCOUNTS[words[0]] if words else 0)

    def _reset(self, words: list[str]) -> None:
        self._wish(ResetAccount, account=ACCOUNTS[words[0]], balance=words[1])

    def _payout(self, words: list[str]) -> None:
        self._wish(TakePayout, account=ACCOUNTS[words[0]], amount=words[1])

    def _differs(self, words: list[str]) -> None:
        """`differs A ours 50000 theirs 48500 reason transfer`: what a broker's balance differs by is booked."""
        said = pairs(words[1:])
        self._wish(BookDifference, account=ACCOUNTS[words[0]], difference=1, **said)
