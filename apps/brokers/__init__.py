"""Accounts, orders, fills and positions; the ports through which market data and brokers are reached.

Owns:   the feed and broker ports, the Tradovate client, and a Tradovate of our own to run against
Hears:  frames of a broker's sockets, and orders that are allowed to leave
Says:   ticks, quotes and the state of a feed; what a broker reports
"""
