"""Tradovate: REST, sockets and the feed made of them; `simulator/` is a Tradovate of our own.

From the wire up: frames -> socket (one connection) -> line (kept up) -> market_data (who wants what) ->
following (one contract's tape) -> feed (the port). Beside them rest and session: the login. sync: the user's rows.
"""
