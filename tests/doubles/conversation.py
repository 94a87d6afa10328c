"""One connection of a scripted server: the means by which steps act, and the record of what the client did."""

from __future__ import annotations

import contextlib
import re
import select
import socket
import ssl
import struct
import sys
import time
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NoReturn

from tests.doubles.steps import ScriptError, Step

if TYPE_CHECKING:
    from collections.abc import Callable

BUFFER_BYTES = 64 * 1024
"""Size of the kernel's buffers on the server's side: small, so that a client's limits show early."""

TLS_HANDSHAKE = b"\x16"
"""The first byte of a client's hello: the content type of its record (RFC 8446, 5.1)."""

LINGER_NOT = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
"""The option with which closing resets a connection: Winsock's structure has smaller members than POSIX'."""

LAST_TURNS = 256
"""How often a stopped conversation still hears what the client had done before."""


class Ending(StrEnum):
    """How a conversation came to its end."""

    CLIENT_LEFT = "the client left"
    CLOSED = "the script closed the connection"
    RESET = "the script reset the connection"
    TLS_FAILED = "no TLS session came about"
    UNFORESEEN = "the client did what no step foresees"
    STOPPED = "the server was stopped"


class _Over(Exception):  # noqa: N818 - control flow: the script goes no further
    def __init__(self, ending: Ending) -> None:
        self.ending = ending


