"""What logins lack: one rule for whoever sends and for whoever receives."""

from __future__ import annotations

from collections.abc import Iterable

from mailctl.model.resolve import Receiving, Sending
from mailctl.model.server import IncomingAuth, SmtpAuth

_WITHOUT_LOGIN = (SmtpAuth.NONE,)
_WITHOUT_PASSWORD = (SmtpAuth.NONE, SmtpAuth.EXTERNAL, IncomingAuth.EXTERNAL)


def missing_login(login: Sending | Receiving) -> list[str]:
    """Return which of `username` and `password` a login needs and does not have; a token is got by the user name."""
    if login.oauth_client is not None:
        needed = ["username"]
    else:
        auth = login.endpoint.auth
        needed = ["username"] * (auth not in _WITHOUT_LOGIN) + ["password"] * (auth not in _WITHOUT_PASSWORD)
    return [field for field in needed if not getattr(login, field)]


def newly(missing_before: Iterable[str], missing_after: Iterable[str]) -> list[str]:
    """Return what a change has left missing; what was missing before does not hinder it: it is warned of."""
    known = set(missing_before)
    return [field for field in missing_after if field not in known]
