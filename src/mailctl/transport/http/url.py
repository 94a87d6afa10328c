"""The URLs that are spoken to: what is in them, and how they are shown, without secrets."""

from __future__ import annotations

from urllib.parse import SplitResult, parse_qsl, quote

from mailctl.errors import ProtocolError
from mailctl.model.endpoint_url import split_endpoint
from mailctl.model.values import ascii_host
from mailctl.protocol.reasons import Reason


def parse_url(url: str, *, public: bool = False) -> SplitResult:
    """Return the parts of a URL; raises ProtocolError, which does not quote it, if it may not be spoken to.

    `public`: nothing secret is said or believed there, so that plain http may be spoken to any host.
    """
    plain = public and url.startswith("http://")
    try:
        parts = split_endpoint(f"https{url.removeprefix('http')}" if plain else url)
        return parts._replace(scheme="http") if plain else parts
    except ValueError:
        pass
    raise ProtocolError("not an https URL; http is for loopback addresses alone", reason=Reason.PROTOCOL)


def place_of(parts: SplitResult) -> tuple[str, int]:
    """Return the host, in A-labels or as an IP address, and the port."""
    assert parts.hostname
    try:
        host = ascii_host(parts.hostname)
    except ValueError:
        raise ProtocolError("the URL's host is no host", reason=Reason.PROTOCOL) from None
    return host, parts.port or (443 if parts.scheme == "https" else 80)


def shown_url(parts: SplitResult) -> str:
    """Return the URL with the values of its parameters left out, but for OData's own (`$select`)."""
    query = "&".join(
        f"{name}={quote(value, safe=',')}" if name.startswith("$") else f"{name}=[...]"
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
    )
    return parts._replace(query=query, fragment="").geturl()
