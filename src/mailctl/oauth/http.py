"""HTTP to an authorisation server, with requests: https alone, no redirects, within a deadline and a size.

requests' own time-out is one for each read, so a server that drips may hold it for ever; names are resolved and
connections made by `transport.dial`, and whatever is open when the deadline passes is cut off. Certificates are
verified by the system's authorities, not by those that requests brings along. Proxies of the environment are used,
except for loopback addresses; logins from ~/.netrc are not.
"""

from __future__ import annotations

import http.client
import io
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests_oauthlib import OAuth2Session  # type: ignore[import-untyped]  # the package has no types
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from mailctl.errors import MailError, NetworkError, ProtocolError
from mailctl.model.server import TlsOptions
from mailctl.oauth.endpoints import is_loopback, named_https, require_safe
from mailctl.protocol.reasons import Reason
from mailctl.transport.dial import Dialler, resolve
from mailctl.transport.faults import find_mail_error
from mailctl.transport.limits import Deadline
from mailctl.transport.tls import Context, build_context

REPLY_BYTES_MAX = 256 * 1024
"""Far more than tokens take, which are of some thousand bytes."""

_CHUNK_BYTES = 16 * 1024
_LIBRARIES = frozenset({"requests", "urllib3", "oauthlib", "requests_oauthlib"})
_BODY_LOGGERS = ("requests_oauthlib.oauth2_session", "oauthlib", "urllib3.connectionpool")
"""Loggers that write requests and replies, with the secrets in them, at DEBUG."""

T = TypeVar("T")


class _Line:
    """Makes connections, and cuts them off when the deadline passes."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._timer = threading.Timer(deadline.left_seconds(), self._cut)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        with self._lock:
            for connection in self._open:
                connection.close()
            self._open.clear()

    def connect(self, host: str, port: int) -> socket.socket:
        connected = Dialler(resolve(host, port, self._deadline).addresses).connect(self._deadline)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connected.settimeout(self._deadline.left_seconds())
        with self._lock:
            # A duplicate, since the TLS layer takes the original over.
            self._open.append(connected.dup())
        return connected

    def _cut(self) -> None:
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


def _pools(line: _Line) -> dict[str, type[HTTPConnectionPool]]:
    """Return urllib3's pools with connections that `line` makes."""

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return line.connect(self.host, self.port)

    class Secured(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return line.connect(self.host, self.port)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecuredPool(HTTPSConnectionPool):
        ConnectionCls = Secured

    return {"http": PlainPool, "https": SecuredPool}


class _GuardedAdapter(HTTPAdapter):
    """Sends requests to one endpoint.

    `plain`: a loopback endpoint, named https to requests-oauthlib (see `named_https`); it goes out as http.
    """

    def __init__(self, line: _Line, context: Context, deadline: Deadline, *, plain: bool) -> None:
        self._pool_classes = _pools(line)
        self._context = context
        self._deadline = deadline
        self._plain = plain
        super().__init__(max_retries=0)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, ssl_context=self._context, **options)
        self.poolmanager.pool_classes_by_scheme = self._pool_classes

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        manager = super().proxy_manager_for(proxy, ssl_context=self._context, **options)
        manager.pool_classes_by_scheme = self._pool_classes
        return manager

    def cert_verify(self, *_: Any) -> None:
        """Leave it to the context, which requests would add its own authorities to."""

    def send(self, request: PreparedRequest, *_: Any, proxies: Any = None, **__: Any) -> Response:
        if self._plain and request.url:
            request.url = "http" + request.url.removeprefix("https")
        reply = super().send(request, stream=True, timeout=self._deadline.left_seconds(), proxies=proxies)
        try:
            if 300 <= reply.status_code < 400:
                raise ProtocolError(
                    f"the server answers with a redirect (HTTP {reply.status_code}), which is not followed",
                    reason=Reason.PROTOCOL,
                    hint="the endpoint's URL is to be the final one",
                )
            body = _read_capped(reply)
        finally:
            reply.close()
        reply.raw = io.BytesIO(body)
        reply.encoding = "utf-8"  # RFC 8259, 8.1
        return reply


def _read_capped(reply: Response) -> bytes:
    body = bytearray()
    for chunk in reply.raw.stream(_CHUNK_BYTES, decode_content=True):
        body += chunk
        if len(body) > REPLY_BYTES_MAX:
            raise ProtocolError(f"the reply is longer than {REPLY_BYTES_MAX} bytes", reason=Reason.REPLY_TOO_LONG)
    return bytes(body)


@contextmanager
def open_session(url: str, deadline: Deadline, ca_file: str | None, **options: Any) -> Iterator[tuple[Any, str]]:
    """Open a session of requests-oauthlib for one endpoint; `options` are those of OAuth2Session.

    Yields the session, and the URL by which the endpoint is named to it. What it raises is to be read by `speak`.
    """
    require_safe(url)
    host = urlsplit(url).hostname or ""
    for name in _BODY_LOGGERS:
        logging.getLogger(name).disabled = True
    plain = url.startswith("http:")
    context = build_context(TlsOptions(ca_file=ca_file))
    with _Line(deadline) as line, OAuth2Session(**options) as session:
        session.trust_env = not is_loopback(host)
        session.mount("https://", _GuardedAdapter(line, context, deadline, plain=plain))
        yield session, named_https(url)


def speak(call: Callable[[], T], deadline: Deadline, doing: str) -> T:
    """Return what a call of the libraries returns; raise what it raises as MailError.

    That error comes without chained exceptions and without the libraries' frames, as both hold what was sent.
    """
    failure: MailError
    try:
        return call()
    except MailError as error:
        failure = error
    except Exception as error:  # noqa: BLE001 - of three libraries, and none of them may be seen with its contents
        failure = _translated(error, deadline, doing)
    failure.__context__ = failure.__cause__ = None
    raise failure.with_traceback(None)


def _translated(error: Exception, deadline: Deadline, doing: str) -> MailError:
    if deadline.has_passed:
        return NetworkError(f"no complete answer in time ({doing})", reason=Reason.TIMED_OUT)
    for inner in _chain(error):
        if isinstance(inner, http.client.HTTPException) and not isinstance(inner, OSError):
            return ProtocolError(f"the answer is not HTTP ({doing})", reason=Reason.PROTOCOL)
        if type(inner).__module__.partition(".")[0] not in _LIBRARIES:
            found = find_mail_error(inner, doing)
            if found:
                return found
    return ProtocolError(f"the answer cannot be understood ({doing})", reason=Reason.MALFORMED_REPLY)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and what it was made of: its causes, and those that libraries keep in arguments."""
    waiting, seen = [error], set[int]()
    while waiting:
        current = waiting.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        kept = (current.__cause__, current.__context__, getattr(current, "reason", None), *current.args)
        waiting.extend(inner for inner in kept if isinstance(inner, BaseException))
