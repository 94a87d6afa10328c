"""How settings are written where there is no text yet that says them: which fields, in which order, in which form.

Keys and values are tomlkit's. It is given them one by one: an entry composed of its tables and containers takes four
times as long, 1 ms, and an import has ten thousand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import cache, lru_cache
from typing import Any, NamedTuple

import msgspec
import tomlkit
from msgspec import Struct
from tomlkit.items import Item

from mailctl.model.settings import SCHEMA_VERSION
from mailctl.store.layout import Path

_HEADING = """\
# Settings of mailctl. This file may be edited by hand: mailctl keeps comments and order.
# It holds no secrets, only references to where they are. `mailctl config validate` checks it.
"""
# A switch is written where it is not at its default; these are what an entry is looked at for.
_ALWAYS_WRITTEN = frozenset({"active"})
_WRITTEN_FIRST = ("code", "name", "active")
"""Which entry it is, before what it has in common with entries of other kinds."""


class FieldEdit(NamedTuple):
    """A value to be set, or removed where it is None. `keeps`: where the text has a value, that one stays."""

    path: Path
    value: Any
    keeps: bool = False


def written(model: Struct) -> dict[str, Any]:
    """Return the fields of a model that are written, as plain values.

    Defaults are written, too, so that the file tells what holds; but not switches at theirs, nor what is empty.
    """
    fields: dict[str, Any] = {}
    for name, default in _defaults(type(model)).items():
        value = _plain(getattr(model, name))
        is_idle = isinstance(value, bool) and value == default and name not in _ALWAYS_WRITTEN
        if value not in (None, {}, ()) and not is_idle:
            fields[name] = value
    return fields


def differences(before: Struct, after: Struct, path: Path = (), *, spelled_out: bool = False) -> Iterator[FieldEdit]:
    """Yield the edits that lead from one model to another of its type, by single values.

    `spelled_out`: in a model where fields follow from each other, those that the text leaves out are written, too.
    """
    if before == after:
        return
    fields = written(after)
    for name in after.__struct_fields__:
        old, new = getattr(before, name), getattr(after, name)
        if old == new:
            if spelled_out and hasattr(after, "complete") and _defaults(type(after))[name] is msgspec.NODEFAULT:
                yield FieldEdit((*path, name), fields[name], keeps=True)
        elif isinstance(old, Struct) and isinstance(new, Struct):
            yield from differences(old, new, (*path, name), spelled_out=spelled_out)
        elif isinstance(old, Mapping) and isinstance(new, Mapping):
            for key in sorted(old.keys() | new.keys()):
                if old.get(key) != new.get(key):
                    yield FieldEdit((*path, name, key), new.get(key))
        else:
            yield from _settings_of((*path, name), fields.get(name))


def new_text() -> str:
    """Return the text of a settings file that holds nothing yet, in lines that end in LF."""
    return f"{_HEADING}schema_version = {SCHEMA_VERSION}\n"


def element_text(path: Path, model: Struct) -> str:
    """Return a model as an element of the array of tables at `path`, in lines that end in LF."""
    name = ".".join(_key(part) for part in path if isinstance(part, str))
    return "\n".join(_tables(f"[[{name}]]", name, written(model)))


def table_text(keys: tuple[str, ...], fields: Mapping[str, Any]) -> str:
    """Return a table with its header, in lines that end in LF."""
    name = ".".join(map(_key, keys))
    return "\n".join(_tables(f"[{name}]", name, fields))


def _settings_of(path: Path, value: Any) -> Iterator[FieldEdit]:
    """Yield the edits that set a value; a table's, by single values."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _settings_of((*path, name), inner)
    else:
        yield FieldEdit(path, value)


def _tables(header: str, name: str, fields: Mapping[str, Any]) -> Iterator[str]:
    """Yield a table and, below it, the tables and arrays of tables inside it."""
    inner = {key: value for key, value in fields.items() if isinstance(value, dict) or _is_array_of_tables(value)}
    own = (f"{_key(key)} = {_value(value)}\n" for key, value in fields.items() if key not in inner)
    yield f"{header}\n{''.join(own)}"
    for key, value in inner.items():
        inner_name = f"{name}.{_key(key)}"
        if isinstance(value, dict):
            yield from _tables(f"[{inner_name}]", inner_name, value)
        else:
            for element in value:
                yield from _tables(f"[[{inner_name}]]", inner_name, element)


def _is_array_of_tables(value: Any) -> bool:
    return isinstance(value, tuple) and any(isinstance(element, dict) for element in value)


@lru_cache
def _key(key: str) -> str:
    return tomlkit.key(key).as_string()


@lru_cache(maxsize=1024, typed=True)  # most are ports, time-outs and words
def _value(value: Any) -> str:
    text: str = item(value).as_string()
    return text


def item(value: Any) -> Item:
    """Return a value as it is written; a text of several lines is one in the file, too."""
    if isinstance(value, str) and "\n" in value:
        return tomlkit.string(value, multiline=True)
    plain: Item = tomlkit.item(value)
    return plain


@cache
def _defaults(kind: type[Struct]) -> dict[str, Any]:
    fields = sorted(msgspec.structs.fields(kind), key=lambda field: field.name not in _WRITTEN_FIRST)
    return {field.name: field.default for field in fields}


def _plain(value: Any) -> Any:
    if isinstance(value, Struct):
        return written(value)
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    return str(value) if isinstance(value, StrEnum) else value
