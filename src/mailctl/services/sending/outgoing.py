"""What sending goes out through: an SMTP server, or Microsoft Graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from msgspec import Struct

from mailctl.model.resolve import Sending
from mailctl.model.server import Security, SmtpEndpoint

if TYPE_CHECKING:
    from urllib.parse import SplitResult


class GraphEndpoint(Struct, frozen=True):
    """Microsoft Graph, in the place of an SMTP server. `url`: with the version, as the requests' paths follow it."""

    protocol: ClassVar[str] = "graph"
    auth: ClassVar[str] = "bearer"

    url: str

    @property
    def host(self) -> str:
        return self._parts.hostname or ""

    @property
    def port(self) -> int:
        return self._parts.port or (80 if self.security is Security.NONE else 443)

    @property
    def security(self) -> Security:
        """TLS throughout; none on this machine alone, as `EndpointUrl` allows it."""
        return Security.NONE if self._parts.scheme == "http" else Security.TLS

    @property
    def _parts(self) -> SplitResult:
        from urllib.parse import urlsplit

        return urlsplit(self.url)


def outgoing_of(sending: Sending) -> SmtpEndpoint | GraphEndpoint:
    """Return what sends; that of Graph is the OAuth client's, of a national cloud say, else the worldwide one."""
    if sending.graph:
        from mailctl.protocol.graph import GRAPH_URL

        client = sending.oauth_client
        return GraphEndpoint((client and client.graph_url) or GRAPH_URL)
    return sending.endpoint
