"""What arrives in INBOX and in the junk folder over IMAP. RFC 9051; RFC 4315 (UIDPLUS).

A look asks for UIDNEXT of both folders in one round trip, by STATUS with no folder open, for which an open one might be
answered from what the session knew already (RFC 9051, 6.3.11). A folder is opened only where UIDNEXT has grown, and
only what is new in it is fetched.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

from imapclient.response_parser import parse_fetch_response  # type: ignore[import-untyped]  # it has no types
from msgspec.structs import replace

from mailctl.errors import RefusedError
from mailctl.model.folders import INBOX, FolderRole
from mailctl.protocol.folder_names import find_by_name
from mailctl.protocol.message.header_block import HeaderBlock, parse_header_block
from mailctl.transport.arrivals import Arrival, Arrivals, CleanUp, IsLeftover
from mailctl.transport.faults import translated
from mailctl.transport.imap.fetch import SECTION, fields_item, find_section
from mailctl.transport.imap.folders import STATE_ITEMS, FolderState, folder_argument, read_folder_state
from mailctl.transport.imap.library import Completion
from mailctl.transport.imap.mailbox import Folder, ImapSession, parsing
from mailctl.transport.watch import Watch

_FIELDS_OCTETS_MAX = 8192
_UIDS_AT_ONCE = 100
_NEWEST = 1000
"""Among so many of a folder's UIDs leftovers are looked for: a search of all would cost what the mailbox costs."""
_SWEPT_MAX = 50


