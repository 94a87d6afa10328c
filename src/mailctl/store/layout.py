"""Where things stand in TOML text (TOML 1.0): sections, key/value pairs, the values inside inline tables and arrays.

The text is known to be valid: tomllib has read it. So nothing is checked here, and values are not interpreted; only
their places are found. A path is a tuple of keys and array indices, `("servers", 2, "smtp", "port")`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field

Path = tuple[str | int, ...]

_STRING = r'"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\''
_KEY = rf"(?:[A-Za-z0-9_-]+|{_STRING})(?:[ \t]*\.[ \t]*(?:[A-Za-z0-9_-]+|{_STRING}))*"
_string = re.compile(_STRING, re.DOTALL)
_key = re.compile(_KEY, re.DOTALL)
_blank = re.compile(r"[ \t]*")
_space = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")  # what may stand between the elements of an array
_bare = re.compile(r"[^,\]}#\r\n]+")
_rest_of_line = re.compile(r"[^\n]*\n?")
_idle_line = re.compile(r"[ \t]*(?:#[^\n]*|\r?)(?:\n|\Z)")
_header = re.compile(rf"[ \t]*(\[\[?)[ \t]*({_KEY})[ \t]*\]\]?", re.DOTALL)


@dataclass(slots=True)
class Pair:
    """A key and its value, or an element of an array.

    `start` to `end`: its whole lines or, inside an inline table or array, just itself. `container`: where that table
    or array starts, None on lines of its own. `key_length`: how many parts of the path the key itself writes.
    """

    path: Path
    start: int
    value_start: int
    value_end: int
    end: int
    key_length: int = 1
    container: int | None = None


@dataclass(slots=True)
class Section:
    """A header and what follows it, or what stands before the first header.

    `lead`: where the comment directly above the header starts. `start`: the header's line, `body`: the line below,
    `end`: where the section's lines end, with the comment directly below the last one. Blank lines and comments that
    stand alone may follow.
    """

    path: Path
    lead: int
    start: int
    body: int
    end: int
    pairs: list[Pair] = field(default_factory=list)


def read_layout(text: str) -> list[Section]:
    """Return the sections of a document in the order of the text, the one without a header first."""
    section = Section((), 0, 0, 0, 0)
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
            body = _line_end(text, header.end())
            section = Section(path, lead, position, body, body)
            sections.append(section)
            position = lead = body
        else:
            pair = _pair(text, position, section.path)
            pair.end = section.end = position = lead = _line_end(text, pair.value_end)
            section.pairs.append(pair)
    if lead == section.end:
        section.end = size
    return sections


def inner_pairs(text: str, pair: Pair) -> Iterator[Pair]:
    """Yield what is inside a pair's value, depth first: the pairs of inline tables, the elements of arrays."""
    yield from _inner(text, pair.value_start, pair.path)


def inline_items(text: str, value_start: int) -> Iterator[Pair]:
    """Yield what stands directly in the inline table or array that starts there; the paths are relative to it."""
    opening = text[value_start]
    position, index = _after_space(text, value_start + 1), 0
    while text[position] not in "}]":
        if opening == "{":
            item = _pair(text, position, ())
        else:
            end = _value_end(text, position)
            item = Pair((index,), position, position, end, end)
        item.container = value_start
        yield item
        index += 1
        position = _after_space(text, item.value_end)
        if text[position] == ",":
            position = _after_space(text, position + 1)


def _inner(text: str, value_start: int, path: Path) -> Iterator[Pair]:
    if text[value_start] in "{[":
        for item in inline_items(text, value_start):
            item.path = path + item.path
            yield item
            yield from _inner(text, item.value_start, item.path)


def _pair(text: str, position: int, table: Path) -> Pair:
    key_start = _after_blank(text, position)
    key = _key.match(text, key_start)
    if key is None:
        raise ValueError(f"no key at offset {key_start}")
    parts = _parts(key.group())
    value_start = _after_blank(text, text.index("=", key.end()) + 1)
    value_end = _value_end(text, value_start)
    return Pair(table + parts, position, value_start, value_end, value_end, len(parts))


def _value_end(text: str, start: int) -> int:
    character = text[start]
    if character in "\"'":
        string = _string.match(text, start)
        if string is None:
            raise ValueError(f"no end of the string at offset {start}")
        return string.end()
    if character in "[{":
        end = start + 1
        for item in inline_items(text, start):
            end = item.value_end
        end = _after_space(text, end)
        if text[end] == ",":
            end = _after_space(text, end + 1)
        return end + 1
    bare = _bare.match(text, start)
    if bare is None:
        raise ValueError(f"no value at offset {start}")
    return start + len(bare.group().rstrip())


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


def _after_blank(text: str, position: int) -> int:
    match = _blank.match(text, position)
    return match.end() if match else position


def _after_space(text: str, position: int) -> int:
    match = _space.match(text, position)
    return match.end() if match else position


def _line_end(text: str, position: int) -> int:
    match = _rest_of_line.match(text, position)
    return match.end() if match else position
