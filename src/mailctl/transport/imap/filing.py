"""Messages of a folder, looked at for rules, and put where these say. RFC 9051, 6851 (MOVE), 4315 (UIDPLUS).

Nothing gets \\Seen by being looked at, and nothing but the named messages is ever expunged.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from imapclient.response_parser import parse_fetch_response  # type: ignore[import-untyped]  # it has no types
from msgspec import Struct
from msgspec.structs import replace

from mailctl.errors import CapabilityError
from mailctl.protocol.message.header_block import HeaderBlock, parse_header_block
from mailctl.protocol.message.mark import MARK_FIELDS, mark_of
from mailctl.protocol.reasons import Reason
from mailctl.transport.faults import translated
from mailctl.transport.imap.fetch import HEADER_SECTION, WHOLE_SECTION, fields_item, find_section
from mailctl.transport.imap.folders import STATE_ITEMS, FolderState, ImapFolders, read_folder_state
from mailctl.transport.imap.library import Completion
from mailctl.transport.imap.mailbox import ImapSession, parsing

_FIELDS_OCTETS_MAX = 64 * 1024
_BODIES_OCTETS_MAX = 8 * 1024 * 1024
"""Bodies of so many octets are asked for at once, since they are in memory together."""
_SEARCHED_MESSAGES = 50_000
"""Among so many messages is searched at once where each UID is listed: their line is to be of a bearable length."""

_UIDS_MAX = 4_000_000
"""Ranges of UIDs are short, and what they stand for is in memory: 250 MB of it then."""
_ALL = re.compile(rb"\bALL ([0-9:,]+)", re.IGNORECASE)


class Found(Struct, frozen=True, kw_only=True):
    """A message that was looked at.

    `size`: octets. `received`: when the server got it, None where it tells no time. `body`: its beginning, header and
    all; empty if not asked for.
    """

    uid: int
    size: int
    flags: frozenset[str]
    received: dt.datetime | None
    header: HeaderBlock
    body: bytes = b""


class ImapFiling:
    """The messages of a session that is logged in, one folder of which is open at a time."""

    def __init__(self, session: ImapSession, folders: ImapFolders) -> None:
        self._transport = session.transport
        self._capabilities = session.capabilities
        self._folders = folders
        self._exists = 0

    def require_removal(self, folder: str) -> None:
        """Raise CapabilityError where single messages cannot be taken out of a folder without touching others."""
        if not any(map(self._capabilities.offers, ("MOVE", "UIDPLUS", "IMAP4REV2"))):
            raise CapabilityError(
                f"the server can take no single message out of '{folder}': it has neither MOVE nor UIDPLUS",
                reason=Reason.NOT_OFFERED,
                details={"lacking": ["MOVE", "UIDPLUS"]},
                hint="a plain EXPUNGE would delete what others have marked, too, so that nothing was done",
            )

    def open(self, folder: str) -> FolderState:
        """Open a folder to change it; raises RefusedError or TemporaryError."""
        return self._enter(folder, "SELECT")

    def examine(self, folder: str) -> FolderState:
        """Open a folder to look into it; raises RefusedError or TemporaryError."""
        return self._enter(folder, "EXAMINE")

    def state(self, folder: str) -> FolderState:
        """Return how a folder is that is not open."""
        self._transport.forget()
        argument = self._folders.argument(folder)
        completion = self._command(f"refuses STATUS of '{folder}'", "STATUS", argument, STATE_ITEMS)
        return read_folder_state(self._transport, completion)

    def uid_next(self, folder: str) -> int:
        """Return UIDNEXT of a folder that is not open."""
        return self.state(folder).uid_next

    def list_uids(self, first: int, *criteria: str) -> list[int]:
        """Return the UIDs of the open folder from one on, in their order; of what fits further search keys."""
        wanted = ("UID", f"{first}:*", *criteria)
        if self._capabilities.offers("ESEARCH") or self._capabilities.offers("IMAP4REV2"):
            return sorted(uid for uid in self._search_ranges(*wanted) if uid >= first)
        found: set[int] = set()
        # From the last on: what is expunged meanwhile shifts others to where is still to be searched.
        for start in reversed(range(1, max(self._exists, 1) + 1, _SEARCHED_MESSAGES)):
            is_last = start + _SEARCHED_MESSAGES > self._exists
            among = f"{start}:{'*' if is_last else start + _SEARCHED_MESSAGES - 1}"
            found |= self._search(*(() if self._exists <= _SEARCHED_MESSAGES else (among,)), *wanted)
        return sorted(uid for uid in found if uid >= first)

    def fetch(self, uids: Sequence[int], fields: Iterable[str], *, body_octets: int = 0) -> Iterator[Found]:
        """Yield messages of the open folder; those that have gone meanwhile are left out.

        `body_octets`: how much of each is read for its text.
        """
        names = sorted(name.upper() for name in {*fields, "message-id"})
        answers = self._fetch(uids, "FLAGS", "INTERNALDATE", "RFC822.SIZE", fields_item(names, _FIELDS_OCTETS_MAX))
        with translated(self._transport.wire.peer), parsing():
            found = [_found(uid, answers[uid]) for uid in uids if b"RFC822.SIZE" in answers.get(uid, ())]
        if not body_octets:
            yield from found
            return
        for group in _grouped(found, body_octets):
            bodies = self._fetch([one.uid for one in group], f"BODY.PEEK[]<0.{body_octets}>")
            for one in group:
                if one.uid in bodies:
                    yield replace(one, body=find_section(bodies[one.uid], WHOLE_SECTION) or b"")

    def read(self, uid: int) -> bytes:
        """Return a whole message of the open folder; nothing where it has gone."""
        return find_section(self._fetch([uid], "BODY.PEEK[]").get(uid, {}), WHOLE_SECTION) or b""

    def add_flags(self, uids: Sequence[int], flags: Sequence[str]) -> None:
        self._store(uids, "+FLAGS.SILENT", flags)

    def remove_flags(self, uids: Sequence[int], flags: Sequence[str]) -> None:
        self._store(uids, "-FLAGS.SILENT", flags)

    def copy(self, uids: Sequence[int], folder: str) -> None:
        """Copy messages of the open folder; raises RefusedError or TemporaryError."""
        argument = self._folders.argument(folder)
        self._command(f"does not copy into '{folder}'", "UID", "COPY", _set_of(uids), argument)

    @property
    def moves_at_once(self) -> bool:
        """Whether a message that is moved is never in both folders."""
        return self._capabilities.offers("MOVE") or self._capabilities.offers("IMAP4REV2")

    def move(self, uids: Sequence[int], folder: str) -> None:
        """Move messages of the open folder, in one step; only where `moves_at_once`."""
        argument = self._folders.argument(folder)
        self._command(f"does not move into '{folder}'", "UID", "MOVE", _set_of(uids), argument)

    def remove(self, uids: Sequence[int]) -> None:
        """Delete just these messages of the open folder."""
        self._store(uids, "+FLAGS.SILENT", ["\\Deleted"])
        self._command("does not expunge the messages", "UID", "EXPUNGE", _set_of(uids))

    def holds(self, folder: str, first: int, mark: str, size: int) -> bool:
        """Tell whether a message came into another folder, at the UID `first` or later; that folder is then open.

        It is known by its `protocol.message.mark` and its size: a server copies a message as it is.
        """
        self.examine(folder)
        uids = self.list_uids(first, "LARGER", str(size - 1), "SMALLER", str(size + 1))
        return any(mark_of(found.header) == mark for found in self.fetch(uids, MARK_FIELDS)) if uids else False

    def _enter(self, folder: str, command: str) -> FolderState:
        state = self.state(folder)
        self._transport.forget()
        self._command(f"does not open '{folder}'", command, self._folders.argument(folder))
        with translated(self._transport.wire.peer), parsing():
            self._exists = int((self._transport.take("EXISTS") or [0])[-1])
        self._transport.state = "SELECTED"
        self._transport.is_readonly = command == "EXAMINE"
        return state

    def _search(self, *words: str) -> set[int]:
        self._transport.forget()
        self._command("does not search", "UID", "SEARCH", *words)
        with translated(self._transport.wire.peer), parsing():
            return {int(word) for line in self._transport.take("SEARCH") if line for word in line.split()}

    def _search_ranges(self, *words: str) -> set[int]:
        """Search; UIDs that follow one another are told as a range (RFC 4731, RFC 9051)."""
        self._transport.forget()
        self._command("does not search", "UID", "SEARCH", "RETURN", "(ALL)", *words)
        with translated(self._transport.wire.peer), parsing():
            lines = [bytes(line) for line in self._transport.take("ESEARCH")]
            told = [found[1] for line in lines if (found := _ALL.search(line))]
            bounds = [sorted(map(int, part.split(b":"))) for part in b",".join(told).split(b",") if part]
            if sum(last - first for first, *_, last in ((*one, one[-1]) for one in bounds)) > _UIDS_MAX:
                raise ValueError("more UIDs than a folder can hold")
            return {uid for first, *_, last in ((*one, one[-1]) for one in bounds) for uid in range(first, last + 1)}

    def _fetch(self, uids: Sequence[int], *items: str) -> dict[int, dict[bytes, Any]]:
        self._transport.forget()
        self._command("does not give messages", "UID", "FETCH", _set_of(uids), f"(UID {' '.join(items)})")
        with translated(self._transport.wire.peer), parsing():
            lines = self._transport.take("FETCH")
            found: dict[int, dict[bytes, Any]] = parse_fetch_response(lines, normalise_times=False)
        return found

    def _store(self, uids: Sequence[int], change: str, flags: Sequence[str]) -> None:
        if uids and flags:
            self._command("does not set flags", "UID", "STORE", _set_of(uids), change, f"({' '.join(flags)})")

    def _command(self, refused: str, *words: str) -> Completion:
        completion = self._transport.command(*words)
        self._transport.require(completion, refused)
        return completion


def _found(uid: int, items: dict[bytes, Any]) -> Found:
    flags = frozenset(flag.decode("ascii", "replace").lower() for flag in items.get(b"FLAGS", ()))
    return Found(
        uid=uid,
        size=int(items[b"RFC822.SIZE"]),
        flags=flags,
        received=items.get(b"INTERNALDATE"),
        header=parse_header_block(find_section(items, HEADER_SECTION) or b""),
    )


def _grouped(found: Iterable[Found], body_octets: int) -> Iterator[list[Found]]:
    """Yield messages in their order, as many at a time as their bodies may be in memory."""
    group: list[Found] = []
    octets = 0
    for one in found:
        size = min(one.size, body_octets)
        if group and octets + size > _BODIES_OCTETS_MAX:
            yield group
            group, octets = [], 0
        group.append(one)
        octets += size
    if group:
        yield group


def _set_of(uids: Sequence[int]) -> str:
    """Return UIDs as a sequence set (RFC 9051, 9), runs of them as ranges."""
    runs: list[list[int]] = []
    for uid in sorted(uids):
        if runs and uid == runs[-1][1] + 1:
            runs[-1][1] = uid
        else:
            runs.append([uid, uid])
    return ",".join(str(first) if first == last else f"{first}:{last}" for first, last in runs)
