"""HTTP, guarded: one deadline for a request and its whole answer, a cap on the answer, no redirects, no cookies.

    client = HttpClient(protocol="graph", timeout_seconds=30, deadline=Deadline.never(), redactor=redactor)
    reply = client.request("GET", "https://graph.microsoft.com/v1.0/me", headers={"Authorization": "Bearer …"})

Plain http is for loopback addresses alone, or for what is public. The system's proxies are used (`HTTPS_PROXY`,
`NO_PROXY`); credentials of `.netrc` and authorities of `REQUESTS_CA_BUNDLE` are not. requests and urllib3 write whole
URLs, in which secrets may stand, into their exceptions and logs: the exceptions end here, and the logs are shut,
whatever the root's level.
"""

from __future__ import annotations

import http.client
import logging
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from msgspec import Struct

from mailctl.errors import MailError, NetworkError, ProtocolError
from mailctl.model.endpoint_url import LOOPBACK_HOSTS
from mailctl.protocol.reasons import Reason
from mailctl.protocol.redact import Redactor
from mailctl.transport.faults import find_mail_error
from mailctl.transport.http.connection import Clock, Connector
from mailctl.transport.http.url import parse_url, place_of, shown_url
from mailctl.transport.network import dial
from mailctl.transport.network.limits import Deadline, Limits
from mailctl.transport.trace import Speaker, Trace
from mailctl.transport.watch import Watch

if TYPE_CHECKING:
    import requests

_READ_BYTES = 64 * 1024
_ABOVE_ALL_LEVELS = logging.CRITICAL + 1


class HttpReply(Struct, frozen=True):
    """An answer. `headers`: by lower-case name. `shown`: status line and body without secrets, for people."""

    status: int
    headers: dict[str, str]
    body: bytes
    shown: bytes


