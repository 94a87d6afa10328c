"""Which URLs may be spoken to: https ones, and http ones on loopback addresses. RFC 8252, 8.3."""

from __future__ import annotations

from urllib.parse import urlsplit

from mailctl.errors import ProtocolError
from mailctl.protocol.reasons import Reason
from mailctl.protocol.replies import printable

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def is_loopback(host: str) -> bool:
    return host in _LOOPBACK


def is_safe(url: str) -> bool:
    """Whether what is sent to a URL cannot be read or changed on the way."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if not host or not url.isprintable() or " " in url:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))


def require_safe(url: str) -> None:
    """Raise ProtocolError unless `is_safe`: settings have been checked, what a provider says has not."""
    if not is_safe(url):
        raise ProtocolError(
            f"{printable(url.encode('utf-8', 'replace'))[:200]} is no https URL, and nothing is sent there",
            reason=Reason.PROTOCOL,
        )


def named_https(url: str) -> str:
    """Return the name of an endpoint for oauthlib, which takes no http URL, not even of a loopback address.

    Its switch for that is one for the whole process, and so stays as it is.
    """
    return url if url.startswith("https:") else "https:" + url.removeprefix("http:")
