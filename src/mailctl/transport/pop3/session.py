"""POP3 sessions: greeting, STLS, CAPA, login. What comes after is in `mailbox`. RFC 1939, 2449, 2595, 5034."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager

from mailctl.errors import CapabilityError, TemporaryError, TLSError
from mailctl.model.report import Stage
from mailctl.model.server import IncomingAuth, IncomingEndpoint, Security
from mailctl.protocol.apop import apop_digest
from mailctl.protocol.capabilities import PopCapabilities, parse_capa
from mailctl.protocol.reasons import Reason
from mailctl.transport import auth
from mailctl.transport.network.wire import Wire
from mailctl.transport.opening import Opening
from mailctl.transport.pop3.library import Answer, Pop3Transport
from mailctl.transport.pop3.mailbox import Pop3Session
from mailctl.transport.route import Route, connect, greeted
from mailctl.transport.trace import Trace
from mailctl.transport.watch import StageRecord, Watch

_COMMAND_BYTES_MAX = 255  # RFC 5034, 4: with CRLF; a longer initial response is sent on a line of its own


@contextmanager
def open_pop3(
    route: Route, watch: Watch, *, until: Stage = Stage.AUTH, trace: Trace | None = None
) -> Iterator[Pop3Session]:
    """Open a session as far as the stage `until`: tcp, greeting, tls, capabilities or auth.

    Raises InvalidValueError before connecting if something cannot go into a command; MailError of the stage that fails.
    """
    wire = connect(route, watch, trace)
    try:
        opening = _Pop3Opening(route, watch, Pop3Transport(wire))
        opening.run(until)
        yield Pop3Session(opening.transport, watch, opening.capabilities)
    finally:
        wire.bid_farewell(b"QUIT\r\n")


class _Pop3Opening(Opening):
    tls_mode = "stls"

    def __init__(self, route: Route, watch: Watch, transport: Pop3Transport) -> None:
        super().__init__(route, watch, transport.wire)
        assert isinstance(route.endpoint, IncomingEndpoint)
        self._endpoint = route.endpoint
        self._greeting = b""
        self._greeted_in_clear = False
        self.transport = transport
        self.capabilities = PopCapabilities()

    def _hear_greeting(self, record: StageRecord) -> None:
        self._greeting = record.reply = self._greet(self.transport)
        self._greeted_in_clear = not self.transport.wire.is_secured

    def _greet(self, transport: Pop3Transport) -> bytes:
        with greeted(transport.wire, self._route, self._watch):
            greeting = transport.read_answer()
        if not greeting.ok:
            raise transport.refusal(greeting, "takes no connection from here", Reason.GREETING_REFUSED)
        return transport.said(greeting)

    def _reach_tls(self, wire: Wire) -> None:
        transport = self.transport
        if wire is not transport.wire:
            transport = Pop3Transport(wire)
            self._greet(transport)
        wire.refuse_early_data()
        # STLS is tried at once; CAPA would cost a round trip, and is asked only to tell why STLS failed.
        answer = transport.command("STLS")
        if answer.ok:
            return
        if answer.reply and answer.reply.is_temporary:
            raise TemporaryError(
                "the server starts no TLS for now", reason=Reason.RATE_LIMITED, reply=transport.said(answer)
            )
        if answer.reply and "STLS" in self._list_capabilities(transport).keywords:
            raise TLSError(
                "the server offers STLS and then refuses it",
                reason=Reason.STARTTLS_REFUSED,
                reply=transport.said(answer),
            )
        raise TLSError(
            "the server does not offer STLS",
            reason=Reason.STARTTLS_NOT_OFFERED,
            reply=transport.said(answer),
            hint=self._route.mode_hint,
        )

    def _list_capabilities(self, transport: Pop3Transport) -> PopCapabilities:
        """Return what CAPA lists; nothing if the server does not know it (RFC 2449 is optional)."""
        answer = transport.command("CAPA")
        if answer.reply is None:
            raise transport.refusal(answer, "answers CAPA", Reason.PROTOCOL)
        return parse_capa(list(transport.read_lines())) if answer.ok else PopCapabilities()

    def _ask_capabilities(self, record: StageRecord) -> None:
        self.capabilities = self._list_capabilities(self.transport)
        record.evidence |= {
            "capabilities": list(self.capabilities.keywords),
            "mechanisms": list(self.capabilities.mechanisms),
        }

    def _authenticate(self, record: StageRecord) -> None:
        if self._endpoint.apop:
            self._log_in_by_apop(record)
            return
        method = auth.choose(self._route, self._endpoint.auth, self._offered_methods())
        record.evidence |= {"mechanism": method, "attempts": 1}
        if method == IncomingAuth.LOGIN_COMMAND:
            self._log_in_by_password(record)
            return
        mechanism = auth.mechanism_for(self._route, method, "pop")
        verdict = auth.authenticate(mechanism, _Pop3Dialogue(self.transport), self.transport.wire.redactor)
        record.reply = self.transport.wire.redacted(verdict.reply)
        if self._watch.thorough and method in auth.BY_TOKEN:
            answer = self.transport.command("STAT")
            if not answer.ok:
                raise auth.hollow_success(self.transport.said(answer), method)

    def _offered_methods(self) -> list[str]:
        # A server without CAPA, or whose CAPA does not speak of logins at all, has USER and PASS (RFC 1939).
        offered = list(self.capabilities.mechanisms)
        if self.capabilities.offers("USER") or not offered:
            offered.append("LOGIN-COMMAND")
        return offered

    def _log_in_by_apop(self, record: StageRecord) -> None:
        record.evidence |= {"mechanism": "apop", "attempts": 0}
        assert self._route.login
        if self._greeted_in_clear and self._endpoint.security is not Security.NONE:
            raise CapabilityError(
                "APOP takes its challenge from the greeting, which came before TLS and so may be anybody's",
                reason=Reason.APOP_NOT_OFFERED,
                hint="use APOP with security tls (port 995), or another login with starttls",
            )
        digest = apop_digest(self._route.login, self._greeting)
        self.transport.wire.redactor.add(digest)
        record.evidence["attempts"] = 1
        self._settle(self.transport.command(f"APOP {self._route.login.username} {digest}"), "apop", record)

    def _log_in_by_password(self, record: StageRecord) -> None:
        login = self._route.login
        assert login
        password = login.secret.reveal() if login.secret else ""
        answer = self.transport.command(f"USER {login.username}")
        if answer.ok:
            answer = self.transport.command(f"PASS {password}")
        self._settle(answer, "USER and PASS", record)

    def _settle(self, answer: Answer, mechanism: str, record: StageRecord) -> None:
        if not answer.ok:
            raise auth.refusal(_verdict(answer), self.transport.wire.redactor, mechanism=mechanism)
        record.reply = self.transport.said(answer)


def _verdict(answer: Answer) -> auth.Verdict:
    return auth.Verdict(
        ok=answer.ok, reply=answer.raw, temporary=answer.reply is not None and answer.reply.is_temporary
    )


class _Pop3Dialogue:
    """AUTH; an initial response that makes the command too long goes on a line of its own (RFC 5034, 4)."""

    def __init__(self, transport: Pop3Transport) -> None:
        self._transport = transport
        self.initial_was_sent = False

    def begin(self, mechanism: str, initial: bytes | None) -> auth.Challenge | auth.Verdict:
        command = f"AUTH {mechanism}"
        if initial is not None:
            whole = f"{command} {(b64encode(initial) or b'=').decode()}"
            if len(whole) + 2 <= _COMMAND_BYTES_MAX:
                self.initial_was_sent = True
                command = whole
        return self._turn(command)

    def respond(self, response: bytes) -> auth.Challenge | auth.Verdict:
        return self._turn(response.decode())

    def cancel(self) -> None:
        self._transport.wire.send(auth.CANCEL)

    def _turn(self, text: str) -> auth.Challenge | auth.Verdict:
        answer = self._transport.command(text)
        if answer.reply is None:
            return auth.Challenge(answer.raw[1:].strip())
        return _verdict(answer)
