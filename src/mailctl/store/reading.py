"""From the bytes of the settings file to Settings, with every problem named at its line."""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from msgspec.structs import replace

from mailctl.errors import Problem, SettingsInvalidError
from mailctl.model.decode import MISSING, Findings, decode
from mailctl.model.settings import SCHEMA_VERSION, Settings
from mailctl.model.values import shown

BYTE_ORDER_MARK = "\ufeff"

_ENTRIES = {
    "servers": ("server", "code"),
    "oauth_clients": ("OAuth client", "name"),
    "tenants": ("tenant", "code"),
    "accounts": ("account", "address"),
    "layouts": ("layout of", "owner"),
}
"""What an entry is called, and the field that tells which one it is."""

# Left to `re` to compile when they are used: most files have no problems.
_PLACE = r" \(at (?:line (\d+), column \d+|end of document)\)$"
_PRIVATE = r"(?i)pass|secret|token|credential|pwd|key"


class Parsed(NamedTuple):
    """The file's bytes, the settings that they say, and what was passed over because its name is unknown."""

    content: bytes
    settings: Settings
    unknown: Sequence[Problem]


def parse_settings(content: bytes, path: Path) -> Parsed:
    """Parse the file's bytes.

    Raises SettingsInvalidError with all problems and their lines. `path` is only named in it.
    """
    text = parse_text(content, path)
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsInvalidError(str(path), [_syntax_problem(error, text)]) from None
    except RecursionError:
        raise SettingsInvalidError(str(path), [Problem("", "values are nested too deeply")]) from None
    _check_version(raw, text, path)
    findings = Findings()
    settings = decode(Settings, raw, "", findings)
    if settings is None:
        problems = [_explained(problem, raw, findings.unknown) for problem in findings.problems]
        raise SettingsInvalidError(str(path), with_lines(problems, text))
    return Parsed(content, settings, with_lines(findings.unknown, text))


def _explained(problem: Problem, raw: Mapping[str, Any], unknown: Iterable[Problem]) -> Problem:
    """Return a problem that names its entry by more than a number, and what a missing setting may be written as."""
    message = problem.message
    if message == MISSING:
        from difflib import get_close_matches

        table, _, name = problem.where.rpartition(".")
        beside = [odd.where.rpartition(".")[2] for odd in unknown if odd.where.rpartition(".")[0] == table]
        if near := get_close_matches(name, beside, n=1):
            message += f" (did you mean it by '{near[0]}'?)"
    if entry := re.match(rf"({'|'.join(_ENTRIES)})\[(\d+)\]", problem.where):
        kind, identity = _ENTRIES[entry[1]]
        fields = raw[entry[1]][int(entry[2])]
        known = fields.get(identity) if isinstance(fields, dict) else None
        if isinstance(known, str):
            message += f" ({kind} {shown(known)})"
    return replace(problem, message=message)


def parse_text(content: bytes, path: Path) -> str:
    """Decode the file's bytes, UTF-8 with or without a byte order mark, which is left out."""
    try:
        return content.decode().removeprefix(BYTE_ORDER_MARK)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        problem = Problem("", f"byte 0x{content[error.start]:02x} is not UTF-8 text", line)
        raise SettingsInvalidError(str(path), [problem]) from None


def with_lines(problems: Iterable[Problem], text: str) -> list[Problem]:
    """Return the problems with the lines of their values, in the order of the text.

    What is missing has no line of its own: it gets that of the table where it is missing.
    """
    problems = list(problems)
    if not problems:
        return []
    from mailctl.store.layout import read_layout, read_places  # most files have no problems

    offsets = {"": 0}
    for section in read_layout(text):
        offsets.setdefault(_where(section.path), section.start)
        offsets |= {_where(path): start for path, start in read_places(text, section).items()}
    breaks = [found.start() for found in re.finditer("\n", text)]
    placed = []
    for problem in problems:
        where = problem.where
        while where not in offsets:
            where = where[: max(where.rfind("."), where.rfind("["), 0)]
        placed.append(replace(problem, line=bisect_left(breaks, offsets[where]) + 1))
    return sorted(placed, key=lambda problem: problem.line or 0)


def _where(path: Sequence[str | int]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def _check_version(raw: dict[str, Any], text: str, path: Path) -> None:
    version = raw.get("schema_version", SCHEMA_VERSION)
    if version == SCHEMA_VERSION and type(version) is int:
        return
    if type(version) is int and version > SCHEMA_VERSION:
        message = f"the file has schema {version}; this mailctl knows schemas up to {SCHEMA_VERSION}"
        hint = "use the newer mailctl that wrote the file; nothing was changed"
    else:
        message, hint = f"{shown(version)} is no version of the settings file's schema", None
    problems = with_lines([Problem("schema_version", message)], text)
    raise SettingsInvalidError(str(path), problems, hint=hint)


def _syntax_problem(error: tomllib.TOMLDecodeError, text: str) -> Problem:
    message = str(error)
    lines = text.split("\n")
    place = re.search(_PLACE, message)
    if place is None:
        return Problem("", f"not TOML: {message}")
    number = int(place[1]) if place[1] else len(lines)
    said = message[: place.start()]
    quoted = _quotable(lines, number - 1)
    return Problem("", f"not TOML: {said}{f': {shown(quoted)}' if quoted else ''}", number)


def _quotable(lines: Sequence[str], index: int) -> str:
    """Return a line as far as it may be shown: nobody should write a secret into the file, but somebody will."""
    before = "\n".join(lines[:index])
    if before.count('"""') % 2 or before.count("'''") % 2:
        return ""  # inside a text of several lines, whose key is not in sight
    line = lines[index].strip()
    private = re.search(_PRIVATE, line)
    if not private:
        return line
    key, equals, _ = line.partition("=")
    return f"{key.rstrip()} = …" if equals and len(key) < 80 else line[: private.end()] + "…"
