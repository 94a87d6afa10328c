"""The sandbox's store as Twisted's IMAP server wants to see it: an account, its folders, their messages."""

# Twisted's mail package has no annotations: mypy --strict would refuse every call into it.
# mypy: disable-error-code="no-untyped-call"
# ruff: noqa: N802 - names and signatures are Twisted's

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC
from email.utils import format_datetime, parsedate_to_datetime
from typing import Protocol

from twisted.mail.imap4 import (
    IMessageCopier,
    INamespacePresenter,
    ISearchableMailbox,
    MailboxCollision,
    MailboxException,
    MessageSet,
    ReadOnlyMailbox,
    wildcardToRegexp,
)
from zope.interface import implementer  # type: ignore[import-untyped]  # it ships no types

from mailctl.sandbox.message_parts import MessagePart
from mailctl.sandbox.search import Query, matching, parse_query
from mailctl.sandbox.store import Folder, Mailbox, Message

DELIMITER = "/"
FLAGS = ("\\Answered", "\\Deleted", "\\Draft", "\\Flagged", "\\Seen")


class IMAPMessage(MessagePart):
    """A message of the store in a session (IMessage)."""

    def __init__(self, message: Message, *, writable: bool) -> None:
        super().__init__(message.content)
        self._message = message
        self._writable = writable
        self.received = message.received

    def mark_seen(self) -> None:
        """Note that its text was fetched, unless the folder was opened with EXAMINE."""
        if self._writable:
            self._message.flags.add("\\Seen")

    def getUID(self) -> int:
        return self._message.uid

    def getFlags(self) -> list[str]:
        return sorted(self._message.flags)

    def getInternalDate(self) -> str:
        return format_datetime(self.received)


class Listener(Protocol):
    """A session that wants to hear of new messages (IMailboxListener)."""

    def newMessages(self, exists: int | None, recent: int | None) -> None: ...


@implementer(ISearchableMailbox, IMessageCopier)
class SelectedFolder:
    """A folder as one session sees it (IMailbox).

    What arrives is seen at once. A message that somebody else removes stays readable, under its number, until the
    folder is selected again: that is allowed (RFC 2180, 4.1.2), and no session's numbers shift without its doing.
    """

    def __init__(self, folder: Folder, *, writable: bool) -> None:
        self._folder = folder
        self._writable = writable
        self._messages = list(folder.messages)
        self._listeners: list[Listener] = []

    def append(self, content: bytes, flags: Iterable[str], date: bytes | None) -> Message:
        """Add a message; `date` as APPEND has it (`17-Jul-2026 02:44:25 -0700`), None for now."""
        received = parsedate_to_datetime(date.decode("ascii")).astimezone(UTC) if date else None
        return self._folder.add(content, flags, received)

    def arrived(self, message: Message) -> None:
        """Tell the session of a new message (`store.Observer`)."""
        self._messages.append(message)
        for listener in self._listeners:
            listener.newMessages(len(self._messages), None)

    def addListener(self, listener: Listener) -> None:
        self._listeners.append(listener)
        self._folder.observers.append(self)

    def removeListener(self, listener: Listener) -> None:
        self._listeners.remove(listener)
        self._folder.observers.remove(self)

    def copy(self, message: IMAPMessage) -> int:
        """Take a copy of another folder's message, with its flags and date (IMessageCopier)."""
        return self._folder.add(message.content, message.getFlags(), message.received).uid

    def getFlags(self) -> tuple[str, ...]:
        return FLAGS

    def getHierarchicalDelimiter(self) -> str:
        return DELIMITER

    def getUIDValidity(self) -> int:
        return self._folder.uid_validity

    def getUIDNext(self) -> int:
        return self._folder.uid_next

    def getUID(self, number: int) -> int:
        return self._messages[number - 1].uid

    def getMessageCount(self) -> int:
        return len(self._messages)

    def getRecentCount(self) -> int:
        return 0

    def isWriteable(self) -> bool:
        return self._writable

    def requestStatus(self, names: Iterable[str]) -> dict[str, int]:
        """Return the STATUS items asked for; those that are not known are left out."""
        items = {
            "MESSAGES": len(self._messages),
            "RECENT": 0,
            "UIDNEXT": self._folder.uid_next,
            "UIDVALIDITY": self._folder.uid_validity,
            "UNSEEN": sum("\\Seen" not in message.flags for message in self._messages),
        }
        return {name.upper(): items[name.upper()] for name in names if name.upper() in items}

    def fetch(self, messages: MessageSet, uid: int) -> list[tuple[int, IMAPMessage]]:
        """Return sequence numbers and messages of a set of sequence numbers, or of UIDs where `uid` is true."""
        return [
            (number, IMAPMessage(message, writable=self._writable)) for number, message in self._within(messages, uid)
        ]

    def store(self, messages: MessageSet, flags: list[str], mode: int, uid: int) -> dict[int, list[str]]:
        """Set (`mode` 0), add (1) or remove (-1) flags; return the flags of each message afterwards."""
        if not self._writable:
            raise ReadOnlyMailbox
        changed = {}
        for number, message in self._within(messages, uid):
            named = set(flags)
            message.flags = {0: named, 1: message.flags | named, -1: message.flags - named}[mode]
            changed[number] = sorted(message.flags)
        return changed

    def expunge(self, uids: MessageSet | None = None) -> list[int]:
        """Remove what is flagged \\Deleted (and among `uids`); return sequence numbers from the highest down."""
        among = enumerate(self._messages, 1) if uids is None else self._within(uids, uid=1)
        gone = [(number, message) for number, message in among if "\\Deleted" in message.flags]
        self._folder.remove(message for _, message in gone)
        for number, _ in reversed(gone):
            del self._messages[number - 1]
        return [number for number, _ in reversed(gone)]

    def search(self, query: Query, uid: int) -> list[int]:  # noqa: ARG002 - Twisted maps numbers to UIDs
        return matching(parse_query(query), self._messages)

    def _within(self, messages: MessageSet, uid: int) -> Iterator[tuple[int, Message]]:
        messages.last = (self._messages[-1].uid if self._messages else 0) if uid else len(self._messages)
        for number, message in enumerate(self._messages, 1):
            if (message.uid if uid else number) in messages:
                yield number, message


