"""A folder looked through in batches, each message once: how far it was is in a ledger after every batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Generic, Protocol, TypeVar

BATCH = 200


class LookedAt(Protocol):
    """What came of a message. `is_temporary`: a later run is to look at it again."""

    @property
    def uid(self) -> int: ...

    @property
    def is_temporary(self) -> bool: ...


class WalkLedger(Protocol):
    """Where it is written how far a folder was looked through, by UIDs."""

    looked_up_to: int

    def append_looked(self, uid: int) -> None: ...


L = TypeVar("L", bound=LookedAt)


class FolderWalk(Generic[L]):
    """A walk through a folder. `looked_at`: how many messages were looked at so far."""

    def __init__(self) -> None:
        self.looked_at = 0

    def _walk(
        self,
        uids: Sequence[int],
        look: Callable[[Sequence[int]], Iterable[L]],
        ledger: WalkLedger,
        *,
        dry_run: bool,
        on_progress: Callable[[int, int], object] | None,
    ) -> Iterator[L]:
        """Yield what comes of messages, by a look at a batch of them at a time; with `dry_run` nothing is written."""
        retried: int | None = None
        for start in range(0, len(uids), BATCH):
            batch = uids[start : start + BATCH]
            for looked_at in look(batch):
                if looked_at.is_temporary and retried is None:
                    retried = looked_at.uid
                yield looked_at
            self.looked_at += len(batch)
            # What may be done later is looked at again by the next run, and with it all that is behind it.
            looked_up_to = batch[-1] if retried is None else retried - 1
            if not dry_run and looked_up_to > ledger.looked_up_to:
                ledger.append_looked(looked_up_to)
            if on_progress:
                on_progress(self.looked_at, len(uids))
