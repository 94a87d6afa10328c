"""POP3 over the sandbox's store: Twisted's server, with what it lacks (STLS, SASL of RFC 5034, a working APOP)."""

# ruff: noqa: N802 - names and signatures are Twisted's

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import ssl
from email.utils import make_msgid
from typing import Any

from twisted.internet.defer import Deferred
from twisted.mail.imap4 import IllegalClientResponse
from twisted.mail.pop3 import POP3, APOPCredentials, IMailbox, POP3Error

from mailctl.sandbox.authentication import CHALLENGERS, StorePortal
from mailctl.sandbox.store import DOMAIN, INBOX, Mailbox, Message, MessageStore
from mailctl.sandbox.twisted_bridge import Untimed, exhaust

_Base: Any = POP3  # not annotated: what mypy infers of it does not hold


class POP3Server(Untimed, _Base):  # type: ignore[misc]  # see _Base
    """One POP3 session (RFC 1939, 2449, 2595, 5034).

    `tls_context`: what STLS starts; None on a port that speaks TLS from the first byte. Nobody logs in without TLS.
    """

    AUTH_CMDS = (*POP3.AUTH_CMDS, b"STLS")
    schedule = staticmethod(exhaust)

    def __init__(self, store: MessageStore, tls_context: ssl.SSLContext | None) -> None:
        self.portal = StorePortal(store, POP3Mailbox)
        self._tls_context = tls_context
        self._sasl: Any = None

    @property
    def _secure(self) -> bool:
        return self._tls_context is None

    def listCapabilities(self) -> list[bytes]:
        login = [b"USER", b"SASL " + b" ".join(CHALLENGERS)] if self._secure else [b"STLS"]
        return [b"TOP", b"UIDL", b"PIPELINING", *login, b"IMPLEMENTATION mailctl-sandbox"]

    def state_COMMAND(self, line: bytes) -> None:
        try:
            self.processCommand(*line.split(b" "))
        except (POP3Error, ValueError, TypeError):
            # Never the line itself: after PASS it holds a secret.
            self.failResponse(b"unknown command, wrong arguments, or not allowed before login")

    def do_STLS(self) -> None:
        if self._tls_context is None or self.mbox is not None:
            self.failResponse(b"TLS is active already, or you are logged in")
            return
        self.successResponse(b"Begin TLS negotiation")
        self.transport.startTLS(self._tls_context)
        self._tls_context = None
        self._userIs = None

    def do_USER(self, user: bytes) -> None:
        if self._may_log_in():
            super().do_USER(user)

    def do_APOP(self, user: bytes, digest: bytes) -> None:
        if self._may_log_in():
            super().do_APOP(user, digest)

    def authenticateUserAPOP(self, user: bytes, digest: bytes) -> Deferred[Any]:
        credentials = _APOPCredentials(self.magic, user, digest)  # type: ignore[no-untyped-call]  # of Twisted
        login: Deferred[Any] = self.portal.login(credentials, None, IMailbox)
        return login

    def do_AUTH(self, mechanism: bytes | None = None, initial: bytes | None = None) -> None:
        if mechanism is None:
            self.successResponse(b"Mechanisms follow")
            for name in CHALLENGERS if self._secure else ():
                self.sendLine(name)
            self.sendLine(b".")
        elif mechanism.upper() not in CHALLENGERS:
            self.failResponse(b"mechanism not supported")
        elif self._may_log_in():
            self._sasl = CHALLENGERS[mechanism.upper()]()
            self._challenge(initial)

    def state_AUTH(self, line: bytes) -> None:
        self.state = "COMMAND"
        try:
            self._sasl.setResponse(base64.b64decode(line, validate=True))
        except (ValueError, IllegalClientResponse):  # `*`, with which a client gives up, is no base64 either
            self.failResponse(b"authentication given up, or not a response of this mechanism")
            return
        if self._sasl.moreChallenges():
            self._challenge()
            return
        login = self.portal.login(self._sasl, None, IMailbox)
        login.addCallbacks(self._cbMailbox, self._ebMailbox, callbackArgs=(self._sasl.username,))
        login.addErrback(self._ebUnexpected)

    def _challenge(self, response: bytes | None = None) -> None:
        challenge = self._sasl.getChallenge()
        if response is None:
            self.sendLine(b"+ " + base64.b64encode(challenge))
            self.state = "AUTH"
        else:
            self.state_AUTH(b"" if response == b"=" else response)

    def _may_log_in(self) -> bool:
        if self.mbox is not None:
            self.failResponse(b"you are logged in already")
        elif not self._secure:
            self.failResponse(b"no login without TLS: give STLS first")
        return self._secure and self.mbox is None

    def generateMagic(self) -> bytes:
        # Twisted's own asks the network for this machine's full name.
        return make_msgid(domain=DOMAIN).encode()

    def transformChunk(self, chunk: bytes) -> bytes:
        # Twisted's own misses a dot that begins a chunk; POP3Mailbox.getMessage gives the dots out doubled.
        return chunk


class _APOPCredentials(APOPCredentials):
    def checkPassword(self, password: bytes) -> bool:
        # Twisted's own compares text with bytes, which never fits.
        wanted = hashlib.md5(self.magic + password, usedforsecurity=False).hexdigest()
        return hmac.compare_digest(wanted.encode(), self.digest.lower())


class POP3Mailbox:
    """The INBOX as one POP3 session sees it: the messages of the moment of login (RFC 1939, 5).

    `index` counts from 0. Every method raises ValueError where there is no such message.
    """

    def __init__(self, mailbox: Mailbox) -> None:
        self._folder = mailbox.folders[INBOX]
        self._messages = list(self._folder.messages)
        self._deleted: set[int] = set()

    def listMessages(self, index: int | None = None) -> int | list[int]:
        """Return a message's size in octets, or every message's; 0 for one that is marked as deleted."""
        if index is None:
            return [self._size(each) for each in range(len(self._messages))]
        return self._size(index)

    def getMessage(self, index: int) -> io.BytesIO:
        """Return a message as it goes over the wire, dots doubled at the beginning of lines (RFC 1939, 3)."""
        return io.BytesIO((b"\r\n" + self._get(index).content).replace(b"\r\n.", b"\r\n..")[2:])

    def getUidl(self, index: int) -> bytes:
        return b"%d.%d" % (self._folder.uid_validity, self._get(index).uid)

    def deleteMessage(self, index: int) -> None:
        self._get(index)
        self._deleted.add(index)

    def undeleteMessages(self) -> None:
        self._deleted.clear()

    def sync(self) -> None:
        """Remove what is marked as deleted: the session has said QUIT."""
        self._folder.remove(self._messages[index] for index in self._deleted)

    def _size(self, index: int) -> int:
        return 0 if index in self._deleted else len(self._get(index).content)

    def _get(self, index: int) -> Message:
        if not 0 <= index < len(self._messages):
            raise ValueError(index)
        return self._messages[index]
