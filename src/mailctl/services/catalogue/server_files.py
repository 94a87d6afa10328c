"""The catalogue as a file for import and export: CSV, JSON and TOML, with the same field names in each.

CSV: UTF-8 with or without BOM, a header row of dotted field names (`smtp.host`), one server a row, blanks between pins;
cells are separated by commas, semicolons or tabs, as the header is.
A column that is absent leaves its field alone; an empty cell clears it. JSON and TOML: `{"servers": [ … ]}`, as
`server list -o json` prints them and the settings file holds them; a null clears. An export is a valid import.
"""

from __future__ import annotations

import csv
import io
import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from mailctl.errors import InvalidValueError, Problem, UsageError
from mailctl.model.file_format import FileFormat
from mailctl.model.server import Server
from mailctl.model.settings import SCHEMA_VERSION
from mailctl.model.values import shown
from mailctl.services.catalogue.servers import Row
from mailctl.services.fields import flatten, to_fields

LIST_FIELDS = frozenset({"tls.pins"})


def format_of(path: str, given: FileFormat | None) -> FileFormat:
    """Return the format of a file: the one given, else by its ending; raises UsageError where neither tells."""
    if given is not None:
        return given
    ending = path.rpartition(".")[2].lower()
    if ending in set(FileFormat):
        return FileFormat(ending)
    raise UsageError(f"the name {path} does not tell its format", hint=f"add --format {'|'.join(FileFormat)}")


def read_rows(content: bytes, format_: FileFormat, source: str) -> list[Row]:
    """Return the entries of an import file; raises InvalidValueError with line and column of what is wrong."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        hint = "save it as UTF-8 (spreadsheets: `CSV UTF-8`, or the character set UTF-8); nothing was imported"
        raise InvalidValueError([Problem("", "this is not UTF-8 text", line)], source=source, hint=hint) from None
    if format_ is FileFormat.CSV:
        return _read_csv(text, source)
    return _read_entries(_load(text, format_, source), source)


def _load(text: str, format_: FileFormat, source: str) -> Any:
    try:
        return json.loads(text) if format_ is FileFormat.JSON else tomllib.loads(text)
    except (json.JSONDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise InvalidValueError([Problem("", f"this is not {format_.upper()}: {error}")], source=source) from None


def _read_entries(content: Any, source: str) -> list[Row]:
    if isinstance(content, Mapping) and (version := content.get("schema_version", SCHEMA_VERSION)) != SCHEMA_VERSION:
        message = f"this mailctl knows schema {SCHEMA_VERSION}, and not {shown(version)}"
        raise InvalidValueError([Problem("schema_version", message)], source=source, hint="nothing was imported")
    entries = content.get("servers") if isinstance(content, Mapping) else content
    if not isinstance(entries, list):
        raise InvalidValueError([Problem("servers", "a list of servers is expected here")], source=source)
    problems = [
        Problem(f"servers[{index}]", "this is not a table of fields")
        for index, entry in enumerate(entries)
        if not isinstance(entry, Mapping)
    ]
    if problems:
        raise InvalidValueError(problems, source=source)
    return [Row(f"servers[{index}]", entry) for index, entry in enumerate(entries)]


def _read_csv(text: str, source: str) -> list[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    rows: list[Row] = []
    try:
        header = [name.strip() for name in next(reader, [])]
        if problems := _header_problems(header):
            hint = f"nothing was imported; the columns can be: {', '.join(csv_columns())}"
            raise InvalidValueError(problems, source=source, hint=hint)
        for cells in reader:
            if not any(cells):
                continue
            if len(cells) == len(header):
                rows.append(Row(reader.line_num, _nested(zip(header, cells, strict=True))))
            else:
                rows.append(Row(reader.line_num, {}, f"{len(cells)} cells where the header has {len(header)}"))
    except csv.Error as error:
        problem = Problem("", f"this is not CSV: {error}", reader.line_num)
        raise InvalidValueError([problem], source=source, hint="nothing was imported") from None
    return rows


def _delimiter(text: str) -> str:
    """Return what separates the cells: spreadsheets write semicolons where the comma is the decimal sign."""
    header = text.partition("\n")[0]
    return max(",;\t", key=header.count)


def _header_problems(header: Sequence[str]) -> list[Problem]:
    known = csv_columns()
    problems = [
        Problem(f"column {index + 1}", f"'{name}' is no field of a server{_nearest(name, known)}", 1)
        for index, name in enumerate(header)
        if name not in known
    ]
    if "code" not in header:
        problems.append(Problem("", "there is no column 'code'", 1))
    doubled = sorted({name for name in header if header.count(name) > 1})
    problems += [Problem("", f"the column '{name}' stands twice", 1) for name in doubled]
    return problems


def _nearest(name: str, known: Sequence[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, known, n=1)
    return f" (did you mean '{near[0]}'?)" if near else ""


def _nested(cells: Iterable[tuple[str, str]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, cell in cells:
        section, _, field = name.rpartition(".")
        value: Any = cell or None
        if value is not None and name in LIST_FIELDS:
            value = value.split()
        (fields.setdefault(section, {}) if section else fields)[field] = value
    return fields


def csv_columns() -> list[str]:
    """Return the columns of a CSV export: the dotted names of all fields of a server."""

    def columns(kind: type[msgspec.Struct], prefix: str) -> Iterable[str]:
        for field in msgspec.structs.fields(kind):
            if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
                yield from columns(field.type, f"{prefix}{field.name}.")
            else:
                yield prefix + field.name

    return list(columns(Server, ""))


def write_rows(servers: Sequence[Server], format_: FileFormat) -> str:
    """Return servers as the text of an export in CSV or TOML; in JSON it is what `server list -o json` prints."""
    if format_ is FileFormat.CSV:
        out = io.StringIO(newline="")
        writer = csv.DictWriter(out, csv_columns(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(_cells(server) for server in servers)
        return out.getvalue()
    import tomlkit

    return tomlkit.dumps({"servers": [to_fields(server) for server in servers]})


def _cells(server: Server) -> dict[str, str]:
    cells = {}
    for name, value in flatten(msgspec.to_builtins(server)).items():
        if isinstance(value, bool):
            cells[name] = str(value).lower()
        elif isinstance(value, list | tuple):
            cells[name] = " ".join(value)
        else:
            cells[name] = "" if value is None else str(value)
    return cells
