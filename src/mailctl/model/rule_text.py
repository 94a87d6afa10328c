"""The conditions and actions of rules, in the words in which they are given, kept and shown.

A condition is `FIELD contains|is|matches|over|under VALUE`, an action `move FOLDER`, `mark read` and so on; both are
one line of text. Their meaning is Sieve's (RFC 5228), wherever they run.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum

from msgspec import Struct

from mailctl.model.address import parse_address
from mailctl.model.folders import parse_folder_name
from mailctl.model.values import has_control_characters, shown

_HEADER_NAME = re.compile(r"[!-9;-~]+")  # RFC 5322, 2.2
_SIZE = re.compile(r"([0-9]{1,9})([KMG]?)", re.IGNORECASE)
_KEYWORD = re.compile(r"[!#$&'+-\[^-z|}~]+")  # RFC 9051, 9: an atom
_ENDS_OPEN = re.compile(r"(?<!\\)(?:\\\\)*\\\Z")  # some servers crash on such a pattern
_QUOTED = re.compile(r'"(.*)"')
_UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}


class Comparison(StrEnum):
    """How a condition compares. ASCII letters are alike in both cases, as Sieve's usual comparator has it."""

    CONTAINS = "contains"
    IS = "is"
    MATCHES = "matches"
    """With `*` for anything and `?` for one character; a backslash takes their meaning away."""
    OVER = "over"
    UNDER = "under"


class Place(StrEnum):
    """Where a condition looks, if not into the header field of that name."""

    SENDER = "sender"
    """The address in From, without the name beside it."""
    RECIPIENT = "recipient"
    """Each address in To and Cc."""
    BODY = "body"
    """The text parts."""
    SIZE = "size"


_OF_SIZE = (Comparison.OVER, Comparison.UNDER)


class Condition(Struct, frozen=True):
    """`field`: a Place, or the name of a header field in small letters. `value`: bytes, as a number, for a size."""

    field: str
    comparison: Comparison
    value: str

    def __str__(self) -> str:
        return f"{self.field} {self.comparison} {self.value}"

    @property
    def size_bytes(self) -> int:
        return _size_bytes(self.value)


def parse_condition(text: str) -> Condition:
    """Parse `FIELD contains|is|matches VALUE`, or `size over|under N[K|M|G]`.

    FIELD: `sender`, `recipient`, `body`, `size`, or a header field such as `subject`, `from`, `list-id`;
    `header:NAME` for a header field that bears one of the first names.
    """
    parts = text.split(maxsplit=2)
    if len(parts) < 3:
        raise ValueError(f"{shown(text)} is no condition: FIELD contains|is|matches|over|under VALUE")
    name, word, value = parts[0].lower(), parts[1].lower(), parts[2].rstrip()
    if word not in set(Comparison):
        raise ValueError(f"{shown(parts[1])} compares nothing; these do: {', '.join(Comparison)}")
    comparison = Comparison(word)
    if name not in set(Place) and not _HEADER_NAME.fullmatch(name.removeprefix("header:")):
        raise ValueError(f"{shown(parts[0])} is no name of a header field, nor one of: {', '.join(Place)}")
    if has_control_characters(value):
        raise ValueError(f"{shown(value)} contains a control character")
    if (name == Place.SIZE) != (comparison in _OF_SIZE):
        fit = "over or under" if name == Place.SIZE else "contains, is or matches"
        raise ValueError(f"'{name}' is compared by {fit}, not by {comparison}")
    if comparison is Comparison.MATCHES and _ENDS_OPEN.search(value):
        raise ValueError(f"{shown(value)} ends with a backslash that stands before nothing: two of them mean one")
    if name == Place.SIZE:
        _size_bytes(value)
        value = value.upper()
    return Condition(name, comparison, value)


def _size_bytes(text: str) -> int:
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError(f"{shown(text)} is no size: a number of bytes, or with K, M or G behind it")
    return int(match[1]) * _UNITS[match[2].upper()]


class ActionKind(StrEnum):
    MOVE = "move"
    """Into a folder."""
    COPY = "copy"
    """Into a folder, and what else becomes of the message is as if it had not been."""
    MARK = "mark"
    """As `read`."""
    FLAG = "flag"
    """With a star (`\\Flagged`), or with a keyword."""
    DELETE = "delete"
    """Into the trash folder: no rule destroys mail."""
    REDIRECT = "redirect"
    """To another address, in the place of keeping it."""
    KEEP = "keep"
    """Where it would be without rules, although it is also moved or redirected."""
    STOP = "stop"
    """No later rule looks at the message."""


class Action(Struct, frozen=True):
    """`argument`: folder, address or keyword; empty where the kind has none."""

    kind: ActionKind
    argument: str = ""

    def __str__(self) -> str:
        of_folder = self.kind in (ActionKind.MOVE, ActionKind.COPY)
        return f"{self.kind} {_quoted(self.argument) if of_folder else self.argument}".rstrip()


def parse_action(text: str) -> Action:
    """Parse `move FOLDER`, `copy FOLDER`, `mark read`, `flag [KEYWORD]`, `delete`, `redirect ADDRESS`, `keep`, `stop`.

    A folder's name goes to the end, blanks and all. One that begins or ends with a blank stands in double quotes.
    """
    word, _, argument = text.strip().partition(" ")
    kind, argument = word.lower(), argument.strip()
    if kind not in set(ActionKind):
        raise ValueError(f"{shown(word)} is no action; these are: {', '.join(ActionKind)}")
    parse = _ARGUMENTS.get(ActionKind(kind))
    if parse is None:
        if argument:
            raise ValueError(f"'{kind}' stands alone, without {shown(argument)}")
        return Action(ActionKind(kind))
    return Action(ActionKind(kind), parse(argument))


def _quoted(folder: str) -> str:
    """Return a folder's name as `_parse_folder` reads it."""
    is_plain = folder == folder.strip() and not _QUOTED.fullmatch(folder)
    return folder if is_plain else f'"{folder}"'


def _parse_folder(text: str) -> str:
    quoted = _QUOTED.fullmatch(text)
    return parse_folder_name(quoted[1] if quoted else text)


def _parse_mark(text: str) -> str:
    if text.lower() != "read":
        raise ValueError(f"a message is marked as read, not as {shown(text)}")
    return "read"


def _parse_keyword(text: str) -> str:
    if text and not _KEYWORD.fullmatch(text):
        raise ValueError(f"{shown(text)} is no keyword: ASCII without blanks, quotes and brackets")
    return text


_ARGUMENTS: dict[ActionKind, Callable[[str], str]] = {
    ActionKind.MOVE: _parse_folder,
    ActionKind.COPY: _parse_folder,
    ActionKind.MARK: _parse_mark,
    ActionKind.FLAG: _parse_keyword,
    ActionKind.REDIRECT: lambda text: str(parse_address(text)),
}
