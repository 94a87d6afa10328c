"""A look at an IMAP mailbox, in one round trip: namespaces, folders with their roles, INBOX, quota.

RFC 9051, 2342 (NAMESPACE), 6154 (SPECIAL-USE), 9208 (QUOTA). Nothing is changed: INBOX is opened by EXAMINE.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from imapclient.response_parser import parse_response  # type: ignore[import-untyped]  # it has no types
from msgspec import Struct

from mailctl.errors import ProtocolError
from mailctl.model.folders import FolderRole
from mailctl.model.report import Stage
from mailctl.protocol.capabilities import ImapCapabilities
from mailctl.protocol.reasons import Reason
from mailctl.transport.faults import translated
from mailctl.transport.imap.library import Client, ImapTransport
from mailctl.transport.watch import Watch

_ROLES = {
    b"\\all": "all",
    b"\\archive": "archive",
    b"\\drafts": "drafts",
    b"\\flagged": "flagged",
    b"\\junk": "junk",
    b"\\sent": "sent",
    b"\\trash": "trash",
    b"\\important": "important",
}


class Folder(Struct, frozen=True):
    """`role`: what it is for (inbox, sent, junk, …; RFC 6154), if the server says. `separator`: between levels."""

    name: str
    role: str | None
    separator: str | None
    selectable: bool = True

    @property
    def used_as(self) -> FolderRole | None:
        """Our word for what the server says that it is for; None where it says nothing, or what is no role of ours."""
        role = FolderRole.aliases().get(self.role or "", self.role)
        return FolderRole(role) if role in set(FolderRole) else None


class Quota(Struct, frozen=True):
    """How much is used of a resource, and how much may be: STORAGE in units of 1024 bytes, MESSAGE in messages."""

    resource: str
    used: int
    limit: int


class Survey(Struct, frozen=True):
    """What `ImapSession.survey` found. `namespaces`: prefix and separator of the personal ones."""

    messages: int
    unseen: int | None
    folders: tuple[Folder, ...]
    namespaces: tuple[tuple[str, str | None], ...]
    quota: tuple[Quota, ...]


_NEARLY_FULL = 0.95
"""The part of a quota from which on a mailbox soon takes no more mail."""


class ImapSession:
    """An open session; `capabilities` are the last that the server told."""

    def __init__(self, transport: ImapTransport, watch: Watch, capabilities: ImapCapabilities) -> None:
        self.capabilities = capabilities
        self._transport = transport
        self._watch = watch
        self._client: Client | None = None

    @property
    def turns(self) -> int:
        """Round trips so far."""
        return self._transport.wire.turns

    @property
    def transport(self) -> ImapTransport:
        """The commands themselves, for what is sent several at a time, or refused in words worth showing."""
        return self._transport

    @property
    def client(self) -> Client:
        """IMAPClient on the same connection, for whatever else is to be done with mailboxes."""
        if self._client is None:
            self._client = Client(self._transport, self.capabilities)
        return self._client

    def list_folders(self) -> tuple[Folder, ...]:
        """Return all folders, with their roles where the server tells them; raises RefusedError or TemporaryError."""
        return self._list([self._list_command()])

    def list_tree(self, *returned: str) -> tuple[tuple[Folder, ...], tuple[tuple[str, str | None], ...]]:
        """Return all folders, and prefix and separator of the personal namespaces, where the server tells these.

        `returned`: what else the server is to tell of each folder (RFC 5258), left to be taken from the transport.
        Raises RefusedError or TemporaryError.
        """
        commands = [self._list_command(*returned)]
        if self.capabilities.offers("NAMESPACE"):
            commands.append(("NAMESPACE",))
        folders = self._list(commands)
        with translated(self._transport.wire.peer), parsing():
            return folders, self._read_namespaces()

    def _list(self, commands: Sequence[tuple[str, ...]]) -> tuple[Folder, ...]:
        """Send LIST, and what else is to go with it, at once; return the folders."""
        listed, *others = self._transport.issue_all(commands)
        completion = self._transport.complete(listed)
        for tag in others:
            self._transport.wire.begin_reply()
            self._transport.complete(tag)
        self._transport.require(completion, "refuses LIST")
        with translated(self._transport.wire.peer), parsing():
            return self._read_folders()

    def enable_utf8(self) -> bool:
        """Switch to names in UTF-8 (RFC 9755); tell whether the server did."""
        self._transport.command("ENABLE", "UTF8=ACCEPT")
        enabled = any(b"UTF8=ACCEPT" in line.upper() for line in self._transport.take("ENABLED"))
        if enabled:
            self.client.folder_encode = False  # IMAPClient would take them for modified UTF-7
        return enabled

    def survey(self) -> Survey:
        """Look at the mailbox (stage mailbox): NAMESPACE, LIST, STATUS, EXAMINE INBOX, GETQUOTAROOT at once.

        Raises RefusedError or TemporaryError if INBOX cannot be opened; the others may be refused.
        """
        with self._watch.stage(Stage.MAILBOX, protocol="imap") as record, translated(self._transport.wire.peer):
            completions = self._ask()
            for command in ("LIST", "EXAMINE"):
                self._transport.require(completions[command], f"refuses {command}")
            with parsing():
                mailbox = self._read()
            record.reply = self._transport.said(completions["EXAMINE"])
            record.evidence |= {
                "messages": mailbox.messages,
                "unseen": mailbox.unseen,
                "folders": [
                    {
                        "name": folder.name,
                        "role": folder.role,
                        "used_as": folder.used_as,
                        "separator": folder.separator,
                    }
                    for folder in mailbox.folders
                ],
                "namespace": [list(entry) for entry in mailbox.namespaces],
                "quota": [
                    {"resource": quota.resource, "used": quota.used, "limit": quota.limit} for quota in mailbox.quota
                ],
            }
            record.warnings += [f"the server alerts: {alert}" for alert in self._transport.take_alerts()]
            record.warnings += [
                f"the mailbox is nearly full: {quota.used} of {quota.limit} ({quota.resource})"
                for quota in mailbox.quota
                if quota.used >= quota.limit * _NEARLY_FULL > 0
            ]
        return mailbox

    def _list_command(self, *returned: str) -> tuple[str, ...]:
        if self.capabilities.offers("SPECIAL-USE") and self.capabilities.offers("LIST-EXTENDED"):
            returned = ("SPECIAL-USE", *returned)
        return ("LIST", '""', '"*"', *([f"RETURN ({' '.join(returned)})"] if returned else []))

    def _ask(self) -> dict[str, Any]:
        commands: list[tuple[str, ...]] = [
            self._list_command(),
            ("STATUS", "INBOX", "(MESSAGES UNSEEN)"),
            ("EXAMINE", "INBOX"),
        ]
        if self.capabilities.offers("NAMESPACE"):
            commands.append(("NAMESPACE",))
        if self.capabilities.offers("QUOTA"):
            commands.append(("GETQUOTAROOT", "INBOX"))
        tags = self._transport.issue_all(commands)
        completions = {}
        for (name, *_), tag in zip(commands, tags, strict=True):
            completions[name] = self._transport.complete(tag)
            self._transport.wire.begin_reply()
        self._transport.state = "SELECTED" if completions["EXAMINE"].ok else "AUTH"
        self._transport.is_readonly = True  # as imaplib is told when it sends EXAMINE itself
        return completions

    def _read(self) -> Survey:
        transport = self._transport
        status = read_status(transport)
        exists = transport.take("EXISTS")
        messages = int(exists[-1]) if exists else status.get(b"MESSAGES", 0)
        return Survey(
            messages, status.get(b"UNSEEN"), self._read_folders(), self._read_namespaces(), self._read_quota()
        )

    def _read_folders(self) -> tuple[Folder, ...]:
        # IMAPClient knows modified UTF-7, and names that are numbers.
        listed = self.client._proc_folder_list(self._transport.take("LIST"))
        folders = []
        for flags, separator, raw in listed:
            name = _text(raw)
            lowered = {flag.lower() for flag in flags}
            role = next((role for flag, role in _ROLES.items() if flag in lowered), None)
            if name.upper() == "INBOX":
                role = "inbox"
            folders.append(
                Folder(
                    name,
                    role,
                    separator.decode("ascii", "replace") if separator else None,
                    not lowered & {b"\\noselect", b"\\nonexistent"},
                )
            )
        return tuple(folders)

    def _read_namespaces(self) -> tuple[tuple[str, str | None], ...]:
        parsed = _parse(self._transport.take("NAMESPACE"))
        personal = parsed[0] if parsed else None
        return tuple(
            (_text(entry[0]), _text(entry[1]) if entry[1] is not None else None)
            for entry in personal or ()
            if isinstance(entry, tuple) and len(entry) >= 2
        )

    def _read_quota(self) -> tuple[Quota, ...]:
        found = []
        for line in self._transport.take("QUOTA"):
            parsed = _parse([line])
            values = parsed[-1] if parsed and isinstance(parsed[-1], tuple) else ()
            found += [
                Quota(_text(values[at]), int(values[at + 1]), int(values[at + 2]))
                for at in range(0, len(values) - 2, 3)
            ]
        return tuple(found)


def read_status(transport: ImapTransport) -> dict[bytes, int]:
    """Return what the server has answered to STATUS of one folder, by items; inside of `parsing`."""
    parsed = _parse(transport.take("STATUS"))
    values = parsed[-1] if parsed and isinstance(parsed[-1], tuple) else ()
    return {
        name.upper(): value
        for name, value in zip(values[::2], values[1::2], strict=False)
        if isinstance(name, bytes) and isinstance(value, int)
    }


def _parse(lines: list[Any]) -> tuple[Any, ...]:
    return tuple(parse_response(lines)) if lines else ()


@contextmanager
def parsing() -> Iterator[None]:
    """IMAPClient's parser meets malformed answers with whatever exception comes first."""
    try:
        yield
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError):
        raise ProtocolError("the server's answer is malformed", reason=Reason.MALFORMED_REPLY) from None


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
