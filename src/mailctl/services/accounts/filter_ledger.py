"""What is known of a folder that rules are run over: how far it was looked through, and what was begun and done."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum

from msgspec import Struct

from mailctl.store.ledger import Ledger

LEDGER_NAME = "filters"
_SPARE_RECORDS = 2000


class FilterAct(StrEnum):
    """What a record of the ledger tells."""

    LOOKED = "looked"
    """The folder was looked through up to this UID."""
    BEGUN = "begun"
    """A message is being put into a folder, or redirected."""
    DONE = "done"
    UNDONE = "undone"
    """It was certainly not done, and may be tried again."""


class FilterRecord(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of the ledger. `target`: a folder or an address. `uid_next`: of the target folder, before the act."""

    act: FilterAct
    folder: str
    uid_validity: int
    uid: int
    target: str = ""
    uid_next: int = 0


class FilterLedger:
    """The records of one folder as the server numbers it now. Of each act, by UID and target, the last one counts."""

    def __init__(self, ledger: Ledger[FilterRecord], folder: str, uid_validity: int) -> None:
        self.looked_up_to = 0
        self._ledger = ledger
        self._here = (folder, uid_validity)
        self._acts: dict[tuple[int, str], FilterRecord] = {}
        for record in ledger.records:
            if (record.folder, record.uid_validity) == self._here:
                self._take_in(record)

    def find(self, uid: int, target: str) -> FilterRecord | None:
        """Return the record of an act that was begun or done; None where neither, or where it was undone."""
        record = self._acts.get((uid, target))
        return record if record and record.act is not FilterAct.UNDONE else None

    def append_looked(self, uid: int) -> None:
        """Write down how far the folder was looked through; raises SettingsWriteError."""
        self.append(FilterAct.LOOKED, uid)

    def append(self, act: FilterAct, uid: int, target: str = "", uid_next: int = 0) -> None:
        """Add a record; it is on the medium when this returns. Raises SettingsWriteError."""
        folder, uid_validity = self._here
        record = FilterRecord(
            act=act, folder=folder, uid_validity=uid_validity, uid=uid, target=target, uid_next=uid_next
        )
        self._ledger.append(record)
        self._take_in(record)

    def forget_gone(self, list_present: Callable[[], Iterable[int]]) -> None:
        """Let go of what nobody will ask for, where that is much: acts on messages that are in the folder no more.

        `list_present`: returns the UIDs of those that are.
        """
        folder, uid_validity = self._here
        others = [record for record in self._ledger.records if record.folder != folder]
        if len(self._ledger.records) - len(others) <= _SPARE_RECORDS:
            return
        present = set(list_present())
        self._acts = {key: record for key, record in self._acts.items() if record.uid in present}
        looked = FilterRecord(act=FilterAct.LOOKED, folder=folder, uid_validity=uid_validity, uid=self.looked_up_to)
        kept = [*others, looked, *self._acts.values()]
        if 2 * len(kept) < len(self._ledger.records):
            self._ledger.rewrite(kept)

    def _take_in(self, record: FilterRecord) -> None:
        if record.act is FilterAct.LOOKED:
            self.looked_up_to = max(self.looked_up_to, record.uid)
        else:
            self._acts[record.uid, record.target] = record
