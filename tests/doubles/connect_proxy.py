"""An HTTP proxy on a loopback address that knows CONNECT (RFC 9110, 9.3.6) and leads everything to one port."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from typing import Self


class ConnectProxy:
    """The proxy, as a context manager; `connects` holds what clients asked for. `refuses`: says 403 instead."""

    def __init__(self, port: int, *, refuses: bool = False) -> None:
        self.connects: list[str] = []
        self._server = _Server(("127.0.0.1", 0), _handler(self, port, refuses=refuses))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = False


def _handler(proxy: ConnectProxy, port: int, *, refuses: bool) -> type[socketserver.StreamRequestHandler]:
    class Handler(socketserver.StreamRequestHandler):
        rbufsize = 0

        def handle(self) -> None:
            proxy.connects.append(self.rfile.readline().decode().strip())
            while self.rfile.readline().strip():
                pass
            if refuses:
                self.wfile.write(b"HTTP/1.1 403 Forbidden\r\n\r\n")
                return
            with socket.create_connection(("127.0.0.1", port)) as target:
                self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=_copy, args=(target, self.connection))
                back.start()
                _copy(self.connection, target)
                back.join()

    return Handler


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
