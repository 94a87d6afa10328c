"""The smallest edit of the settings file's text that makes it say other settings.

What changes is spliced into the text at the places that `layout` finds; every other byte stays as it is: comments,
blank lines, unknown keys, the order of keys, the line ends. Nothing rests on the splicing being right: the text is
parsed again, and taken only if it says exactly what was wanted.

(A TOML library that keeps comments was measured and left: it parses the whole text into objects, 1.1 ms a server,
and its new lines need the same care for blank lines and line ends.)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path as FilePath

import msgspec

from mailctl.errors import SettingsInvalidError, SettingsWriteError
from mailctl.model.server import Server
from mailctl.model.settings import Settings
from mailctl.store.canonical import HEADING, Edit, differences, element_text
from mailctl.store.layout import Path, Section, read_layout
from mailctl.store.reading import BYTE_ORDER_MARK, parse_settings, parse_text
from mailctl.store.splicing import apply_edits, removal, splice

_ROUNDS = 3


def edit_content(content: bytes, before: Settings, after: Settings, path: FilePath) -> bytes:
    """Return the file's bytes changed so that they say `after`; `before` is what they say now.

    Raises SettingsWriteError where the text is laid out in a way that cannot be edited in place. `path` is only named.
    """
    text = parse_text(content, path)
    mark = BYTE_ORDER_MARK if content.startswith(BYTE_ORDER_MARK.encode()) else ""
    newline = "\r\n" if "\r\n" in text else "\n"
    open_end = bool(text) and not text.endswith("\n")
    text = text + newline * open_end if text else f"{HEADING}schema_version = {after.schema_version}\n"
    # Fields follow from each other (a port from the security): those that followed from a changed one and shall stay
    # as they are differ after the first round, and are then written out.
    for _ in range(_ROUNDS):
        text = _edit(text, before, after, newline, path)
        edited = (mark + (text.removesuffix(newline) if open_end else text)).encode()
        try:
            before, _unknown = parse_settings(edited, path)
        except SettingsInvalidError as error:
            raise _refusal(path) from error
        if before == after:
            return edited
    raise _refusal(path)


def _edit(text: str, before: Settings, after: Settings, newline: str, path: FilePath) -> str:
    if before.servers != after.servers:
        text = _edit_elements(text, "servers", before.servers, after.servers, newline, path)
    rest = msgspec.structs.replace(before, servers=after.servers)
    return apply_edits(text, differences(rest, after), newline)


def _refusal(path: FilePath) -> SettingsWriteError:
    return SettingsWriteError(
        f"{path} is laid out in a way that this change cannot keep; nothing was changed",
        hint="make the change by `mailctl config edit`; entries written as [[servers]] blocks can always be changed",
    )


def _edit_elements(
    text: str, name: str, before: Sequence[Server], after: Sequence[Server], newline: str, path: FilePath
) -> str:
    origins = _origins(before, after)
    spans = _element_spans(read_layout(text), name, len(before))
    if spans is None:
        if not before:
            text = apply_edits(text, [Edit((name,), None)], newline)
            spans = []
        elif origins == list(range(len(before))):
            edits = [edit for index, new in enumerate(after) for edit in differences(before[index], new, (name, index))]
            return apply_edits(text, edits, newline)
        else:
            raise _refusal(path)
    elements = []
    for origin, new in zip(origins, after, strict=True):
        if origin is None:
            elements.append(element_text(name, new).replace("\n", newline))
        else:
            start, end = spans[origin]
            elements.append(apply_edits(text[start:end], differences(before[origin], new, (name, 0)), newline))
    return _arrange(text, spans, origins, elements, newline)


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
    return spans if spans and len(spans) == count else None


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
        gap = newline if text and not text.endswith(newline * 2) else ""
        return text + gap + newline.join(places[0])
    stay = set(kept)
    splices = [removal(text, start, end) for index, (start, end) in enumerate(spans) if index not in stay]
    splices += [(*spans[index], newline.join(place)) for index, place in zip(kept, places, strict=True)]
    return splice(text, splices)
