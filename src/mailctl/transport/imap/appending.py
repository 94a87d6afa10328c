"""Many messages put into a folder of an IMAP mailbox, in as few round trips as the server allows.

RFC 9051 (APPEND), RFC 3502 (MULTIAPPEND), RFC 7888 (LITERAL+, LITERAL-), RFC 7889 (APPENDLIMIT). A batch is sent
without waiting for anything where the server takes literals at once, and settled later: until then the client may do
something else.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence

from msgspec import Struct

from mailctl.errors import BugError, MailError, RefusedError
from mailctl.protocol.imap_dates import format_moment
from mailctl.protocol.reasons import Reason
from mailctl.transport.content import has_eight_bit_header
from mailctl.transport.imap.folders import (
    STATE_ITEMS,
    UTF8_MARK,
    FolderState,
    ImapFolders,
    is_unknown,
    read_folder_state,
)
from mailctl.transport.imap.library import Completion
from mailctl.transport.imap.mailbox import ImapSession

_LITERAL_MINUS_OCTETS_MAX = 4096
_UNASKED_OCTETS_MAX = 1024 * 1024
"""Of a larger message it is asked whether it is wanted: unasked, a server can refuse it only by hanging up."""

_CHUNK_OCTETS = 64 * 1024
_LIMIT_DIGITS_MAX = 19
_STORING_SECONDS = 60.0
"""How long a server may take to store a batch, besides its usual time."""


class Deposit(Struct, frozen=True):
    """A message to be stored. `received_at`: becomes its INTERNALDATE; None for the moment when it is stored."""

    text: bytearray
    received_at: dt.datetime | None


class ImapAppending:
    """Batches of messages for one folder; one is under way at a time."""

    def __init__(self, session: ImapSession, folders: ImapFolders, folder: str) -> None:
        self._transport = session.transport
        self._wire = session.transport.wire
        self._capabilities = session.capabilities
        self._folder = folder
        self._argument = folders.argument(folder)
        self._is_utf8 = folders.is_utf8
        self._batch: Sequence[Deposit] = ()
        self._tags: list[bytes] = []
        self._status_tag = b""
        self._state = FolderState(0, 0)

    @property
    def octets_max(self) -> int | None:
        """The size of the largest message that the server takes, where it says so."""
        limits = [word.partition("=")[2] for word in self._capabilities.keywords if word.startswith("APPENDLIMIT=")]
        # Of more digits than RFC 9051 gives a number64 it is no limit.
        return int(limits[0]) if limits and limits[0].isdigit() and len(limits[0]) <= _LIMIT_DIGITS_MAX else None

    def send(self, batch: Sequence[Deposit]) -> None:
        """Send a batch, in one command where the server takes several messages in one."""
        if self._batch:
            raise BugError("a batch is under way already")
        self._batch = batch
        self._send(batch, at_once=len(batch) > 1 and self._capabilities.offers("MULTIAPPEND"))

    def settle(self) -> tuple[list[MailError | None], FolderState]:
        """Wait until a batch is stored; return for each message why it was not, and how the folder is then.

        Raises NetworkError where the connection is lost: which messages were stored is then not known.
        """
        completions = self._complete()
        if len(completions) < len(self._batch) and not completions[0].ok:
            # Refused as a whole, for one of them: each by itself, then.
            self._send(self._batch, at_once=False)
            completions = self._complete()
        outcomes = [self._refusal(completion) for completion in completions]
        if len(outcomes) < len(self._batch):
            outcomes = [None] * len(self._batch)
        self._store_marked(outcomes)
        self._batch = ()
        return outcomes, self._state

    def _store_marked(self, outcomes: list[MailError | None]) -> None:
        """Store what was refused perhaps for its header in UTF-8 in the way of RFC 6855; see `folders`."""
        if not self._is_utf8:
            return
        refused = [
            index
            for index, error in enumerate(outcomes)
            if isinstance(error, RefusedError) and has_eight_bit_header(self._batch[index].text)
        ]
        if refused:
            self._send([self._batch[index] for index in refused], at_once=False, mark=UTF8_MARK)
            for index, completion in zip(refused, self._complete(), strict=True):
                if not is_unknown(completion):
                    outcomes[index] = self._refusal(completion)

    def _send(self, batch: Sequence[Deposit], *, at_once: bool, mark: tuple[bytes, bytes] = (b"", b"")) -> None:
        self._tags = []
        self._transport.forget()
        groups = [batch] if at_once else [[deposit] for deposit in batch]
        self._wire.send_bulk(self._chunks(groups, *mark))
        (self._status_tag,) = self._transport.issue_all([("STATUS", self._argument, STATE_ITEMS)])

    def _chunks(
        self, groups: Sequence[Sequence[Deposit]], opening: bytes, closing: bytes
    ) -> Iterator[bytes | bytearray]:
        """Yield the commands for groups of messages, small pieces put together."""
        ready = bytearray()
        for group in groups:
            tag = self._transport.reserve_tag()
            self._tags.append(tag)
            ready += b"%b APPEND %b" % (tag, self._argument.encode())
            for deposit in group:
                asks = bool(opening) or self._asks_before(deposit)
                ready += b" %b%b" % (_date(deposit.received_at), opening)
                ready += b"{%d%b}\r\n" % (len(deposit.text), b"" if asks else b"+")
                if asks:
                    yield ready
                    ready = bytearray()
                    if self._is_refused(tag):
                        break
                if len(deposit.text) > _CHUNK_OCTETS:
                    yield ready
                    yield deposit.text
                    ready = bytearray()
                else:
                    ready += deposit.text
                    if len(ready) > _CHUNK_OCTETS:
                        yield ready
                        ready = bytearray()
                ready += closing
            else:
                ready += b"\r\n"
        yield ready

    def _asks_before(self, deposit: Deposit) -> bool:
        size = len(deposit.text)
        if self._capabilities.offers("LITERAL+"):
            return size > _UNASKED_OCTETS_MAX
        return size > _LITERAL_MINUS_OCTETS_MAX or not self._capabilities.offers("LITERAL-")

    def _is_refused(self, tag: bytes) -> bool:
        self._wire.begin_reply()
        return self._transport.read_turn(tag) is not None

    def _complete(self) -> list[Completion]:
        completions = []
        for tag in (*self._tags, self._status_tag):
            self._wire.begin_reply(extra_seconds=_STORING_SECONDS)
            completions.append(self._transport.complete(tag))
        status = completions.pop()
        self._transport.require(status, f"refuses STATUS of '{self._folder}'")
        self._state = read_folder_state(self._transport, status)
        return completions

    def _refusal(self, completion: Completion) -> MailError | None:
        if completion.ok:
            return None
        what = f"does not take the message into '{self._folder}'"
        if completion.status.code == "LIMIT":  # of a message it is not said for now: it is too large (RFC 5530)
            reason, said = Reason.MESSAGE_TOO_LARGE, self._transport.said(completion)
            return RefusedError(f"the server {what}", reason=reason, reply=said)
        error = self._transport.refusal(completion, what, Reason.MESSAGE_REFUSED)
        error.details["response_code"] = completion.status.code
        return error


def _date(moment: dt.datetime | None) -> bytes:
    """Return a time in UTC as an argument (RFC 9051, 9: date-time) and a blank, or nothing."""
    return b"" if moment is None else f"{format_moment(moment)} ".encode()
