"""A Tradovate of our own, on loopback: a market, a clock, accounts, and faults on demand.

Owns:   `Simulator` (server.py), the made-up market and the clock that drives it
Hears:  REST and WebSocket calls as reference/tradovate-protocol.md tells them
Says:   what Tradovate would say, and one event more: `clock`, the market's own time (see clock.py)

It knows nothing of our client: two independent readings of one protocol keep each other honest.
"""
