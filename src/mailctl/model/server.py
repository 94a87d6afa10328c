"""A server of the catalogue: one outgoing (SMTP) and one incoming (POP3 or IMAP) endpoint under one code.

The defaults and pairings of port and security live here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from mailctl.errors import Problem
from mailctl.model.decode import MISSING
from mailctl.model.target_name import edit_command
from mailctl.model.values import Code, FilePath, Host, Name, Pin, Port, Reference, TimeoutSeconds, parse_port


class Security(StrEnum):
    """How a connection is protected: not at all, by an upgrade (STARTTLS, STLS), or by TLS throughout (RFC 8314)."""

    NONE = "none"
    STARTTLS = "starttls"
    TLS = "tls"


class Protocol(StrEnum):
    SMTP = "smtp"
    POP3 = "pop3"
    IMAP = "imap"
    MANAGESIEVE = "managesieve"
    """For the rules of people's accounts (RFC 5804); no server of the catalogue speaks it."""


class IncomingProtocol(StrEnum):
    POP3 = "pop3"
    IMAP = "imap"

    @staticmethod
    def aliases() -> dict[str, str]:
        return {"imap4": "imap"}


class SmtpAuth(StrEnum):
    """SMTP authentication: the SASL mechanism, `auto` for the strongest offered one, or `none`."""

    NONE = "none"
    AUTO = "auto"
    PLAIN = "plain"
    LOGIN = "login"
    CRAM_MD5 = "cram-md5"
    DIGEST_MD5 = "digest-md5"
    SCRAM_SHA_1 = "scram-sha-1"
    SCRAM_SHA_256 = "scram-sha-256"
    XOAUTH2 = "xoauth2"
    OAUTHBEARER = "oauthbearer"
    EXTERNAL = "external"


class IncomingAuth(StrEnum):
    """Incoming authentication: `login-command` is USER/PASS (POP3) or LOGIN (IMAP), the rest as in SmtpAuth."""

    AUTO = "auto"
    LOGIN_COMMAND = "login-command"
    PLAIN = "plain"
    LOGIN = "login"
    CRAM_MD5 = "cram-md5"
    DIGEST_MD5 = "digest-md5"
    SCRAM_SHA_1 = "scram-sha-1"
    SCRAM_SHA_256 = "scram-sha-256"
    XOAUTH2 = "xoauth2"
    OAUTHBEARER = "oauthbearer"
    EXTERNAL = "external"


class SendingCredentials(StrEnum):
    """Which login a person's account sends with: its own sending login, or the incoming one."""

    OWN = "own"
    INCOMING = "incoming"


DEFAULT_PORTS: dict[Protocol, dict[Security, int]] = {
    Protocol.SMTP: {Security.NONE: 25, Security.STARTTLS: 587, Security.TLS: 465},
    Protocol.IMAP: {Security.NONE: 143, Security.STARTTLS: 143, Security.TLS: 993},
    Protocol.POP3: {Security.NONE: 110, Security.STARTTLS: 110, Security.TLS: 995},
    Protocol.MANAGESIEVE: {Security.NONE: 4190, Security.STARTTLS: 4190, Security.TLS: 4190},
}
# Cleartext is never inferred: a port alone means TLS where that port is TLS's, else the upgrade.
_SECURITY_OF_PORT: dict[Protocol, dict[int, Security]] = {
    Protocol.SMTP: {465: Security.TLS, 587: Security.STARTTLS, 25: Security.STARTTLS},
    Protocol.IMAP: {993: Security.TLS, 143: Security.STARTTLS},
    Protocol.POP3: {995: Security.TLS, 110: Security.STARTTLS},
    Protocol.MANAGESIEVE: {4190: Security.STARTTLS},
}
_SUBMISSION_PORTS = (465, 587)
_SCHEMES = ("ssl://", "tls://")


