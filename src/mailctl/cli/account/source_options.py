"""The options of a POP3 mailbox that is collected from, and its name as an argument."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from mailctl.cli.completion import account_of, described, is_offered
from mailctl.cli.params import choice_option, text_option
from mailctl.cli.secret_input import given_reference, password_from_option, password_stdin_option
from mailctl.cli.server_options import TOKENLESS_AUTHS, apop_option, security_option
from mailctl.errors import UsageError

_POP3, _LOGIN, _FATE = "POP3", "Login", "What becomes of the mail"


def complete_source(ctx: typer.Context, incomplete: str) -> Iterable[tuple[str, str]]:
    """Offer the names of the mailboxes that an account collects from."""
    account = account_of(ctx, str(ctx.params.get("address") or ""))
    return [
        (source.name, described(f"{source.username} at {source.host}"))
        for source in (account.pop3 if account else ())
        if is_offered(source.name, incomplete)
    ]


Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="What the mailbox is called here.", autocompletion=complete_source, show_default=False
    ),
]


@dataclass(frozen=True, kw_only=True)
class SourceOptions:
    """Where the mailbox is, who logs in, and what becomes of its mail."""

    host: Annotated[str | None, text_option("--host", "HOST", "Host name or IP address.", _POP3)] = None
    port: Annotated[str | None, text_option("--port", "1..65535", "Default: 995; 110 by the security.", _POP3)] = None
    security: Annotated[str | None, security_option("--security", _POP3)] = None
    auth: Annotated[
        str | None,
        choice_option("--auth", *TOKENLESS_AUTHS, help="Default: auto", panel=_POP3),
    ] = None
    apop: Annotated[bool | None, apop_option(_POP3)] = None
    timeout: Annotated[str | None, text_option("--timeout", "10..120", "Seconds. Default: 10.", _POP3)] = None
    username: Annotated[str | None, text_option("--username", "USER", "The login there.", _LOGIN)] = None
    password_stdin: Annotated[bool, password_stdin_option(_LOGIN)] = False
    password_from: Annotated[str | None, password_from_option(_LOGIN)] = None
    into: Annotated[
        str | None, text_option("--into", "FOLDER", "The account's folder that gets the mail; made if need be.", _FATE)
    ] = None
    keep: Annotated[
        bool,
        typer.Option("--keep", help="Leave all mail on the POP3 server. The default.", rich_help_panel=_FATE),
    ] = False
    delete_after: Annotated[
        str | None,
        text_option("--delete-after", "DAYS", "Delete it there so many days after; 0: once it is stored.", _FATE),
    ] = None

    def given(self) -> dict[str, Any]:
        if self.keep and self.delete_after is not None:
            raise UsageError("--keep and --delete-after exclude each other")
        names = ("host", "port", "security", "auth", "apop", "timeout", "username", "into")
        fields = {name: value for name in names if (value := getattr(self, name)) is not None}
        if self.password_from is not None:
            fields["password"] = str(given_reference(self.password_from, "--password-from"))
        if self.keep:
            fields["delete_after_days"] = None
        elif self.delete_after is not None:
            fields["delete_after_days"] = self.delete_after
        return fields
