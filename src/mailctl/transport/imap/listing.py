"""The newest messages of a folder as lists show them, in two round trips however many there are. RFC 9051, 5256.

Nothing is changed: the folder is opened by EXAMINE, and what is read is BODY.PEEK. Newest are those that came into the
folder last, by their sequence numbers: SORT would tell of every message in it, and take the longer the more there are.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from imapclient.response_parser import parse_fetch_response  # type: ignore[import-untyped]  # it has no types
from msgspec import Struct

from mailctl.protocol.message.header_block import HeaderBlock, parse_header_block
from mailctl.protocol.message.threads import Thread, parse_threads
from mailctl.transport.faults import translated
from mailctl.transport.imap.fetch import HEADER_SECTION, fields_item, find_section
from mailctl.transport.imap.folders import ImapFolders
from mailctl.transport.imap.mailbox import ImapSession, parsing

_FIELDS = ("DATE", "FROM", "TO", "SUBJECT", "MESSAGE-ID", "IN-REPLY-TO", "REFERENCES")
_FIELDS_OCTETS_MAX = 16 * 1024
_BY_REFERENCES = "THREAD=REFERENCES"


class Summary(Struct, frozen=True, kw_only=True):
    """A message as lists show it. `size`: octets. `received`: when it came into the mailbox. `flags`: as they are."""

    uid: int
    size: int
    flags: tuple[str, ...]
    received: dt.datetime
    header: HeaderBlock


class FolderListing(Struct, frozen=True):
    """The newest messages of a folder, oldest first; and the server's threads of their UIDs, None if not asked for."""

    messages: tuple[Summary, ...]
    threads: tuple[Thread, ...] | None


class ImapListing:
    """The messages of a session that is logged in."""

    def __init__(self, session: ImapSession, folders: ImapFolders) -> None:
        self._transport = session.transport
        self._folders = folders
        self.offers_threads = session.capabilities.offers(_BY_REFERENCES)
        """Whether the server puts messages into threads by what they refer to."""

    def read_newest(self, folder: str, count: int, *, threads: bool = False) -> FolderListing:
        """Return the newest messages of a folder, in the server's threads where these are asked for and offered.

        Raises RefusedError or TemporaryError, of reason `mailbox-refused` where the folder cannot be opened.
        """
        self._transport.forget()
        completion = self._transport.command("EXAMINE", self._folders.argument(folder))
        self._transport.require(completion, f"does not open '{folder}'")
        self._transport.state, self._transport.is_readonly = "SELECTED", True
        with translated(self._transport.wire.peer), parsing():
            exists = int(self._transport.take("EXISTS")[-1])
        if not exists:
            return FolderListing((), () if threads else None)
        return self._read(f"{max(exists - count, 0) + 1}:{exists}", threads=threads and self.offers_threads)

    def _read(self, numbers: str, *, threads: bool) -> FolderListing:
        items = f"(UID FLAGS INTERNALDATE RFC822.SIZE {fields_item(_FIELDS, _FIELDS_OCTETS_MAX)})"
        commands: list[tuple[str, ...]] = [("FETCH", numbers, items)]
        if threads:
            commands.append(("UID", "THREAD", "REFERENCES", "UTF-8", numbers))
        transport = self._transport
        fetched, *threaded = transport.issue_all(commands)
        transport.require(transport.complete(fetched), "does not give messages")
        lines, answers = transport.take("FETCH"), None
        for tag in threaded:
            transport.wire.begin_reply()
            if transport.complete(tag).ok:  # else threads are found from here
                answers = transport.take("THREAD")
        with translated(transport.wire.peer), parsing():
            found: dict[int, dict[bytes, Any]] = parse_fetch_response(lines, normalise_times=False)
            messages = [_summary(uid, items) for uid, items in sorted(found.items()) if b"RFC822.SIZE" in items]
            told = None if answers is None else tuple(parse_threads(b"".join(filter(None, answers))))
        return FolderListing(tuple(messages), told)


def _summary(uid: int, items: dict[bytes, Any]) -> Summary:
    received = items.get(b"INTERNALDATE")
    if isinstance(received, dt.datetime):
        # In UTC, and a day later, it is to be a time that there is.
        _ = received.astimezone(dt.UTC) + dt.timedelta(days=1)
    return Summary(
        uid=uid,
        size=int(items[b"RFC822.SIZE"]),
        flags=tuple(sorted(flag.decode("ascii", "replace") for flag in items.get(b"FLAGS", ()))),
        received=received if isinstance(received, dt.datetime) else dt.datetime.fromtimestamp(0, dt.UTC),
        header=parse_header_block(find_section(items, HEADER_SECTION) or b""),
    )
