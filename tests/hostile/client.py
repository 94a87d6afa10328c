"""The production client against a hostile server, as far as a case asks."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

from tests.doubles.pop3 import Pop3Server
from tests.doubles.scripted import ScriptedServer
from tests.doubles.smtp import SmtpServer
from tests.hostile.case import GENEROUS_SECONDS, PROTOCOLS, Case, Server

from mailctl.errors import MailError
from mailctl.model.report import Stage
from mailctl.model.secret import Secret
from mailctl.model.server import (
    IncomingAuth,
    IncomingEndpoint,
    IncomingProtocol,
    Security,
    SmtpAuth,
    SmtpEndpoint,
    TlsOptions,
)
from mailctl.protocol.sasl import Login
from mailctl.transport.imap.session import open_imap
from mailctl.transport.network.dial import Address, Resolution, Resolve
from mailctl.transport.pop3.session import open_pop3
from mailctl.transport.route import Route
from mailctl.transport.smtp.session import open_smtp
from mailctl.transport.watch import Watch

if TYPE_CHECKING:
    from tests.servers.certificates import CertificateAuthority, KeyPair

    from mailctl.transport.network.limits import Deadline

USER = "ann@example.org"
PASSWORD = "Tr0ub4dor & 3"
SENDER, RECIPIENT = "a@example.org", "b@example.org"
HEADER = b"From: a@example.org\r\nTo: b@example.org\r\nSubject: x\r\n\r\n"


def message_of(size_bytes: int) -> bytes:
    """Return a message of about that size."""
    line = b"x" * 76 + b"\r\n"
    return HEADER + line * (size_bytes // len(line) + 1)


def resolving_to(*ips: str, asked: list[str] | None = None) -> Resolve:
    """Return a resolver that knows these addresses alone, and notes in `asked` what it is asked for."""

    def resolve(host: str, port: int, _deadline: Deadline) -> Resolution:
        if asked is not None:
            asked.append(host)
        families = [socket.AF_INET6 if ":" in ip else socket.AF_INET for ip in ips]
        return Resolution(tuple(Address(ip, port, family) for ip, family in zip(ips, families, strict=True)))

    return resolve


def build_route(
    port: int,
    server: Server,
    ca: CertificateAuthority,
    *,
    host: str = "localhost",
    user: str = USER,
    password: str = PASSWORD,
    auth: str = "plain",
    apop: bool = False,
    verify: bool = True,
    client_certificate: KeyPair | None = None,
    timeout_seconds: float = GENEROUS_SECONDS,
    **route_options: Any,
) -> Route:
    """Return the settings of a client that trusts `ca` and fits the server's protocol and security."""
    protocol, security = PROTOCOLS[type(server)], Security(server.security)
    if protocol == "smtp":
        endpoint = SmtpEndpoint(host=host, port=port, security=security, auth=SmtpAuth(auth))
    else:
        endpoint = IncomingEndpoint(
            protocol=IncomingProtocol(protocol),
            host=host,
            port=port,
            security=security,
            auth=IncomingAuth(auth),
            apop=apop,
        )
    own = client_certificate
    tls = TlsOptions(
        verify=verify,
        ca_file=str(ca.ca_file),
        client_cert=str(own.certificate) if own else None,
        client_key=str(own.key) if own else None,
    )
    login = Login(user, Secret(password))
    return Route(endpoint=endpoint, tls=tls, login=login, timeout_seconds=timeout_seconds, **route_options)


def run(
    server: ScriptedServer | int,
    deviation: Server,
    ca: CertificateAuthority,
    *,
    until: Stage = Stage.AUTH,
    sender: str = SENDER,
    recipient: str = RECIPIENT,
    ehlo_name: str | None = None,
    message_bytes: int = 100,
    **route_options: Any,
) -> Watch:
    """Open a session as far as `until`, doing there what a test of mailctl does; return what was observed.

    `server`: or the port alone. `route_options`: as of `build_route`. Raises what the client raises.
    """
    port = server if isinstance(server, int) else server.port
    route = build_route(port, deviation, ca, **route_options)
    watch = Watch()
    if isinstance(deviation, SmtpServer):
        with open_smtp(route, watch, until=until, ehlo_name=ehlo_name) as session:
            if until is Stage.ENVELOPE:
                session.envelope(sender, [recipient])
            if until is Stage.MESSAGE:
                session.send(sender, [recipient], message_of(message_bytes))
    else:
        open_incoming = open_pop3 if isinstance(deviation, Pop3Server) else open_imap
        with open_incoming(route, watch, until=until) as session:
            if until is Stage.MAILBOX:
                session.survey()
    return watch


def attempt(case: Case, server: ScriptedServer, ca: CertificateAuthority) -> MailError:
    """Return the refusal that the client meets in a case; any other exception passes, and so does success."""
    try:
        run(
            server,
            case.server,
            ca,
            until=case.until,
            auth=case.auth,
            apop=case.apop,
            timeout_seconds=case.timeout_seconds,
            message_bytes=case.message_bytes,
        )
    except MailError as error:
        return error
    raise AssertionError("the client saw nothing wrong")


def told_by(watch: Watch) -> str:
    """Return everything that a watch could tell a person, as one text."""
    records = [(record.evidence, record.reply, record.warnings, record.error) for record in watch.records]
    return json.dumps(
        records, default=lambda value: value.decode(errors="replace") if isinstance(value, bytes) else repr(value)
    )
