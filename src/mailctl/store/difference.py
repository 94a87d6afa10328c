"""The change of a text as a unified diff, for people."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher

_CONTEXT = 3


def unified_difference(old: bytes, new: bytes) -> str:
    """Return the hunks of a unified diff without file names, lines joined by LF; empty where nothing differs.

    Only what lies between the common beginning and end is compared: in a large file that is little.
    """
    before, after = (text.decode(errors="replace").splitlines() for text in (old, new))
    start = max(_common(before, after) - _CONTEXT, 0)
    end = max(_common(before[start:][::-1], after[start:][::-1]) - _CONTEXT, 0)
    before, after = before[start : len(before) - end], after[start : len(after) - end]
    lines = []
    for group in SequenceMatcher(None, before, after).get_grouped_opcodes(_CONTEXT):
        first, last = group[0], group[-1]
        lines.append(f"@@ -{_range(start + first[1], start + last[2])} +{_range(start + first[3], start + last[4])} @@")
        for kind, old_from, old_to, new_from, new_to in group:
            if kind == "equal":
                lines += [f" {line}" for line in before[old_from:old_to]]
            else:
                lines += [f"-{line}" for line in before[old_from:old_to]]
                lines += [f"+{line}" for line in after[new_from:new_to]]
    return "\n".join(lines)


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """Return how many lines two texts have in common from their beginning."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (mine, theirs) in pairs if mine != theirs), min(len(one), len(other)))


def _range(start: int, end: int) -> str:
    """Return a range of lines as the unified format writes it."""
    length = end - start
    return f"{start + 1 if length else start},{length}" if length != 1 else str(start + 1)
