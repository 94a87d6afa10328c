"""The URLs that settings and providers name: whether they may be spoken to, and how oauthlib is told of them."""

from __future__ import annotations

from mailctl.errors import ProtocolError
from mailctl.model.endpoint_url import split_endpoint
from mailctl.protocol.reasons import Reason
from mailctl.protocol.replies import printable


def is_safe(url: str) -> bool:
    """Whether what is sent to a URL cannot be read or changed on the way."""
    try:
        split_endpoint(url)
    except ValueError:
        return False
    return True


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
