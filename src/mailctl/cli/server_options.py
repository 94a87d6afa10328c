"""The options of a server, as groups: its outgoing side, its incoming side, and how TLS is verified.

The options' names follow the models' fields (`smtp.port` ↔ `--smtp-port`), see `option_names`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from mailctl.cli.params import choice_option, existing_file, given_fields, text_option
from mailctl.cli.secret_input import given_reference

SECURITIES = ("none", "starttls", "tls")
_SASL = ("plain", "login", "cram-md5", "digest-md5", "scram-sha-1", "scram-sha-256")
_TOKENS = ("xoauth2", "oauthbearer", "external")
SMTP_AUTHS = ("none", "auto", *_SASL, *_TOKENS)
_INCOMING_AUTHS = ("auto", "login-command", *_SASL, *_TOKENS)
TOKENLESS_AUTHS = ("auto", "login-command", *_SASL, "external")
OUTGOING_PANEL = _SMTP = "Outgoing (SMTP)"
_INCOMING, _TLS = "Incoming (POP3, IMAP)", "TLS"


def security_option(option: str, panel: str) -> Any:
    return choice_option(option, *SECURITIES, help="Default: as the port tells; tls without a port.", panel=panel)


def apop_option(panel: str) -> Any:
    return typer.Option(
        "--apop/--no-apop", help="POP3's challenge-response login.", rich_help_panel=panel, show_default=False
    )


@dataclass(frozen=True, kw_only=True)
class SmtpOptions:
    """An outgoing side."""

    smtp_host: Annotated[str | None, text_option("--smtp-host", "HOST", "Host name or IP address.", _SMTP)] = None
    smtp_port: Annotated[
        str | None, text_option("--smtp-port", "1..65535", "Default: 465, 587 or 25, by the security.", _SMTP)
    ] = None
    smtp_security: Annotated[str | None, security_option("--smtp-security", _SMTP)] = None
    smtp_auth: Annotated[
        str | None, choice_option("--smtp-auth", *SMTP_AUTHS, help="Default: none; auto with a preset", panel=_SMTP)
    ] = None
    smtp_timeout: Annotated[str | None, text_option("--smtp-timeout", "10..120", "Seconds. Default: 10.", _SMTP)] = None

    def given(self) -> dict[str, Any]:
        return {"smtp": given_fields(self, "smtp_")}


@dataclass(frozen=True, kw_only=True)
class OutgoingOptions(SmtpOptions):
    """The outgoing side of a server of the catalogue."""

    smtp_credentials: Annotated[
        str | None,
        choice_option("--smtp-credentials", "own", "incoming", help="Which login of a person sends.", panel=_SMTP),
    ] = None


@dataclass(frozen=True, kw_only=True)
class IncomingOptions:
    """The incoming side of a server."""

    incoming_protocol: Annotated[
        str | None,
        choice_option("--incoming-protocol", "pop3", "imap", help="Default with a preset: imap.", panel=_INCOMING),
    ] = None
    incoming_host: Annotated[
        str | None, text_option("--incoming-host", "HOST", "Host name or IP address.", _INCOMING)
    ] = None
    incoming_port: Annotated[
        str | None, text_option("--incoming-port", "1..65535", "Default: by protocol and security.", _INCOMING)
    ] = None
    incoming_security: Annotated[str | None, security_option("--incoming-security", _INCOMING)] = None
    incoming_auth: Annotated[
        str | None, choice_option("--incoming-auth", *_INCOMING_AUTHS, help="Default: auto", panel=_INCOMING)
    ] = None
    apop: Annotated[bool | None, apop_option(_INCOMING)] = None
    incoming_timeout: Annotated[
        str | None, text_option("--incoming-timeout", "10..120", "Seconds. Default: 10.", _INCOMING)
    ] = None

    def given(self) -> dict[str, Any]:
        incoming = given_fields(self, "incoming_")
        if self.apop is not None:
            incoming["apop"] = self.apop
        return {"incoming": incoming}


@dataclass(frozen=True, kw_only=True)
class TlsOptionGroup:
    """How TLS is verified, and the client certificate."""

    ca_file: Annotated[Path | None, text_option("--ca-file", "FILE", "PEM of the only authorities to trust.", _TLS)] = (
        None
    )
    pin: Annotated[
        list[str] | None, text_option("--pin", "sha256:HEX", "A public key that the server may have; repeatable.", _TLS)
    ] = None
    client_cert: Annotated[Path | None, text_option("--client-cert", "FILE", "PEM of our own certificate.", _TLS)] = (
        None
    )
    client_key: Annotated[Path | None, text_option("--client-key", "FILE", "PEM of its key.", _TLS)] = None
    client_key_passphrase_stdin: Annotated[
        bool,
        typer.Option(
            "--client-key-passphrase-stdin", help="Read the key's passphrase from standard input.", rich_help_panel=_TLS
        ),
    ] = False
    client_key_passphrase_from: Annotated[
        str | None, text_option("--client-key-passphrase-from", "REF", "Where the key's passphrase lives.", _TLS)
    ] = None
    tls_verify: Annotated[
        bool | None,
        typer.Option(
            "--tls-verify/--no-tls-verify",
            help="Verify the server's certificate. Default: verify.",
            rich_help_panel=_TLS,
            show_default=False,
        ),
    ] = None

    def given(self) -> dict[str, Any]:
        """Return the given fields; paths are made absolute, since the settings outlive this folder."""
        tls: dict[str, Any] = {}
        for name in ("ca_file", "client_cert", "client_key"):
            path = getattr(self, name)
            if path is not None:
                tls[name] = str(existing_file(path, f"--{name.replace('_', '-')}"))
        if self.pin:
            tls["pins"] = self.pin
        if self.tls_verify is not None:
            tls["verify"] = self.tls_verify
        if self.client_key_passphrase_from is not None:
            reference = given_reference(self.client_key_passphrase_from, "--client-key-passphrase-from")
            tls["client_key_passphrase"] = str(reference)
        return {"tls": tls}

    def secrets(self) -> dict[str, tuple[bool, str | None]]:
        """Return how the options give the key's passphrase, as `read_given_secrets` takes it."""
        return {"client-key-passphrase": (self.client_key_passphrase_stdin, self.client_key_passphrase_from)}
