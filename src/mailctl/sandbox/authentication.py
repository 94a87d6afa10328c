"""Logins for Twisted's servers: the store's passwords, against the credentials that each mechanism gathers."""

# ruff: noqa: N802 - names and signatures are Twisted's

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.cred.credentials import CramMD5Credentials
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred, fail, succeed
from twisted.mail.imap4 import LOGINCredentials, PLAINCredentials

from mailctl.sandbox.store import DOMAIN, Mailbox, MessageStore

CHALLENGERS: dict[bytes, Callable[[], Any]] = {
    b"CRAM-MD5": lambda: CramMD5Credentials(DOMAIN.encode()),  # type: ignore[no-untyped-call]  # of Twisted
    b"PLAIN": PLAINCredentials,
    b"LOGIN": LOGINCredentials,
}
"""The SASL mechanisms of IMAP and POP3: each makes an object of `getChallenge`, `setResponse`, `moreChallenges`."""


class Credentials(Protocol):
    username: bytes

    def checkPassword(self, password: bytes) -> bool:
        """Whether this password fits what the client sent."""


class StorePortal:
    """Stands where Twisted's servers expect a `twisted.cred.portal.Portal`; what it opens is made by `open_mailbox`."""

    def __init__(self, store: MessageStore, open_mailbox: Callable[[Mailbox], object]) -> None:
        self._store = store
        self._open_mailbox = open_mailbox

    def login(
        self,
        credentials: Credentials,
        mind: None,  # noqa: ARG002 - a part of Portal's signature that mail servers leave empty
        interface: object,
    ) -> Deferred[tuple[object, object, Callable[[], None]]]:
        mailbox = self._store.find_login(credentials.username, credentials.checkPassword)
        if mailbox is None:
            return fail(UnauthorizedLogin())
        return succeed((interface, self._open_mailbox(mailbox), lambda: None))
