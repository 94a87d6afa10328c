"""People's mailboxes as commands open them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mailctl.errors import MailError

if TYPE_CHECKING:
    from mailctl.cli.session import Session
    from mailctl.model.account import Account
    from mailctl.services.accounts.mailbox import MailboxAccess
    from mailctl.transport.imap.mailbox import ImapSession


def mailbox_access(session: Session, account: Account) -> MailboxAccess:
    """Return the way to an account's mailbox."""
    from mailctl.model.resolve_account import resolve_account_receiving
    from mailctl.model.secret import parse_secret_ref
    from mailctl.services.accounts.mailbox import MailboxAccess

    receiving = resolve_account_receiving(session.settings_file.load(), account)
    return MailboxAccess(
        address=account.address,
        server=account.server,
        receiving=receiving,
        read_secret=lambda reference: session.secrets.get(parse_secret_ref(reference)),
        open_tokens=session.open_tokens,
        folder=session.settings_file.path.parent,
    )


@contextmanager
def open_mailbox(session: Session, account: Account) -> Iterator[ImapSession]:
    """Open an account's mailbox over IMAP; errors say what the server said, and what to do.

    Raises UsageError for a POP3 mailbox.
    """
    access = mailbox_access(session, account)
    warn_of_unverified(session, access)
    with completing_errors(access), access.open_imap() as opened:
        yield opened


def warn_of_unverified(session: Session, access: MailboxAccess) -> None:
    """Say that a mailbox's server proves to nobody who it is, where that is so."""
    if not access.receiving.tls.verify:
        session.terminal.warn(f"certificate verification is off for {access.host}")


@contextmanager
def completing_errors(access: MailboxAccess) -> Iterator[None]:
    """Let errors of a mailbox's server say whose it is and where, what it said, and what to do."""
    try:
        yield
    except MailError as error:
        from mailctl.render.mailbox import complete_mailbox_error

        complete_mailbox_error(error, access)
        raise
