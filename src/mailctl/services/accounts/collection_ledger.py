"""What is known of a POP3 mailbox that is collected from: which messages are stored, since when, and which may be."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Collection, Iterable, Sequence
from enum import StrEnum
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from mailctl.model.collection import CollectionSource
from mailctl.store.ledger import Ledger, read_ledger
from mailctl.transport.imap.folders import FolderState
from mailctl.transport.pop3.maildrop import Listed

_SPARE_RECORDS = 2000


class CollectionAct(StrEnum):
    """What a record of the ledger tells."""

    BEGUN = "begun"
    """Messages are being stored."""
    STORED = "stored"
    """A message is stored."""
    UNDONE = "undone"
    """A message that was begun is certainly not stored."""
    DELETED = "deleted"
    """A stored message was deleted on its server."""
    FORGOTTEN = "forgotten"
    """Of so many messages, stored and deleted, there is no record any more."""


class CollectionRecord(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of the ledger. `uids`: of one message, or of a batch that is begun.

    Of a batch: `folder`, and its `uid_validity` and `uid_next` before. Of what is stored: `size` in octets and the
    header's `digest` as the POP3 server had them, and `at`, when it was stored, in seconds since 1970. Of what is
    forgotten: their `count`, and when the last of them was stored.
    """

    act: CollectionAct
    uids: tuple[str, ...]
    folder: str = ""
    uid_validity: int = 0
    uid_next: int = 0
    size: int = 0
    digest: str = ""
    at: int = 0
    count: int = 0

    @property
    def state(self) -> FolderState:
        return FolderState(self.uid_validity, self.uid_next)


class CollectionLedger:
    """The ledger of one POP3 mailbox. Of each message, by its unique id, the last record counts."""

    def __init__(self, ledger: Ledger[CollectionRecord]) -> None:
        self._ledger = ledger
        self.stored: dict[str, CollectionRecord] = {}
        self.begun: dict[str, CollectionRecord] = {}
        self.deleted: set[str] = set()
        self._forgotten = CollectionRecord(act=CollectionAct.FORGOTTEN, uids=())
        self._take_in(ledger.records)

    def append(self, *records: CollectionRecord) -> None:
        """Add records; they are on the medium when this returns. Raises SettingsWriteError."""
        if records:
            self._ledger.append(*records)
            self._take_in(records)

    def forget_gone(self, listed: Collection[str]) -> None:
        """Let go of what nobody will ask for: messages deleted by us that their server does not list any more.

        Others that are not listed stay known: some servers show but a part of a mailbox at a time.
        """
        gone = self.deleted.difference(listed)
        needed = len(self.stored) - len(gone) + len(self.begun)
        if len(self._ledger.records) <= 2 * needed + _SPARE_RECORDS:
            return
        forgotten = [self._forgotten, *(self.stored.pop(uid) for uid in gone if uid in self.stored)]
        self._forgotten = replace(
            self._forgotten,
            count=self._forgotten.count + len(forgotten) - 1,
            at=max(record.at for record in forgotten),
        )
        self.deleted -= gone
        begun = dict.fromkeys(self.begun.values())
        deleted = [CollectionRecord(act=CollectionAct.DELETED, uids=(uid,)) for uid in sorted(self.deleted)]
        self._ledger.rewrite([self._forgotten, *self.stored.values(), *begun, *deleted])

    def _take_in(self, records: Iterable[CollectionRecord]) -> None:
        for record in records:
            if record.act is CollectionAct.FORGOTTEN:
                self._forgotten = record
            for uid in record.uids:
                if record.act is CollectionAct.BEGUN:
                    self.begun[uid] = record
                    continue
                self.begun.pop(uid, None)
                if record.act is CollectionAct.STORED:
                    self.stored[uid] = record
                elif record.act is CollectionAct.DELETED:
                    self.deleted.add(uid)


class Progress(Struct, frozen=True, kw_only=True):
    """How much was collected from a source so far. `last_collected_at`: in UTC; None before the first message."""

    collected: int
    last_collected_at: dt.datetime | None


def read_progress(settings: Path, owner: str, source: CollectionSource) -> Progress:
    """Return how much was collected from a source; `settings`: the settings file, `owner`: as `ledger_owner` says."""
    records = read_ledger(settings, owner, ledger_name(source), CollectionRecord)
    collected = len({record.uids for record in records if record.act is CollectionAct.STORED})
    collected += sum(record.count for record in records)
    at = max((record.at for record in records), default=0)
    return Progress(collected=collected, last_collected_at=dt.datetime.fromtimestamp(at, dt.UTC) if at else None)


def ledger_name(source: CollectionSource) -> str:
    """Return the name of a source's ledger: that of the mailbox, whatever the source is called."""
    digest = hashlib.sha256("\0".join(source.mailbox).encode("utf-8", "surrogatepass")).hexdigest()
    return f"pop3-{digest[:16]}"


def begun_record(messages: Sequence[Listed], folder: str, state: FolderState) -> CollectionRecord:
    return CollectionRecord(
        act=CollectionAct.BEGUN,
        uids=tuple(message.uid for message in messages),
        folder=folder,
        uid_validity=state.uid_validity,
        uid_next=state.uid_next,
    )


def stored_record(message: Listed, digest: str, at: float) -> CollectionRecord:
    return CollectionRecord(act=CollectionAct.STORED, uids=(message.uid,), size=message.size, digest=digest, at=int(at))
