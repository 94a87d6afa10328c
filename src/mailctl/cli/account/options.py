"""The options and arguments that the commands of people's accounts share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailctl.cli.completion import (
    complete_account,
    complete_oauth_client,
    complete_owner,
    complete_preset,
    complete_server_code,
)
from mailctl.cli.params import choice_option, given_fields, text_option
from mailctl.cli.secret_input import given_reference, password_from_option, password_stdin_option, read_given_secrets
from mailctl.cli.server_options import OUTGOING_PANEL, SECURITIES, SMTP_AUTHS, SmtpOptions
from mailctl.errors import InvalidValueError, Problem, UsageError

if TYPE_CHECKING:
    from mailctl.cli.server_options import TlsOptionGroup
    from mailctl.model.secret import Secret
    from mailctl.services.accounts.account_fields import Choice

_PERSON, _SERVER, _LOGIN, _SIEVE = "Person", "Server", "Login", "Rules (ManageSieve)"


Address = Annotated[str, typer.Argument(metavar="ADDRESS", autocompletion=complete_account, show_default=False)]


@dataclass(frozen=True, kw_only=True)
class PersonOptions:
    """Whose account it is, and what people see of it."""

    owner: Annotated[
        str | None,
        typer.Option(
            "--owner",
            metavar="WHO",
            help="The person, by any identifier. Default: the address.",
            autocompletion=complete_owner,
            rich_help_panel=_PERSON,
            show_default=False,
        ),
    ] = None
    display_name: Annotated[
        str | None, text_option("--display-name", "NAME", "The name beside the address, in any script.", _PERSON)
    ] = None
    field: Annotated[
        list[str] | None,
        text_option("--field", "KEY=VALUE", "For the signature's template; repeatable; KEY= takes it away.", _PERSON),
    ] = None
    description: Annotated[str | None, text_option("--description", "TEXT", "Default: the user name.", _PERSON)] = None
    main: Annotated[
        bool, typer.Option("--main", help="Make it the one that its owner sends from.", rich_help_panel=_PERSON)
    ] = False
    share_sender: Annotated[
        bool | None,
        typer.Option(
            "--share-sender/--no-share-sender",
            help="Let every owner send from it.",
            rich_help_panel=_PERSON,
            show_default=False,
        ),
    ] = None

    def given(self) -> dict[str, Any]:
        fields = {
            name: value
            for name in ("owner", "display_name", "description", "share_sender")
            if (value := getattr(self, name)) is not None
        }
        if self.main:
            fields["main"] = True
        if self.field:
            fields["fields"] = dict(_parse_field(text) for text in self.field)
        return fields


def _parse_field(text: str) -> tuple[str, str | None]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise InvalidValueError([Problem("--field", f"'{text}' is not written KEY=VALUE")])
    return key, value or None


@dataclass(frozen=True, kw_only=True)
class AccountServerOptions:
    """Which servers: a provider's, one of the catalogue, or (by the options of both sides) any others."""

    preset: Annotated[
        str | None,
        typer.Option(
            "--preset",
            help="A provider's servers; `server presets` lists them; custom: none of them.",
            autocompletion=complete_preset,
            rich_help_panel=_SERVER,
            show_default=False,
        ),
    ] = None
    smtp_preset: Annotated[
        str | None,
        typer.Option(
            "--smtp-preset",
            metavar="PRESET",
            help="Another provider's server for sending.",
            autocompletion=complete_preset,
            rich_help_panel=_SERVER,
            show_default=False,
        ),
    ] = None
    server: Annotated[
        str | None,
        typer.Option(
            "--server",
            metavar="CODE",
            help="A server of the catalogue, for both sides.",
            autocompletion=complete_server_code,
            rich_help_panel=_SERVER,
            show_default=False,
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class SieveOptions:
    """The server that runs the account's rules, where it is not the incoming one at port 4190."""

    sieve_host: Annotated[str | None, text_option("--sieve-host", "HOST", "Host name or IP address.", _SIEVE)] = None
    sieve_port: Annotated[str | None, text_option("--sieve-port", "1..65535", "Default: 4190.", _SIEVE)] = None
    sieve_security: Annotated[
        str | None, choice_option("--sieve-security", *SECURITIES, help="Default: starttls.", panel=_SIEVE)
    ] = None

    def given(self) -> dict[str, Any]:
        return {"sieve": given_fields(self, "sieve_")}


@dataclass(frozen=True, kw_only=True)
class AccountSmtpOptions(SmtpOptions):
    """The outgoing side of an account, which wants a login by default."""

    smtp_auth: Annotated[
        str | None,
        choice_option("--smtp-auth", *SMTP_AUTHS, help="Default: auto; none: no login", panel=OUTGOING_PANEL),
    ] = None


@dataclass(frozen=True, kw_only=True)
class AccountLoginOptions:
    """The logins at both sides."""

    username: Annotated[str | None, text_option("--username", "USER", "The login for IMAP or POP3.", _LOGIN)] = None
    domain: Annotated[str | None, text_option("--domain", "DOMAIN", "Makes the login USER@DOMAIN.", _LOGIN)] = None
    auth: Annotated[
        str | None,
        choice_option("--auth", "password", "oauth2", help="Default: password; oauth2 with a client.", panel=_LOGIN),
    ] = None
    oauth_client: Annotated[
        str | None,
        typer.Option(
            "--oauth-client",
            metavar="NAME",
            help="A registered OAuth client. Default with oauth2: the provider's only one.",
            autocompletion=complete_oauth_client,
            rich_help_panel=_LOGIN,
            show_default=False,
        ),
    ] = None
    password_stdin: Annotated[bool, password_stdin_option(_LOGIN)] = False
    password_from: Annotated[str | None, password_from_option(_LOGIN)] = None
    smtp_username: Annotated[
        str | None, text_option("--smtp-username", "USER", "Another login for sending.", _LOGIN)
    ] = None
    smtp_password_stdin: Annotated[
        bool,
        typer.Option("--smtp-password-stdin", help="Read its password from standard input.", rich_help_panel=_LOGIN),
    ] = False
    smtp_password_from: Annotated[
        str | None, text_option("--smtp-password-from", "REF", "Where its password stays.", _LOGIN)
    ] = None

    def given(self) -> dict[str, Any]:
        fields = {
            name: value
            for name in ("username", "domain", "oauth_client", "smtp_username")
            if (value := getattr(self, name)) is not None
        }
        for name in ("password", "smtp_password"):
            if (reference := getattr(self, f"{name}_from")) is not None:
                fields[name] = str(given_reference(reference, f"--{name.replace('_', '-')}-from"))
        return fields


def choice_of(servers: AccountServerOptions, login: AccountLoginOptions) -> Choice:
    """Return what is said of an account and not kept as such; raises UsageError for an unknown way to log in."""
    from mailctl.services.accounts.account_fields import Choice, LoginMethod

    if login.auth is not None and login.auth not in set(LoginMethod):
        raise UsageError(f"--auth: '{login.auth}' is neither password nor oauth2")
    return Choice(servers.preset, servers.smtp_preset, LoginMethod(login.auth) if login.auth else None)


def read_account_secrets(login: AccountLoginOptions, tls: TlsOptionGroup) -> dict[str, Secret]:
    """Return the secret that standard input gives, if any, under the end of its slot's name.

    Raises UsageError for two of them, and for a secret that is to come from two places.
    """
    wanted = {
        "password": (login.password_stdin, login.password_from),
        "smtp-password": (login.smtp_password_stdin, login.smtp_password_from),
        **tls.secrets(),
    }
    return read_given_secrets(wanted)
