"""Whose a fill is, and what the fills of a strategy came to: pure."""
