"""One thing in full, for people: its facts under a title, each beside its name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from mailctl.render.style import Style
from mailctl.render.wrap import hang, wrap

Fact = tuple[str, ...]
"""A name, perhaps more that is as short, and the fact itself, which may be prose."""
_INDENT = "  "
_GAP = 2


class InFull(NamedTuple):
    """One thing in full. `headers`: those of the columns, where what stands in them does not say it by itself."""

    title: str
    facts: Sequence[Fact]
    headers: Sequence[str] = ()

    def map(self, change: Callable[[str], str]) -> InFull:
        """Return it with each fact changed, names and title left as they are."""
        return self._replace(facts=[(*fact[:-1], change(fact[-1])) for fact in self.facts])


def render_facts(shown: InFull, style: Style, width: int | None) -> str:
    """Return a title and the facts below it, one a line; names that are those of the line above are not said again.

    Facts stand last, and hang under themselves: they are long, and hold commands to copy. `width`: the columns of the
    screen, None where there is none.
    """
    rows = [fact[:-1] for fact in shown.facts]
    names = [*rows, shown.headers[:-1]] if shown.headers else rows
    sizes = [max(map(len, column)) + _GAP for column in zip(*names, strict=True)]
    indent = len(_INDENT) + sum(sizes)
    lines = [wrap(shown.title, width)]
    if shown.headers:
        *short, last = shown.headers
        lines.append(style.bold(f"{_INDENT}{_padded(short, sizes)}{last}"))
    above: tuple[str, ...] = ()
    for fact in shown.facts:
        said = fact[:-1] if fact[:-1] != above else [""] * len(sizes)
        lines.append(hang(f"{_INDENT}{style.dim(_padded(said, sizes))}", fact[-1], indent, width))
        above = fact[:-1]
    return "\n".join(lines)


def _padded(names: Sequence[str], sizes: Sequence[int]) -> str:
    return "".join(name.ljust(size) for name, size in zip(names, sizes, strict=True))
