"""Prose on screens: lines broken between words, and never inside a `command` to copy, a path or an address."""

from __future__ import annotations

import re

_SGR = re.compile(r"\x1b\[[0-9;]*m")
_NARROWEST = 20
_WORD = re.compile(r"( *)((?:`[^`\n]*`|[^ `]|`)+)")
"""A word and the blanks before it; what stands in backticks is one word, whatever blanks are in it."""


def wrap(text: str, width: int | None) -> str:
    """Return text whose lines fit into `width` columns; None for a stream that is no screen: nothing is broken there.

    Lines that go on keep the indentation of their first. A word wider than the screen stays whole, on a line alone.
    """
    if width is None:
        return text
    return "\n".join(_wrap_line(line, width) for line in text.split("\n"))


def hang(start: str, text: str, indent: int, width: int | None) -> str:
    """Return text behind its `start`, which is `indent` columns wide; where it goes on, it hangs under itself.

    A word that is too wide for that begins so far to the left that it fits.
    """
    first, *rest = wrap(text, None if width is None else max(width - indent, _NARROWEST)).split("\n")
    sizes = [indent if width is None else max(min(indent, width - _columns(line)), 0) for line in rest]
    return "\n".join([start + first, *(" " * size + line for size, line in zip(sizes, rest, strict=True))]).rstrip(" ")


def _wrap_line(line: str, width: int) -> str:
    if _columns(line) <= width:
        return line
    content = line.lstrip(" ")
    indent = line[: len(line) - len(content)]
    trailing = content[len(content.rstrip(" ")) :]
    lines: list[str] = []
    current = ""
    for blanks, word in _WORD.findall(content):
        longer = f"{current}{blanks}{word}" if current else indent + word
        if current and _columns(longer) > width:
            lines.append(current)
            longer = indent + word
        current = longer
    return "\n".join([*lines, current + trailing])


def _columns(text: str) -> int:
    plain = _SGR.sub("", text)
    if plain.isascii():
        return len(plain)
    from rich.cells import cell_len

    return cell_len(plain)
