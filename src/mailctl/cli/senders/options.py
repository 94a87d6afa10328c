"""The options that say who sends for an organisation, through which server and with which login.

The groups of `server_options` for an outgoing side and TLS go with them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailctl.cli.completion import complete_oauth_client, complete_server_code
from mailctl.cli.params import existing_file, given_fields, text_option
from mailctl.cli.secret_input import given_reference, password_from_option, password_stdin_option, read_given_secrets
from mailctl.cli.server_options import TlsOptionGroup, apop_option, security_option
from mailctl.errors import MissingInputError, UsageError

if TYPE_CHECKING:
    from mailctl.model.secret import Secret

_SENDER, _SERVER, _LOGIN, _POP = "Sender", "Server", "Login for sending", "POP before SMTP (with a dedicated server)"


@dataclass(frozen=True, kw_only=True)
class SenderOptions:
    """In whose name messages are sent."""

    address: Annotated[str | None, text_option("--address", "ADDRESS", "Whom messages come from.", _SENDER)] = None
    sender_name: Annotated[
        str | None, text_option("--sender-name", "NAME", "The name beside the address, in any script.", _SENDER)
    ] = None
    reply_to: Annotated[str | None, text_option("--reply-to", "ADDRESS", "Whom answers go to.", _SENDER)] = None
    envelope_from: Annotated[
        str | None, text_option("--envelope-from", "ADDRESS", "Where bounces go. Default: the address.", _SENDER)
    ] = None
    local_recipient: Annotated[
        str | None,
        text_option("--local-recipient", "ADDRESS", "Who gets mail for a name without a domain (root).", _SENDER),
    ] = None
    smtputf8: Annotated[
        bool | None,
        typer.Option(
            "--smtputf8/--no-smtputf8",
            help="Whether the server takes UTF-8 headers, for addresses in any script.",
            rich_help_panel=_SENDER,
            show_default=False,
        ),
    ] = None

    def given(self) -> dict[str, Any]:
        return given_fields(self, "")


@dataclass(frozen=True, kw_only=True)
class ServerChoiceOptions:
    """Which way: a server of the catalogue, the one that an OAuth client brings, or Microsoft Graph."""

    server: Annotated[
        str | None,
        typer.Option(
            "--server",
            metavar="CODE",
            help="A server of the catalogue, in the place of a dedicated one.",
            autocompletion=complete_server_code,
            rich_help_panel=_SERVER,
            show_default=False,
        ),
    ] = None
    oauth_client: Annotated[
        str | None,
        typer.Option(
            "--oauth-client",
            metavar="NAME",
            help="A registered OAuth client; a dedicated server and its login follow its provider.",
            autocompletion=complete_oauth_client,
            rich_help_panel=_SERVER,
            show_default=False,
        ),
    ] = None
    graph: Annotated[
        bool | None,
        typer.Option(
            "--graph/--no-graph",
            help="Send through Microsoft Graph with the OAuth client, and no SMTP server.",
            rich_help_panel=_SERVER,
            show_default=False,
        ),
    ] = None

    def given(self) -> dict[str, Any]:
        return given_fields(self, "")


@dataclass(frozen=True, kw_only=True)
class SendingLoginOptions:
    """The login for sending."""

    username: Annotated[str | None, text_option("--username", "USER", "The user name.", _LOGIN)] = None
    password_stdin: Annotated[bool, password_stdin_option(_LOGIN)] = False
    password_from: Annotated[str | None, password_from_option(_LOGIN)] = None

    def given(self) -> dict[str, Any]:
        fields = {} if self.username is None else {"username": self.username}
        if self.password_from is not None:
            fields["password"] = str(given_reference(self.password_from, "--password-from"))
        return fields


@dataclass(frozen=True, kw_only=True)
class PopBeforeSmtpOptions:
    """The POP3 login that opens a dedicated server for sending."""

    pop_before_smtp: Annotated[
        bool | None,
        typer.Option(
            "--pop-before-smtp/--no-pop-before-smtp",
            help="Log in by POP3 before sending, in the place of SMTP authentication.",
            rich_help_panel=_POP,
            show_default=False,
        ),
    ] = None
    pop_host: Annotated[str | None, text_option("--pop-host", "HOST", "Host name or IP address.", _POP)] = None
    pop_port: Annotated[str | None, text_option("--pop-port", "1..65535", "Default: 995, or 110.", _POP)] = None
    pop_security: Annotated[str | None, security_option("--pop-security", _POP)] = None
    pop_ca_file: Annotated[
        Path | None, text_option("--pop-ca-file", "FILE", "PEM of the only authorities to trust there.", _POP)
    ] = None
    pop_wait: Annotated[
        str | None, text_option("--pop-wait", "0..10", "Seconds from the login to sending. Default: 0.", _POP)
    ] = None
    pop_timeout: Annotated[str | None, text_option("--pop-timeout", "10..120", "Seconds. Default: 10.", _POP)] = None
    apop: Annotated[bool | None, apop_option(_POP)] = None
    pop_username: Annotated[str | None, text_option("--pop-username", "USER", "The user name there.", _POP)] = None
    pop_password_stdin: Annotated[
        bool,
        typer.Option("--pop-password-stdin", help="Read its password from standard input.", rich_help_panel=_POP),
    ] = False
    pop_password_from: Annotated[
        str | None, text_option("--pop-password-from", "REF", "Where its password stays.", _POP)
    ] = None

    def given(self, *, is_on: bool) -> dict[str, Any]:
        """Return the given fields, None for what is to be off; `is_on`: whether POP before SMTP is on so far.

        Raises UsageError or MissingInputError for details of what is not to be on.
        """
        details = {
            name: value
            for name in ("host", "port", "security", "wait", "timeout", "username")
            if (value := getattr(self, f"pop_{name}")) is not None
        }
        if self.pop_ca_file is not None:
            details["ca_file"] = str(existing_file(self.pop_ca_file, "--pop-ca-file"))
        if self.apop is not None:
            details["apop"] = self.apop
        if self.pop_password_from is not None:
            details["password"] = str(given_reference(self.pop_password_from, "--pop-password-from"))
        if self.pop_before_smtp is False:
            if details or self.pop_password_stdin:
                raise UsageError("--no-pop-before-smtp excludes the options that describe it (--pop-…, --apop)")
            return {"pop_before_smtp": None}
        if not self.pop_before_smtp and not is_on and (details or self.pop_password_stdin):
            raise MissingInputError("missing: --pop-before-smtp, which the other --pop-… options describe")
        return {"pop_before_smtp": details} if self.pop_before_smtp or details else {}


def read_given_secret(login: SendingLoginOptions, pop: PopBeforeSmtpOptions, tls: TlsOptionGroup) -> dict[str, Secret]:
    """Return the secret that standard input gives, if any, under the end of its slot's name.

    Raises UsageError for two of them, and for a secret that is to come from two places.
    """
    wanted = {
        "password": (login.password_stdin, login.password_from),
        "pop-password": (pop.pop_password_stdin, pop.pop_password_from),
        **tls.secrets(),
    }
    return read_given_secrets(wanted)
