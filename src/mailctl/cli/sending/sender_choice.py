"""Who sends a message: the system mail account, a tenant, or a person from one of their accounts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import typer

from mailctl.cli.completion import complete_account, complete_owner, complete_tenant
from mailctl.cli.sending.messages import open_outbox
from mailctl.errors import UsageError

if TYPE_CHECKING:
    from mailctl.cli.session import Session
    from mailctl.model.account import Account
    from mailctl.services.sending.outbox import Outbox

_SENDER = "Sender"


@dataclass(frozen=True, kw_only=True)
class SenderChoice:
    """Who sends; nobody named: the system mail account."""

    tenant: Annotated[
        str | None,
        typer.Option(
            "--tenant",
            metavar="CODE",
            help="Send in a tenant's name.",
            autocompletion=complete_tenant,
            rich_help_panel=_SENDER,
            show_default=False,
        ),
    ] = None
    account: Annotated[
        str | None,
        typer.Option(
            "--account",
            metavar="ADDRESS",
            help="Send from a person's account.",
            autocompletion=complete_account,
            rich_help_panel=_SENDER,
            show_default=False,
        ),
    ] = None
    owner: Annotated[
        str | None,
        typer.Option(
            "--owner",
            metavar="WHO",
            help="Send from a person's main account.",
            autocompletion=complete_owner,
            rich_help_panel=_SENDER,
            show_default=False,
        ),
    ] = None
    sender: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="ADDRESS",
            help="With --owner: another account of theirs, or one that is shared as a sender.",
            autocompletion=complete_account,
            rich_help_panel=_SENDER,
            show_default=False,
        ),
    ] = None

    def check(self) -> None:
        """Raise UsageError where more than one is named, or --from without --owner."""
        named = {"--tenant": self.tenant, "--account": self.account, "--owner": self.owner}
        given = [option for option, value in named.items() if value is not None]
        if len(given) > 1:
            raise UsageError(f"{' and '.join(given)} exclude each other: one of them sends")
        if self.sender is not None and self.owner is None:
            raise UsageError("--from goes with --owner: an account of theirs, or a shared one")


@contextmanager
def open_way_out(session: Session, choice: SenderChoice) -> Iterator[Outbox]:
    """Open the way out of who sends. Nothing is contacted before a message is.

    Raises UsageError, NotFoundError for who is not there, and SendingDisabledError; people's accounts send also while
    the organisation's sending is off.
    """
    from mailctl.services.accounts.account_senders import get_sender

    choice.check()
    settings = session.settings_file.load()
    if choice.account is not None:
        account = settings.get_account(choice.account)
    elif choice.owner is not None:
        account = get_sender(settings, choice.owner, choice.sender)
    else:
        yield open_outbox(session, choice.tenant)
        return
    with _open_personal_outbox(session, account) as outbox:
        yield outbox


@contextmanager
def _open_personal_outbox(session: Session, account: Account) -> Iterator[Outbox]:
    """Open a person's way out, with the account's signature and sent folder."""
    from mailctl.cli.mailbox import mailbox_access
    from mailctl.services.accounts.sent_folder import sent_folder_of
    from mailctl.services.accounts.signatures import fill_signature

    outbox = account_outbox(session, account)
    signature = fill_signature(session.settings_file.load(), account)
    with sent_folder_of(account, outbox.sending, mailbox_access(session, account)) as sent_folder:
        yield replace(outbox, signature=signature, sent_folder=sent_folder)


def account_outbox(session: Session, account: Account) -> Outbox:
    """Return a person's way out for messages that are no letters of theirs: nothing is put below, or filed."""
    from mailctl.cli.mailbox import mailbox_access
    from mailctl.model.resolve_account import resolve_account
    from mailctl.services.sending.outbox import Outbox

    access = mailbox_access(session, account)
    outbox = Outbox(
        sending=resolve_account(session.settings_file.load(), account),
        read_secret=access.read_secret,
        open_tokens=access.open_tokens,
        folder=access.folder,
    )
    for warning in outbox.warnings:
        session.terminal.warn(warning)
    return outbox
