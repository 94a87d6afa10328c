"""Servers for people: one line each, or one in full."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mailctl.model.server import IncomingEndpoint, Security, Server, SmtpEndpoint, TlsOptions
from mailctl.model.sieve import SieveEndpoint
from mailctl.render.facts import InFull
from mailctl.render.style import Style

SERVER_HEADERS = ("CODE", "NAME", "OUTGOING", "INCOMING", "LOGIN")


def server_row(server: Server) -> Sequence[str]:
    """Return the cells of a server in a listing, in the order of SERVER_HEADERS."""
    return (
        server.code,
        server.name,
        address(server.smtp),
        f"{server.incoming.protocol} {address(server.incoming)}",
        f"OAuth {server.oauth_client}" if server.oauth_client else _login(server),
    )


def _login(server: Server) -> str:
    outgoing, incoming = str(server.smtp.auth), incoming_auth(server.incoming)
    return outgoing if outgoing == incoming else f"smtp {outgoing}, {server.incoming.protocol} {incoming}"


def address(endpoint: SmtpEndpoint | IncomingEndpoint | SieveEndpoint) -> str:
    """Return where an endpoint is and how it is secured: `mail.example.org:465 tls`."""
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    return f"{host}:{endpoint.port} {endpoint.security}"


def incoming_auth(endpoint: IncomingEndpoint) -> str:
    return "apop" if endpoint.apop else str(endpoint.auth)


def server_in_full(server: Server, style: Style) -> InFull:
    """Return a server in full."""
    client = [("oauth client", server.oauth_client)] if server.oauth_client else []
    facts = [
        *client,
        ("outgoing", f"smtp {address(server.smtp)}"),
        ("outgoing", f"authentication {server.smtp.auth}, people send with their {_credentials(server)} login"),
        ("outgoing", f"time-out {server.smtp.timeout} s"),
        ("incoming", f"{server.incoming.protocol} {address(server.incoming)}"),
        ("incoming", f"authentication {incoming_auth(server.incoming)}"),
        ("incoming", f"time-out {server.incoming.timeout} s"),
        *(("tls", fact) for fact in _tls(server, style)),
    ]
    return InFull(f"{style.bold(server.code)}  {server.name}", facts)


def tls_facts(tls: TlsOptions, style: Style) -> Iterator[str]:
    """Yield how TLS is verified, and what is presented."""
    yield "certificates are verified" if tls.verify else style.yellow("certificates are NOT verified")
    if tls.ca_file:
        yield f"trusts only {tls.ca_file}"
    yield from (f"pinned to {pin}" for pin in tls.pins)
    if tls.client_cert:
        yield f"presents {tls.client_cert} with the key {tls.client_key}"


def _tls(server: Server, style: Style) -> Iterator[str]:
    if server.smtp.security is Security.NONE and server.incoming.security is Security.NONE:
        yield style.yellow("not used: all that is sent and read can be seen on the way")
        return
    yield from tls_facts(server.tls, style)


def _credentials(server: Server) -> str:
    return "own sending" if server.smtp.credentials == "own" else "incoming"
