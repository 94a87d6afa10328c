"""The wire: the one object that has a connection's socket, and reads and writes it under deadlines and caps.

poplib and imaplib run on top of it, and are trusted with none of this: their time-outs are per read, and
their buffers survive STARTTLS in places. A command's deadline reaches to the last byte of its reply, however slowly
that drips. Bulk data (a message up or down) needs a minimum rate instead. Nothing that arrived before a TLS handshake
is there after it, because nothing may have arrived.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from mailctl.errors import NetworkError, ProtocolError, TLSError
from mailctl.protocol.reasons import Reason
from mailctl.protocol.redact import Redactor
from mailctl.transport.faults import translated
from mailctl.transport.network import tls
from mailctl.transport.network.limits import Deadline, Limits
from mailctl.transport.network.transcription import Transcription
from mailctl.transport.trace import Trace

_RECEIVE_BYTES = 65_536
_QUICK_ACK: int | None = getattr(socket, "TCP_QUICKACK", None)
"""Linux's option (tcp(7)) that acknowledges at once. Else a server that says two things one after the other, such as
TLS tickets and a greeting, is made to wait for 40 ms: its kernel keeps the second back until the first one is."""
_SMALL_BYTES = 4096
"""Up to this length a literal is part of the reply, with its deadline and cap; beyond, it is bulk data."""


class Wire:
    """A connection to a mail server. `peer` names it in messages: `mail.example:587`."""

    def __init__(
        self,
        connected: socket.socket,
        *,
        peer: str,
        protocol: str,
        timeout_seconds: float,
        deadline: Deadline,
        limits: Limits,
        redactor: Redactor,
        connecting: Deadline,
        trace: Trace | None = None,
    ) -> None:
        """`timeout_seconds` bounds each command with its reply, `deadline` everything.

        `connecting` began with the dialling; a handshake that follows at once is to keep it.
        """
        self.peer = peer
        self.protocol = protocol
        self.limits = limits
        self.redactor = redactor
        self.turns = 0
        """How often the client has waited for the server: the round trips so far."""
        self.is_broken = False
        """Whether nothing sensible can be said or heard any more."""
        self._socket = connected
        self._timeout_seconds = timeout_seconds
        self._whole = deadline
        self._command = connecting
        self._buffer = bytearray()
        self._searched = 0
        self._reply_bytes = 0
        self._reply_lines = 0
        self._has_spoken = False
        self._bulk_bytes = 0
        self._bulk_bytes_max = 0
        self._literal_bytes = 0
        self._quantum_bytes = 0.0
        self._in_bulk = False
        self._transcription = Transcription(protocol, redactor, trace)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @property
    def is_secured(self) -> bool:
        return isinstance(self._socket, ssl.SSLSocket)

    @property
    def local_address(self) -> str:
        """The IP address of this end."""
        return str(self._socket.getsockname()[0])

    def redacted(self, said: bytes, *, is_cut_off: bool = False) -> bytes:
        """Return what was said without the secrets, as it may be shown; a very long text is cut off.

        `is_cut_off`: it ends where more was to come.
        """
        return self._transcription.redacted(said, is_cut_off=is_cut_off)

    # Commands and replies

    def begin_reply(self, *, extra_seconds: float = 0.0) -> None:
        """Start the deadline and the cap of a command with its reply anew; for each of several in a pipeline."""
        self._command = Deadline(self._timeout_seconds + extra_seconds, within=self._whole)
        self._reply_bytes = 0
        self._reply_lines = 0

    def send(self, command: bytes) -> None:
        """Send one or more whole commands, and begin the deadline of the reply."""
        self._tell_heard()
        self._transcription.say(command)
        self.begin_reply()
        self._has_spoken = True
        self._literal_bytes = 0
        with self._watched("sending to"):
            self._send_all(command)

    def read_line(self) -> bytes:
        """Return the next line with its line end; it counts for the caps of the reply, or, in bulk, of bulk data."""
        cap = self._bulk_bytes_max if self._in_bulk else self.limits.line_bytes
        while (end := self._buffer.find(b"\n", self._searched)) < 0:
            self._searched = len(self._buffer)
            if self._searched > cap:
                raise self._break(Reason.REPLY_TOO_LONG, f"a line of {self.peer} is longer than {cap} bytes")
            self._receive("a line")
        if end >= cap:
            raise self._break(Reason.REPLY_TOO_LONG, f"a line of {self.peer} is longer than {cap} bytes")
        line = self._take(end + 1)
        if not self._in_bulk:
            self._count_reply(line)
        return line

    def _count_reply(self, part: bytes) -> None:
        self._transcription.hear(part)
        self._reply_bytes += len(part)
        self._reply_lines += 1
        if self._reply_bytes > self.limits.reply_bytes or self._reply_lines > self.limits.reply_lines:
            raise self._break(Reason.REPLY_TOO_LONG, f"the answer of {self.peer} does not end")

    # Bulk data

    @contextmanager
    def bulk(self, bytes_max: int | None = None) -> Iterator[None]:
        """Read or write bulk data: a minimum rate instead of the command's deadline, and another cap.

        `bytes_max`: None for that of the limits.
        """
        self._in_bulk = True
        self._bulk_bytes = 0
        self._bulk_bytes_max = self.limits.bulk_bytes if bytes_max is None else bytes_max
        self._begin_quantum()
        try:
            yield
        except BaseException:
            self.is_broken = True
            raise
        finally:
            self._in_bulk = False
            self.begin_reply()
            self.note(f"{self._bulk_bytes} bytes of bulk data")

    def read_exactly(self, count: int) -> bytes:
        """Return that many bytes, such as an IMAP literal; refused before reading if over the cap.

        That is also the cap of all the literals, but small ones, with which what was sent last is answered.
        """
        if count > self.limits.bulk_bytes:
            raise self._break(
                Reason.REPLY_TOO_LONG, f"{self.peer} announces {count} bytes, more than {self.limits.bulk_bytes}"
            )
        if count > _SMALL_BYTES:
            self._literal_bytes += count
            if self._literal_bytes > self.limits.bulk_bytes:
                raise self._break(Reason.REPLY_TOO_LONG, f"the literals of {self.peer} do not end")
            with self.bulk():
                return self._read_count(count)
        taken = self._read_count(count)
        self._count_reply(taken)
        return taken

    def _read_count(self, count: int) -> bytes:
        while len(self._buffer) < count:
            self._receive(f"{count} bytes")
        return self._take(count)

    def read_block(self, ending: re.Pattern[bytes]) -> tuple[bytes, bool]:
        """Return the whole lines that have arrived, and whether they are all, within `bulk`.

        `ending` matches the line, from its first byte to its line end, that follows the last one; it is not returned.
        """
        while not (end := self._buffer.rfind(b"\n", self._searched) + 1):
            self._searched = len(self._buffer)
            self._receive("a line")
        found = ending.search(self._buffer, 0, end)
        if found is None:
            return self._take(end), False
        start, stop = found.span()
        del found  # a match keeps the buffer from shrinking
        block = self._take(start)
        del self._buffer[: stop - start]
        return block, True

    def send_bulk(self, chunks: Iterable[bytes | bytearray], *, after: bytes = b"") -> None:
        """Send bulk data, in one go with the commands that come before; the deadline of the reply begins with its end.

        A server that reads the commands by themselves answers them by themselves, and then its kernel keeps the next
        answer back until the first is acknowledged, a round trip later (RFC 1122, 4.2.3.4).
        """
        self._tell_heard()
        if after:
            self._transcription.say(after)
        self._has_spoken = True
        self._literal_bytes = 0
        with self.bulk():
            self._bulk_bytes = -len(after)
            for chunk in chunks:
                with self._watched("sending to"):
                    self._send_all(after + chunk if after else chunk)
                after = b""

    def _begin_quantum(self) -> None:
        # Each piece of timeout x rate bytes has the whole time-out to itself: neither dripping nor stalling passes,
        # and a slow line does.
        self._command = Deadline(self._timeout_seconds, within=self._whole)
        self._quantum_bytes = self.limits.bulk_bytes_per_second * self._timeout_seconds

    def _count_bulk(self, count: int) -> None:
        self._bulk_bytes += count
        self._quantum_bytes -= count
        if self._quantum_bytes <= 0:
            self._begin_quantum()

    # TLS

    def refuse_early_data(self) -> None:
        """Raise ProtocolError of reason `bytes-before-tls` if anything has arrived that nothing asked for."""
        early = bytes(self._buffer[:1024]) or self._peek()
        if early:
            self.is_broken = True
            raise ProtocolError(
                f"{self.peer} sent data before TLS that must not be there: somebody may be in between",
                reason=Reason.BYTES_BEFORE_TLS,
                reply=self.redacted(early),
            )

    def start_tls(self, context: tls.Context, host: str) -> ssl.SSLSocket:
        """Shake hands, within the current deadline; `host` is for SNI and the certificate check.

        Raises ProtocolError if data came before, NetworkError or TLSError if no session comes about. The wire is
        broken then.
        """
        self.refuse_early_data()
        self._tell_heard()
        self.is_broken = True
        try:
            secured = tls.shake_hands(self._socket, context, host, self._command, self.peer)
        except TLSError as error:
            error.reply = error.reply and self.redacted(error.reply)
            raise
        self._socket = secured
        self.is_broken = False
        self.turns += 1 if secured.version() == "TLSv1.3" else 2
        self.note(f"TLS: {secured.version()}, {(secured.cipher() or ('',))[0]}")
        self.begin_reply()
        return secured

    def _peek(self) -> bytes:
        assert not isinstance(self._socket, ssl.SSLSocket)
        self._socket.settimeout(0)
        try:
            with translated(self.peer):
                return self._socket.recv(1024, socket.MSG_PEEK)
        except NetworkError:
            return b""  # a connection that has gone shows in the handshake
        except BlockingIOError:
            return b""

    # Ending

    def bid_farewell(self, command: bytes) -> None:
        """Send a last command without waiting for anything, and close."""
        if not self.is_broken:
            self._tell_heard()
            self._transcription.say(command)
            with suppress(OSError):
                self._socket.settimeout(0)
                self._socket.sendall(command)
                if isinstance(self._socket, ssl.SSLSocket):
                    # Says close_notify; the server's own is not waited for, which shows as an OSError.
                    self._socket.unwrap()
        self.close()

    def close(self) -> None:
        self._tell_heard()
        self.is_broken = True
        self._socket.close()

    # What poplib uses of a socket; it reads nothing by itself

    def sendall(self, data: bytes) -> None:
        self.send(data)

    def makefile(self, _mode: str) -> Wire:
        return self

    # The socket

    def _send_all(self, data: bytes | bytearray) -> None:
        rest = memoryview(data)
        while rest:
            self._socket.settimeout(self._command.left_seconds())
            sent = self._socket.send(rest[:_RECEIVE_BYTES])
            rest = rest[sent:]
            if self._in_bulk:
                self._count_bulk(sent)

    def _receive(self, what: str) -> None:
        if self._has_spoken:
            self.turns += 1
            self._has_spoken = False
        try:
            with self._watched(f"waiting for {what} of"):
                self._socket.settimeout(self._command.left_seconds())
                if _QUICK_ACK is not None:
                    self._socket.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)
                chunk = self._socket.recv(_RECEIVE_BYTES)
        except NetworkError as error:
            error.reply = self._said_so_far()
            raise
        if not chunk:
            self.is_broken = True
            raise NetworkError(f"{self.peer} closed the connection", reason=Reason.CLOSED, reply=self._said_so_far())
        self._buffer += chunk
        if self._in_bulk:
            self._count_bulk(len(chunk))
            if self._bulk_bytes > self._bulk_bytes_max + _RECEIVE_BYTES:
                raise self._break(
                    Reason.REPLY_TOO_LONG, f"{self.peer} sends more than {self._bulk_bytes_max} bytes at a time"
                )

    def _take(self, count: int) -> bytes:
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        self._searched = 0
        return taken

    @contextmanager
    def _watched(self, doing: str) -> Iterator[None]:
        try:
            with translated(f"{doing} {self.peer}"):
                yield
        except BaseException:  # Ctrl-C too: a farewell in the middle of something would be part of it
            self.is_broken = True
            raise

    def _break(self, reason: str, message: str) -> ProtocolError:
        self.is_broken = True
        return ProtocolError(message, reason=reason, reply=self._said_so_far())

    def _said_so_far(self) -> bytes | None:
        """Return what has come of a reply that does not come to its end, without the secrets; None for nothing."""
        if self._in_bulk:
            return None
        said = self._transcription.last_heard(self._reply_bytes) + self._buffer
        return self.redacted(said, is_cut_off=True) or None

    # The transcript

    def _tell_heard(self) -> None:
        self._transcription.tell_heard(is_cut_off=self.is_broken)

    def note(self, text: str) -> None:
        """Add to the transcript what is not said on the wire."""
        self._tell_heard()
        self._transcription.note(text)
