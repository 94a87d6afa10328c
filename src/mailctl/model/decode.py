"""From plain mappings (TOML, JSON, CSV rows, options) to the frozen models, with every problem named at once.

One decoder serves the settings file, imports and the command line. A model is a `msgspec.Struct`; the decoder reads
its fields and types. Two hooks are looked for on the model:

- `complete(given)`: a classmethod that fills in what follows from other fields before they are read. It takes the
  given mapping, and returns a new one; it leaves alone what it cannot understand, for the fields' own rules to name.
- `why_missing(name, given)`: a classmethod that says why a required field is still missing after `complete`; None
  where that only follows from another field's problem, which is reported by itself.
- `conflicts()`: yields a Problem for each rule that spans several fields, its `where` relative to the model.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from mailctl.errors import Problem, raise_problems
from mailctl.model.values import shown

T = TypeVar("T", bound=msgspec.Struct)

MISSING = "is missing"

# A reader takes a raw value and a place, reports problems to the findings, and returns the value (or anything, if it
# reported one: the model is then not built).
Reader = Callable[[Any, str, "Findings"], Any]


class Findings:
    """What decoding found: `problems` that forbid the value, `unknown` names that were passed over."""

    def __init__(self, *, lax: bool = False) -> None:
        """`lax`: numbers and truth values may come as text, as options and CSV cells do."""
        self.lax = lax
        self.problems: list[Problem] = []
        self.unknown: list[Problem] = []

    def report(self, where: str, message: str) -> None:
        self.problems.append(Problem(where, message))


class _Field(NamedTuple):
    name: str
    read: Reader
    required: bool


def decode(kind: type[T], given: object, where: str, findings: Findings) -> T | None:
    """Decode a mapping into a model; return None where findings then hold at least one problem more.

    `where` is the place of the mapping, put before the names of its fields; "" for the top.
    """
    before = len(findings.problems)
    if not isinstance(given, Mapping):
        findings.report(where, f"{shown(given)} is not a table")
        return None
    fields = _fields(kind)
    prefix = f"{where}." if where else ""
    for name in given.keys() - fields.keys():
        findings.unknown.append(Problem(f"{prefix}{name}", _unknown(str(name), fields)))
    complete = getattr(kind, "complete", None)
    why_missing = getattr(kind, "why_missing", _missing)
    full: Mapping[str, Any] = complete(given) if complete else given
    values: dict[str, Any] = {}
    for name, field in fields.items():
        raw = full.get(name)
        if raw is not None:
            values[name] = field.read(raw, prefix + name, findings)
        elif field.required and (why := why_missing(name, full)):
            findings.report(prefix + name, why)
    if len(findings.problems) > before:
        return None
    model = kind(**values)
    for problem in getattr(model, "conflicts", tuple)():
        findings.problems.append(Problem(f"{prefix}{problem.where}", problem.message, conflict=problem.conflict))
    return model if len(findings.problems) == before else None


def decode_or_raise(kind: type[T], given: object, *, where: str = "", source: str = "", lax: bool = True) -> T:
    """Decode a mapping, or raise InvalidValueError or ExclusiveSettingsError with all problems, unknown names too."""
    findings = Findings(lax=lax)
    model = decode(kind, given, where, findings)
    raise_problems(findings.problems + findings.unknown, source=source)
    if model is None:
        raise AssertionError("decoding failed without naming a problem")
    return model


def _missing(_name: str, _given: Mapping[str, Any]) -> str:
    return MISSING


def _unknown(name: str, fields: Mapping[str, _Field]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, fields, n=1)
    return f"unknown setting, passed over{f' (did you mean {near[0]!r}?)' if near else ''}"


@cache
def _fields(kind: type[msgspec.Struct]) -> dict[str, _Field]:
    hints = get_type_hints(kind, include_extras=True)
    return {
        field.name: _Field(field.name, _reader(hints[field.name]), field.required)
        for field in msgspec.structs.fields(kind)
    }


def _reader(hint: Any) -> Reader:
    origin = get_origin(hint)
    if origin is Annotated:
        base, *notes = get_args(hint)
        for note in notes:
            if isinstance(note, msgspec.Meta) and note.extra and "parse" in note.extra:
                return _parsed(base, note.extra["parse"])
        return _reader(base)
    if origin in (Union, UnionType):
        (inner,) = (arg for arg in get_args(hint) if arg is not NoneType)
        return _reader(inner)
    if origin is tuple:
        return _sequence(_reader(get_args(hint)[0]))
    if origin is dict:
        return _mapping(_reader(get_args(hint)[1]))
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return lambda raw, where, findings: decode(hint, raw, where, findings)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return _choice(hint)
    return {bool: _read_bool, str: _read_text, int: _read_int, dt.date: _read_date, dt.datetime: _read_moment}[hint]


def _parsed(base: type, parse: Callable[[Any], Any]) -> Reader:
    read = {str: _read_text, int: _read_number_or_text}[base]

    def read_parsed(raw: Any, where: str, findings: Findings) -> Any:
        value = read(raw, where, findings)
        if value is None:
            return None
        try:
            return parse(value)
        except ValueError as error:
            findings.report(where, str(error))
            return None

    return read_parsed


def _choice(kind: type[StrEnum]) -> Reader:
    members = {str(member): member for member in kind} | {
        alias: kind(target) for alias, target in getattr(kind, "aliases", dict)().items()
    }
    choices = ", ".join(kind)

    def read_choice(raw: Any, where: str, findings: Findings) -> Any:
        member = members.get(raw) if isinstance(raw, str) else None
        if member is None:
            findings.report(where, f"{shown(raw)} is none of: {choices}")
        return member

    return read_choice


def _sequence(read: Reader) -> Reader:
    def read_sequence(raw: Any, where: str, findings: Findings) -> Any:
        if isinstance(raw, str) or not isinstance(raw, list | tuple):
            findings.report(where, f"{shown(raw)} is not a list")
            return ()
        return tuple(read(item, f"{where}[{index}]", findings) for index, item in enumerate(raw))

    return read_sequence


def _mapping(read: Reader) -> Reader:
    def read_mapping(raw: Any, where: str, findings: Findings) -> Any:
        if not isinstance(raw, Mapping):
            findings.report(where, f"{shown(raw)} is not a table")
            return {}
        return {str(key): read(item, f"{where}.{key}", findings) for key, item in raw.items()}

    return read_mapping


def _read_text(raw: Any, where: str, findings: Findings) -> str | None:
    if isinstance(raw, str):
        return raw
    findings.report(where, f"{shown(raw)} is not text")
    return None


def _read_number_or_text(raw: Any, where: str, findings: Findings) -> int | str | None:
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    if isinstance(raw, str) and findings.lax:
        return raw
    findings.report(where, f"{shown(raw)} is not a whole number{' (drop the quotes)' * isinstance(raw, str)}")
    return None


def _read_int(raw: Any, where: str, findings: Findings) -> int | None:
    value = _read_number_or_text(raw, where, findings)
    if isinstance(value, str):
        if value.isascii() and value.isdigit():
            return int(value)
        findings.report(where, f"{shown(value)} is not a whole number")
        return None
    return value


def _read_bool(raw: Any, where: str, findings: Findings) -> bool | None:
    if isinstance(raw, bool):
        return raw
    if findings.lax and isinstance(raw, str) and raw.casefold() in ("true", "false"):
        return raw.casefold() == "true"  # spreadsheets save TRUE
    findings.report(where, f"{shown(raw)} is neither true nor false")
    return None


def _read_date(raw: Any, where: str, findings: Findings) -> dt.date | None:
    """Read a day: TOML's own, or its text in ISO 8601."""
    if isinstance(raw, dt.date) and not isinstance(raw, dt.datetime):
        return raw
    try:
        day = dt.date.fromisoformat(raw)
    except (TypeError, ValueError):
        day = None
    if day is not None and day.isoformat() == raw:  # ISO 8601 has other forms, too
        return day
    findings.report(where, f"{shown(raw)} is not a date: write it YYYY-MM-DD")
    return None


def _read_moment(raw: Any, where: str, findings: Findings) -> dt.datetime | None:
    """Read a date with time and offset: TOML's own, or its text as in RFC 3339."""
    try:
        moment = raw if isinstance(raw, dt.datetime) else dt.datetime.fromisoformat(raw)
    except (TypeError, ValueError):
        moment = None
    if moment is not None and moment.tzinfo is not None:
        return moment
    findings.report(where, f"{shown(raw)} is no moment: write it YYYY-MM-DDTHH:MM:SS+HH:MM")
    return None
