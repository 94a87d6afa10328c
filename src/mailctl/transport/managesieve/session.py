"""ManageSieve sessions: greeting, STARTTLS, login. What comes after is in `scripts`. RFC 5804."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager

from mailctl.errors import TemporaryError, TLSError
from mailctl.model.report import Stage
from mailctl.model.sieve import SieveEndpoint
from mailctl.protocol.managesieve import SieveCapabilities, parse_sieve_capabilities, sieve_string
from mailctl.protocol.reasons import Reason
from mailctl.transport import auth
from mailctl.transport.managesieve.commands import Answer, SieveTransport
from mailctl.transport.managesieve.scripts import SieveSession
from mailctl.transport.network.wire import Wire
from mailctl.transport.opening import Opening
from mailctl.transport.route import Route, connect, greeted
from mailctl.transport.trace import Trace
from mailctl.transport.watch import StageRecord, Watch


@contextmanager
def open_managesieve(
    route: Route, watch: Watch, *, until: Stage = Stage.AUTH, trace: Trace | None = None
) -> Iterator[SieveSession]:
    """Open a session as far as the stage `until`: tcp, greeting, tls, capabilities or auth.

    Raises InvalidValueError before connecting if something cannot go into a command; MailError of the stage that fails.
    """
    wire = connect(route, watch, trace)
    try:
        opening = _SieveOpening(route, watch, SieveTransport(wire))
        opening.run(until)
        yield SieveSession(opening.transport, opening.capabilities)
    finally:
        wire.bid_farewell(b"LOGOUT\r\n")


class _SieveOpening(Opening):
    def __init__(self, route: Route, watch: Watch, transport: SieveTransport) -> None:
        super().__init__(route, watch, transport.wire)
        assert isinstance(route.endpoint, SieveEndpoint)
        self._endpoint = route.endpoint
        self._answer: Answer | None = None
        self.transport = transport
        self.capabilities = SieveCapabilities()

    def _hear_greeting(self, record: StageRecord) -> None:
        self._answer = self._greet(self.transport)
        record.reply = self.transport.said(self._answer)

    def _forget(self) -> None:
        self._answer = None

    def _greet(self, transport: SieveTransport) -> Answer:
        with greeted(transport.wire, self._route, self._watch):
            greeting = transport.read_answer()
        if not greeting.ok:
            transport.wire.is_broken = True
            raise transport.refusal(greeting, "takes no connection from here", Reason.GREETING_REFUSED)
        return greeting

    def _reach_tls(self, wire: Wire) -> None:
        transport, greeting = self.transport, self._answer
        if wire is not transport.wire:
            transport = SieveTransport(wire)
            greeting = self._greet(transport)
        assert greeting
        if not parse_sieve_capabilities(greeting.lines).offers_starttls:
            raise TLSError(
                "the server does not offer STARTTLS", reason=Reason.STARTTLS_NOT_OFFERED, hint=self._route.mode_hint
            )
        answer = transport.command(b"STARTTLS")
        if answer.ok:
            return
        said = transport.said(answer)
        if answer.status.is_temporary:
            raise TemporaryError("the server starts no TLS for now", reason=Reason.RATE_LIMITED, reply=said)
        raise TLSError("the server offers STARTTLS and then refuses it", reason=Reason.STARTTLS_REFUSED, reply=said)

    def _ask_capabilities(self, record: StageRecord) -> None:
        if self._answer is None:
            # After the handshake the server tells them anew, unasked (RFC 5804, 2.2).
            self._answer = self.transport.read_answer()
            if not self._answer.ok:
                raise self.transport.refusal(self._answer, "does not tell its capabilities", Reason.PROTOCOL)
        self.capabilities = parse_sieve_capabilities(self._answer.lines)
        record.evidence |= {
            "implementation": self.capabilities.implementation,
            "extensions": list(self.capabilities.extensions),
            "mechanisms": list(self.capabilities.mechanisms),
        }

    def _authenticate(self, record: StageRecord) -> None:
        method = auth.choose(self._route, self._endpoint.auth, self.capabilities.mechanisms)
        record.evidence |= {"mechanism": method, "attempts": 1}
        mechanism = auth.mechanism_for(self._route, method, "sieve")
        verdict = auth.authenticate(mechanism, _SieveDialogue(self.transport), self.transport.wire.redactor)
        record.reply = self.transport.wire.redacted(verdict.reply)


def _verdict(answer: Answer) -> auth.Verdict:
    return auth.Verdict(ok=answer.ok, reply=answer.raw, temporary=answer.status.is_temporary)


class _SieveDialogue:
    """AUTHENTICATE, always with an initial response; the server's last word may stand in its OK (RFC 5804, 2.1)."""

    def __init__(self, transport: SieveTransport) -> None:
        self._transport = transport
        self._settled: auth.Verdict | None = None
        self.initial_was_sent = False

    def begin(self, mechanism: str, initial: bytes | None) -> auth.Challenge | auth.Verdict:
        command = b"AUTHENTICATE " + sieve_string(mechanism)
        if initial is not None:
            command += b" " + sieve_string(b64encode(initial).decode())
            self.initial_was_sent = True
        return self._turn(command)

    def respond(self, response: bytes) -> auth.Challenge | auth.Verdict:
        return self._settled or self._turn(sieve_string(response.decode()))

    def cancel(self) -> None:
        if self._settled is None:
            self._transport.wire.send(b'"*"\r\n')

    def _turn(self, text: bytes) -> auth.Challenge | auth.Verdict:
        turn = self._transport.converse(text)
        if not isinstance(turn, Answer):
            return auth.Challenge(turn)
        verdict = _verdict(turn)
        if turn.ok and turn.status.code == "SASL" and turn.status.argument is not None:
            self._settled = verdict
            return auth.Challenge(turn.status.argument)
        return verdict
