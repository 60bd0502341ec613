"""From entry to exit: both tracks of a trade, followed tick by tick.

Owns:   trades, their targets, MFE and MAE; the stage TradeBook
Hears:  confirmed signals, candles, PriceReached, commands of the Signal Lab
Says:   facts trade.*
"""
