"""SMTP submission into the sandbox's store, on aiosmtpd. Nothing is relayed: every message ends in a mailbox here."""

# ruff: noqa: ARG002, N802 - names and signatures of the hooks are aiosmtpd's

from __future__ import annotations

import asyncio
import hmac
import secrets
import ssl
from collections.abc import Callable
from email.utils import format_datetime, localtime, make_msgid

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from mailctl.sandbox.connections import Connections
from mailctl.sandbox.store import DOMAIN, INBOX, MessageStore

SIZE_LIMIT_BYTES = 32 * 1024 * 1024


class SubmissionServer(SMTP):
    """One SMTP session (RFC 5321, 6409) with SIZE, 8BITMIME, SMTPUTF8, PIPELINING and AUTH.

    `tls_context`: what STARTTLS starts, before which nothing else is allowed; None on a port that speaks TLS from
    the first byte.
    """

    def __init__(self, store: MessageStore, tls_context: ssl.SSLContext | None, connections: Connections) -> None:
        submission = _Submission(store)
        super().__init__(
            submission,
            hostname=DOMAIN,
            ident="mailctl sandbox ready",
            data_size_limit=SIZE_LIMIT_BYTES,
            enable_SMTPUTF8=True,
            tls_context=tls_context,
            require_starttls=tls_context is not None,
            auth_require_tls=tls_context is not None,
            authenticator=submission.authenticate,
            loop=asyncio.get_running_loop(),
        )
        self._connections = connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._connections.add(self)  # called again after STARTTLS, which changes nothing
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._connections.discard(self)

    def abort(self) -> None:
        """Drop the connection without a word."""
        if isinstance(self.transport, asyncio.Transport):
            self.transport.abort()


class _Submission:
    """The decisions of a session: who may send, to whom, and where a message goes (aiosmtpd's handler hooks)."""

    def __init__(self, store: MessageStore) -> None:
        self._store = store

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        # aiosmtpd reads command after command from its buffer, so a client may send them so (RFC 2920).
        return [*responses[:1], "250-PIPELINING", *responses[1:]]

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if not session.authenticated:
            return "530 5.7.0 Authentication required"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if not address.isascii() and not envelope.smtp_utf8:
            return "553 5.6.7 This address needs SMTPUTF8 at MAIL FROM"
        if address.rpartition("@")[2].lower() != DOMAIN:
            return f"550 5.7.1 Nothing leaves the sandbox: only addresses at {DOMAIN} are served"
        if self._store.find_recipient(address) is None:
            return "550 5.1.1 No such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        queue_id = secrets.token_hex(6).upper()
        received = _received(session, envelope, queue_id)
        for address in envelope.rcpt_tos:
            mailbox = self._store.find_recipient(address)
            assert mailbox is not None, "RCPT has looked"
            head = f"Return-Path: <{envelope.mail_from}>\r\nDelivered-To: {mailbox.address}\r\n{received}"
            mailbox.folders[INBOX].add(head.encode() + envelope.content)
        return f"250 2.0.0 OK: delivered as {queue_id}"

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, login: LoginPassword
    ) -> AuthResult:
        """Check the password of PLAIN and LOGIN."""
        return self._result(login.login, lambda password: hmac.compare_digest(password, login.password))

    async def auth_CRAM__MD5(self, server: SMTP, args: list[str]) -> AuthResult:
        """Challenge and check (RFC 2195); the mechanism takes no initial response."""
        challenge = make_msgid(domain=DOMAIN).encode()
        response = await server.challenge_auth(challenge)
        if not isinstance(response, bytes):
            return AuthResult(success=False)  # given up or no base64: challenge_auth has answered
        username, _, digest = response.rpartition(b" ")
        return self._result(
            username,
            lambda password: hmac.compare_digest(hmac.new(password, challenge, "md5").hexdigest().encode(), digest),
        )

    def _result(self, username: bytes, verify: Callable[[bytes], bool]) -> AuthResult:
        mailbox = self._store.find_login(username, verify)
        return AuthResult(success=mailbox is not None, handled=False)


def _received(session: Session, envelope: Envelope, queue_id: str) -> str:
    """Return the trace header of a message (RFC 5321, 4.4; the protocol's name by RFC 3848 and RFC 6531)."""
    protocol = "UTF8SMTPSA" if envelope.smtp_utf8 else "ESMTPSA"
    stamp = format_datetime(localtime())
    return (
        f"Received: from {session.host_name} ([127.0.0.1])\r\n"
        f"\tby {DOMAIN} with {protocol} id {queue_id};\r\n\t{stamp}\r\n"
    )
