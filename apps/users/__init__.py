"""Who may come in, and how they like to see things.

Owns:   User, sign-in and second factor, ApiToken, the demo trader; Owned, the base of rows with one owner; the shape of API answers
Hears:  nothing
Says:   user.* facts of the door and of what guards an account, for the audit
"""
