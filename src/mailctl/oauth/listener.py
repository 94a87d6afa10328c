"""A listener on 127.0.0.1 for the one request by which a browser brings the code back. RFC 8252, 7.3 and 8.3.

It reads many connections at once, since browsers open some in advance and never use them, and anything else on this
machine may connect too. Only `GET /` with the right Host is passed on; everything else is answered with 404.
"""

from __future__ import annotations

import re
import selectors
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit

from msgspec import Struct

from mailctl.oauth.pages import NOT_FOUND_PAGE
from mailctl.transport.network.limits import Deadline

HEAD_BYTES_MAX = 64 * 1024
"""A request's head: the code in the address, and the cookies that other programs left at `localhost`."""

CONNECTIONS_MAX = 64
CONNECTION_SECONDS = 10.0
"""How long a connection may take to send its request."""

_BREATH_SECONDS = 0.5
"""Windows lets no Ctrl-C through while it waits for sockets, so it does not wait for longer than this."""

_REQUEST_LINE = re.compile(rb"GET (/(?:\?[\x21-\x7e]*)?) HTTP/1\.[01]")
_STATUS = {200: "OK", 400: "Bad Request", 404: "Not Found"}
_HEADERS = (
    "Content-Type: text/html; charset=utf-8",
    "Cache-Control: no-store",
    "Referrer-Policy: no-referrer",
    "X-Content-Type-Options: nosniff",
    "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Connection: close",
)


class Visit(Struct, frozen=True):
    """A request that found its way; `query`: what follows the question mark. It waits for one `answer`."""

    query: str
    connection: socket.socket

    def __repr__(self) -> str:
        return "Visit(…)"

    def answer(self, page: str, *, status: int = 200) -> None:
        body = page.encode()
        head = "\r\n".join([f"HTTP/1.1 {status} {_STATUS[status]}", *_HEADERS, f"Content-Length: {len(body)}", "", ""])
        # A page of this size goes into the socket's buffer, whether the other side reads or not.
        with suppress(OSError), self.connection:
            self.connection.settimeout(1.0)
            self.connection.sendall(head.encode() + body)
            self.connection.shutdown(socket.SHUT_WR)


class _Caller(Struct):
    deadline: Deadline
    received: bytearray


class Listener:
    """Listens inside `with`; whatever ends it closes the port and every connection.

    `name`: makes the redirect URI from the port.
    """

    def __init__(self, name: Callable[[int], str]) -> None:
        self._name = name
        self._callers: dict[socket.socket, _Caller] = {}

    def __enter__(self) -> Self:
        self._selector = selectors.DefaultSelector()
        self._server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            if sys.platform == "win32":
                # Else another program could listen on the same port (not tried here).
                self._server.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
            self._server.bind(("127.0.0.1", 0))
            self._server.listen()
            self._server.setblocking(False)
            self._selector.register(self._server, selectors.EVENT_READ)
        except BaseException:
            self.close()
            raise
        self.redirect_uri = self._name(self._server.getsockname()[1])
        self._host = urlsplit(self.redirect_uri).netloc.encode()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._server.close()
        for connection in list(self._callers):
            self._drop(connection)
        self._selector.close()

    def visits(self, deadline: Deadline) -> Iterator[Visit]:
        """Yield requests as they come; raise TimeoutError when the deadline passes."""
        while True:
            for key, _ in self._selector.select(min(deadline.left_seconds(), _BREATH_SECONDS)):
                source = key.fileobj
                assert isinstance(source, socket.socket)
                if source is self._server:
                    self._accept()
                elif source in self._callers and (visit := self._read(source)):
                    yield visit
            for connection, caller in list(self._callers.items()):
                if caller.deadline.has_passed:
                    self._drop(connection)

    def _accept(self) -> None:
        try:
            connection, _ = self._server.accept()
        except OSError:
            return  # it has gone again
        if len(self._callers) >= CONNECTIONS_MAX:
            self._drop(next(iter(self._callers)))
        connection.setblocking(False)
        self._selector.register(connection, selectors.EVENT_READ)
        self._callers[connection] = _Caller(Deadline(CONNECTION_SECONDS), bytearray())

    def _read(self, connection: socket.socket) -> Visit | None:
        received = self._callers[connection].received
        try:
            arrived = connection.recv(HEAD_BYTES_MAX)
        except BlockingIOError:
            return None
        except OSError:
            arrived = b""
        received += arrived
        head, end, _ = bytes(received).partition(b"\r\n\r\n")
        if not arrived or (not end and len(received) > HEAD_BYTES_MAX):
            self._drop(connection)
            return None
        if not end:
            return None
        self._forget(connection)
        target = self._find_target(head)
        visit = Visit((target or "").partition("?")[2], connection)
        if target is None:
            visit.answer(NOT_FOUND_PAGE, status=404)
            return None
        return visit

    def _find_target(self, head: bytes) -> str | None:
        """Return the address that was asked for; None if it, the method or the Host is not ours."""
        line, *fields = head.split(b"\r\n")
        match = _REQUEST_LINE.fullmatch(line)
        hosts = [
            value.strip().lower() for name, _, value in (f.partition(b":") for f in fields) if name.lower() == b"host"
        ]
        return match[1].decode("ascii") if match and hosts == [self._host] else None

    def _forget(self, connection: socket.socket) -> None:
        self._selector.unregister(connection)
        del self._callers[connection]

    def _drop(self, connection: socket.socket) -> None:
        self._forget(connection)
        connection.close()
