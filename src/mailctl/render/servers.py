"""Servers for people: one line each, or one in full."""

from __future__ import annotations

from collections.abc import Sequence

from mailctl.model.server import IncomingEndpoint, Server, SmtpEndpoint
from mailctl.render.style import Style

SERVER_HEADERS = ("CODE", "NAME", "OUTGOING", "INCOMING", "LOGIN")


def server_row(server: Server) -> Sequence[str]:
    """Return the cells of a server in a listing, in the order of SERVER_HEADERS."""
    login = f"{server.smtp.auth} / {incoming_auth(server.incoming)}"
    return (
        server.code,
        server.name,
        address(server.smtp),
        f"{server.incoming.protocol} {address(server.incoming)}",
        f"OAuth {server.oauth_client}" if server.oauth_client else login,
    )


def address(endpoint: SmtpEndpoint | IncomingEndpoint) -> str:
    """Return where an endpoint is and how it is secured: `mail.example.org:465 tls`."""
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    return f"{host}:{endpoint.port} {endpoint.security}"


def incoming_auth(endpoint: IncomingEndpoint) -> str:
    return "apop" if endpoint.apop else str(endpoint.auth)


def render_server(server: Server, style: Style) -> str:
    """Return a server in full, a fact a line."""
    tls = server.tls
    facts = [
        ("outgoing", f"smtp {address(server.smtp)}"),
        ("", f"authentication {server.smtp.auth}, people send with their {_credentials(server)} login"),
        ("", f"time-out {server.smtp.timeout} s"),
        ("incoming", f"{server.incoming.protocol} {address(server.incoming)}"),
        ("", f"authentication {incoming_auth(server.incoming)}"),
        ("", f"time-out {server.incoming.timeout} s"),
        ("tls", "certificates are verified" if tls.verify else style.yellow("certificates are NOT verified")),
        *(("", f"trusts only {tls.ca_file}") for _ in [0] if tls.ca_file),
        *(("", f"pinned to {pin}") for pin in tls.pins),
        *(("", f"presents {tls.client_cert} with the key {tls.client_key}") for _ in [0] if tls.client_cert),
    ]
    if server.oauth_client:
        facts.insert(0, ("oauth client", server.oauth_client))
    width = max(len(name) for name, _ in facts) + 2
    lines = [f"{style.bold(server.code)}  {server.name}"]
    lines += [f"  {style.dim(name.ljust(width))}{fact}" for name, fact in facts]
    return "\n".join(lines)


def _credentials(server: Server) -> str:
    return "own sending" if server.smtp.credentials == "own" else "incoming"
