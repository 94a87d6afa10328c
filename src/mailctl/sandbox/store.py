"""The mail that a sandbox holds, in memory: mailboxes, their folders, their messages.

One store serves SMTP, IMAP and POP3, all on the sandbox's event loop: nothing here is locked, nothing is copied.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from mailctl.model.secret import Secret

DOMAIN = "sandbox.test"
"""The sandbox's own domain; `.test` never exists on the internet (RFC 6761, 6.2)."""

INBOX = "INBOX"

SPECIAL_USE = {"Sent": "\\Sent", "Drafts": "\\Drafts", "Junk": "\\Junk", "Trash": "\\Trash", "Archive": "\\Archive"}
"""The folders that every mailbox starts with beside INBOX, and their attributes (RFC 6154, 2)."""


class Observer(Protocol):
    def arrived(self, message: Message) -> None:
        """Note that a message was added to the observed folder."""


@dataclass(eq=False, slots=True)
class Message:
    """One message of one folder. `content` is what goes over the wire: octets with CRLF line ends."""

    uid: int
    content: bytes
    flags: set[str] = field(default_factory=set)
    received: datetime = field(default_factory=lambda: datetime.now(UTC))


class Folder:
    """Messages under a name, in the order of their UIDs, which are never used twice (RFC 9051, 2.3.1.1)."""

    _uid_validities = itertools.count(int(time.time()))

    def __init__(self, name: str, special_use: str | None = None) -> None:
        self.name = name
        self.special_use = special_use
        self.subscribed = True
        self.uid_validity = next(self._uid_validities)
        self.uid_next = 1
        self.messages: list[Message] = []
        self.observers: list[Observer] = []

    def add(self, content: bytes, flags: Iterable[str] = (), received: datetime | None = None) -> Message:
        """Append a message; bare line feeds become CRLF. `received` defaults to now."""
        normal = content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        message = Message(self.uid_next, normal, set(flags), received or datetime.now(UTC))
        self.uid_next += 1
        self.messages.append(message)
        for observer in tuple(self.observers):
            observer.arrived(message)
        return message

    def remove(self, messages: Iterable[Message]) -> None:
        """Remove messages for good; those that are gone already do not matter."""
        gone = {message.uid for message in messages}
        self.messages = [message for message in self.messages if message.uid not in gone]


class Mailbox:
    """What belongs to one address: a password and folders by name."""

    def __init__(self, address: str, password: Secret) -> None:
        self.address = address
        self.password = password
        self.folders = {name: Folder(name, use) for name, use in {INBOX: None, **SPECIAL_USE}.items()}

    def find_folder(self, name: str) -> Folder | None:
        """Return the folder of that name; INBOX is found in any case of letters (RFC 9051, 5.1)."""
        return self.folders.get(INBOX if name.upper() == INBOX else name)


class MessageStore:
    def __init__(self, mailboxes: Iterable[Mailbox]) -> None:
        self._mailboxes = {mailbox.address: mailbox for mailbox in mailboxes}

    def __iter__(self) -> Iterator[Mailbox]:
        return iter(self._mailboxes.values())

    def find_login(self, username: bytes, verify: Callable[[bytes], bool]) -> Mailbox | None:
        """Return the mailbox of a user whose password `verify` accepts; names and passwords are UTF-8."""
        mailbox = self._mailboxes.get(username.decode("utf-8", "replace").lower())
        return mailbox if mailbox and verify(mailbox.password.reveal().encode()) else None

    def find_recipient(self, address: str) -> Mailbox | None:
        """Return the mailbox that receives an address's mail; `alice+anything` is `alice` (RFC 5233)."""
        local, _, domain = address.lower().rpartition("@")
        return self._mailboxes.get(f"{local.partition('+')[0]}@{domain}")