class HttpClient:
    """Requests to one server, and to those that it names, over connections that are kept.

    `protocol` names the client in stages and transcripts. `timeout_seconds` bounds each request with its answer, to
    which long bodies add what they may take; `deadline` bounds everything. `redactor` knows the secrets.
    """

    def __init__(
        self,
        *,
        protocol: str,
        timeout_seconds: float,
        deadline: Deadline,
        redactor: Redactor,
        trace: Trace | None = None,
        ca_file: str | None = None,
        limits: Limits | None = None,
        resolve: dial.Resolve = dial.resolve,
        public: bool = False,
    ) -> None:
        self.redactor = redactor
        self.has_sent_request = False
        """Whether the last request was handed over whole: the server may have acted upon it."""
        self._protocol = protocol
        self._timeout_seconds = timeout_seconds
        self._deadline = deadline
        self._limits = limits or Limits()
        self._public = public
        self._trace = trace
        self._clock = Clock(deadline)
        self._connector = Connector(self._clock, protocol=protocol, ca_file=ca_file, trace=trace, resolve=resolve)
        self._prepared: dict[tuple[str, int], socket.socket] = {}
        self._connections: list[socket.socket] = []
        self._opened: requests.Session | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._opened is not None:
            self._opened.close()
        # urllib3 closes what it keeps when its pools are collected, which an exception's traceback may put off.
        for connected in self._connections:
            connected.close()

    def connect(self, url: str, watch: Watch, *, secure: bool = True) -> bool:
        """Connect ahead of the first request (stages dns, tcp, tls, certificate); `secure`: TLS too, for https.

        Returns False, without stages, where a proxy of the system's stands in between: then the name is not resolved
        here, nor is it known whether the server answers, before the first request. Raises NetworkError, TLSError.
        """
        parts = parse_url(url, public=self._public)
        if _find_proxy(url):
            self.note(f"through the system's proxy to {parts.hostname}")
            return False
        host, port = place_of(parts)
        self._clock.deadline = Deadline(self._timeout_seconds, within=self._deadline)
        connected = self._dial(host, port, watch)
        if secure and parts.scheme == "https":
            connected = self._secure(connected, host, port, watch)
        self._prepared[host, port] = connected
        return True

    def request(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes = b"") -> HttpReply:
        """Return the answer, whatever its status: a redirect is one, too.

        Raises NetworkError, TLSError, ProtocolError; `has_sent_request` then tells whether the request was handed
        over.
        """
        from urllib3.exceptions import HTTPError

        parts = parse_url(url, public=self._public)
        seconds = self._timeout_seconds + len(body) / self._limits.bulk_bytes_per_second
        self._clock.deadline = Deadline(seconds, within=self._deadline)
        self.has_sent_request = False
        self._say(Speaker.CLIENT, f"{method} {shown_url(parts)}" + f" ({len(body)} bytes)" * bool(body))
        proxy = _find_proxy(url)
        failure: MailError
        try:
            with self._session.request(
                method,
                url,
                headers=dict(headers),
                data=body,
                proxies={parts.scheme: proxy} if proxy else {},
                allow_redirects=False,
                stream=True,
            ) as response:
                return self._reply(response)
        except (OSError, HTTPError, http.client.HTTPException) as error:
            failure = self._translate(error, f"with {parts.hostname}")
        # Outside of the handler, so that it does not carry the library's exception, with its URL, along.
        self.note(failure.message)
        raise failure

    def _reply(self, response: requests.Response) -> HttpReply:
        body = bytearray()
        for piece in response.iter_content(_READ_BYTES):
            body += piece
            if len(body) > self._limits.reply_bytes:
                raise ProtocolError("the server's answer does not end", reason=Reason.REPLY_TOO_LONG)
        headers = {name.lower(): value for name, value in response.headers.items()}
        line = f"HTTP {response.status_code} {response.reason or ''}".rstrip()
        self._say(Speaker.SERVER, line)
        shown = line.encode() + b"\r\n" * bool(body) + bytes(body)
        return HttpReply(response.status_code, headers, bytes(body), self.redactor.redact_and_shorten(shown))

    @property
    def _session(self) -> requests.Session:
        if self._opened is None:
            self._opened = _open_session(self._open_connection, self._secure_connection, self._note_sent)
        return self._opened

    def _note_sent(self) -> None:
        self.has_sent_request = True

    def _open_connection(self, host: str, port: int) -> socket.socket:
        """Return a connection for urllib3 to speak over: the one that was made ahead, or a new one."""
        return self._prepared.pop((host, port), None) or self._dial(host, port, Watch())

    def _secure_connection(self, connected: socket.socket, host: str, port: int) -> ssl.SSLSocket:
        """Return a connection secured, unless it is already."""
        if isinstance(connected, ssl.SSLSocket):
            return connected
        return self._secure(connected, host, port, Watch())

    def _dial(self, host: str, port: int, watch: Watch) -> socket.socket:
        connected = self._connector.dial(host, port, watch)
        self._connections.append(connected)
        return connected

    def _secure(self, connected: socket.socket, host: str, port: int, watch: Watch) -> ssl.SSLSocket:
        secured = self._connector.secure(connected, host, port, watch)
        self._connections.append(secured)
        return secured

    def _translate(self, error: Exception, doing: str) -> MailError:
        if self._clock.deadline.has_passed:
            return NetworkError(f"no complete answer in time ({doing})", reason=Reason.TIMED_OUT)
        for cause in _causes(error):
            if isinstance(cause, http.client.RemoteDisconnected | http.client.IncompleteRead):
                return NetworkError(f"the server closed the connection ({doing})", reason=Reason.CLOSED)
            if isinstance(cause, OSError) and str(cause).startswith("Tunnel connection failed"):
                return NetworkError(
                    f"the proxy does not connect ({doing})",
                    reason=Reason.FORBIDDEN,
                    reply=self.redactor.redact_and_shorten(str(cause).encode()),
                )
            if type(cause).__module__.partition(".")[0] not in ("requests", "urllib3"):
                found = find_mail_error(cause, doing)
                if found:
                    return found
        return ProtocolError(f"what answers does not speak HTTP as it should ({doing})", reason=Reason.PROTOCOL)

    def _say(self, speaker: Speaker, text: str) -> None:
        if self._trace:
            self._trace.add(speaker, self._protocol, self.redactor.redact_and_shorten(text.encode()))

    def note(self, text: str) -> None:
        """Add to the transcript what is not said on the wire."""
        if self._trace:
            self._trace.note(self._protocol, self.redactor.redact_and_shorten(text.encode()).decode("utf-8", "replace"))


