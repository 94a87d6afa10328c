"""poplib on a wire. RFC 1939, 2449."""

from __future__ import annotations

import poplib
from collections.abc import Iterator

from msgspec import Struct

from mailctl.errors import MailError, ProtocolError, RefusedError, TemporaryError
from mailctl.protocol.reasons import Reason
from mailctl.protocol.replies import PopReply, parse_pop_reply
from mailctl.transport.faults import translated
from mailctl.transport.network.wire import Wire


class Answer(Struct, frozen=True):
    """A status line: `raw` as it came without its line end, and what it means; `reply` is None for a continuation.

    `ends_bare`: whether its line end was LF alone.
    """

    raw: bytes
    reply: PopReply | None
    ends_bare: bool = False

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
        return _without_end(line), len(line)

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
        raw = self.wire.read_line()
        line = _without_end(raw)
        if line == b"+" or line.startswith(b"+ "):
            return Answer(line, None)
        try:
            return Answer(line, parse_pop_reply(line), ends_bare=not raw.endswith(b"\r\n"))
        except ProtocolError as error:
            self.wire.is_broken = True
            said = self.wire.redacted(line)
            raise ProtocolError(
                f"what {self.wire.peer} says is no POP3 answer", reason=error.reason, reply=said
            ) from None

    def read_lines(self) -> Iterator[bytes]:
        """Yield the lines of a listing that follows a positive answer, to the lone dot."""
        while (line := self._getline()[0]) != b".":
            yield line[1:] if line.startswith(b".") else line

    def read_text_lines(self, answer: Answer) -> Iterator[bytes]:
        """Yield the lines of a message that follows a positive answer, to the lone dot (RFC 1939, 3).

        LF alone ends a line only where it ends the server's own, too. A server that gives out messages as they are
        stored puts no dots before such lines, so that by a lone dot among them a message could play the server.
        """
        starts_line = True
        while True:
            line = self.wire.read_line()
            if starts_line and line.startswith(b"."):
                line = line[1:]
                if line == b"\r\n" or (line == b"\n" and answer.ends_bare):
                    return
            yield _without_end(line)
            starts_line = answer.ends_bare or line.endswith(b"\r\n")

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


def _without_end(line: bytes) -> bytes:
    return line.removesuffix(b"\n").removesuffix(b"\r")
