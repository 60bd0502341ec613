"""What strategies really made in their broker accounts: fills matched to strategies, positions first in, first out.

Owns:   recorders, when they recorded, whose each fill is and why, recorded positions, people's decisions
Hears:  broker.fill_seen, broker.order_seen, broker.account_changed, connection.changed
Says:   facts recorder.*
"""
