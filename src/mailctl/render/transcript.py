"""A transcript for people: a line each, with who said it and when. Secrets were taken out before it got here."""

from __future__ import annotations

from collections.abc import Iterable

from mailctl.render.style import Style
from mailctl.transport.trace import Speaker, TraceLine

_MARKS = {Speaker.CLIENT: "→", Speaker.SERVER: "←", Speaker.NOTE: "·"}


def render_line(line: TraceLine, style: Style) -> str:
    """Return one line: seconds since the transcript began, protocol, direction, text."""
    text = f"{_MARKS[line.speaker]} {line.text}"
    painted = style.cyan(text) if line.speaker is Speaker.CLIENT else text
    return f"{style.dim(f'{line.offset_seconds:8.3f} {line.protocol:<4}')} {painted}"


def render_transcript(lines: Iterable[TraceLine]) -> str:
    """Return a whole transcript as plain text."""
    plain = Style()
    return "".join(f"{render_line(line, plain)}\n" for line in lines)
