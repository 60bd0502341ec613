"""The composition: one engine for live and replay, its journal and its recovery.

Owns:   the order of the stages; the live thread; the journal; replay
Hears:  every input
Says:   what the stages say
"""
