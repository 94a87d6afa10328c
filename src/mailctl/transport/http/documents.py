"""Public documents from web servers: small, in time, and by few redirects, none of which leaves https for http."""

from __future__ import annotations

from urllib.parse import urljoin

from msgspec import Struct

from mailctl.errors import ProtocolError
from mailctl.protocol.reasons import Reason
from mailctl.protocol.redact import Redactor
from mailctl.transport.http.exchange import HttpClient
from mailctl.transport.network.limits import Deadline, Limits

_REDIRECTS_MAX = 3


class Document(Struct, frozen=True):
    """What was fetched. `url`: where it was in the end. `status`: 200, or another where there is no document."""

    url: str
    status: int
    body: bytes


def fetch_document(url: str, deadline: Deadline, *, bytes_max: int, follows: bool = True) -> Document:
    """Fetch what is at a public URL; plain http is spoken where the URL says so. `follows`: redirects are followed.

    Raises NetworkError, TLSError, ProtocolError; the last also for a redirect that is not followed.
    """
    asked = url
    with HttpClient(
        protocol="http",
        timeout_seconds=deadline.left_seconds(),
        deadline=deadline,
        redactor=Redactor(),
        limits=Limits(reply_bytes=bytes_max),
        public=True,
    ) as client:
        for _ in range(_REDIRECTS_MAX + 1):
            reply = client.request("GET", url, headers={"Accept": "*/*"})
            if reply.status not in (301, 302, 303, 307, 308) or not follows:
                return Document(url, reply.status, reply.body)
            target = urljoin(url, reply.headers.get("location", ""))
            if url.startswith("https:") and not target.startswith("https:"):
                raise _unfollowed(f"{asked} leads from https to http, which is not followed")
            url = target
    raise _unfollowed(f"{asked} leads from one place to the next more than {_REDIRECTS_MAX} times")


def _unfollowed(message: str) -> ProtocolError:
    return ProtocolError(message, reason=Reason.PROTOCOL)
