"""The screens, composed of the apps' regions, and the one socket that keeps them live.

Owns:   pages, topics, the hub of the WebSocket
Hears:  every reading and fact that a page asks for
Says:   nothing
"""
