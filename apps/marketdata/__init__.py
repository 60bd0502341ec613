"""The market as it is: instruments, contracts, calendar, ticks, prices, candles.

Owns:   instruments and sessions; stored ticks and candles; the stage Market
Hears:  ticks, quotes, the clock, Waits
Says:   CandleClosed, CandleOpened, PriceReached; readings of price
"""
