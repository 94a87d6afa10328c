"""What of an interrupted collection has arrived: messages of a batch that nobody acknowledged, found in the folder."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from mailctl.errors import RefusedError
from mailctl.protocol.message.mark import MARK_FIELDS, mark_of
from mailctl.services.accounts.collection_ledger import CollectionLedger, CollectionRecord, stored_record
from mailctl.transport.imap.filing import ImapFiling
from mailctl.transport.pop3.maildrop import Listed

SETTLING_SECONDS = 5.0
"""How long a server may work on what it received from a process that was killed."""

_LOOK_AGAIN_SECONDS = 0.5
_FETCH_MESSAGES = 500


def recognise(
    filing: ImapFiling,
    ledger: CollectionLedger,
    uncertain: Sequence[Listed],
    marks: Mapping[str, str],
    clock: Callable[[], float],
) -> list[Listed]:
    """Record which messages of batches that were begun are stored; return those that are not.

    `marks`: what each is recognised by, by its unique id. What is missing is looked for again until the server has had
    the time to settle. `clock`: tells the time for the records. Raises MailError, SettingsWriteError.
    """
    began = time.monotonic()
    missing = list(uncertain)
    while True:
        found, missing = _look_for(filing, ledger, missing, marks)
        ledger.append(*(stored_record(message, marks[message.uid], clock()) for message in found))
        if not missing or time.monotonic() - began > SETTLING_SECONDS:
            return missing
        time.sleep(_LOOK_AGAIN_SECONDS)


def _look_for(
    filing: ImapFiling, ledger: CollectionLedger, wanted: Sequence[Listed], marks: Mapping[str, str]
) -> tuple[list[Listed], list[Listed]]:
    """Return which messages are there, and which are not; each that is there stands for one alone."""
    arrived: dict[CollectionRecord, Counter[str]] = {}
    found, missing = [], []
    for message in wanted:
        begun = ledger.begun[message.uid]
        if begun not in arrived:
            arrived[begun] = _list_arrived(filing, begun)
            # Those recorded before, of the same batch, stand for themselves.
            arrived[begun].subtract(ledger.stored[uid].digest for uid in begun.uids if uid in ledger.stored)
        mark = marks[message.uid]
        if arrived[begun][mark] > 0:
            arrived[begun][mark] -= 1
            found.append(message)
        else:
            missing.append(message)
    return found, missing


def _list_arrived(filing: ImapFiling, begun: CollectionRecord) -> Counter[str]:
    """Return the marks of the messages that have come into a folder since a batch was begun, each as often as it is.

    Where the folder was made anew since, every message in it may have come.
    """
    try:
        state = filing.examine(begun.folder)
    except RefusedError:  # it is there no more
        return Counter()
    uids = filing.list_uids(begun.uid_next if state.uid_validity == begun.uid_validity else 1)
    arrived: Counter[str] = Counter()
    for start in range(0, len(uids), _FETCH_MESSAGES):
        found = filing.fetch(uids[start : start + _FETCH_MESSAGES], MARK_FIELDS)
        arrived.update(mark_of(one.header) for one in found)
    return arrived
