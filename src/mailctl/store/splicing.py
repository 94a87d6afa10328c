"""Values set and removed in TOML text, everything around them left as it is.

tomlkit does the editing, of the keys and values of one section at a time: given the whole text it would take 1.1 ms
for each server in it. Sections themselves come and go here, with the comments that belong to them, because tomlkit
takes a comment above a header for the end of the table before: in

    [servers.smtp]
    host = "smtp.example.com"
    # the firewall lets only this through
    [servers.incoming]

it would write a new key of `servers.smtp` below the comment. What results is not checked here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import tomlkit
from tomlkit.items import InlineTable

from mailctl.store.canonical import FieldEdit, item, table_text
from mailctl.store.layout import Path, Section, read_places

Splice = tuple[int, int, str]  # from where to where, and what is to stand there

_blank_lines = re.compile(r"(?:[ \t]*\r?\n)+")


def apply_edits(text: str, sections: Sequence[Section], edits: Iterable[FieldEdit]) -> str:
    """Return the text, whose sections are given, with values set and removed; its last line ends with a newline."""
    here: dict[int, list[FieldEdit]] = {}  # by the number of the section
    doomed: set[int] = set()
    tables: dict[Path, dict[str, Any]] = {}
    for edit in edits:
        if edit.value is None:
            doomed |= {index for index, section in enumerate(sections) if _is_within(section.path, edit.path)}
        home = _home(text, sections, edit.path[:-1])
        if home is not None:
            here.setdefault(home, []).append(edit)
        elif edit.value is not None:
            tables.setdefault(edit.path[:-1], {})[str(edit.path[-1])] = edit.value
    splices = [removal(text, sections[index].lead, sections[index].end) for index in doomed]
    splices += [_section_splice(text, sections[index], here[index]) for index in here if index not in doomed]
    return splice(text, [*splices, *_insertions(text, sections, tables)])


def splice(text: str, splices: Iterable[Splice]) -> str:
    """Return the text with its parts replaced; parts that are removed may overlap.

    The text ends in lines; blank ones are not left at its end by what is removed.
    """
    pieces: list[str] = []
    position = 0
    for start, end, piece in sorted(splices, key=lambda splice: splice[:2]):
        pieces += (text[position:start], piece)
        position = max(position, end)
    spliced = "".join((*pieces, text[position:]))
    return _trimmed(spliced) if text == _trimmed(text) else spliced


def removal(text: str, start: int, end: int) -> Splice:
    """Return the splice that removes whole lines and the blank lines below."""
    blank = _blank_lines.match(text, end)
    return start, blank.end() if blank else end, ""


def insertion(text: str, position: int, pieces: Iterable[str]) -> Splice:
    """Return the splice that puts pieces between lines, each set apart by a blank line."""
    head = text[:position]
    above = "" if head != _trimmed(head) or not head else "\n"
    below = "" if position == len(text) or _blank_lines.match(text, position) else "\n"
    return position, position, above + "\n".join(pieces) + below


def _trimmed(text: str) -> str:
    """Return the text without the blank lines at its end."""
    filled = len(text.rstrip())
    return text[: text.find("\n", filled) + 1] if filled else ""


def _home(text: str, sections: Sequence[Section], table: Path) -> int | None:
    """Return the number of the section where a table's values stand: below its header, by dotted keys, or inline."""
    above = [index for index, section in enumerate(sections) if _is_within(table, section.path)]
    for index in above:
        if sections[index].path == table:
            return index
    for index in above:
        places = read_places(text, sections[index])
        if any(_is_within(place, table) or _is_within(table, place) for place in places):
            return index
    return None


def _is_within(path: Path, table: Path) -> bool:
    return path[: len(table)] == table


def _section_splice(text: str, section: Section, edits: Iterable[FieldEdit]) -> Splice:
    document = tomlkit.parse(text[section.body : section.filled])
    lines = [item for key, item in document.body if key is not None]
    indent = lines[-1].trivia.indent if lines else ""
    for edit in edits:
        _edit(document, edit.path[len(section.path) :], edit, indent)
    edited = tomlkit.dumps(document)
    is_table = bool(section.path) and isinstance(section.path[-1], str)
    rest = text[section.lead : section.start] + edited + text[section.filled : section.end]
    if is_table and not rest.strip():
        return removal(text, section.lead, section.end)
    return section.body, section.filled, edited


def _edit(container: Any, keys: Path, edit: FieldEdit, indent: str) -> None:
    """Set or remove the value that the keys lead to, in a container of tomlkit."""
    key, inner = keys[0], keys[1:]
    is_missing = isinstance(key, str) and key not in container
    if is_missing and edit.value is None:
        return
    if inner:
        if is_missing:
            container[key] = tomlkit.value("{ }")
        _edit(container[key], inner, edit, "")
        if isinstance(container[key], InlineTable):
            container[key] = _padded(container[key])
    elif edit.value is None:
        del container[key]
    elif is_missing or not edit.keeps:
        value = item(edit.value)
        value.trivia.indent = indent
        container[key] = value


def _padded(table: InlineTable) -> Any:
    """Return an inline table with its blanks inside the braces made even: tomlkit leaves those of what is removed."""
    text = table.as_string()
    padding = " " if text.startswith("{ ") else ""
    inner = text[1:-1].strip()
    return tomlkit.value(f"{{{padding}{inner}{padding if inner else ''}}}")


def _insertions(text: str, sections: Sequence[Section], tables: Mapping[Path, Mapping[str, Any]]) -> Iterator[Splice]:
    """Yield the splices that add new tables: behind the others of the table that they are in, or before the arrays."""
    arrays = [section.lead for section in sections if len(section.path) > 1 and isinstance(section.path[1], int)]
    places: dict[int, list[str]] = {}
    for path, fields in tables.items():
        position = min([*arrays, len(text)])
        for depth in range(1, len(path)):  # the innermost table around it that is there
            around = (section.end for section in sections if _is_within(section.path, path[:depth]))
            position = max(around, default=position)
        keys = tuple(part for part in path if isinstance(part, str))
        places.setdefault(position, []).append(table_text(keys, fields))
    for position, pieces in places.items():
        yield insertion(text, position, pieces)
