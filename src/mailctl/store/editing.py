"""The smallest edit of the settings file's text that makes it say other settings.

What changes is spliced into the text at the places that `layout` finds; every other byte stays as it is: comments,
blank lines, unknown keys, the order of keys, the line ends. Nothing rests on the splicing being right: the text is
parsed again, and taken only if it says exactly what was wanted.

(A TOML library that keeps comments was measured and left: it parses the whole text into objects, 1.1 ms a server,
and its new lines need the same care for blank lines and line ends.)
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path as FilePath
from typing import NamedTuple

import msgspec
from msgspec import Struct

from mailctl.errors import SettingsInvalidError, SettingsWriteError
from mailctl.model.server import Server
from mailctl.model.settings import Settings
from mailctl.store.canonical import Edit, differences, element_text, new_text
from mailctl.store.layout import Path, Section, read_layout
from mailctl.store.reading import BYTE_ORDER_MARK, parse_settings, parse_text
from mailctl.store.splicing import apply_edits, removal, splice


class _Style(NamedTuple):
    """How a text is edited: with which line end, and whether values that follow from others are written, too."""

    newline: str
    spelled_out: bool

    def apply(self, text: str, before: Struct, after: Struct, path: Path) -> str:
        return apply_edits(text, differences(before, after, path, spelled_out=self.spelled_out), self.newline)


def edit_content(content: bytes, before: Settings, after: Settings, path: FilePath) -> bytes:
    """Return the file's bytes changed so that they say `after`; `before` is what they say now.

    Raises SettingsWriteError where the text is laid out in a way that cannot be edited in place. `path` is only named.
    """
    text = parse_text(content, path)
    mark = BYTE_ORDER_MARK if content.startswith(BYTE_ORDER_MARK.encode()) else ""
    newline = "\r\n" if "\r\n" in text else "\n"
    open_end = bool(text) and not text.endswith("\n")
    text = text + newline * open_end if text else new_text()
    # Fields follow from each other (a port from the security): one that followed from what changes, and shall stay as
    # it is, must then be written out.
    for spelled_out in (False, True):
        edited = _edit(text, before, after, _Style(newline, spelled_out))
        if edited is None:
            break
        result = (mark + (edited.removesuffix(newline) if open_end else edited)).encode()
        with suppress(SettingsInvalidError):
            if parse_settings(result, path)[0] == after:
                return result
    raise SettingsWriteError(
        f"{path} is laid out in a way that this change cannot keep; nothing was changed",
        hint="make the change by `mailctl config edit`; entries written as [[servers]] blocks can always be changed",
    )


def _edit(text: str, before: Settings, after: Settings, style: _Style) -> str | None:
    edited = _edit_elements(text, "servers", before.servers, after.servers, style)
    if edited is None:
        return None
    return style.apply(edited, msgspec.structs.replace(before, servers=after.servers), after, ())


def _edit_elements(
    text: str, name: str, before: Sequence[Server], after: Sequence[Server], style: _Style
) -> str | None:
    """Return the text with an array of tables changed; None where its elements are no blocks that could be moved."""
    if before == after:
        return text
    origins = _origins(before, after)
    spans = _element_spans(read_layout(text), name, len(before))
    if spans is None:
        if origins != list(range(len(before))):
            return None
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            text = style.apply(text, old, new, (name, index))
        return text
    if not before:
        text = apply_edits(text, [Edit((name,), None)], style.newline)  # an empty list, written out
    elements = []
    for origin, new in zip(origins, after, strict=True):
        if origin is None:
            elements.append(element_text(name, new).replace("\n", style.newline))
        else:
            start, end = spans[origin]
            elements.append(style.apply(text[start:end], before[origin], new, (name, 0)))
    return _arrange(text, spans, origins, elements, style.newline)


def _origins(before: Sequence[Server], after: Sequence[Server]) -> list[int | None]:
    """Tell for each element which one it was: that of the same code, else an equally unmatched one in its place."""
    old = {element.code: index for index, element in enumerate(before)}
    new = {element.code for element in after}
    origins: list[int | None] = []
    for index, element in enumerate(after):
        is_renamed = element.code not in old and index < len(before) and before[index].code not in new
        origins.append(index if is_renamed else old.get(element.code))
    return origins


def _element_spans(sections: Sequence[Section], name: str, count: int) -> list[tuple[int, int]] | None:
    """Return from where to where each element stands, or None where they are not blocks of their own."""
    spans: list[tuple[int, int]] = []
    inside: Path = ()
    for section in sections:
        if section.path[:1] != (name,):
            inside = ()
        elif len(section.path) == 2:
            inside = section.path
            spans.append((section.lead, section.end))
        elif section.path[:2] == inside:
            spans[-1] = (spans[-1][0], section.end)
        else:
            return None
    return spans if len(spans) == count else None


def _arrange(
    text: str,
    spans: Sequence[tuple[int, int]],
    origins: Sequence[int | None],
    elements: Sequence[str],
    newline: str,
) -> str:
    """Put the elements into the places of those that they were: a kept one into a kept one's, a new one behind the
    one before it. What stands between the places stays.
    """
    kept = sorted(origin for origin in origins if origin is not None)
    places: list[list[str]] = [[] for _ in kept] or [[]]
    filled = 0
    for origin, element in zip(origins, elements, strict=True):
        if origin is not None:
            filled += 1
        places[max(filled - 1, 0)].append(element)
    if not kept:
        text = splice(text, [removal(text, start, end) for start, end in spans])
        gap = newline if text and elements and not text.endswith(newline * 2) else ""
        return text + gap + newline.join(elements)
    stay = set(kept)
    splices = [removal(text, start, end) for index, (start, end) in enumerate(spans) if index not in stay]
    splices += [(*spans[index], newline.join(place)) for index, place in zip(kept, places, strict=True)]
    return splice(text, splices)
