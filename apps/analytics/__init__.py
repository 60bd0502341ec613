"""What trading came to: every figure once, over closed positions and Signal Lab trades.

Owns:   the figures (domain/performance.py) and the books they are made of, for pages, API and reports; no rows of its own
Hears:  nothing; it reads what brokers and trades have kept
Says:   nothing
"""
