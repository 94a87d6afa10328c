"""How settings are written where there is no text yet that says them: which fields, in which order, in which form."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from mailctl.model.settings import SCHEMA_VERSION
from mailctl.store.layout import Path

_HEADING = """\
# Settings of mailctl. This file may be edited by hand: mailctl keeps comments and order.
# It holds no secrets, only references to where they are. `mailctl config validate` checks it.
"""


class Edit(NamedTuple):
    """A value to be set, or removed where it is None.

    `after`: the names of the siblings that it is written behind. `keeps`: where the text has a value, that one stays.
    """

    path: Path
    value: Any
    after: tuple[str, ...] = ()
    keeps: bool = False


def written(model: Struct) -> dict[str, Any]:
    """Return the fields of a model that are written, as plain values.

    Defaults are written, too, so that the file tells what holds; but not switches that are off, nor what is empty.
    """
    fields: dict[str, Any] = {}
    for name, default in _defaults(type(model)).items():
        value = _plain(getattr(model, name))
        if value is not None and value != {} and value != [] and not (isinstance(value, bool) and value == default):
            fields[name] = value
    return fields


def differences(before: Struct, after: Struct, path: Path = (), *, spelled_out: bool = False) -> Iterator[Edit]:
    """Yield the edits that lead from one model to another of its type, by single values.

    `spelled_out`: in a model where fields follow from each other, those that the text leaves out are written, too.
    """
    if before == after:
        return
    fields = written(after)
    for index, name in enumerate(after.__struct_fields__):
        old, new = getattr(before, name), getattr(after, name)
        if old == new:
            if spelled_out and hasattr(after, "complete") and _defaults(type(after))[name] is msgspec.NODEFAULT:
                yield Edit((*path, name), fields[name], after.__struct_fields__[:index], keeps=True)
        elif isinstance(old, Struct) and isinstance(new, Struct):
            yield from differences(old, new, (*path, name), spelled_out=spelled_out)
        elif isinstance(old, Mapping) and isinstance(new, Mapping):
            for key in old.keys() | new.keys():
                if old.get(key) != new.get(key):
                    yield Edit((*path, name, key), new.get(key), tuple(new))
        else:
            yield Edit((*path, name), fields.get(name), after.__struct_fields__[:index])


def new_text() -> str:
    """Return the text of a settings file that holds nothing yet, in lines that end in LF."""
    return f"{_HEADING}schema_version = {SCHEMA_VERSION}\n"


def element_text(name: str, model: Struct) -> str:
    """Return a model as an element of an array of tables, in lines that end in LF."""
    return "\n".join(_tables(f"[[{key_text(name)}]]", key_text(name), written(model)))


def table_text(keys: tuple[str, ...], fields: Mapping[str, Any]) -> str:
    """Return a table with its header, in lines that end in LF."""
    name = ".".join(map(key_text, keys))
    return "\n".join(_tables(f"[{name}]", name, fields))


def key_text(key: str) -> str:
    """Return a key as TOML writes it."""
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key, re.ASCII) else _quoted(key)


def value_text(value: Any) -> str:
    """Return a plain value as TOML writes it, on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key_text(key)} = {value_text(item)}" for key, item in value.items()) + " }"
    return "[" + ", ".join(map(value_text, value)) + "]"


@cache
def _defaults(kind: type[Struct]) -> dict[str, Any]:
    return {field.name: field.default for field in msgspec.structs.fields(kind)}


def _tables(header: str, name: str, fields: Mapping[str, Any]) -> Iterator[str]:
    """Yield a table and, below it, the tables inside it."""
    own = (f"{key_text(key)} = {value_text(value)}\n" for key, value in fields.items() if not isinstance(value, dict))
    inner = {key: value for key, value in fields.items() if isinstance(value, dict)}
    yield f"{header}\n{''.join(own)}"
    for key, value in inner.items():
        inner_name = f"{name}.{key_text(key)}"
        yield from _tables(f"[{inner_name}]", inner_name, value)


def _plain(value: Any) -> Any:
    if isinstance(value, Struct):
        return written(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _quoted(text: str) -> str:
    """Return a basic string (TOML 1.0): quotes, backslashes and everything that cannot be seen escaped."""
    return '"' + "".join(_escaped(character) for character in text) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character.isprintable():
        return character
    return f"\\u{ord(character):04X}" if ord(character) < 0x10000 else f"\\U{ord(character):08X}"
