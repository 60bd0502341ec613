"""Who tells the trader: notices of what happened, in the centre, on the page, by Discord and by e-mail.

Owns:   notices, deliveries (the outbox), preferences, Discord links, confirmations asked in Discord
Hears:  facts about positions, orders, risk, feed, connections, recorders, signals, trades
Says:   pokes on user.N.notices; through Discord's commands the wishes that pages say: flatten, lock
"""
