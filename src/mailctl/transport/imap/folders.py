"""Folders of an IMAP mailbox: listed, created, how they are, and messages put into them.

RFC 9051; RFC 2342 (NAMESPACE), RFC 6154 (SPECIAL-USE, CREATE-SPECIAL-USE), RFC 9755 (UTF8=ACCEPT), RFC 7888 (LITERAL+).

A message whose header is in UTF-8 is put into a folder like any other (RFC 9755, and 9051). Only where a server refuses
that it gets the mark that RFC 6855, 4 had for it, which other servers do not understand.
"""

from __future__ import annotations

from msgspec import Struct

from mailctl.errors import ProtocolError
from mailctl.model.folders import FolderRole
from mailctl.protocol.folder_names import encode_name
from mailctl.protocol.reasons import Reason
from mailctl.transport.content import has_eight_bit_header
from mailctl.transport.faults import translated
from mailctl.transport.imap.library import Completion, ImapTransport, Literal
from mailctl.transport.imap.mailbox import Folder, ImapSession, parsing, read_status

UTF8_MARK = (b"UTF8 (~", b")")
"""What encloses a literal that holds a message with a header in UTF-8 (RFC 6855, 4)."""

_USES = {
    FolderRole.DRAFTS: r"\Drafts",
    FolderRole.SENT: r"\Sent",
    FolderRole.SPAM: r"\Junk",
    FolderRole.TRASH: r"\Trash",
    FolderRole.ARCHIVE: r"\Archive",
}


STATE_ITEMS = "(UIDNEXT UIDVALIDITY)"
"""What STATUS is asked for."""


class FolderState(Struct, frozen=True):
    """A folder as it is: UIDs hold as long as `uid_validity` does; what comes later has `uid_next` or a higher one."""

    uid_validity: int
    uid_next: int


def read_folder_state(transport: ImapTransport, completion: Completion) -> FolderState:
    """Return what the server has answered to STATUS for STATE_ITEMS; UIDVALIDITY is 0 where it tells none.

    Raises ProtocolError where it does not tell UIDNEXT.
    """
    with translated(transport.wire.peer):
        with parsing():
            told = read_status(transport)
        if b"UIDNEXT" not in told:
            raise ProtocolError(
                "the server does not tell UIDNEXT, by which new messages are known",
                reason=Reason.MALFORMED_REPLY,
                reply=transport.said(completion),
            )
    return FolderState(told.get(b"UIDVALIDITY", 0), told[b"UIDNEXT"])


def is_unknown(completion: Completion) -> bool:
    """Tell whether the server knows nothing of the command that it was given, in that form."""
    return completion.status.condition == "BAD"


def folder_argument(name: str, *, utf8: bool) -> str:
    """Return a folder's name as a command's argument; `utf8`: as it is, else in modified UTF-7."""
    escaped = encode_name(name, utf8=utf8).decode().replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


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
        self.is_utf8 = False
        """Whether UTF8=ACCEPT is switched on."""
        if session.capabilities.offers("UTF8=ACCEPT") or session.capabilities.offers("UTF8=ONLY"):
            self.is_utf8 = session.enable_utf8()

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
        self._session.transport.require(completion, f"does not create '{name}'")
        self._command("SUBSCRIBE", argument)

    def append(self, name: str, message: bytes, *, flags: tuple[str, ...] = ()) -> None:
        """Put a message into a folder; raises RefusedError or TemporaryError."""
        transport = self._session.transport
        marks = [f"({' '.join(flags)})"] if flags else []
        has_literal_plus = self._session.capabilities.offers("LITERAL+")
        tag = transport.issue("APPEND", self.argument(name), *marks, Literal(message), non_sync=has_literal_plus)
        completion = transport.complete(tag)
        if not completion.ok and self.is_utf8 and has_eight_bit_header(message):
            marked = self._command("APPEND", self.argument(name), *marks, Literal(message, *UTF8_MARK))
            completion = completion if is_unknown(marked) else marked
        transport.require(completion, f"does not take the message into '{name}'")

    def argument(self, name: str) -> str:
        """Return a folder's name as a command's argument."""
        return folder_argument(name, utf8=self.is_utf8)

    def _command(self, name: str, *arguments: str | Literal) -> Completion:
        return self._session.transport.command(name, *arguments)
