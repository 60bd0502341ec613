"""What others say about the market, and what we make of it.

Owns:   strategies (where alerts come from), signals, their validation and confirmation
Hears:  Alert; candles and prices of marketdata
Says:   facts signal.*
"""
