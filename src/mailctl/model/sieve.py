"""Where an account's rules are installed: a ManageSieve server (RFC 5804)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from mailctl.model.server import (
    IncomingAuth,
    Protocol,
    Security,
    complete_endpoint,
    why_endpoint_field_missing,
)
from mailctl.model.values import Host, Port, TimeoutSeconds


class SieveEndpoint(Struct, frozen=True, kw_only=True):
    """A ManageSieve server. `timeout` in seconds bounds connecting, and each command up to its complete answer."""

    host: Host
    port: Port
    security: Security
    auth: IncomingAuth = IncomingAuth.AUTO
    timeout: TimeoutSeconds = 10

    @classmethod
    def complete(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        # There is no implicit TLS in RFC 5804, so a port tells nothing.
        return complete_endpoint(Protocol.MANAGESIEVE, {"security": Security.STARTTLS, **given})

    why_missing = staticmethod(why_endpoint_field_missing)

    @property
    def protocol(self) -> Protocol:
        return Protocol.MANAGESIEVE
