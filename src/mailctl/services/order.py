"""The order of entries that people put in order: all of them in a new one, or one at a place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from mailctl.errors import UsageError

E = TypeVar("E")


class Placement(NamedTuple):
    """Where an entry goes: `first`, `last`, `before` or `after` another."""

    where: str
    anchor: str | None = None


def in_order(
    entries: Sequence[E], names: Sequence[str], get: Callable[[str], E], label: Callable[[E], str], *, what: str
) -> list[E]:
    """Return all entries in the order of names, each named exactly once; raises UsageError.

    `get`: returns an entry by its name, or raises; `label`: its name. `what`: what an entry is called.
    """
    wanted = [get(each) for each in names]
    counts = Counter(map(label, wanted))
    missing = [each for each in map(label, entries) if each not in counts]
    doubled = [each for each, count in counts.items() if count > 1]
    if missing or doubled:
        said = [f"missing: {', '.join(missing)}"] * bool(missing) + [f"twice: {', '.join(doubled)}"] * bool(doubled)
        raise UsageError(
            f"a new order names each {what} once ({'; '.join(said)})",
            hint=f"to move one {what}: --first, --last, --before or --after another",
        )
    return wanted


def at_place(entries: Sequence[E], moved: str, placement: Placement, get: Callable[[str], E]) -> list[E]:
    """Return the entries with one of them moved to a place; raises UsageError for a place relative to itself."""
    entry = get(moved)
    rest = [one for one in entries if one is not entry]
    if placement.anchor is None:
        index = 0 if placement.where == "first" else len(rest)
    else:
        anchor = get(placement.anchor)
        if anchor is entry:
            raise UsageError(f"'{moved}' cannot be placed {placement.where} itself")
        index = rest.index(anchor) + (placement.where == "after")
    return [*rest[:index], entry, *rest[index:]]
