"""The change of a text as a unified diff, for people."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from difflib import Match, SequenceMatcher

_CONTEXT = 3


class _Matcher(SequenceMatcher[str]):
    """Matches what is the same at both ends, then lines that are unique (patience diff), then between them.

    The library's own search alone takes time with the square of the lines where most are alike, as in a catalogue.
    """

    def __init__(self, before: Sequence[str], after: Sequence[str]) -> None:
        super().__init__(None, before, after, autojunk=False)
        self._matches = _matches(before, after)

    def get_matching_blocks(self) -> list[Match]:
        return self._matches


def unified_difference(old: bytes, new: bytes) -> str:
    """Return the hunks of a unified diff without file names, lines joined by LF; empty where nothing differs."""
    before, after = (text.decode(errors="replace").splitlines() for text in (old, new))
    matcher = _Matcher(before, after)
    lines: list[str] = []
    for group in matcher.get_grouped_opcodes(_CONTEXT):
        lines.append(f"@@ -{_range(group[0][1], group[-1][2])} +{_range(group[0][3], group[-1][4])} @@")
        for kind, old_from, old_to, new_from, new_to in group:
            if kind == "equal":
                lines += [f" {line}" for line in before[old_from:old_to]]
            else:
                lines += [f"-{line}" for line in before[old_from:old_to]]
                lines += [f"+{line}" for line in after[new_from:new_to]]
    return "\n".join(lines)


def _matches(before: Sequence[str], after: Sequence[str]) -> list[Match]:
    """Return which runs of lines are the same, ended by an empty run behind the last lines."""
    start = _common(before, after)
    end = min(_common(before[::-1], after[::-1]), len(before) - start, len(after) - start)
    old_end, new_end = len(before) - end, len(after) - end
    found = [Match(0, 0, start)]
    row = column = start
    anchors = _anchors(before[start:old_end], after[start:new_end])
    for next_row, next_column in [*((start + a, start + b) for a, b in anchors), (old_end, new_end)]:
        between = SequenceMatcher(None, before[row:next_row], after[column:next_column], autojunk=False)
        found += [Match(row + a, column + b, size) for a, b, size in between.get_matching_blocks()]
        found.append(Match(next_row, next_column, 1 if next_row < old_end else end))
        row, column = next_row + 1, next_column + 1
    return [*_joined(found), Match(len(before), len(after), 0)]


def _joined(matches: Iterable[Match]) -> list[Match]:
    """Return the matches without empty ones, those that follow each other as one."""
    joined: list[Match] = []
    for match in matches:
        last = joined[-1] if joined else Match(0, 0, 0)
        if joined and (last.a + last.size, last.b + last.size) == (match.a, match.b):
            joined[-1] = Match(last.a, last.b, last.size + match.size)
        elif match.size:
            joined.append(match)
    return joined


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """Return how many lines two texts have in common from their beginning."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (mine, theirs) in pairs if mine != theirs), min(len(one), len(other)))


def _anchors(before: Sequence[str], after: Sequence[str]) -> list[tuple[int, int]]:
    """Return the longest rising sequence of places of the lines that either text has once."""
    once_before, once_after = Counter(before), Counter(after)
    columns = {line: column for column, line in enumerate(after) if once_after[line] == 1}
    tails: list[int] = []  # the smallest column that ends a rising sequence of each length
    ends: list[tuple[int, int]] = []
    links: dict[tuple[int, int], tuple[int, int] | None] = {}
    for row, line in enumerate(before):
        if once_before[line] == 1 and line in columns:
            place = (row, columns[line])
            length = bisect_left(tails, place[1])
            links[place] = ends[length - 1] if length else None
            tails[length : length + 1] = [place[1]]
            ends[length : length + 1] = [place]
    chain: list[tuple[int, int]] = []
    link = ends[-1] if ends else None
    while link is not None:
        chain.append(link)
        link = links[link]
    return chain[::-1]


def _range(start: int, end: int) -> str:
    """Return a range of lines as the unified format writes it."""
    length = end - start
    return f"{start + 1 if length else start},{length}" if length != 1 else str(start + 1)
