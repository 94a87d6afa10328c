"""Tables for terminals and pipes: columns aligned by the width of characters, fitted to the screen if there is one.

Rich's tables take 0.4 ms a row and its console 60 ms to import: too much for a listing that scripts call in loops.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from rich.cells import cell_len, chop_cells, set_cell_size

from mailctl.render.style import Style, visible

_GAP = 2
_NARROWEST = 6
_ITEMS = re.compile(r"[^,]*,\s*|[^,]+")
_WORDS = re.compile(r"\S+\s*|\s+")
_PARTS = re.compile(r"[^\s:.,@/_-]*[:.,@/_-]+\s*|[^\s:.,@/_-]+\s*|\s+")


def render_table(headers: Sequence[str], rows: Iterable[Sequence[str]], *, width: int | None, style: Style) -> str:
    """Return rows under their headers as text; with a `width` in columns, long cells are folded to fit into it."""
    body = [[visible(cell) for cell in row] for row in rows]
    widths = [
        max(_length(header), *(_length(row[index]) for row in body)) if body else _length(header)
        for index, header in enumerate(headers)
    ]
    if width is not None:
        widths = _fit(widths, [headers, *body], width)
    lines = [style.bold(_line([[header] for header in headers], widths)[0])]
    for row in body:
        lines.extend(_line([_fold(cell, size) for cell, size in zip(row, widths, strict=True)], widths))
    return "\n".join(lines)


def _length(text: str) -> int:
    return len(text) if text.isascii() else cell_len(text)


def _fit(widths: Sequence[int], rows: Sequence[Sequence[str]], screen: int) -> list[int]:
    """Take columns from the widest until the table fits: items of lists stay whole first, then words, then parts."""
    fitted = list(widths)
    excess = sum(fitted) + _GAP * (len(fitted) - 1) - screen
    for break_ in (_ITEMS, _WORDS, _PARTS, None):
        if excess <= 0:
            break
        floors = [_floor([row[index] for row in rows], break_) for index in range(len(fitted))]
        while excess > 0:
            spare = [index for index, size in enumerate(fitted) if size > floors[index]]
            if not spare:
                break
            fitted[max(spare, key=fitted.__getitem__)] -= 1
            excess -= 1
    return fitted


def _floor(cells: Iterable[str], break_: re.Pattern[str] | None) -> int:
    """Return how narrow a column can be without breaking what a pattern keeps whole."""
    pieces = (piece for cell in cells for piece in (break_.findall(cell) if break_ else ()))
    return max((_length(piece.rstrip()) for piece in pieces), default=0) if break_ else _NARROWEST


def _fold(text: str, size: int) -> list[str]:
    """Break a cell after commas; an item that is too long at blanks, a word after signs such as colons, or anywhere."""
    if _length(text) <= size:
        return [text]
    lines = [""]
    for piece in _pieces(text, size, (_ITEMS, _WORDS, _PARTS)):
        word = piece.rstrip()
        if _length(lines[-1] + word) <= size:
            lines[-1] += piece
        elif _length(word) <= size:
            lines.append(piece)
        else:
            lines += chop_cells(word, size)
            lines[-1] += piece[len(word) :]
    return [line.rstrip() for line in lines if line.strip()]


def _pieces(text: str, size: int, breaks: Sequence[re.Pattern[str]]) -> Iterator[str]:
    """Yield the pieces of a text, each as whole as `size` allows: the first pattern's, else those of the next."""
    if not breaks or _length(text.rstrip()) <= size:
        yield text
        return
    for piece in breaks[0].findall(text):
        yield from _pieces(piece, size, breaks[1:])


def _line(cells: Sequence[Sequence[str]], widths: Sequence[int]) -> list[str]:
    lines = []
    for index in range(max(len(cell) for cell in cells)):
        parts = [cell[index] if index < len(cell) else "" for cell in cells]
        padded = [
            part.ljust(size) if part.isascii() else set_cell_size(part, max(size, cell_len(part)))
            for part, size in zip(parts, widths, strict=True)
        ]
        lines.append((" " * _GAP).join(padded).rstrip())
    return lines
