"""Folders of an IMAP mailbox: listed, created, and messages put into them.

RFC 9051; RFC 2342 (NAMESPACE), RFC 6154 (SPECIAL-USE, CREATE-SPECIAL-USE), RFC 9755 (UTF8=ACCEPT), RFC 7888 (LITERAL+).
"""

from __future__ import annotations

from msgspec import Struct

from mailctl.model.folders import FolderRole
from mailctl.protocol.folder_names import encode_name
from mailctl.protocol.reasons import Reason
from mailctl.transport.imap_mailbox import Folder, ImapSession
from mailctl.transport.imap_transport import Completion, Literal

_USES = {
    FolderRole.DRAFTS: r"\Drafts",
    FolderRole.SENT: r"\Sent",
    FolderRole.SPAM: r"\Junk",
    FolderRole.TRASH: r"\Trash",
    FolderRole.ARCHIVE: r"\Archive",
}


class FolderTree(Struct, frozen=True):
    """A mailbox's folders. `prefix`: before the names of one's own; `separator`: between levels, None where flat."""

    folders: tuple[Folder, ...]
    prefix: str
    separator: str | None

    @property
    def names(self) -> list[str]:
        """The folders that can hold messages."""
        return [folder.name for folder in self.folders if folder.selectable]


class ImapFolders:
    """The folders of a session that is logged in, by the names that people read.

    Where the server offers UTF8=ACCEPT it is switched on, and names travel as they are; else in modified UTF-7.
    """

    def __init__(self, session: ImapSession) -> None:
        self._session = session
        self._utf8 = False
        if session.capabilities.offers("UTF8=ACCEPT") or session.capabilities.offers("UTF8=ONLY"):
            self._utf8 = session.enable_utf8()

    def list(self, *returned: str) -> FolderTree:
        """Return all folders, with their roles where the server tells them; raises RefusedError or TemporaryError.

        `returned`: as `ImapSession.list_tree` has it.
        """
        folders, namespaces = self._session.list_tree(*returned)
        prefix, separator = namespaces[0] if namespaces else ("", None)
        return FolderTree(folders, prefix, separator or next((one.separator for one in folders if one.separator), None))

    def create(self, name: str, role: FolderRole | None = None) -> None:
        """Create a folder, and subscribe to it; a role is told where the server takes it.

        Raises RefusedError or TemporaryError.
        """
        argument = self.argument(name)
        use = _USES.get(role) if role and self._session.capabilities.offers("CREATE-SPECIAL-USE") else None
        completion = self._command("CREATE", argument, *([f"(USE ({use}))"] if use else []))
        if not completion.ok and use:  # one of that role is there, or roles are not for this user
            completion = self._command("CREATE", argument)
        if not completion.ok:
            raise self._session.transport.refusal(completion, f"does not create '{name}'", Reason.MAILBOX_REFUSED)
        self._command("SUBSCRIBE", argument)

    def append(self, name: str, message: bytes, *, flags: tuple[str, ...] = ()) -> None:
        """Put a message into a folder; raises RefusedError or TemporaryError."""
        transport = self._session.transport
        marks = [f"({' '.join(flags)})"] if flags else []
        has_literal_plus = self._session.capabilities.offers("LITERAL+")
        tag = transport.issue("APPEND", self.argument(name), *marks, Literal(message), non_sync=has_literal_plus)
        completion = transport.complete(tag)
        if not completion.ok:
            raise transport.refusal(completion, f"does not take the message into '{name}'", Reason.MAILBOX_REFUSED)

    def _command(self, name: str, *arguments: str) -> Completion:
        return self._session.transport.command(name, *arguments)

    def argument(self, name: str) -> str:
        """Return a folder's name as a command's argument."""
        encoded = encode_name(name, utf8=self._utf8).decode()
        escaped = encoded.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
