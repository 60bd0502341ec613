"""Who we are and where Tradovate's servers are. Hosts are configuration: answers may name other ones."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

_TRUSTED = ("tradovateapi.com", "ninjatrader.dev")


@dataclass(frozen=True, slots=True)
class Hosts:
    """The three addresses of one environment, and the hosts that may see our token.

    allowed: domain names; a name admits its subdomains too, one with a port only itself
    """

    rest: str
    trading: str
    market_data: str
    allowed: tuple[str, ...] = _TRUSTED

    @classmethod
    def of(cls, environment: str) -> "Hosts":
        """Return Tradovate's own hosts for `demo` or `live`."""
        md = "md" if environment == "live" else "md-demo"
        return cls(
            rest=f"https://{environment}.tradovateapi.com/v1",
            trading=f"wss://{environment}.tradovateapi.com/v1/websocket",
            market_data=f"wss://{md}.tradovateapi.com/v1/websocket",
        )

    @classmethod
    def at(cls, url: str) -> "Hosts":
        """Return the hosts of a server that serves everything at one address, `http://127.0.0.1:9000/v1`."""
        socket = url.replace("http", "ws", 1) + "/websocket"
        return cls(url, socket, socket, allowed=(urlsplit(url).netloc,))

    def admits(self, url: str) -> bool:
        """Return whether our token may be sent there: a known host, and no step down to plain text."""
        target = urlsplit(url)
        if target.scheme in ("http", "ws") and self.rest.startswith("https"):
            return False
        host = target.hostname or ""
        return any(
            target.netloc == name or host == name or host.endswith("." + name)
            for name in self.allowed
        )

    def steered(self, api_hosts: Mapping[str, str], environment: str) -> "Hosts":
        """Return these hosts moved to where the server's `apiHosts` wants this environment."""
        named = api_hosts.get(environment, "")
        if not named:
            return self
        plain = self.rest.startswith("http:")
        base = named if "://" in named else f"{'http' if plain else 'https'}://{named}"
        base = base.rstrip("/").removesuffix("/v1") + "/v1"
        if not self.admits(base):
            return self
        return replace(self, rest=base, trading=base.replace("http", "ws", 1) + "/websocket")


@dataclass(frozen=True, slots=True)
class TradovateSettings:
    """The login. Secrets are left out when it is printed."""

    name: str
    password: str = field(repr=False)
    environment: str = "demo"
    app_id: str = "tradehub"
    app_version: str = "1.0"
    device_id: str = "tradehub"
    cid: str = ""
    sec: str = field(default="", repr=False)
    hosts: Hosts | None = None

    @property
    def addresses(self) -> Hosts:
        """Return where to connect: what was configured, else Tradovate's own hosts."""
        return self.hosts or Hosts.of(self.environment)