class Conversation:
    """One connection: the means by which steps act, and the record of what the client did.

    `before_tls`, `after_tls`, `received` (both together): all bytes that the client sent, decrypted.
    `messages`: what `ReadMessage` read. `sent_count`: bytes said, before encryption.
    `server_name`: the name that the client asked for by SNI. `tls_version`: as `TLSv1.3`; None without TLS.
    `ending`: None while it lasts.
    """

    def __init__(
        self, connection: socket.socket, stop: socket.socket, tls: ssl.SSLContext | None, longest_seconds: float
    ) -> None:
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
        self._socket = connection
        self.address: str = connection.getsockname()[0]
        """The server's own, which the client connected to."""
        self._stop = stop
        self._tls = tls
        self._unread = bytearray()
        self._last_turns = LAST_TURNS
        self._longest_seconds = longest_seconds
        self._ends_at = time.monotonic() + longest_seconds
        self._before_tls = bytearray()
        self._after_tls = bytearray()
        self.captures: dict[str, bytes] = {}
        self.messages: list[bytes] = []
        self.sent_count = 0
        self.server_name: str | None = None
        self.tls_version: str | None = None
        self.ending: Ending | None = None

    @property
    def before_tls(self) -> bytes:
        return bytes(self._before_tls)

    @property
    def after_tls(self) -> bytes:
        return bytes(self._after_tls)

    @property
    def received(self) -> bytes:
        return self.before_tls + self.after_tls

    def run(self, script: tuple[Step, ...]) -> None:
        """Play a whole script, record what comes after it, and close the connection."""
        ending = Ending.UNFORESEEN
        try:
            self.play(script)
            self.listen()
        except _Over as over:
            ending = over.ending
        finally:
            if ending is not Ending.RESET:
                self._record_rest()
            self._socket.close()
            self.ending = ending

    def play(self, steps: tuple[Step, ...]) -> None:
        for step in steps:
            step.play(self)

    def fill_in(self, text: bytes) -> bytes:
        """Replace `<name>` and `<name+1>` by what has been captured (see `steps`)."""

        def replacement(found: re.Match[bytes]) -> bytes:
            value = self.captures.get(found[1].decode())
            if value is None:
                return found[0]
            return re.sub(rb"\d+$", lambda n: b"%d" % (int(n[0]) + 1), value) if found[2] else value

        return re.sub(rb"<(\w+)(\+1)?>", replacement, text)

    def write(self, text: bytes) -> None:
        rest = memoryview(text)
        while rest:
            self._left_seconds()
            count = self._retry(lambda rest=rest: self._socket.send(rest), waits_to_write=True)
            self.sent_count += count
            rest = rest[count:]

    def write_unencrypted(self, text: bytes) -> None:
        """Write past the TLS session, if there is one."""
        socket.socket.send(self._socket, text)

    def read_line(self) -> bytes:
        """Read up to a line feed, which is kept."""
        searched = 0
        while (end := self._unread.find(b"\n", searched)) < 0:
            searched = len(self._unread)
            self._receive()
        return self._take(end + 1)

    def read_exactly(self, count: int) -> bytes:
        while len(self._unread) < count:
            self._receive()
        return self._take(count)

    def await_bytes(self) -> None:
        while not self._unread:
            self._receive()

    def listen(self) -> NoReturn:
        """Record what the client sends until it leaves."""
        while True:
            self._unread.clear()
            self._receive()

    def wait(self, seconds: float | None) -> None:
        """Do nothing for a time, without end if that is None."""
        left = self._left_seconds()
        patience = left if seconds is None else min(seconds, left)
        if select.select([self._stop], [], [], patience)[0]:
            raise _Over(Ending.STOPPED)
        if patience == left:
            self._left_seconds()

    def start_tls(self, context: ssl.SSLContext | None) -> None:
        context = context or self._tls
        assert context, "StartTls needs a context: its own or the server's"
        if self._unread or not self._is_handshake_next():
            self._speak_in_clear()
        context.sni_callback = _note_server_name
        try:
            secured = context.wrap_socket(self._socket, server_side=True, do_handshake_on_connect=False)
        except OSError as error:  # the client has gone already
            raise _Over(Ending.TLS_FAILED) from error
        self._socket = secured
        try:
            self._retry(secured.do_handshake)
        except _Over as over:
            ending = over.ending if over.ending is Ending.STOPPED else Ending.TLS_FAILED
            raise _Over(ending) from over
        finally:
            self.server_name = getattr(secured, "asked_for", None)
        self.tls_version = secured.version()

    def close(self) -> NoReturn:
        with contextlib.suppress(OSError):
            if isinstance(self._socket, ssl.SSLSocket):
                # Says close_notify, and fails at once as the client's own is not there yet: waiting for it would
                # swallow what the client says first.
                waiting = self._socket.gettimeout()
                self._socket.settimeout(0)
                try:
                    self._socket.unwrap()
                finally:
                    self._socket.settimeout(waiting)
        with contextlib.suppress(OSError):
            # SSLSocket.shutdown would forget the TLS session, with which the rest is still to be read.
            socket.socket.shutdown(self._socket, socket.SHUT_WR)
        try:
            self.listen()
        except _Over as over:
            raise _Over(Ending.CLOSED) from over

    def reset(self) -> NoReturn:
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
        raise _Over(Ending.RESET)

    def _is_handshake_next(self) -> bool:
        first = self._retry(lambda: self._socket.recv(1, socket.MSG_PEEK))
        return first in (b"", TLS_HANDSHAKE)

    def _speak_in_clear(self) -> NoReturn:
        """Record what the client says in the place of a handshake, which OpenSSL would swallow."""
        try:
            self.listen()
        except _Over as over:
            raise _Over(Ending.TLS_FAILED) from over

    def _left_seconds(self) -> float:
        left = self._ends_at - time.monotonic()
        if left <= 0:
            message = f"the client stayed for more than {self._longest_seconds} seconds"
            raise ScriptError(message)
        return left

    def _take(self, count: int) -> bytes:
        taken = bytes(self._unread[:count])
        del self._unread[:count]
        return taken

    def _receive(self) -> None:
        """Wait for more bytes, and record them as soon as they are here."""
        chunk = self._retry(lambda: self._socket.recv(BUFFER_BYTES))
        if not chunk:
            raise _Over(Ending.CLIENT_LEFT)
        self._record(chunk)
        self._unread += chunk

    def _record(self, chunk: bytes) -> None:
        (self._after_tls if self.tls_version else self._before_tls).extend(chunk)

    def _record_rest(self) -> None:
        with contextlib.suppress(OSError):
            for _ in range(LAST_TURNS):
                chunk = self._socket.recv(BUFFER_BYTES)
                if not chunk:
                    break
                self._record(chunk)

    def _retry(self, operation: Callable[[], Any], *, waits_to_write: bool = False) -> Any:
        while True:
            try:
                return operation()
            except BlockingIOError:
                self._await_socket(to_write=waits_to_write)
            except ssl.SSLWantReadError:
                self._await_socket(to_write=False)
            except ssl.SSLWantWriteError:
                self._await_socket(to_write=True)
            except ssl.SSLError as error:
                raise _Over(Ending.TLS_FAILED) from error
            except OSError as error:
                raise _Over(Ending.CLIENT_LEFT) from error

    def _await_socket(self, *, to_write: bool) -> None:
        to_read = [self._stop] if to_write else [self._stop, self._socket]
        readable, writable, _ = select.select(to_read, [self._socket] if to_write else [], [], self._left_seconds())
        if self._stop in readable:
            # What the client did before the stop is still heard, but not for ever.
            self._last_turns -= 1
            if self._socket not in readable + writable or self._last_turns < 0:
                raise _Over(Ending.STOPPED)


def _note_server_name(secured: ssl.SSLSocket, name: str | None, _context: ssl.SSLContext) -> None:
    secured.asked_for = name
