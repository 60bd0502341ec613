"""Whether the desk is well, and how it runs as one process.

Owns:   health, the one-process command
Hears:  heartbeats
Says:   nothing
"""