def _open_session(
    connect: Callable[[str, int], socket.socket],
    secure: Callable[[socket.socket, str, int], ssl.SSLSocket],
    on_sent: Callable[[], None],
) -> requests.Session:
    """Return a session that speaks over connections of ours.

    `connect` makes a connection to a host and port, `secure` begins TLS on one. `on_sent` is told when a request was
    handed over whole. requests and urllib3, which take long to load, are loaded here.
    """
    from http.cookiejar import DefaultCookiePolicy

    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

    logging.getLogger("urllib3").setLevel(_ABOVE_ALL_LEVELS)

    class PlainConnection(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return connect(self.host, self.port)

        def request(self, *args: Any, **kwargs: Any) -> None:
            super().request(*args, **kwargs)
            on_sent()

    class SecureConnection(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return connect(self.host, self.port)

        def connect(self) -> None:
            HTTPConnection.connect(self)  # through a proxy, if there is one
            assert self.sock
            host, port = self._tunnel_host or self.host, self._tunnel_port or self.port
            self.sock = secure(self.sock, host, port)
            self.is_verified = True

        def request(self, *args: Any, **kwargs: Any) -> None:
            super().request(*args, **kwargs)
            on_sent()

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = PlainConnection

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = SecureConnection

    class Adapter(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            super().init_poolmanager(*args, **kwargs)
            self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}

        def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
            manager = super().proxy_manager_for(proxy, **kwargs)
            manager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}
            return manager

        def cert_verify(self, *_: Any) -> None:
            """Nothing: the connections come verified."""

    session = requests.Session()
    session.trust_env = False
    session.headers.clear()
    session.headers.update({"User-Agent": "mailctl", "Accept": "application/json", "Accept-Encoding": "identity"})
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.mount("https://", Adapter())
    session.mount("http://", Adapter())
    return session


def _find_proxy(url: str) -> str | None:
    """Return the system's proxy for a URL; raises NetworkError if it is of a kind that cannot be used."""
    from requests.utils import get_auth_from_url, get_environ_proxies, select_proxy

    if urlsplit(url).hostname in LOOPBACK_HOSTS:
        return None
    proxy = select_proxy(url, get_environ_proxies(url))
    scheme, colon, _ = (proxy or "").partition("://")
    if colon and scheme.lower() != "http":
        raise NetworkError(
            f"the system's proxy is one for {scheme}, which is not supported",
            reason=Reason.FORBIDDEN,
            hint="set HTTPS_PROXY to a proxy that is written http://HOST:PORT, or name the host in NO_PROXY",
        )
    if proxy and not _can_be_sent(get_auth_from_url(proxy)):
        raise NetworkError(
            "the user name or password of the system's proxy holds characters beyond Latin-1, which cannot be sent",
            reason=Reason.FORBIDDEN,
            hint="give the proxy others, or name the host in NO_PROXY",
        )
    return proxy


def _can_be_sent(credentials: tuple[str, str]) -> bool:
    """Tell whether requests can write them into a header (RFC 7617, 2 leaves the encoding open)."""
    try:
        "".join(credentials).encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and what caused it; urllib3 keeps causes among its arguments, too."""
    waiting: list[BaseException] = [error]
    seen: set[int] = set()
    while waiting:
        current = waiting.pop(0)
        if id(current) not in seen:
            seen.add(id(current))
            yield current
            linked = (*current.args, current.__cause__, current.__context__)
            waiting += [other for other in linked if isinstance(other, BaseException)]
