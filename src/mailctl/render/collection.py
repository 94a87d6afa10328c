"""Mail that is collected from POP3 mailboxes: where from, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from mailctl.errors import MailctlError
from mailctl.model.collection import CollectionSource
from mailctl.render.errors import describe_error

if TYPE_CHECKING:
    from mailctl.services.accounts.collect import Collected
    from mailctl.services.accounts.collection_ledger import Progress

SOURCE_HEADERS = ("NAME", "MAILBOX", "INTO", "ON THE SERVER", "COLLECTED", "LAST")
RESULT_HEADERS = ("NAME", "LISTED", "COLLECTED", "BYTES", "DELETED", "NOTES")
REHEARSAL_HEADERS = ("NAME", "LISTED", "TO COLLECT", "BYTES", "TO DELETE", "NOTES")


def counted(messages: int) -> str:
    return "1 message" if messages == 1 else f"{messages} messages"


def source_rows(sources: Iterable[CollectionSource], progress: Mapping[str, Progress]) -> Iterator[Sequence[str]]:
    """Yield a row for each source, in their order. `progress`: by the sources' names."""
    for source in sources:
        done = progress[source.name]
        yield (
            source.name,
            f"{source.username} at {source.host}",
            source.into,
            _kept(source.delete_after_days),
            str(done.collected),
            f"{done.last_collected_at.astimezone():%Y-%m-%d %H:%M}" if done.last_collected_at else "never",
        )


def _kept(days: int | None) -> str:
    if days is None:
        return "kept"
    return "deleted at once" if days == 0 else f"deleted after {days} day{'s' if days > 1 else ''}"


def result_rows(results: Iterable[tuple[Collected, MailctlError | None]]) -> Iterator[Sequence[str]]:
    """Yield a row for what came of each source."""
    for collected, error in results:
        notes = [
            f"stored by an interrupted run: {collected.recognised}" if collected.recognised else "",
            f"left: {len(collected.left)}" if collected.left else "",
            "failed" if error else "",
        ]
        numbers = (collected.listed, collected.collected, collected.octets, collected.deleted)
        yield collected.source, *map(str, numbers), ", ".join(filter(None, notes))


def describe_results(results: Iterable[tuple[Collected, MailctlError | None]]) -> list[dict[str, Any]]:
    """Return what came of each source as JSON."""
    return [
        {**msgspec.to_builtins(collected), "error": describe_error(error) if error else None}
        for collected, error in results
    ]
