"""Kills and faults against real processes: what is true at the end must not depend on them."""