class ImapArrivals(Arrivals[ImapSession]):
    """What arrives in INBOX and in the junk folder, if there is one."""

    protocol = "imap"

    def __init__(
        self, open_session: Callable[[Watch], AbstractContextManager[ImapSession]], field_names: Sequence[str]
    ) -> None:
        super().__init__(open_session, field_names)
        self._seen: dict[str, FolderState] = {}
        self._junk: str | None = None
        self._opened: str | None = None

    @property
    def folders(self) -> tuple[str, ...]:
        return (INBOX, self._junk) if self._junk else (INBOX,)

    @property
    def junk_folder(self) -> str | None:
        return self._junk

    def close(self) -> None:
        self._opened = None
        super().close()

    def begin(self, watch: Watch, *, newest: int = 0) -> None:
        session = self._open(watch)
        self._junk = _find_junk(session.list_folders())
        try:
            self._seen = self._ask_states()
        except RefusedError:
            if self._junk is None:
                raise
            self._junk = None  # listed, and not ours to look into
            self._seen = self._ask_states()
        self._seen = {
            folder: replace(state, uid_next=max(state.uid_next - newest, 1)) for folder, state in self._seen.items()
        }

    def look(self) -> list[Arrival]:
        arrivals: list[Arrival] = []
        states = self._ask_states()
        for folder, state in states.items():
            before = self._seen[folder]
            first = before.uid_next
            if state.uid_validity != before.uid_validity:  # the server has numbered the folder anew
                first = max(state.uid_next - _UIDS_AT_ONCE, 1)
            for start in range(first, state.uid_next, _UIDS_AT_ONCE):
                arrivals += self._fetch_fields(folder, start, min(start + _UIDS_AT_ONCE, state.uid_next) - 1)
        self._seen = states
        return arrivals

    def read(self, arrival: Arrival, octets_max: int) -> bytes:
        found = self._fetch(arrival.folder, str(arrival.key), f"UID BODY.PEEK[]<0.{octets_max}>")
        return find_section(found.get(int(arrival.key), {}), SECTION) or b""

    def clean_up(self, arrival: Arrival, *, marked_by: str, is_leftover: IsLeftover) -> CleanUp:
        problem, swept = None, 0
        try:
            for folder in self.folders:
                uid_validity, found = self._select(folder, marked_by)
                if uid_validity != self._seen[folder].uid_validity:
                    problem = problem or f"the server has numbered {folder} anew meanwhile"
                    continue
                if folder == arrival.folder:
                    problem = self._delete([int(arrival.key)])
                leftovers = list(
                    self._find_leftovers(folder, [uid for uid in found if uid != arrival.key], is_leftover)
                )
                if leftovers and self._delete(leftovers) is None:
                    swept += len(leftovers)
        finally:
            self.close()
        return CleanUp(deleted=problem is None, swept=swept, problem=problem)

    # Commands

    def _run(self, *commands: tuple[str, ...]) -> list[Completion]:
        """Send commands at once, forget what was said before, and return how they ended."""
        transport = self._open().transport
        transport.forget()
        completions = []
        for tag in transport.issue_all(commands):
            completions.append(transport.complete(tag))
            transport.wire.begin_reply()
        return completions

    def _ask_states(self) -> dict[str, FolderState]:
        """Return how far each folder has come, in one round trip."""
        transport = self._open().transport
        transport.forget()
        # What is open was opened by EXAMINE, so that CLOSE expunges nothing.
        opening = [("CLOSE",)] if self._opened is not None else []
        asking = [("STATUS", _argument(folder), STATE_ITEMS) for folder in self.folders]
        tags = transport.issue_all([*opening, *asking])
        for tag in tags[: len(opening)]:
            transport.complete(tag)
        self._opened = None
        states: dict[str, FolderState] = {}
        for folder, tag in zip(self.folders, tags[len(opening) :], strict=True):
            completion = transport.complete(tag)
            transport.wire.begin_reply()
            transport.require(completion, f"refuses STATUS {folder}")
            states[folder] = read_folder_state(transport, completion)
        return states

    def _select(self, folder: str, marked_by: str) -> tuple[int, list[int]]:
        """Open a folder to delete in it; return its UIDVALIDITY (0: untold), and what bears a mark among the newest.

        A server may search loosely, or not know the search at all.
        """
        transport = self._open().transport
        oldest = max(self._seen[folder].uid_next - _NEWEST, 1)
        select, search = self._run(
            ("SELECT", _argument(folder)), ("UID", "SEARCH", "UID", f"{oldest}:*", "HEADER", marked_by, '""')
        )
        transport.require(select, f"refuses SELECT {folder}")
        self._opened = folder
        validity = transport.take("UIDVALIDITY")
        with parsing():
            lines = transport.take("SEARCH") if search.ok else []
            uids = sorted({int(word) for line in lines if line for word in line.split() if word.isdigit()})
            return int(validity[-1]) if validity else 0, uids

    def _fetch(self, folder: str, uids: str, items: str) -> dict[int, dict[bytes, Any]]:
        """Fetch of a folder, opened to look unless it is open: in one round trip in either case."""
        transport = self._open().transport
        opening = [("EXAMINE", _argument(folder))] if self._opened != folder else []
        *opened, fetched = self._run(*opening, ("UID", "FETCH", uids, f"({items})"))
        for completion in opened:
            transport.require(completion, f"refuses EXAMINE {folder}")
        self._opened = folder
        transport.require(fetched, "refuses UID FETCH")
        with translated(transport.wire.peer), parsing():
            found: dict[int, dict[bytes, Any]] = parse_fetch_response(transport.take("FETCH"), normalise_times=False)
        # What others do meanwhile is told in between, without a text.
        return {uid: items for uid, items in found.items() if find_section(items, SECTION) is not None}

    def _fetch_fields(self, folder: str, first: int, last: int) -> Iterator[Arrival]:
        found = self._fetch(folder, f"{first}:{last}", f"UID {fields_item(self._field_names, _FIELDS_OCTETS_MAX)}")
        for uid in sorted(found):
            if first <= uid <= last:
                yield Arrival(folder=folder, is_junk=folder == self._junk, key=uid, header=_header_of(found[uid]))

    def _find_leftovers(self, folder: str, uids: Sequence[int], is_leftover: IsLeftover) -> Iterator[int]:
        """Yield which of these messages are leftovers, by a look at each."""
        if not uids:
            return
        wanted = ",".join(map(str, uids[:_SWEPT_MAX]))
        fields = fields_item((*self._field_names, "Date"), _FIELDS_OCTETS_MAX)
        for uid, items in self._fetch(folder, wanted, f"UID INTERNALDATE {fields}").items():
            if is_leftover(_header_of(items), _received_at(items)):
                yield uid

    def _delete(self, uids: Sequence[int]) -> str | None:
        """Delete messages of the folder that is open; return why they stay, if they do.

        A plain EXPUNGE would delete what others have marked, too: without UIDPLUS ours are marked, and that is all.
        """
        capabilities = self._open().capabilities
        chosen = ",".join(map(str, uids))
        commands: list[tuple[str, ...]] = [("UID", "STORE", chosen, "+FLAGS.SILENT", r"(\Deleted)")]
        expunges = capabilities.offers("UIDPLUS") or capabilities.offers("IMAP4REV2")
        if expunges:
            commands.append(("UID", "EXPUNGE", chosen))
        transport = self._open().transport
        for (_, name, *_), completion in zip(commands, self._run(*commands), strict=True):
            if not completion.ok:
                said = transport.said(completion).decode("utf-8", "replace")
                return f"the server refuses {name}: {said}"
        if not expunges:
            return "marked as deleted, and left at that: the server cannot expunge single messages (UIDPLUS)"
        return None


def _find_junk(folders: Sequence[Folder]) -> str | None:
    """Return the name of the junk folder: the one that the server names so, else one that is usually called so."""
    usable = [folder for folder in folders if folder.selectable and folder.name.upper() != INBOX]
    told = next((folder.name for folder in usable if folder.role == "junk"), None)
    separator = next((folder.separator for folder in folders if folder.separator), None)
    return told or find_by_name(FolderRole.SPAM, [folder.name for folder in usable], prefix="", separator=separator)


def _argument(folder: str) -> str:
    # Nobody has switched on UTF8=ACCEPT, which would cost a round trip.
    return folder_argument(folder, utf8=False)


def _header_of(items: dict[bytes, Any]) -> HeaderBlock:
    return parse_header_block(find_section(items, SECTION) or b"")


def _received_at(items: dict[bytes, Any]) -> dt.datetime | None:
    moment = items.get(b"INTERNALDATE")
    return moment if isinstance(moment, dt.datetime) and moment.tzinfo else None
