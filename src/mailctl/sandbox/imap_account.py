"""The sandbox's store as Twisted's IMAP server wants to see it: an account, a selected folder, messages and parts."""

# Twisted's mail package has no annotations: mypy --strict would refuse every call into it.
# mypy: disable-error-code="no-untyped-call"
# ruff: noqa: N802 - names and signatures are Twisted's

from __future__ import annotations

import email
import io
import re
from collections.abc import Iterable, Iterator
from datetime import UTC
from email.header import Header
from email.message import Message as ParsedMessage
from email.utils import format_datetime, getaddresses, parsedate_to_datetime
from functools import cached_property
from typing import BinaryIO, Protocol

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

from mailctl.sandbox.search import Query, matching, parse_query
from mailctl.sandbox.store import Folder, Mailbox, Message

DELIMITER = "/"
DEFAULTS = {"content-type": "text/plain; charset=us-ascii", "content-transfer-encoding": "7bit"}
FLAGS = ("\\Answered", "\\Deleted", "\\Draft", "\\Flagged", "\\Seen")


class IMAPPart:
    """A message, or a part of one, byte for byte."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        header, blank_line, self.body = content.partition(b"\r\n\r\n")
        self.header = header + blank_line

    def header_fields(self, names: Iterable[str], *, others: bool) -> bytes:
        """Return the header fields of these names (in any case), or all others, as they stand, and an empty line."""
        wanted = {name.lower() for name in names}
        fields = re.findall(rb"[^\r\n][^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*", self.header)
        chosen = [field for field in fields if (_field_name(field) in wanted) is not others]
        return b"".join(chosen) + b"\r\n"

    def envelope(self) -> tuple[object, ...]:
        """Return the envelope structure (RFC 3501, 7.4.2); Sender and Reply-To default to From."""
        values = self.getHeaders(True)
        senders = values.get("from")
        return (
            *(values.get(name) for name in ("date", "subject")),
            _addresses(senders),
            *(_addresses(values.get(name, senders)) for name in ("sender", "reply-to")),
            *(_addresses(values.get(name)) for name in ("to", "cc", "bcc")),
            *(values.get(name) for name in ("in-reply-to", "message-id")),
        )

    def find_part(self, path: Iterable[int]) -> IMAPPart:
        """Return the part at a path counted from 0; raises IndexError if there is none (RFC 3501, 6.4.5)."""
        part = self
        for index in path:
            if part._parsed.get_content_type() == "message/rfc822":
                part = part.getSubPart(0)
            if part.isMultipart():
                part = part.getSubPart(index)
            elif index > 0:
                raise IndexError(index)
        return part

    # What Twisted's BODYSTRUCTURE calls (IMessagePart).

    def getHeaders(self, negate: bool, *names: str) -> dict[str, str]:
        """Return header values by lower-case name, in ASCII (RFC 2047): the first of each, or a default (RFC 2045)."""
        wanted = {name.lower() for name in names}
        values: dict[str, str] = {}
        for name, value in self._parsed.raw_items():
            if (name.lower() in wanted) is not bool(negate):
                values.setdefault(name.lower(), _ascii(value))
        return {name: value for name, value in DEFAULTS.items() if name in wanted} | values

    def getBodyFile(self) -> BinaryIO:
        return io.BytesIO(self.body)

    def getSize(self) -> int:
        return len(self.body)

    def isMultipart(self) -> bool:
        return self._parsed.get_content_maintype() == "multipart" and self._parsed.get_boundary() is not None

    def getSubPart(self, index: int) -> IMAPPart:
        return self._parts[index]

    @cached_property
    def _parsed(self) -> ParsedMessage:
        return email.message_from_bytes(self.header)

    @cached_property
    def _parts(self) -> list[IMAPPart]:
        if not self.isMultipart():
            return [IMAPPart(self.body)] if self._parsed.get_content_type() == "message/rfc822" else []
        boundary = re.escape(str(self._parsed.get_boundary()).encode())
        pieces = re.split(rb"(?:^|\r\n)--" + boundary + rb"(?:--)?[ \t]*(?:\r\n|$)", self.body)
        return [IMAPPart(piece) for piece in pieces[1:-1]]


def _field_name(field: bytes) -> str:
    return field.partition(b":")[0].decode("ascii", "replace").strip().lower()


def _addresses(value: str | None) -> list[tuple[str | None, None, str, str]] | None:
    parsed = getaddresses([value]) if value else []
    return [(name or None, None, *_halves(address)) for name, address in parsed] or None


def _halves(address: str) -> tuple[str, str]:
    local, _, domain = address.rpartition("@")
    return (local, domain) if local else (domain, "")


def _ascii(value: object) -> str:
    text = "".join(str(value).splitlines()).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return text if text.isascii() else Header(text, "utf-8", maxlinelen=10_000).encode()


class IMAPMessage(IMAPPart):
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
