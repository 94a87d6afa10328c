"""`mailctl test roundtrip`: a message sent, and found in the mailbox that it was sent to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated

import typer

from mailctl.cli.completion import complete_target
from mailctl.cli.params import expand_options
from mailctl.cli.secret_input import require_one_stdin
from mailctl.cli.session import get_session
from mailctl.cli.testing.options import LoginOptions, TargetName, TestOptions
from mailctl.cli.testing.run import TestCall
from mailctl.model.target_name import SYSTEM_MAIL
from mailctl.services.testing.check import ROUNDTRIP_SECONDS

_MAILBOX = "The mailbox that is read"


@dataclass(frozen=True, kw_only=True)
class MailboxOptions:
    """The mailbox that the message goes to, and the login that reads it."""

    read: Annotated[
        str | None,
        typer.Option(
            "--read",
            metavar="TARGET",
            help="Whose mailbox is read. Default: the target's own.",
            autocompletion=complete_target,
            rich_help_panel=_MAILBOX,
            show_default=False,
        ),
    ] = None
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="ADDRESS",
            help="Where the message goes. Default: the mailbox's own address.",
            rich_help_panel=_MAILBOX,
            show_default=False,
        ),
    ] = None
    incoming_username: Annotated[
        str | None,
        typer.Option(
            "--incoming-username",
            metavar="USER",
            help="The login that reads, where it is not the one that sends.",
            rich_help_panel=_MAILBOX,
            show_default=False,
        ),
    ] = None
    incoming_password_stdin: Annotated[
        bool,
        typer.Option(
            "--incoming-password-stdin", help="Read its password from standard input.", rich_help_panel=_MAILBOX
        ),
    ] = False
    incoming_password_from: Annotated[
        str | None,
        typer.Option(
            "--incoming-password-from",
            metavar="REF",
            help="Where its password or access token lives.",
            rich_help_panel=_MAILBOX,
            show_default=False,
        ),
    ] = None
    within: Annotated[
        float,
        typer.Option(
            "--within",
            metavar="SECONDS",
            min=0.1,
            max=86_400,
            help="How long the message may take.",
            rich_help_panel=_MAILBOX,
            show_default=f"{ROUNDTRIP_SECONDS:g}",
        ),
    ] = ROUNDTRIP_SECONDS
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the message in the mailbox.", rich_help_panel=_MAILBOX)
    ] = False
    authserv_id: Annotated[
        str | None,
        typer.Option(
            "--authserv-id", metavar="ID", rich_help_panel=_MAILBOX, show_default=False,
            help="Whose Authentication-Results to believe. Default: those that are surely the receiving system's.",
        ),
    ] = None  # fmt: skip

    @property
    def login(self) -> LoginOptions:
        return LoginOptions(
            username=self.incoming_username,
            password_stdin=self.incoming_password_stdin,
            password_from=self.incoming_password_from,
        )


@expand_options
def roundtrip(
    context: typer.Context,
    login: LoginOptions,
    mailbox: MailboxOptions,
    options: TestOptions,
    target: TargetName = SYSTEM_MAIL,
    sender: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="ADDRESS",
            help="The sender. Default: the target's address, else the user name.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Test delivery: send a message, and find it in the mailbox it goes to.

    The report tells how long the message took and over which servers, in which folder it is, whether it bounced, and
    what the receiving system found of SPF, DKIM and DMARC. Then the message is deleted, and nothing but it and what
    earlier tests left there.

    Not found in time: exit code 15. A bounce: 13. In the junk folder: a warning.

    Examples:

      mailctl test roundtrip hq --username you@example.org

      mailctl test roundtrip --read hq --incoming-username probe@example.org --incoming-password-from env:PROBE

      mailctl test roundtrip --within 600 --keep -o json
    """
    from mailctl.services.testing.roundtrip import run_roundtrip
    from mailctl.services.testing.roundtrip_plan import plan_roundtrip

    require_one_stdin(
        {"--password-stdin": login.password_stdin, "--incoming-password-stdin": mailbox.incoming_password_stdin}
    )
    call = TestCall(get_session(context), "roundtrip", options)
    found = call.get_target(target)
    reader = call.get_target(mailbox.read) if mailbox.read else found
    trip = plan_roundtrip(
        found,
        reader,
        call.check_options(found, login),
        incoming=call.check_options(reader, mailbox.login, stem="incoming-"),
        recipient=mailbox.to,
        sender=sender,
        within_seconds=mailbox.within,
        keep=mailbox.keep,
        authserv_id=mailbox.authserv_id,
    )
    if trip.doubt:
        call.session.terminal.warn(trip.doubt)
    title = found.title if reader is found else f"{found.title} to {reader.title}"
    call.run(partial(run_roundtrip, trip), title=title, what="round trip of", has_two_protocols=True)
