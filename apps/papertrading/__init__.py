"""Orders on paper, filled as honestly as the tape allows.

Owns:   the stage PaperVenue: what of an order the venue knows, and how it is filled
Hears:  OrderAllowed, CancelRequested, ChangeRequested, prices, candles, the clock, ListAccount
Says:   BrokerReported
"""
