"""The header of a message as it came: its fields in their order, whoever wrote them (RFC 5322, 2.2).

What arrives may be anything, so nothing here raises, recurses or takes more than linear time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from mailctl.protocol.message.header_text import list_addresses

_FIELD = re.compile(rb"([!-9;-~]{1,128})[ \t]*:(.*)", re.DOTALL)
_FIELDS_MAX = 2000

_OUTSIDE = re.compile(r'"(?:[^"\\]|\\.)*"?|\\.?|[();]|[^"()\\;]+', re.DOTALL)
_IN_COMMENT = re.compile(r"\\.?|[()]|[^()\\]+", re.DOTALL)


class Field(Struct, frozen=True):
    """A field: its name in lower case, and its value unfolded, blanks at its ends removed."""

    name: str
    value: str


class HeaderBlock(Struct, frozen=True):
    """The fields of a header, topmost first."""

    fields: tuple[Field, ...]

    def find(self, name: str) -> str | None:
        """Return the value of the topmost field of that name, in lower case; None if there is none."""
        return next((field.value for field in self.fields if field.name == name), None)

    def find_all(self, name: str) -> list[str]:
        """Return the values of all fields of that name, topmost first."""
        return [field.value for field in self.fields if field.name == name]

    def find_address(self, name: str) -> str | None:
        """Return the address in a field that holds one mailbox, such as From; None where there is none."""
        return next(iter(list_addresses(self.find(name) or "")), None)


def parse_header_block(octets: bytes) -> HeaderBlock:
    """Parse a header up to its empty line, or up to where it was cut off; lines that are no field are passed over."""
    return HeaderBlock(tuple(_fields(octets)))


def _fields(octets: bytes) -> Iterator[Field]:
    block: list[list[bytes]] = []
    for line in octets.replace(b"\r\n", b"\n").split(b"\n"):
        if not line:
            break
        if line[:1] in b" \t" and block:
            block[-1].append(line)
        else:
            block.append([line])
    for lines in block[:_FIELDS_MAX]:
        found = _FIELD.fullmatch(b"".join(lines))
        if found:
            yield Field(found[1].decode("ascii").lower(), found[2].decode("utf-8", "replace").strip(" \t\r"))


def split_value(value: str) -> list[str]:
    """Return what stands between the semicolons of a structured value, without comments (RFC 5322, 3.2.2).

    A comment or a quoted string that does not end reaches to the end of the value.
    """
    parts: list[list[str]] = [[]]
    depth = 0
    at = 0
    while found := (_IN_COMMENT if depth else _OUTSIDE).match(value, at):
        at = found.end()
        piece = found[0]
        if piece == "(":
            depth += 1
        elif depth:
            depth -= piece == ")"
        elif piece == ";":
            parts.append([])
        else:
            parts[-1].append(piece if piece != ")" else " ")
        if piece == "(" and depth == 1:
            parts[-1].append(" ")
    return ["".join(pieces).strip() for pieces in parts]
