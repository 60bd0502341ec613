"""How the API's description names our sign-in."""

from drf_spectacular.authentication import SessionScheme


class SignInScheme(SessionScheme):
    """The desk's login, as any session cookie."""

    target_class = "apps.users.signin.SessionSignIn"
    name = "session"
    priority = 0
