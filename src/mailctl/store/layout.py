"""Where things stand in TOML text (TOML 1.0): sections, and the values in them.

The text is known to be valid: tomllib has read it. So nothing is checked here, and values are not interpreted; only
their places are found, which neither tomllib nor tomlkit tells. A path is a tuple of keys and array indices,
`("servers", 2, "smtp", "port")`.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass

Path = tuple[str | int, ...]

_STRING = r'"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\''
_KEY = rf"(?:[A-Za-z0-9_-]+|{_STRING})(?:[ \t]*\.[ \t]*(?:[A-Za-z0-9_-]+|{_STRING}))*"
_string = re.compile(_STRING, re.DOTALL)
_key = re.compile(rf"[ \t]*({_KEY})[ \t]*=[ \t]*", re.DOTALL)
_space = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")  # what may stand between the elements of an array
_bare = re.compile(r"[^,\]}#\r\n]+")
_rest_of_line = re.compile(r"[^\n]*\n?")
_idle_line = re.compile(r"[ \t]*(?:#[^\n]*|\r?)(?:\n|\Z)")
_header = re.compile(rf"[ \t]*(\[\[?)[ \t]*({_KEY})[ \t]*\]\]?", re.DOTALL)
# Most lines are such: a bare key, and a value that cannot go on in the next line. They are passed over in one go.
_plain_lines = re.compile(r"(?:[ \t]*[A-Za-z0-9_.-]+[ \t]*=[ \t]*(?:\"[^\"\\\n]+\"|[A-Za-z0-9_.+:-]+)[ \t]*\r?\n)+")


@dataclass(slots=True)
class Section:
    """A header and what follows it, or what stands before the first header.

    `lead`: where the comment directly above the header starts. `start`: the header's line, `body`: the line below,
    `filled`: behind the last value's lines, `end`: behind the comment directly below those. Blank lines and comments
    that stand alone may follow.
    """

    path: Path
    lead: int
    start: int
    body: int
    filled: int
    end: int


def read_layout(text: str) -> list[Section]:
    """Return the sections of a document in the order of the text, the one without a header first."""
    section = Section((), 0, 0, 0, 0, 0)
    sections = [section]
    lengths: dict[Path, int] = {}  # how many elements each array of tables has by now
    position = lead = 0  # lead: where the run of comments that ends here begins
    size = len(text)
    while position < size:
        if idle := _idle_line.match(text, position):
            is_comment = "#" in idle.group()
            if not is_comment and lead == section.end:
                section.end = position
            position = idle.end()
            if not is_comment:
                lead = position
        elif header := _header.match(text, position):
            path = _table_path(_parts(header[2]), lengths, is_element=header[1] == "[[")
            body = _end_of(_rest_of_line, text, header.end())
            section = Section(path, lead, position, body, body, body)
            sections.append(section)
            position = lead = body
        else:
            plain = _plain_lines.match(text, position)
            position = plain.end() if plain else _end_of(_rest_of_line, text, _pair(text, position, (), {}))
            section.filled = section.end = lead = position
    if lead == section.end:
        section.end = size
    return sections


def read_places(text: str, section: Section) -> dict[Path, int]:
    """Return where each value of a section starts, with its key; those inside inline tables and arrays, too."""
    places: dict[Path, int] = {}
    position = _end_of(_space, text, section.body)
    while position < section.filled:
        end = _pair(text, position, section.path, places)
        position = _end_of(_space, text, _end_of(_rest_of_line, text, end))
    return places


def _pair(text: str, position: int, table: Path, places: dict[Path, int]) -> int:
    """Enter a key and all that its value holds into the places; return where the value ends."""
    key = _key.match(text, position)
    if key is None:
        raise ValueError(f"no key at offset {position}")
    path = table + _parts(key[1])
    places[path] = position
    return _value(text, key.end(), path, places)


def _value(text: str, start: int, path: Path, places: dict[Path, int]) -> int:
    opening = text[start]
    if opening not in "[{":
        if opening in "\"'":
            return _end_of(_string, text, start)
        return start + len(text[start : _end_of(_bare, text, start)].rstrip())
    position, index = _end_of(_space, text, start + 1), 0
    while text[position] not in "]}":
        if opening == "{":
            end = _pair(text, position, path, places)
        else:
            places[*path, index] = position
            end = _value(text, position, (*path, index), places)
        index += 1
        position = _end_of(_space, text, end)
        if text[position] == ",":
            position = _end_of(_space, text, position + 1)
    return position + 1


def _table_path(keys: tuple[str, ...], lengths: dict[Path, int], *, is_element: bool) -> Path:
    path: Path = ()
    for number, key in enumerate(keys, 1):
        path += (key,)
        if number == len(keys) and is_element:
            lengths[path] = lengths.get(path, 0) + 1
        if path in lengths:
            path += (lengths[path] - 1,)
    return path


def _parts(key: str) -> tuple[str, ...]:
    if '"' not in key and "'" not in key:
        return tuple(part.strip() for part in key.split(".")) if "." in key else (key,)
    parts: list[str] = []
    table = tomllib.loads(f"{key} = 0")
    while isinstance(table, dict):
        (part,) = table
        parts.append(part)
        table = table[part]
    return tuple(parts)


def _end_of(pattern: re.Pattern[str], text: str, position: int) -> int:
    found = pattern.match(text, position)
    if found is None:
        raise ValueError(f"not TOML at offset {position}")
    return found.end()