class ListedFolder:
    """A folder in the answer to LIST (IMailboxInfo)."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def getFlags(self) -> list[str]:
        return [self._folder.special_use] if self._folder.special_use else []

    def getHierarchicalDelimiter(self) -> str:
        return DELIMITER


@implementer(INamespacePresenter)
class IMAPAccount:
    """A mailbox as the folders that IMAP lists, opens and changes (IAccount)."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    def listMailboxes(self, reference: str, pattern: str) -> list[tuple[str, ListedFolder]]:
        matches = wildcardToRegexp(reference + pattern, DELIMITER).match
        return [(name, ListedFolder(folder)) for name, folder in self._mailbox.folders.items() if matches(name)]

    def select(self, name: str, rw: bool = True) -> SelectedFolder | None:
        folder = self._mailbox.find_folder(name)
        return SelectedFolder(folder, writable=bool(rw)) if folder else None

    def create(self, name: str) -> bool:
        name = name.rstrip(DELIMITER)
        if self._mailbox.find_folder(name):
            raise MailboxCollision(name)
        self._mailbox.folders[name] = Folder(name)
        return True

    def delete(self, name: str) -> None:
        self._get(name)
        del self._mailbox.folders[name]

    def rename(self, old: str, new: str) -> None:
        self._get(old)
        if self._mailbox.find_folder(new):
            raise MailboxCollision(new)
        for name in list(self._mailbox.folders):
            if name == old or name.startswith(old + DELIMITER):
                folder = self._mailbox.folders.pop(name)
                folder.name = new + name.removeprefix(old)
                self._mailbox.folders[folder.name] = folder

    def isSubscribed(self, name: str) -> bool:
        return self._get(name).subscribed

    def subscribe(self, name: str) -> None:
        self._get(name).subscribed = True

    def unsubscribe(self, name: str) -> None:
        self._get(name).subscribed = False

    def getPersonalNamespaces(self) -> list[list[bytes]]:
        return [[b"", DELIMITER.encode()]]

    def getSharedNamespaces(self) -> None:
        return None

    def getOtherNamespaces(self) -> None:
        return None

    def _get(self, name: str) -> Folder:
        folder = self._mailbox.find_folder(name)
        if folder is None:
            raise MailboxException("no such mailbox")
        return folder
