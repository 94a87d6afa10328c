"""Batches of collected messages on their way into a folder, each written down in the ledger before and after."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from mailctl.errors import MailError
from mailctl.services.accounts.collection_ledger import (
    CollectionAct,
    CollectionLedger,
    CollectionRecord,
    begun_record,
    stored_record,
)
from mailctl.transport.imap.appending import Deposit, ImapAppending
from mailctl.transport.imap.folders import FolderState
from mailctl.transport.pop3.maildrop import Listed


class Item(Struct, frozen=True):
    """A message that was read, and what of it is needed beside its text."""

    message: Listed
    deposit: Deposit
    mark: str


class Storing:
    """The way into one folder, on which one batch is at a time."""

    def __init__(self, appending: ImapAppending, folder: str, state: FolderState, ledger: CollectionLedger) -> None:
        self.octets_max = appending.octets_max
        self._appending = appending
        self._folder = folder
        self._state = state
        self._ledger = ledger
        self._under_way: Sequence[Item] = ()

    def send(self, batch: Sequence[Item]) -> None:
        """Send a batch; the one before is settled."""
        self._ledger.append(begun_record([item.message for item in batch], self._folder, self._state))
        self._appending.send([item.deposit for item in batch])
        self._under_way = batch

    def settle(self, at: float) -> list[tuple[Item, MailError | None]]:
        """Wait for the batch that is under way, if one is; return what became of each message."""
        batch, self._under_way = self._under_way, ()
        if not batch:
            return []
        errors, self._state = self._appending.settle()
        outcomes = list(zip(batch, errors, strict=True))
        self._ledger.append(
            *(
                stored_record(item.message, item.mark, at)
                if error is None
                else CollectionRecord(act=CollectionAct.UNDONE, uids=(item.message.uid,))
                for item, error in outcomes
            )
        )
        return outcomes
