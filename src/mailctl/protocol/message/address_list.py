"""Lists of addresses with display names, as people write them and as header fields hold them (RFC 5322, 3.4; 6532).

What is not understood is refused: a person is there to put it right. Header fields that programs have written are read
by `mailboxes`, which has to do with whatever comes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from mailctl.model.address import Address, parse_address
from mailctl.model.values import shown
from mailctl.protocol.message.header_field import check_field_text, write_phrase

_QUOTED = r'"(?:[^"\\]|\\.)*"'
_PIECE = re.compile(rf'{_QUOTED}|<(?:{_QUOTED}|[^"<>])*>|,|[^",<>]+|(?P<open>.)', re.DOTALL)


class Mailbox(Struct, frozen=True):
    """An address with the display name of whom it belongs to, if one is known."""

    address: Address
    name: str | None = None

    def written(self, *, international: bool) -> str:
        """Return it as header fields hold it; with the address in any script only where `international` (RFC 6532)."""
        address = str(self.address) if international else self.address.with_ascii_domain
        return f"{write_phrase(self.name)} <{address}>" if self.name else address

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>" if self.name else str(self.address)


def parse_mailboxes(text: str) -> tuple[Mailbox, ...]:
    """Parse `name@domain`, `Name <name@domain>` or several of them with commas between; a comma in a name is quoted.

    Raises ValueError whose text quotes what is wrong and names the rule.
    """
    check_field_text(text)
    mailboxes = tuple(_parse_mailbox(pieces) for pieces in _split(text) if "".join(pieces).strip())
    if not mailboxes:
        raise ValueError("is empty: an address is written name@domain")
    return mailboxes


def _split(text: str) -> Iterator[list[str]]:
    """Yield the pieces between commas: what is quoted, what is in angle brackets, and other text."""
    pieces: list[str] = []
    for found in _PIECE.finditer(text):
        if found["open"]:
            raise ValueError(f"{shown(text)}: a {found['open']} has no counterpart")
        if found[0] == ",":
            yield pieces
            pieces = []
        else:
            pieces.append(found[0])
    yield pieces


def _parse_mailbox(pieces: list[str]) -> Mailbox:
    whole = "".join(pieces).strip()
    bracketed = [piece for piece in pieces if piece.startswith("<")]
    if not bracketed:
        return Mailbox(_parse_address(whole))
    *names, last = [piece for piece in pieces if piece.strip()]
    if len(bracketed) > 1 or last is not bracketed[0]:
        raise ValueError(f"{shown(whole)} is not an address: <name@domain> stands once, and last")
    name = " ".join("".join(map(_unquoted, names)).split())
    return Mailbox(_parse_address(last[1:-1].strip()), name or None)


def _unquoted(piece: str) -> str:
    return re.sub(r"\\(.)", r"\1", piece[1:-1]) if piece.startswith('"') else piece


def _parse_address(text: str) -> Address:
    try:
        return parse_address(text)
    except ValueError as error:
        if "@" in text:
            raise
        raise ValueError(f"{error}; a name that contains a comma stands in quotes") from None
