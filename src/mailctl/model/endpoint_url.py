"""Which URLs may be spoken to, or opened in a browser: https, and http on loopback addresses. RFC 8252, 8.3."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from mailctl.model.values import shown

LOOPBACK_HOSTS = ("127.0.0.1", "::1", "localhost")
RULE = "an endpoint is an https URL; http is for loopback addresses alone"


def split_endpoint(text: str) -> SplitResult:
    """Return the parts of a URL to which nothing can be sent that is read or changed on the way.

    Raises ValueError, whose text quotes it, for any other, and for one with credentials in it.
    """
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(f"{shown(text)} is not a URL: {RULE}") from None
    safe = parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK_HOSTS)
    if not safe or not host or port == 0 or parts.username is not None or not text.isprintable() or " " in text:
        raise ValueError(f"{shown(text)} is not an endpoint: {RULE}")
    return parts
