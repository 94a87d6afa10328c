"""A web of a few pages, behind an HTTP proxy on a loopback address: the proxy answers for all hosts by itself.

    pages = {"https://autoconfig.example.org/mail/config-v1.1.xml": Page(body)}
    with Web(pages, context) as web:
        monkeypatch.setenv("HTTPS_PROXY", web.proxy)

Requests for https come through CONNECT and TLS, by the certificate of `context`; those for http as they are. A page's
URL is without its query; `asked` holds the URLs with it. A host of no page is answered 502, as a proxy does that
cannot resolve a name.
"""

from __future__ import annotations

import contextlib
import http.client
import socketserver
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import IO, Self
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Page:
    """`endless`: the body is followed by more and more of it. `silent`: nothing is answered until the web ends."""

    body: bytes | str = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    endless: bool = False
    silent: bool = False


class Web:
    def __init__(self, pages: Mapping[str, Page], context: ssl.SSLContext) -> None:
        self.pages = dict(pages)
        self.asked: list[str] = []
        self.closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _handler(self, context))
        self.proxy = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def knows(self, host: str) -> bool:
        return any(urlsplit(url).hostname == host for url in self.pages)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = False


def _handler(web: Web, context: ssl.SSLContext) -> type[socketserver.StreamRequestHandler]:
    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):  # the client may have had enough
                method, target = _read_request(self.rfile)
                host = target.partition(":")[0]
                if method != "CONNECT":
                    _answer(web, target, self.request.sendall)
                elif not web.knows(host):
                    self.request.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
                else:
                    self.request.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    with context.wrap_socket(self.request, server_side=True) as secured, secured.makefile("rb") as file:
                        _answer(web, f"https://{host}{_read_request(file)[1]}", secured.sendall)

    return Handler


def _read_request(file: IO[bytes]) -> tuple[str, str]:
    """Return the method and the target."""
    method, target, _ = file.readline().decode().split()
    while file.readline().strip():
        pass
    return method, target


def _answer(web: Web, url: str, send: Callable[[bytes], None]) -> None:
    web.asked.append(url)
    page = web.pages.get(url.partition("?")[0], Page(status=404))
    if not web.knows(urlsplit(url).hostname or ""):
        page = Page(status=502)
    if page.silent:
        web.closing.wait()
        return
    body = page.body.encode() if isinstance(page.body, str) else page.body
    headers = {"Connection": "close", **page.headers}
    if not page.endless:
        headers["Content-Length"] = str(len(body))
    lines = [f"HTTP/1.1 {page.status} {http.client.responses[page.status]}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    send("\r\n".join([*lines, "", ""]).encode() + body)
    while page.endless and not web.closing.is_set():
        send(body)
