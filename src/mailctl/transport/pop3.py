"""POP3 sessions: greeting, STLS, CAPA, login, and a look at the mailbox. RFC 1939, 2449, 2595, 5034."""

from __future__ import annotations

import poplib
import re
from base64 import b64encode
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from mailctl.errors import CapabilityError, MailError, ProtocolError, RefusedError, TemporaryError, TLSError
from mailctl.model.report import Stage
from mailctl.model.server import IncomingAuth, IncomingEndpoint, Security
from mailctl.protocol.apop import apop_digest
from mailctl.protocol.capabilities import PopCapabilities, parse_capa
from mailctl.protocol.reasons import Reason
from mailctl.protocol.replies import PopReply, parse_pop_reply
from mailctl.transport import auth
from mailctl.transport.faults import translated
from mailctl.transport.route import Route, connect, greeted, reaches, secure
from mailctl.transport.trace import Trace
from mailctl.transport.watch import StageRecord, Watch
from mailctl.transport.wire import Wire

_COMMAND_BYTES_MAX = 255  # RFC 5034, 4: with CRLF; a longer initial response is sent on a line of its own
_STAT = re.compile(rb"(\d{1,12}) (\d{1,18})(?: .*)?")
_UID = re.compile(rb"(\d{1,12}) ([\x21-\x7e]{1,255})")


@dataclass(frozen=True, slots=True)
class Answer:
    """A status line: `raw` as it came without its line end, and what it means; `reply` is None for a continuation."""

    raw: bytes
    reply: PopReply | None

    @property
    def ok(self) -> bool:
        return self.reply is not None and self.reply.ok


class Pop3Transport(poplib.POP3):
    """poplib's commands over a wire. Making one reads nothing: the greeting is read by `read_answer`."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self._is_ready = False
        super().__init__(wire.peer)
        self._is_ready = True

    def _create_socket(self, _timeout: float | None) -> Wire:
        return self.wire

    def _getline(self) -> tuple[bytes, int]:
        line = self.wire.read_line()
        return line.removesuffix(b"\n").removesuffix(b"\r"), len(line)

    def _getresp(self) -> bytes:
        """Return a positive status line, in the way of poplib's own methods."""
        if not self._is_ready:
            return b""
        answer = self.read_answer()
        if not answer.ok:
            raise poplib.error_proto(answer.raw)
        return answer.raw

    def read_answer(self) -> Answer:
        """Read one status line or continuation; raise ProtocolError if it is neither."""
        line, _ = self._getline()
        if line == b"+" or line.startswith(b"+ "):
            return Answer(line, None)
        try:
            return Answer(line, parse_pop_reply(line))
        except ProtocolError as error:
            self.wire.is_broken = True
            said = self.wire.redacted(line)
            raise ProtocolError(
                f"what {self.wire.peer} says is no POP3 answer", reason=error.reason, reply=said
            ) from None

    def read_lines(self) -> Iterator[bytes]:
        """Yield the lines that follow a positive answer, to the lone dot."""
        while (line := self._getline()[0]) != b".":
            yield line[1:] if line.startswith(b".") else line

    def command(self, text: str) -> Answer:
        """Send a command and return its answer."""
        with translated(self.wire.peer):
            # Not by `_putcmd`: which control characters that refuses depends on Python's version.
            self._putline(text.encode())  # type: ignore[attr-defined]  # not in its stub
        return self.read_answer()

    def said(self, answer: Answer) -> bytes:
        """Return an answer verbatim, without secrets."""
        return self.wire.redacted(answer.raw)

    def refusal(self, answer: Answer, what: str, reason: str) -> MailError:
        """Return the error for an answer that is not +OK; `what` completes "the server …"."""
        said = self.said(answer)
        if answer.reply is None:
            self.wire.is_broken = True
            return ProtocolError("the server wants to hear more out of place", reason=Reason.PROTOCOL, reply=said)
        if answer.reply.is_temporary:
            return TemporaryError(f"the server {what} for now", reason=reason, reply=said)
        return RefusedError(f"the server {what}", reason=reason, reply=said)


