"""Tables for terminals and pipes: columns aligned by the width of characters, fitted to the screen if there is one.

Rich's tables take 0.4 ms a row and its console 60 ms to import: too much for a listing that scripts call in loops.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.cells import cell_len, chop_cells, set_cell_size

from mailctl.render.style import Style, visible

_GAP = 2
_NARROWEST = 6


def render_table(headers: Sequence[str], rows: Iterable[Sequence[str]], *, width: int | None, style: Style) -> str:
    """Return rows under their headers as text; with a `width` in columns, long cells are folded to fit into it."""
    body = [[visible(cell) for cell in row] for row in rows]
    widths = [
        max(_length(header), *(_length(row[index]) for row in body)) if body else _length(header)
        for index, header in enumerate(headers)
    ]
    if width is not None:
        widths = _fit(widths, width)
    lines = [style.bold(_line([[header] for header in headers], widths)[0])]
    for row in body:
        lines.extend(_line([_fold(cell, size) for cell, size in zip(row, widths, strict=True)], widths))
    return "\n".join(lines)


def _length(text: str) -> int:
    return len(text) if text.isascii() else cell_len(text)


def _fit(widths: Sequence[int], screen: int) -> list[int]:
    """Take columns from the widest until the table fits, or until none can give more."""
    fitted = list(widths)
    excess = sum(fitted) + _GAP * (len(fitted) - 1) - screen
    while excess > 0:
        widest = max(range(len(fitted)), key=fitted.__getitem__)
        if fitted[widest] <= _NARROWEST:
            break
        fitted[widest] -= 1
        excess -= 1
    return fitted


def _fold(text: str, size: int) -> list[str]:
    return [text] if _length(text) <= size else chop_cells(text, size)


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
