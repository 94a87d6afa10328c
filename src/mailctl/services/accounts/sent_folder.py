"""A person's sent folder: a message that was sent for them is filed there, unless the provider does so by itself."""

from __future__ import annotations

from contextlib import ExitStack
from enum import StrEnum
from types import TracebackType
from typing import Self

from mailctl.errors import MailctlError, MailError, NotFoundError
from mailctl.model.account import Account
from mailctl.model.folders import FolderRole
from mailctl.model.preset import files_sent_messages
from mailctl.model.report import Stage
from mailctl.model.resolve import Sending
from mailctl.model.server import IncomingProtocol
from mailctl.protocol.reasons import Reason
from mailctl.services.accounts.folders import describe_folders, require_folder
from mailctl.services.accounts.mailbox import MailboxAccess
from mailctl.transport.imap.folders import ImapFolders


class FiledBy(StrEnum):
    """Who puts what was sent into the sent folder."""

    MAILCTL = "mailctl"
    PROVIDER = "provider"
    NOBODY = "nobody"
    """The mailbox is read over POP3, which has no folders."""


class SentFolder:
    """The folder that an account's sent messages go to; it is opened with the first one.

    `name`: None until then. `problem`: why a message could not be filed; nothing is tried after that.
    """

    def __init__(self, account: Account, access: MailboxAccess, filed_by: FiledBy) -> None:
        self.name: str | None = None
        self.problem: MailctlError | None = None
        self.access = access
        self.filed_by = filed_by
        self._account = account
        self._stack = ExitStack()
        self._folders: ImapFolders | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._close()

    def keep(self, content: bytes) -> None:
        """File a message, as read. Whatever goes wrong is told in `problem`: the message is sent already.

        Raises KeyboardInterrupt, that being the problem then.
        """
        if self.problem or self.filed_by is not FiledBy.MAILCTL:
            return
        try:
            if self._folders is None:
                self._folders = self._open()
            self._folders.append(str(self.name), content, flags=(r"\Seen",))
        except MailctlError as error:
            self.problem = error
        except KeyboardInterrupt:
            self.problem = MailError("interrupted", reason=Reason.INTERRUPTED)
            self.problem.stage = Stage.MAILBOX
            raise
        if self.problem:
            self._close()

    def _open(self) -> ImapFolders:
        folders = ImapFolders(self._stack.enter_context(self.access.open_imap()))
        tree = folders.list()
        sent = next(choice for choice in describe_folders(self._account, tree) if choice.role is FolderRole.SENT)
        if sent.folder is None:
            command = f"`mailctl account folders create {self._account.address} sent`"
            raise NotFoundError(
                f"{self._account.address} has no sent folder that could be known",
                hint=f"{command} makes one; `account folders set` names one that is there",
            )
        self.name = require_folder(tree, sent.folder, self._account.address)
        return folders

    def _close(self) -> None:
        try:
            self._stack.close()
        except MailctlError as error:
            self.problem = self.problem or error


def sent_folder_of(account: Account, sending: Sending, access: MailboxAccess) -> SentFolder:
    """Return where an account's messages are filed, and by whom."""
    if files_sent_messages(sending.endpoint.host):
        return SentFolder(account, access, FiledBy.PROVIDER)
    is_imap = access.receiving.endpoint.protocol is IncomingProtocol.IMAP
    return SentFolder(account, access, FiledBy.MAILCTL if is_imap else FiledBy.NOBODY)