class Pop3Session:
    """An open session; `capabilities` are those of the last CAPA."""

    def __init__(self, transport: Pop3Transport, watch: Watch, capabilities: PopCapabilities) -> None:
        self.capabilities = capabilities
        self._transport = transport
        self._watch = watch

    @property
    def turns(self) -> int:
        """Round trips so far."""
        return self._transport.wire.turns

    def stat(self) -> tuple[int, int]:
        """Return the number of messages and their bytes."""
        return self._read_stat(self._transport.command("STAT"))

    def uidl(self) -> dict[int, str]:
        """Return the unique id of each message by its number; they stay the same over sessions."""
        return self._read_uidl(self._transport.command("UIDL"))

    def top(self, number: int, lines: int = 0) -> bytes:
        """Return a message's header, and so many lines of its body."""
        return self._read_top(self._transport.command(f"TOP {number} {lines}"))

    def retrieve(self, number: int) -> bytes:
        """Return a message."""
        return self._read_message(self._transport.command(f"RETR {number}"))

    def survey(self) -> int:
        """Look at the mailbox (stage mailbox): STAT, UIDL and TOP of one message; return the number of messages."""
        with self._watch.stage(Stage.MAILBOX, protocol="pop3") as record:
            has_uidl = self.capabilities.offers("UIDL") or not self.capabilities.keywords
            if self.capabilities.offers("PIPELINING"):
                return self._survey_at_once(record, has_uidl=has_uidl)
            count, size = self.stat()
            record.evidence |= {"messages": count, "size": size}
            if has_uidl:
                record.evidence["unique_ids"] = len(self.uidl())
            if count and self._has_top:
                record.evidence["top_bytes"] = len(self.top(1))
            return count

    @property
    def _has_top(self) -> bool:
        return self.capabilities.offers("TOP") or not self.capabilities.keywords

    def _survey_at_once(self, record: StageRecord, *, has_uidl: bool) -> int:
        """The same in one round trip. TOP of an empty mailbox is refused, which is no fault then."""
        commands = ["STAT", *(["UIDL"] if has_uidl else []), *(["TOP 1 0"] if self._has_top else [])]
        self._transport.wire.send("".join(f"{command}\r\n" for command in commands).encode())
        count, size = self._read_stat(self._transport.read_answer())
        record.evidence |= {"messages": count, "size": size}
        if has_uidl:
            record.evidence["unique_ids"] = len(self._read_uidl(self._transport.read_answer()))
        if self._has_top:
            answer = self._transport.read_answer()
            if count or answer.ok:
                record.evidence["top_bytes"] = len(self._read_top(answer))
        return count

    def _read_stat(self, answer: Answer) -> tuple[int, int]:
        if not answer.ok:
            raise self._transport.refusal(answer, "does not open the mailbox", Reason.MAILBOX_REFUSED)
        assert answer.reply
        found = _STAT.fullmatch(answer.reply.text)
        if not found:
            raise self._malformed(answer.raw, "STAT")
        return int(found[1]), int(found[2])

    def _read_uidl(self, answer: Answer) -> dict[int, str]:
        if not answer.ok:
            raise self._transport.refusal(answer, "does not list the messages", Reason.MAILBOX_REFUSED)
        found: dict[int, str] = {}
        with self._transport.wire.bulk(self._transport.wire.limits.reply_bytes):
            for line in self._transport.read_lines():
                entry = _UID.fullmatch(line.strip())
                if not entry:
                    raise self._malformed(line, "UIDL")
                found[int(entry[1])] = entry[2].decode("ascii")
        return found

    def _read_message(self, answer: Answer, bytes_max: int | None = None) -> bytes:
        if not answer.ok:
            raise self._transport.refusal(answer, "does not give out the message", Reason.MESSAGE_REFUSED)
        message = bytearray()
        with self._transport.wire.bulk(bytes_max):
            for line in self._transport.read_lines():
                message += line + b"\r\n"
        return bytes(message)

    def _read_top(self, answer: Answer) -> bytes:
        return self._read_message(answer, self._transport.wire.limits.reply_bytes)

    def _malformed(self, line: bytes, command: str) -> ProtocolError:
        return ProtocolError(
            f"the server's answer to {command} is malformed",
            reason=Reason.MALFORMED_REPLY,
            reply=self._transport.wire.redacted(line),
        )


@contextmanager
def open_pop3(
    route: Route, watch: Watch, *, until: Stage = Stage.AUTH, trace: Trace | None = None
) -> Iterator[Pop3Session]:
    """Open a session as far as the stage `until`: tcp, greeting, tls, capabilities or auth.

    Raises InvalidValueError before connecting if something cannot go into a command; MailError of the stage that fails.
    """
    wire = connect(route, watch, trace)
    try:
        opening = _Opening(route, watch, Pop3Transport(wire))
        opening.run(until)
        yield Pop3Session(opening.transport, watch, opening.capabilities)
    finally:
        wire.bid_farewell(b"QUIT\r\n")


class _Opening:
    """The way from a connection to a session."""

    def __init__(self, route: Route, watch: Watch, transport: Pop3Transport) -> None:
        assert isinstance(route.endpoint, IncomingEndpoint)
        self._route = route
        self._endpoint = route.endpoint
        self._watch = watch
        self._greeting = b""
        self._greeted_in_clear = False
        self.transport = transport
        self.capabilities = PopCapabilities()

    def run(self, until: Stage) -> None:
        security = self._endpoint.security
        wire = self.transport.wire
        if not reaches(until, Stage.GREETING):
            return
        if security is Security.TLS:
            secure(wire, self._route, self._watch, mode="implicit", reach=lambda _: None)
        with self._stage(Stage.GREETING) as record:
            self._greeting = record.reply = self._greet(self.transport)
            self._greeted_in_clear = not wire.is_secured
        if security is Security.STARTTLS and reaches(until, Stage.TLS):
            secure(wire, self._route, self._watch, mode="stls", reach=self._reach_tls)
        if reaches(until, Stage.CAPABILITIES):
            with self._stage(Stage.CAPABILITIES) as record:
                self._ask_capabilities(record)
        if self._route.login and reaches(until, Stage.AUTH):
            with self._stage(Stage.AUTH) as record:
                self._authenticate(record)

    def _stage(self, stage: Stage) -> AbstractContextManager[StageRecord]:
        return self._watch.stage(stage, protocol=self._route.protocol)

    def _greet(self, transport: Pop3Transport) -> bytes:
        with greeted(transport.wire, self._route):
            greeting = transport.read_answer()
        if not greeting.ok:
            raise transport.refusal(greeting, "takes no connection from here", Reason.GREETING_REFUSED)
        return transport.said(greeting)

    def _reach_tls(self, wire: Wire) -> None:
        """Go to where STLS is answered: from the greeting on, or from the start on a second connection."""
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
