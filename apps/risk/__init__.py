"""A firm's rules and a trader's own: what an account may still lose, and what is stopped before it loses more.

Owns:   rule sets and their versions, where each account stands; the stage RiskGuard
Hears:  AccountBooked, OrderProposed, PriceReached, days, the clock, wishes about rules, own limits and lockouts
Says:   OrderAllowed, OrderStopped, FlattenRequested; facts risk.*
"""
