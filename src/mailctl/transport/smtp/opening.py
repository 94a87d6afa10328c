"""The way from a connection to an SMTP session: greeting, STARTTLS, EHLO, AUTH. RFC 5321, 3207, 4954."""

from __future__ import annotations

from base64 import b64encode

from mailctl.errors import CapabilityError, TemporaryError, TLSError
from mailctl.model.server import SmtpAuth
from mailctl.protocol.capabilities import SmtpCapabilities, parse_ehlo
from mailctl.protocol.reasons import Reason
from mailctl.transport import auth
from mailctl.transport.network.wire import Wire
from mailctl.transport.opening import Opening
from mailctl.transport.route import Route, greeted
from mailctl.transport.smtp.esmtp import SmtpTransport
from mailctl.transport.watch import StageRecord, Watch

_COMMAND_BYTES_MAX = 512  # RFC 5321, 4.5.3.1.4: with CRLF; access tokens are often longer
_EHLO_UNKNOWN = range(500, 560)
_TEMPORARY_LOGIN_CODES = range(400, 500)
_UNKNOWN_MECHANISM_CODES = (502, 504)


class SmtpOpening(Opening):
    """Leads a connection, which where TLS is implicit has it already, to a session; `capabilities` of the last EHLO."""

    def __init__(self, route: Route, watch: Watch, transport: SmtpTransport) -> None:
        super().__init__(route, watch, transport.wire)
        self._auth = SmtpAuth(route.endpoint.auth)
        self._speaks_esmtp = True
        self.transport = transport
        self.capabilities = SmtpCapabilities()

    @property
    def _logs_in(self) -> bool:
        return self._auth is not SmtpAuth.NONE and self._route.login is not None

    def _hear_greeting(self, record: StageRecord) -> None:
        record.reply = self._greet(self.transport)

    def _greet(self, transport: SmtpTransport) -> bytes:
        with greeted(transport.wire, self._route, self._watch):
            greeting = transport.read_reply()
        if greeting.code != 220:
            raise transport.refusal(greeting, "takes no connection from here", Reason.GREETING_REFUSED)
        return transport.said(greeting)

    def _reach_tls(self, wire: Wire) -> None:
        transport = self.transport
        if wire is not transport.wire:
            transport = SmtpTransport(wire, transport.name)
            self._greet(transport)
        hello = transport.command("EHLO", transport.name)
        if hello.is_temporary:
            raise transport.refusal(hello, "refuses EHLO", Reason.NOT_OFFERED)
        if not hello.succeeded or not parse_ehlo(hello.lines).offers("STARTTLS"):
            raise TLSError(
                "the server does not offer STARTTLS",
                reason=Reason.STARTTLS_NOT_OFFERED,
                reply=transport.said(hello),
                hint=self._route.mode_hint,
            )
        wire.refuse_early_data()
        reply = transport.command("STARTTLS")
        if reply.is_temporary:
            # Servers that are short of connections or of TLS sessions say so here; it does not mean "no TLS".
            raise TemporaryError(
                "the server starts no TLS for now", reason=Reason.RATE_LIMITED, reply=transport.said(reply)
            )
        if reply.code != 220:
            raise TLSError(
                "the server offers STARTTLS and then refuses it",
                reason=Reason.STARTTLS_REFUSED,
                reply=transport.said(reply),
            )

    def _ask_capabilities(self, record: StageRecord) -> None:
        """Say EHLO; where that is unknown and nothing depends on it, HELO (RFC 5321, 3.2)."""
        transport = self.transport
        reply = transport.command("EHLO", transport.name)
        record.reply = transport.said(reply)
        if reply.code in _EHLO_UNKNOWN and self._auth is SmtpAuth.NONE:
            self._speaks_esmtp = False
            reply = transport.command("HELO", transport.name)
            record.reply = transport.said(reply)
        if reply.code in _EHLO_UNKNOWN and self._auth is not SmtpAuth.NONE:
            raise CapabilityError(
                "the server does not know EHLO, so nobody can log in to it",
                reason=Reason.NOT_OFFERED,
                reply=record.reply,
                hint="check host and port: a server for submission knows it; one that wants no login goes with SMTP "
                "authentication none",
            )
        if reply.code != 250:
            raise transport.refusal(reply, "refuses EHLO", Reason.NOT_OFFERED)
        if self._speaks_esmtp:
            self.capabilities = parse_ehlo(reply.lines)
        record.evidence |= {
            "capabilities": list(self.capabilities.keywords),
            "mechanisms": list(self.capabilities.mechanisms),
            "size": self.capabilities.size_max,
        }

    def _authenticate(self, record: StageRecord) -> None:
        method = auth.choose(self._route, self._auth, self.capabilities.mechanisms)
        record.evidence |= {"mechanism": method, "attempts": 0}
        mechanism = auth.mechanism_for(self._route, method, "smtp")
        record.evidence["attempts"] = 1
        verdict = auth.authenticate(mechanism, _SmtpDialogue(self.transport), self.transport.wire.redactor)
        record.reply = self.transport.wire.redacted(verdict.reply)
        if self._watch.thorough and method in auth.BY_TOKEN:
            reply = self.transport.command("NOOP")
            if not reply.succeeded:
                raise auth.hollow_success(self.transport.said(reply), method)


class _SmtpDialogue:
    """AUTH; an initial response that makes the command too long waits for an empty challenge (RFC 4954, 4)."""

    def __init__(self, transport: SmtpTransport) -> None:
        self._transport = transport
        self.initial_was_sent = False

    def begin(self, mechanism: str, initial: bytes | None) -> auth.Challenge | auth.Verdict:
        arguments = mechanism
        if initial is not None:
            whole = f"{mechanism} {(b64encode(initial) or b'=').decode()}"
            if len(f"AUTH {whole}\r\n") <= _COMMAND_BYTES_MAX:
                self.initial_was_sent = True
                arguments = whole
        return self._turn("AUTH", arguments)

    def respond(self, response: bytes) -> auth.Challenge | auth.Verdict:
        return self._turn(response.decode())

    def cancel(self) -> None:
        self._transport.wire.send(auth.CANCEL)

    def _turn(self, verb: str, arguments: str = "") -> auth.Challenge | auth.Verdict:
        reply = self._transport.command(verb, arguments)
        if reply.code == 334:
            return auth.Challenge(b"".join(reply.lines).strip())
        if reply.succeeded and reply.code != 235:
            raise self._transport.refusal(reply, "answers the login", Reason.LOGIN_REFUSED)
        return auth.Verdict(
            ok=reply.code == 235,
            reply=reply.raw,
            temporary=reply.code in _TEMPORARY_LOGIN_CODES,
            capable=reply.code not in _UNKNOWN_MECHANISM_CODES,
        )
