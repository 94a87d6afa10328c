"""Messages of a folder, looked at for rules, and put where these say. RFC 9051, 6851 (MOVE), 4315 (UIDPLUS).

Nothing gets \\Seen by being looked at, and nothing but the named messages is ever expunged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from imapclient.response_parser import parse_fetch_response  # type: ignore[import-untyped]  # it has no types
from msgspec import Struct

from mailctl.errors import CapabilityError
from mailctl.protocol.header_block import HeaderBlock, parse_header_block
from mailctl.protocol.reasons import Reason
from mailctl.transport.faults import translated
from mailctl.transport.imap_folders import ImapFolders
from mailctl.transport.imap_mailbox import ImapSession, parsing
from mailctl.transport.imap_transport import Completion, ImapTransport, quoted

_FIELDS_OCTETS_MAX = 64 * 1024


class FolderState(Struct, frozen=True):
    """A folder as it is: UIDs hold as long as `uid_validity` does; what comes later has `uid_next` or a higher one."""

    uid_validity: int
    uid_next: int


STATE_ITEMS = "(UIDNEXT UIDVALIDITY)"
"""What STATUS is asked for."""


def read_folder_state(transport: ImapTransport) -> FolderState:
    """Return what the server has answered to STATUS for STATE_ITEMS; raises ProtocolError."""
    told = transport.take("STATUS")
    with translated(transport.wire.peer), parsing():
        words = told[-1].rpartition(b"(")[2].rstrip(b") ").split()
        values = dict(zip((word.upper() for word in words[::2]), map(int, words[1::2]), strict=True))
        return FolderState(values.get(b"UIDVALIDITY", 0), values[b"UIDNEXT"])


class Found(Struct, frozen=True, kw_only=True):
    """A message that was looked at. `size`: octets. `body`: its beginning, header and all; empty if not asked for."""

    uid: int
    size: int
    flags: frozenset[str]
    header: HeaderBlock
    body: bytes


class ImapFiling:
    """The messages of a session that is logged in, one folder of which is open at a time."""

    def __init__(self, session: ImapSession, folders: ImapFolders) -> None:
        self._transport = session.transport
        self._capabilities = session.capabilities
        self._folders = folders

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
        self._command(f"refuses STATUS of '{folder}'", "STATUS", argument, STATE_ITEMS)
        return read_folder_state(self._transport)

    def uid_next(self, folder: str) -> int:
        """Return UIDNEXT of a folder that is not open."""
        return self.state(folder).uid_next

    def list_uids(self, first: int, *criteria: str) -> list[int]:
        """Return the UIDs of the open folder from one on, in their order; of what fits further search keys."""
        return [uid for uid in self._search("UID", f"{first}:*", *criteria) if uid >= first]

    def fetch(self, uids: Sequence[int], fields: Iterable[str], *, body_octets: int = 0) -> Iterator[Found]:
        """Yield messages of the open folder; those that have gone meanwhile are left out.

        `body_octets`: how much of each is read for its text.
        """
        names = " ".join(sorted({*fields, "message-id"})).upper()
        items = ["UID", "FLAGS", "RFC822.SIZE", f"BODY.PEEK[HEADER.FIELDS ({names})]<0.{_FIELDS_OCTETS_MAX}>"]
        if body_octets:
            items.append(f"BODY.PEEK[]<0.{body_octets}>")
        self._transport.forget()
        self._command("does not give messages", "UID", "FETCH", _set_of(uids), f"({' '.join(items)})")
        with translated(self._transport.wire.peer), parsing():
            found: dict[int, dict[bytes, Any]] = parse_fetch_response(self._transport.take("FETCH"))
        for uid in uids:
            if uid in found and b"RFC822.SIZE" in found[uid]:
                yield _found(uid, found[uid])

    def read(self, uid: int) -> bytes:
        """Return a whole message of the open folder."""
        self._transport.forget()
        self._command("does not give the message", "UID", "FETCH", str(uid), "(UID BODY.PEEK[])")
        with translated(self._transport.wire.peer), parsing():
            found: dict[int, dict[bytes, Any]] = parse_fetch_response(self._transport.take("FETCH"))
        return next((value for name, value in found[uid].items() if name.startswith(b"BODY[") and value), b"")

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

    def holds(self, folder: str, first: int, message_id: str | None, size: int) -> bool:
        """Tell whether a message came into another folder, at the UID `first` or later; that folder is then open.

        It is known by its Message-ID; one that has none by its size.
        """
        self.examine(folder)
        if message_id and message_id.isascii():
            known: tuple[str, ...] = ("HEADER", "MESSAGE-ID", str(quoted(message_id)))
        else:
            known = ("LARGER", str(size - 1), "SMALLER", str(size + 1))
        return any(uid >= first for uid in self._search("UID", f"{first}:*", *known))

    def _enter(self, folder: str, command: str) -> FolderState:
        state = self.state(folder)
        self._command(f"does not open '{folder}'", command, self._folders.argument(folder))
        self._transport.state = "SELECTED"
        self._transport.is_readonly = command == "EXAMINE"
        return state

    def _search(self, *words: str) -> list[int]:
        self._transport.forget()
        self._command("does not search", "UID", "SEARCH", *words)
        with translated(self._transport.wire.peer), parsing():
            return sorted({int(word) for line in self._transport.take("SEARCH") if line for word in line.split()})

    def _store(self, uids: Sequence[int], change: str, flags: Sequence[str]) -> None:
        if uids and flags:
            self._command("does not set flags", "UID", "STORE", _set_of(uids), change, f"({' '.join(flags)})")

    def _command(self, refused: str, *words: str) -> Completion:
        completion = self._transport.command(*words)
        if not completion.ok:
            raise self._transport.refusal(completion, refused, Reason.MAILBOX_REFUSED)
        return completion


def _found(uid: int, items: dict[bytes, Any]) -> Found:
    header = next((value for name, value in items.items() if name.startswith(b"BODY[HEADER")), b"")
    body = next((value for name, value in items.items() if name.startswith(b"BODY[]")), b"")
    flags = frozenset(flag.decode("ascii", "replace").lower() for flag in items.get(b"FLAGS", ()))
    return Found(
        uid=uid,
        size=int(items[b"RFC822.SIZE"]),
        flags=flags,
        header=parse_header_block(header or b""),
        body=body or b"",
    )


def _set_of(uids: Sequence[int]) -> str:
    """Return UIDs as a sequence set (RFC 9051, 9), runs of them as ranges."""
    runs: list[list[int]] = []
    for uid in sorted(uids):
        if runs and uid == runs[-1][1] + 1:
            runs[-1][1] = uid
        else:
            runs.append([uid, uid])
    return ",".join(str(first) if first == last else f"{first}:{last}" for first, last in runs)