def complete_endpoint(protocol: Protocol, given: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in the port and security that follow from what was given, and split a scheme off the host.

    A port that does not tell its security leaves security out: `why_endpoint_field_missing` then says so.
    """
    full = dict(given)
    host = full.get("host")
    if isinstance(host, str) and host.startswith(_SCHEMES):
        full["host"] = host.partition("://")[2]
        full.setdefault("security", Security.TLS)
    port, security = full.get("port"), full.get("security")
    if port is None and security is None:
        full["security"] = security = Security.TLS
    if port is None and security in set(Security):
        full["port"] = DEFAULT_PORTS[protocol][Security(security)]
    if security is None:
        number = int(port) if isinstance(port, str) and port.isascii() and port.isdigit() else port
        known = _SECURITY_OF_PORT[protocol].get(number) if isinstance(number, int) else None
        if known is not None:
            full["security"] = known
    return full


def why_endpoint_field_missing(name: str, given: Mapping[str, Any]) -> str | None:
    """Say why a port or security could not be completed; None if that follows from another field's problem."""
    if name in ("port", "security") and given.get("security") is not None:
        return None  # an unknown security: its port cannot be told
    if name == "security":
        try:
            port = parse_port(given["port"])
        except (KeyError, TypeError, ValueError):
            return None
        return f"is missing, and port {port} does not tell it: name none, starttls or tls"
    return None if name == "port" else MISSING


def pairing_warning(protocol: Protocol, port: int, security: Security) -> str | None:
    """Return what is odd about a port and its security, with the usual pairing; None if nothing is."""
    usual = DEFAULT_PORTS[protocol]
    name = protocol.upper()
    other = next(
        (
            (other_protocol, kind)
            for other_protocol, ports in DEFAULT_PORTS.items()
            for kind, number in ports.items()
            if number == port and other_protocol != protocol
        ),
        None,
    )
    if port in usual.values():
        expected = _SECURITY_OF_PORT[protocol][port]
        upgrades_or_not = expected is Security.STARTTLS and security is Security.NONE
        fits = security is expected or usual[security] == port or upgrades_or_not
        if fits:
            return None
        return (
            f"port {port} of {name} usually goes with security {expected}, not {security}; "
            f"{security} usually has port {usual[security]}"
        )
    if port in (80, 443):
        return f"port {port} is a web server's; {name} with security {security} usually has port {usual[security]}"
    if other:
        return (
            f"port {port} is usually {other[0].upper()}'s; {name} with security {security} has port {usual[security]}"
        )
    return None


def find_pairing_change(side: str, protocol: Protocol, port: int, security: Security) -> str | None:
    """Return the option that makes an odd port and its security a usual pair; None where they are one.

    `side`: the beginning of the side's options, `smtp` in `--smtp-port`. A port that is the protocol's own stays.
    """
    if pairing_warning(protocol, port, security) is None:
        return None
    if port in _SECURITY_OF_PORT[protocol]:
        return f"--{side}-security {_SECURITY_OF_PORT[protocol][port]}"
    return f"--{side}-port {DEFAULT_PORTS[protocol][security]}"


def find_missing_authentication(smtp: SmtpEndpoint) -> str | None:
    """Return what is unusual about sending without a login on a port for submission (RFC 6409, 4.3); else None."""
    if smtp.auth is not SmtpAuth.NONE or smtp.port not in _SUBMISSION_PORTS:
        return None
    return f"SMTP authentication is none, and servers usually want a login on port {smtp.port} (`--smtp-auth auto`)"


class SmtpEndpoint(Struct, frozen=True, kw_only=True):
    """An outgoing side. `timeout` in seconds bounds connecting, and each command up to its complete reply."""

    host: Host
    port: Port
    security: Security
    auth: SmtpAuth = SmtpAuth.NONE
    timeout: TimeoutSeconds = 10

    @classmethod
    def complete(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        return complete_endpoint(Protocol.SMTP, given)

    why_missing = staticmethod(why_endpoint_field_missing)

    @property
    def protocol(self) -> Protocol:
        return Protocol.SMTP


class CatalogueSmtp(SmtpEndpoint, frozen=True, kw_only=True):
    """The outgoing side of a catalogue server. `credentials` concerns people's accounts alone."""

    credentials: SendingCredentials = SendingCredentials.INCOMING


class IncomingEndpoint(Struct, frozen=True, kw_only=True):
    """The incoming side. `apop`: POP3's own challenge-response login (RFC 1939, 7)."""

    protocol: IncomingProtocol
    host: Host
    port: Port
    security: Security
    auth: IncomingAuth = IncomingAuth.AUTO
    apop: bool = False
    timeout: TimeoutSeconds = 10

    @classmethod
    def complete(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        protocol = given.get("protocol")
        protocol = IncomingProtocol.aliases().get(str(protocol), protocol)
        return complete_endpoint(Protocol(protocol), given) if protocol in set(IncomingProtocol) else dict(given)

    why_missing = staticmethod(why_endpoint_field_missing)

    def conflicts(self) -> Iterator[Problem]:
        if self.apop and self.protocol is not IncomingProtocol.POP3:
            yield Problem("apop", f"APOP is a login of POP3; the incoming protocol is {self.protocol}", conflict=True)
        elif self.apop and self.auth is not IncomingAuth.AUTO:
            yield Problem("apop", f"APOP excludes an incoming authentication; that is {self.auth}", conflict=True)


class TlsOptions(Struct, frozen=True, kw_only=True):
    """How TLS is verified, and with which certificate mailctl presents itself; for both sides of a server.

    `ca_file`: PEM of the only authorities to trust. `pins`: at least one must be the server's public key.
    """

    verify: bool = True
    ca_file: FilePath | None = None
    pins: tuple[Pin, ...] = ()
    client_cert: FilePath | None = None
    client_key: FilePath | None = None
    client_key_passphrase: Reference | None = None

    def located(self, folder: Path) -> TlsOptions:
        """Return the options with files that are found from anywhere: relative paths start at the settings' folder."""
        found = {
            name: str(folder.absolute() / Path(path).expanduser())
            for name in ("ca_file", "client_cert", "client_key")
            if (path := getattr(self, name))
        }
        return replace(self, **found) if found else self

    def conflicts(self) -> Iterator[Problem]:
        if bool(self.client_cert) != bool(self.client_key):
            given, missing = ("client_cert", "client_key") if self.client_cert else ("client_key", "client_cert")
            yield Problem(given, f"needs {missing} as well: a certificate and its key go together")
        elif self.client_key_passphrase and not self.client_key:
            yield Problem("client_key_passphrase", "is of no use without client_key")


class Server(Struct, frozen=True, kw_only=True):
    code: Code
    name: Name
    oauth_client: Code | None = None
    smtp: CatalogueSmtp
    incoming: IncomingEndpoint
    tls: TlsOptions = field(default_factory=TlsOptions)

    @property
    def warnings(self) -> list[str]:
        """What should be said whenever the server is used or changed."""
        sides: dict[str, SmtpEndpoint | IncomingEndpoint] = {"smtp": self.smtp, "incoming": self.incoming}
        return list(connection_warnings(sides, self.tls, edit=edit_command(self.code)))


def connection_warnings(
    sides: Mapping[str, SmtpEndpoint | IncomingEndpoint], tls: TlsOptions, *, edit: str
) -> Iterator[str]:
    """Yield what is odd about endpoints that share their TLS options, or about these.

    `sides`: by the beginnings of their options (`smtp`). `edit`: the command that changes them, without its options.
    """
    for name, side in sides.items():
        pair = Protocol(side.protocol), side.port, side.security
        if warning := pairing_warning(*pair):
            yield f"{warning} (`{edit} {find_pairing_change(name, *pair)}`)"
    incoming = [side for side in sides.values() if isinstance(side, IncomingEndpoint)]
    if any(side.apop and side.security is Security.STARTTLS for side in incoming):
        yield "APOP over STLS is refused: its timestamp comes before TLS, where anybody could have put it"
    if not tls.verify:
        yield "certificate verification is off: anybody on the way can read and change what is sent"
