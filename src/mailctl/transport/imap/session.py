"""IMAP sessions: greeting, STARTTLS, CAPABILITY, login, and a look at the mailbox. RFC 9051, 3501, 4959 (SASL-IR)."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager

from mailctl.errors import CapabilityError, ProtocolError, TemporaryError, TLSError
from mailctl.model.report import Stage
from mailctl.model.server import IncomingAuth, IncomingEndpoint, Security
from mailctl.protocol.capabilities import ImapCapabilities, parse_imap_capabilities
from mailctl.protocol.reasons import Reason
from mailctl.transport import auth
from mailctl.transport.imap.library import Completion, ImapTransport, Literal, quoted
from mailctl.transport.imap.mailbox import ImapSession
from mailctl.transport.network.wire import Wire
from mailctl.transport.opening import Opening
from mailctl.transport.route import Route, connect, greeted
from mailctl.transport.trace import Trace
from mailctl.transport.watch import StageRecord, Watch


@contextmanager
def open_imap(
    route: Route, watch: Watch, *, until: Stage = Stage.AUTH, trace: Trace | None = None
) -> Iterator[ImapSession]:
    """Open a session as far as the stage `until`: tcp, greeting, tls, capabilities or auth.

    Raises InvalidValueError before connecting if something cannot go into a command; MailError of the stage that fails.
    """
    wire = connect(route, watch, trace)
    try:
        opening = _ImapOpening(route, watch, ImapTransport(wire))
        opening.run(until)
        yield ImapSession(opening.transport, watch, opening.capabilities)
    finally:
        wire.bid_farewell(b"bye LOGOUT\r\n")


class _ImapOpening(Opening):
    def __init__(self, route: Route, watch: Watch, transport: ImapTransport) -> None:
        super().__init__(route, watch, transport.wire)
        assert isinstance(route.endpoint, IncomingEndpoint)
        self._endpoint = route.endpoint
        self._is_preauthenticated = False
        self._told: ImapCapabilities | None = None
        self.transport = transport
        self.capabilities = ImapCapabilities()

    def _hear_greeting(self, record: StageRecord) -> None:
        greeting = self._greet(self.transport)
        record.reply = self.transport.wire.redacted(greeting.raw)
        if greeting.status.code == "ALERT" and self._endpoint.security is Security.STARTTLS:
            record.reply = None
            record.warn("the server sent an alert before TLS, which is not shown: it may be anybody's")

    def _greet(self, transport: ImapTransport) -> Completion:
        with greeted(transport.wire, self._route, self._watch):
            greeting = transport.read_greeting()
        said = transport.wire.redacted(greeting.raw)
        condition = greeting.status.condition
        if condition in ("BYE", "NO", "BAD"):
            transport.wire.is_broken = True
            what = "takes no connection from here"
            if condition != "BYE":
                raise ProtocolError(f"the server greets with {condition}", reason=Reason.GREETING_REFUSED, reply=said)
            raise transport.refusal(greeting, what, Reason.GREETING_REFUSED)
        if condition == "PREAUTH":
            self._check_preauth(transport, said)
        if greeting.status.code == "CAPABILITY":
            self._told = parse_imap_capabilities(greeting.status.arguments)
        return greeting

    def _check_preauth(self, transport: ImapTransport, said: bytes) -> None:
        """Take PREAUTH only where TLS has proved who both sides are (RFC 9051, 11.1)."""
        if transport.wire.is_secured and self._route.tls.client_cert:
            self._is_preauthenticated = True
            return
        transport.wire.is_broken = True
        raise ProtocolError(
            "the server says that somebody is logged in already, which cannot be: somebody may be in between",
            reason=Reason.PROTOCOL,
            reply=said,
        )

    def _reach_tls(self, wire: Wire) -> None:
        transport = self.transport
        if wire is not transport.wire:
            transport = ImapTransport(wire)
            self._greet(transport)
        capabilities = self._told or self._list_capabilities(transport)
        if not capabilities.offers("STARTTLS"):
            raise TLSError(
                "the server does not offer STARTTLS", reason=Reason.STARTTLS_NOT_OFFERED, hint=self._route.mode_hint
            )
        completion = transport.command("STARTTLS")
        if completion.ok:
            return
        if completion.status.is_temporary:
            raise TemporaryError(
                "the server starts no TLS for now", reason=Reason.RATE_LIMITED, reply=transport.said(completion)
            )
        raise TLSError(
            "the server offers STARTTLS and then refuses it",
            reason=Reason.STARTTLS_REFUSED,
            reply=transport.said(completion),
        )

    def _forget(self) -> None:
        self.transport.forget()
        self._told = None

    def _list_capabilities(self, transport: ImapTransport) -> ImapCapabilities:
        completion = transport.command("CAPABILITY")
        if not completion.ok:
            raise transport.refusal(completion, "does not tell its capabilities", Reason.PROTOCOL)
        return self._find_told(transport) or ImapCapabilities()

    def _find_told(self, transport: ImapTransport) -> ImapCapabilities | None:
        """Return the capabilities that came with other responses; None if none came."""
        told = [text for text in transport.take("CAPABILITY") if isinstance(text, bytes)]
        return parse_imap_capabilities(told[-1]) if told else None

    def _ask_capabilities(self, record: StageRecord) -> None:
        self.capabilities = self._told or self._list_capabilities(self.transport)
        record.evidence |= {
            "capabilities": list(self.capabilities.keywords),
            "mechanisms": list(self.capabilities.mechanisms),
        }

    def _authenticate(self, record: StageRecord) -> None:
        if self._is_preauthenticated:
            record.evidence |= {"mechanism": "preauth", "attempts": 0}
            return
        method = self._choose()
        record.evidence |= {"mechanism": method, "attempts": 1}
        transport = self.transport
        if method == IncomingAuth.LOGIN_COMMAND:
            completion = self._log_in()
            if not completion.ok:
                raise auth.refusal(_verdict(completion, transport), transport.wire.redactor, mechanism="LOGIN")
            record.reply = transport.said(completion)
        else:
            mechanism = auth.mechanism_for(self._route, method, "imap")
            dialogue = _ImapDialogue(transport, has_initial=self.capabilities.offers("SASL-IR"))
            verdict = auth.authenticate(mechanism, dialogue, transport.wire.redactor)
            record.reply = transport.wire.redacted(verdict.reply)
        transport.state = "AUTH"
        # What may be done is told anew after the login, by good servers unasked.
        self.capabilities = self._find_told(transport) or self._list_capabilities(transport)
        record.evidence["capabilities"] = list(self.capabilities.keywords)
        record.warnings += [f"the server alerts: {alert}" for alert in transport.take_alerts()]
        if self._watch.thorough and method in auth.BY_TOKEN:
            self._require_mailbox(method)

    def _require_mailbox(self, method: str) -> None:
        completion = self.transport.command("LIST", '""', '""')
        self.transport.take("LIST")
        if not completion.ok:
            raise auth.hollow_success(self.transport.said(completion), method)

    def _choose(self) -> str:
        offered = list(self.capabilities.mechanisms)
        if not self.capabilities.login_disabled:
            offered.append("LOGIN-COMMAND")
        elif self._endpoint.auth is IncomingAuth.LOGIN_COMMAND and not self.transport.wire.is_secured:
            raise CapabilityError(
                "the server has switched LOGIN off here",
                reason=Reason.LOGIN_DISABLED,
                details={"offered": offered},
            )
        return auth.choose(self._route, self._endpoint.auth, offered)

    def _log_in(self) -> Completion:
        login = self._route.login
        assert login
        password = login.secret.reveal() if login.secret else ""
        arguments: tuple[str | Literal, ...] = (quoted(login.username), quoted(password))
        transport = self.transport
        return transport.complete(transport.issue("LOGIN", *arguments, non_sync=self.capabilities.offers("LITERAL+")))


def _verdict(completion: Completion, transport: ImapTransport) -> auth.Verdict:
    return auth.Verdict(ok=completion.ok, reply=transport.said(completion), temporary=completion.status.is_temporary)


class _ImapDialogue:
    """AUTHENTICATE, with an initial response where the server has SASL-IR."""

    def __init__(self, transport: ImapTransport, *, has_initial: bool) -> None:
        self._transport = transport
        self._has_initial = has_initial
        self._tag = b""
        self.initial_was_sent = False

    def begin(self, mechanism: str, initial: bytes | None) -> auth.Challenge | auth.Verdict:
        arguments = [mechanism]
        if initial is not None and self._has_initial:
            arguments.append((b64encode(initial) or b"=").decode())
            self.initial_was_sent = True
        self._tag = self._transport.issue("AUTHENTICATE", *arguments)
        return self._turn()

    def respond(self, response: bytes) -> auth.Challenge | auth.Verdict:
        self._transport.send(response + b"\r\n")
        return self._turn()

    def cancel(self) -> None:
        self._transport.send(auth.CANCEL)

    def _turn(self) -> auth.Challenge | auth.Verdict:
        if self._transport.read_turn(self._tag) is None:
            return auth.Challenge(self._transport.request)
        completion = self._transport.complete(self._tag)
        return _verdict(completion, self._transport)
