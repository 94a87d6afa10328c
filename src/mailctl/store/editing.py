"""The smallest edit of the settings file's text that makes it say other settings.

What changes is spliced into the text at the places that `layout` finds; every other byte stays as it is: comments,
blank lines, unknown keys, the order of keys, the line ends. Nothing rests on the splicing being right: the text is
parsed again, and taken only if it says exactly what was wanted.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path as FilePath

import msgspec
from msgspec import Struct
from tomlkit.exceptions import TOMLKitError

from mailctl.errors import SettingsInvalidError, SettingsWriteError
from mailctl.model.settings import Settings
from mailctl.model.values import shown
from mailctl.store.canonical import FieldEdit, differences, element_text, new_text
from mailctl.store.layout import Path, Section, read_layout
from mailctl.store.reading import BYTE_ORDER_MARK, Parsed, parse_settings, parse_text
from mailctl.store.splicing import apply_edits, insertion, removal, splice

# The arrays of tables, of Settings and inside its entries, each with the field by which its elements are told apart.
ENTRY_KEYS = {
    "servers": "code",
    "oauth_clients": "name",
    "tenants": "code",
    "accounts": "address",
    "layouts": "owner",
    "filters": "name",
    "pop3": "name",
}


def edit_content(content: bytes, before: Settings, after: Settings, path: FilePath) -> Parsed:
    """Return the file's bytes changed so that they say `after`, and what they say; `before` is what they say now.

    Raises SettingsWriteError where the text is laid out in a way that cannot be edited in place, or where a value is
    no text that UTF-8 can hold. `path` is only named.
    """
    text = parse_text(content, path)
    mark = BYTE_ORDER_MARK if content.startswith(BYTE_ORDER_MARK.encode()) else ""
    is_windows = "\n" in text and text.count("\n") == text.count("\r\n")
    if is_windows:
        text = text.replace("\r\n", "\n")
    open_end = bool(text) and not text.endswith("\n")
    text = text + "\n" * open_end if text else new_text()
    # Fields follow from each other (a port from the security): one that followed from what changes, and shall stay as
    # it is, must then be written out.
    for spelled_out in (False, True):
        with suppress(SettingsInvalidError, TOMLKitError):
            edited = _edit(text, before, after, spelled_out=spelled_out)
            if edited is None:
                break
            if open_end:
                edited = edited.removesuffix("\n")
            result = _encoded(mark + (edited.replace("\n", "\r\n") if is_windows else edited), path)
            parsed = parse_settings(result, path)
            if parsed.settings == after:
                return parsed
    raise SettingsWriteError(
        f"{path} is laid out in a way that this change cannot keep; nothing was changed",
        hint="make the change by `mailctl config edit`; entries written as [[servers]] blocks can always be changed",
    )


def _encoded(text: str, path: FilePath) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:  # what the command line could not decode
        value = text[text.rfind("\n", 0, error.start) + 1 :].partition("\n")[0]
        raise SettingsWriteError(f"{shown(value)} cannot be written to {path}: it is not text in Unicode") from None


def _edit(text: str, before: Struct, after: Struct, path: Path = (), *, spelled_out: bool) -> str | None:
    """Return the text edited that says a model, at `path`; None where an array's elements are no blocks to be moved."""
    arrays = [name for name in ENTRY_KEYS if hasattr(after, name)]
    for name in arrays:
        old, new = getattr(before, name), getattr(after, name)
        edited = _edit_elements(text, (*path, name), old, new, spelled_out=spelled_out)
        if edited is None:
            return None
        text = edited
    before = msgspec.structs.replace(before, **{name: getattr(after, name) for name in arrays})
    if before == after:
        return text
    return apply_edits(text, read_layout(text), differences(before, after, path, spelled_out=spelled_out))


def _edit_elements(
    text: str, path: Path, before: Sequence[Struct], after: Sequence[Struct], *, spelled_out: bool
) -> str | None:
    if before == after:
        return text
    origins = _origins(before, after, ENTRY_KEYS[str(path[-1])])
    sections = read_layout(text)
    spans = _element_spans(sections, path, len(before))
    if spans is None:
        if origins != list(range(len(before))):
            return None
        pairs = enumerate(zip(before, after, strict=True))
        edits = [
            edit
            for index, (old, new) in pairs
            for edit in differences(old, new, (*path, index), spelled_out=spelled_out)
        ]
        return apply_edits(text, sections, edits)
    if not before:
        text = apply_edits(text, sections, [FieldEdit(path, None)])  # an empty list, written out
    elements = []
    for origin, new in zip(origins, after, strict=True):
        if origin is None:
            elements.append(element_text(path, new))
            continue
        start, end = spans[origin]
        element: str | None = text[start:end]
        if new != before[origin]:
            # Alone, it is the first of its array, and of what is around that nothing is to be seen.
            alone: Path = (*(key for key in path if isinstance(key, str)), 0)
            element = _edit(text[start:end], before[origin], new, alone, spelled_out=spelled_out)
        if element is None:
            return None
        elements.append(element)
    return _arrange(text, spans, origins, elements)


def _origins(before: Sequence[Struct], after: Sequence[Struct], key: str) -> list[int | None]:
    """Tell for each element which one it was: that of the same key, else an equally unmatched one in its place."""
    old, new = ([getattr(element, key) for element in elements] for elements in (before, after))
    places, present = {name: index for index, name in enumerate(old)}, set(new)
    origins: list[int | None] = []
    for index, name in enumerate(new):
        is_renamed = name not in places and index < len(old) and old[index] not in present
        origins.append(index if is_renamed else places.get(name))
    return origins


def _element_spans(sections: Sequence[Section], path: Path, count: int) -> list[tuple[int, int]] | None:
    """Return from where to where each element stands, or None where they are not blocks of their own."""
    spans: list[tuple[int, int]] = []
    inside: Path = ()
    for section in sections:
        depth = len(path) + 1
        if section.path[: len(path)] != path:
            inside = ()
        elif len(section.path) == depth:
            inside = section.path
            spans.append((section.lead, section.end))
        elif section.path[:depth] == inside:
            spans[-1] = (spans[-1][0], section.end)
        else:
            return None
    return spans if len(spans) == count else None


def _arrange(
    text: str, spans: Sequence[tuple[int, int]], origins: Sequence[int | None], elements: Sequence[str]
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
        return splice(text, [insertion(text, len(text), elements)] if elements else [])
    stay = set(kept)
    splices = [removal(text, start, end) for index, (start, end) in enumerate(spans) if index not in stay]
    splices += [(*spans[index], "\n".join(place)) for index, place in zip(kept, places, strict=True)]
    return splice(text, splices)
