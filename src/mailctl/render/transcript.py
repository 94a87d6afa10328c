"""A transcript for people: a line each, with who said it and when. Secrets were taken out before it got here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mailctl.render.style import Style, visible
from mailctl.transport.trace import Speaker, TraceLine

_MARKS = {Speaker.CLIENT: "→", Speaker.SERVER: "←", Speaker.NOTE: "·"}


def render_line(line: TraceLine, style: Style) -> str:
    """Return one line: seconds since the transcript began, protocol, direction, text."""
    text = f"{_MARKS[line.speaker]} {line.text}"
    painted = style.cyan(text) if line.speaker is Speaker.CLIENT else text
    return f"{style.dim(f'{line.offset_seconds:8.3f} {line.protocol:<4}')} {painted}"


def render_transcripts(transcripts: Mapping[str, Iterable[TraceLine]]) -> str:
    """Return the transcripts of targets as plain text; where there are several, each stands under its target's name."""
    plain = Style()
    parts = []
    for target, lines in transcripts.items():
        heading = f"== {visible(target)}\n" if len(transcripts) > 1 else ""
        parts.append(heading + "".join(f"{render_line(line, plain)}\n" for line in lines))
    return "\n".join(parts)
