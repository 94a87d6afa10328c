"""The folders of somebody's mailboxes: what each is for, and how much is in it."""

from __future__ import annotations

from msgspec import Struct

from mailctl.model.account import Account
from mailctl.model.folders import INBOX, FolderRole
from mailctl.model.server import IncomingProtocol
from mailctl.services.accounts.folders import describe_folders, map_roles
from mailctl.services.accounts.mailbox import MailboxAccess
from mailctl.transport.imap.counts import list_with_counts
from mailctl.transport.imap.folders import ImapFolders
from mailctl.transport.imap.mailbox import ImapSession
from mailctl.transport.network.limits import Deadline


class CountedFolder(Struct, frozen=True, kw_only=True):
    """A folder of an account. `messages`, `unseen`: None where the server does not tell; `unseen` over POP3, too."""

    account: str
    folder: str
    role: FolderRole | None
    messages: int | None
    unseen: int | None


def count_folders(account: Account, access: MailboxAccess, deadline: Deadline) -> list[CountedFolder]:
    """Return the folders that can hold messages: those of roles first, in the order of the roles, then by name.

    POP3 shows but the inbox. Raises SecretError, MailError.
    """
    if access.protocol is IncomingProtocol.POP3:
        with access.open_pop3(deadline=deadline) as maildrop:
            count, _ = maildrop.stat()
        inbox = CountedFolder(account=account.address, folder=INBOX, role=FolderRole.INBOX, messages=count, unseen=None)
        return [inbox]
    with access.open_imap(deadline=deadline) as session:
        return _count_folders(account, session)


def _count_folders(account: Account, session: ImapSession) -> list[CountedFolder]:
    tree, counts = list_with_counts(session, ImapFolders(session))
    roles = map_roles(describe_folders(account, tree))
    order = list(FolderRole)
    names = sorted(counts, key=lambda name: (order.index(roles[name]) if name in roles else len(order), name))
    return [
        CountedFolder(
            account=account.address,
            folder=name,
            role=roles.get(name),
            messages=counts[name].messages,
            unseen=counts[name].unseen,
        )
        for name in names
    ]
