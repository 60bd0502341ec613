"""How apps talk: commands wait in the inbox, facts are kept in order, readings go out.

Owns:   inbox, facts, cursors, heartbeats; the transport to pages and to the engine
Hears:  everything that is submitted or published
Says:   nothing of its own
"""
