"""ManageSieve's commands and answers on a wire. RFC 5804."""

from __future__ import annotations

from msgspec import Struct

from mailctl.errors import MailError, NetworkError, ProtocolError, RefusedError, TemporaryError
from mailctl.protocol.managesieve import LITERAL, SieveStatus, parse_response
from mailctl.protocol.reasons import Reason
from mailctl.transport.network.wire import Wire


class Answer(Struct, frozen=True):
    """A whole answer: the `lines` of strings and words ahead of its end; `raw` is that end as it came."""

    lines: tuple[list[bytes], ...]
    raw: bytes
    status: SieveStatus

    @property
    def ok(self) -> bool:
        return self.status.ok


class SieveTransport:
    """Commands and answers over a wire. Making one reads nothing."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire

    def read_answer(self) -> Answer:
        """Read up to the end of an answer. Raises NetworkError, or TemporaryError, if the server says BYE."""
        lines: list[list[bytes]] = []
        while True:
            raw, response = self._read_response()
            if isinstance(response, SieveStatus):
                return self._settled(Answer(tuple(lines), raw, response))
            lines.append(response)

    def command(self, command: bytes) -> Answer:
        """Send a command, which has no line end yet, and read its answer."""
        self.wire.send(command + b"\r\n")
        return self.read_answer()

    def converse(self, text: bytes) -> Answer | bytes:
        """Send a part of a SASL exchange; return its end, or the string with which the server goes on."""
        self.wire.send(text + b"\r\n")
        raw, response = self._read_response()
        if isinstance(response, SieveStatus):
            return self._settled(Answer((), raw, response))
        if len(response) != 1:
            raise self._malformed(raw)
        return response[0]

    def said(self, answer: Answer) -> bytes:
        """Return the end of an answer verbatim, without secrets."""
        return self.wire.redacted(answer.raw)

    def refusal(self, answer: Answer, what: str, reason: str) -> MailError:
        """Return the error for an answer that is not OK; `what` completes "the server …"."""
        kind = TemporaryError if answer.status.is_temporary else RefusedError
        suffix = " for now" if answer.status.is_temporary else ""
        return kind(f"the server {what}{suffix}", reason=reason, reply=self.said(answer))

    def _settled(self, answer: Answer) -> Answer:
        if answer.status.condition != "BYE":
            return answer
        self.wire.is_broken = True
        kind: type[MailError] = TemporaryError if answer.status.is_temporary else NetworkError
        raise kind("the server says goodbye", reason=Reason.CLOSED, reply=self.said(answer))

    def _read_response(self) -> tuple[bytes, SieveStatus | list[bytes]]:
        whole = line = self.wire.read_line()
        while literal := LITERAL.search(line):
            whole += self.wire.read_exactly(int(literal[1]))
            line = self.wire.read_line()
            whole += line
        try:
            return whole.rstrip(b"\r\n"), parse_response(whole)
        except ProtocolError:
            raise self._malformed(whole) from None

    def _malformed(self, whole: bytes) -> ProtocolError:
        self.wire.is_broken = True
        return ProtocolError(
            f"what {self.wire.peer} says is no ManageSieve answer",
            reason=Reason.MALFORMED_REPLY,
            reply=self.wire.redacted(whole.rstrip(b"\r\n")),
        )
