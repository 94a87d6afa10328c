"""Who sends for an organisation, through which server and with which login: the system mail account, and tenants.

They send through a server of the catalogue, through a dedicated one, or through Microsoft Graph. A dedicated server may
want POP before SMTP in the place of a login of its own; an OAuth client makes the login one by token.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct, field

from mailctl.errors import Problem
from mailctl.model.address import parse_address
from mailctl.model.server import (
    IncomingEndpoint,
    IncomingProtocol,
    Protocol,
    Security,
    SmtpAuth,
    SmtpEndpoint,
    TlsOptions,
    complete_endpoint,
    why_endpoint_field_missing,
)
from mailctl.model.values import (
    Code,
    FilePath,
    Host,
    Name,
    Port,
    Reference,
    TimeoutSeconds,
    Username,
    WaitSeconds,
    shown,
)


def _parse_mail_address(text: str) -> str:
    return str(parse_address(text))


MailAddress = Annotated[
    str, Meta(description="mail address, in any script", extra={"parse": _parse_mail_address}, min_length=1)
]


class PopBeforeSmtp(Struct, frozen=True, kw_only=True):
    """A POP3 login that opens the SMTP server for this machine's address for a while.

    `wait`: seconds between the login and sending. `password`: a secret reference. `ca_file`: PEM of the only
    authorities to trust for TLS to the POP3 server, which is always verified.
    """

    host: Host
    port: Port
    security: Security
    ca_file: FilePath | None = None
    apop: bool = False
    username: Username | None = None
    password: Reference | None = None
    wait: WaitSeconds = 0
    timeout: TimeoutSeconds = 10

    @classmethod
    def complete(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        return complete_endpoint(Protocol.POP3, given)

    why_missing = staticmethod(why_endpoint_field_missing)

    @property
    def endpoint(self) -> IncomingEndpoint:
        """The POP3 server as an incoming side."""
        return IncomingEndpoint(
            protocol=IncomingProtocol.POP3,
            host=self.host,
            port=self.port,
            security=self.security,
            apop=self.apop,
            timeout=self.timeout,
        )

    @property
    def tls(self) -> TlsOptions:
        """How the POP3 server's TLS is verified."""
        return TlsOptions(ca_file=self.ca_file)


OF_A_SERVER = ("oauth_client", "username", "password", "tls", "pop_before_smtp", "smtputf8", "detached_from")
"""The fields of a sender that say how its server is used."""


class Sender(Struct, frozen=True, kw_only=True):
    """Who sends for an organisation: in whose name, through which server, with which login.

    `server`: the code of a catalogue server; or `smtp` with `tls`, a dedicated one; or `graph`, with `tls.ca_file` at
    most. `oauth_client`: the name of that which logs in at the dedicated server or at Graph. `username`: with OAuth
    the mailbox whose token it is, the address by default. `password`: a secret reference.
    `envelope_from`: where bounces go, the address by default. `local_recipient`: who gets mail for a recipient without
    a domain, such as root. `smtputf8`: whether the server takes internationalised headers (RFC 6531); it is asked for
    where this is set and the server offers it. `detached_from`: the code of the catalogue server, deleted since, that
    the dedicated one is a copy of.
    """

    address: MailAddress | None = None
    sender_name: Name | None = None
    reply_to: MailAddress | None = None
    envelope_from: MailAddress | None = None
    local_recipient: MailAddress | None = None
    smtputf8: bool = False
    server: Code | None = None
    oauth_client: Code | None = None
    graph: bool = False
    username: Username | None = None
    password: Reference | None = None
    smtp: SmtpEndpoint | None = None
    tls: TlsOptions = field(default_factory=TlsOptions)
    pop_before_smtp: PopBeforeSmtp | None = None
    detached_from: Code | None = None

    @property
    def has_server(self) -> bool:
        """Whether it has a way to send of its own."""
        return bool(self.server or self.smtp or self.graph)

    def conflicts(self) -> Iterator[Problem]:
        yield from exclusions(msgspec.to_builtins(self))
        if self.graph and not self.oauth_client:
            yield Problem("oauth_client", "is missing, which Microsoft Graph (graph) needs")
        if self.password and not self.username:
            yield Problem("username", "is missing, whose password is given")
        pop = self.pop_before_smtp
        if pop and pop.password and not pop.username:
            yield Problem("pop_before_smtp.username", "is missing, whose password is given")


class SystemMail(Sender, frozen=True, kw_only=True):
    """The system mail account, which is the global sender of an installation with tenants.

    `active`: whether anything is sent at all, in its own name or in a tenant's.
    """

    active: bool = True
    address: MailAddress

    def conflicts(self) -> Iterator[Problem]:
        yield from super().conflicts()
        if not self.has_server:
            yield Problem("server", "is missing: the code of a catalogue server, or a dedicated one (smtp)")


def exclusions(account: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the pairs of fields that exclude each other in an account; fields that are needed may be missing."""
    server, smtp, pop = account.get("server"), account.get("smtp") or {}, account.get("pop_before_smtp")
    client, graph = account.get("oauth_client"), account.get("graph") or False
    auth = smtp.get("auth", SmtpAuth.NONE)
    tls = given_tls_fields(account.get("tls") or {})
    dedicated = {"smtp": smtp, "tls": tls, "pop_before_smtp": pop is not None}
    for name in filter(dedicated.get, dedicated if server else ()):
        message = f"belongs to a dedicated server; '{server}' is one of the catalogue (server)"
        yield Problem(name, message, conflict=True)
    if server and client:
        message = f"belongs to a dedicated set-up; '{server}' is one of the catalogue (server), which brings its own"
        yield Problem("oauth_client", message, conflict=True)
    if graph:
        not_of_graph = ["server"] * bool(server) + ["smtp"] * bool(smtp)
        for name in not_of_graph + [f"tls.{name}" for name in tls if name != "ca_file"]:
            yield Problem(name, "and Microsoft Graph (graph) exclude each other: that is no SMTP server", conflict=True)
    if pop is not None and client:
        message = f"POP before SMTP and OAuth (oauth_client {shown(client)}) exclude each other"
        yield Problem("pop_before_smtp", message, conflict=True)
    elif pop is not None and auth in set(SmtpAuth) and auth != SmtpAuth.NONE:
        message = f"POP before SMTP and SMTP authentication (smtp.auth {auth}) exclude each other"
        yield Problem("pop_before_smtp", message, conflict=True)
    if client and account.get("password"):
        message = f"a password and OAuth (oauth_client {shown(client)}) exclude each other"
        yield Problem("password", message, conflict=True)
    if not server and not client and smtp and auth == SmtpAuth.NONE and account.get("username"):
        message = "a login for sending is given, but smtp.auth is none: name a mechanism, or auto"
        yield Problem("username", message, conflict=True)


def given_tls_fields(tls: Mapping[str, Any]) -> list[str]:
    """Return the names of the TLS options that are not at their defaults."""
    return [name for name, value in tls.items() if value not in (None, [], ()) and (name, value) != ("verify", True)]
