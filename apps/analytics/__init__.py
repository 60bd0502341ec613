"""What trading came to: every figure once, over closed positions and Signal Lab trades.

Owns:   the performance module that pages, API and reports share; no rows of its own
Hears:  nothing; it reads what brokers and trades have kept
Says:   nothing
"""
