"""Which method `auto` takes."""

from __future__ import annotations

from collections.abc import Collection

CLEARTEXT = frozenset({"plain", "login", "login-command", "xoauth2", "oauthbearer"})
"""Methods whose secret anybody on an unprotected line can read, and use again."""

_BY_PASSWORD = ("scram-sha-256", "scram-sha-1", "digest-md5", "cram-md5", "plain", "login")
_BY_TOKEN = ("oauthbearer", "xoauth2")


def choose_method(
    offered: Collection[str],
    *,
    secure: bool,
    password: bool = False,
    token: bool = False,
    certificate: bool = False,
) -> str | None:
    """Return the strongest offered method that the login fits, as settings name it; None if there is none.

    `offered`: the server's mechanisms in any case, and `LOGIN-COMMAND` where USER/PASS or IMAP LOGIN is allowed.
    `secure`: the connection is protected by TLS; otherwise no method of CLEARTEXT is taken.
    `password`, `token`, `certificate`: what there is to log in with: a password, an access token, a client
    certificate. With a password or token at hand the certificate only protects the connection, and EXTERNAL, which
    would ignore them, is not taken.
    """
    names = {name.lower() for name in offered}
    candidates: tuple[str, ...] = ()
    if token:
        candidates = _BY_TOKEN
    elif password:
        candidates = (*_BY_PASSWORD, "login-command")
    elif certificate:
        candidates = ("external",)
    return next((name for name in candidates if name in names and (secure or name not in CLEARTEXT)), None)
