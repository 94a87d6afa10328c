"""The mailboxes in an address field or on a command line: `Name <a@example.org>, b@example.org (Name)`. RFC 5322, 3.4.

What programs write is read here, of any age and any kind: groups, routes, comments, users without a domain, lists that
are broken. So this is forgiving, and never raises; whether an address is one is found out later, by `model.address`.
`protocol.address_list` is for what people type, and refuses what it does not understand. The standard library's
parsers are not used: they cost more start-up than the rest of a message's way together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

# A quoted string, an address literal, a special character, or a run of others.
_PIECE = r'(?s)"(?:[^"\\]|\\.)*"?|\[[^\]]*\]?|\\.|[(),:;<>]|[^"\[\\(),:;<>]+|\\'


class Mailbox(NamedTuple):
    """An address as it was written, without its angle brackets; `name`: the display name or comment, "" if none."""

    address: str
    name: str = ""

    @property
    def is_local(self) -> bool:
        """Whether the address has no domain."""
        return "@" not in self.address


def parse_mailboxes(text: str) -> list[Mailbox]:
    """Return the mailboxes of a list, members of groups too."""
    return [mailbox for part in _parts(text) if (mailbox := _mailbox(part)).address]


def _parts(text: str) -> Iterator[list[str]]:
    """Yield the pieces of each mailbox; a comment is one piece."""
    pieces: list[str] = []
    comment: list[str] = []
    depth, in_angle = 0, False
    for piece in re.findall(_PIECE, text):
        if depth or piece == "(":
            depth += {"(": 1, ")": -1}.get(piece, 0)
            comment.append(piece)
            if not depth:
                pieces.append("".join(comment))
                comment.clear()
        elif piece == ":":
            # The end of a group's name, or of a route in front of an address (RFC 5322, 4.4).
            del pieces[pieces.index("<") + 1 if in_angle else 0 :]
        elif piece in ",;" and not in_angle:
            yield pieces
            pieces = []
        else:
            in_angle = piece == "<" or (in_angle and piece != ">")
            pieces.append(piece)
    yield pieces


def _mailbox(pieces: list[str]) -> Mailbox:
    comments = [_unquoted(piece[1:-1]) for piece in pieces if piece.startswith("(")]
    words = [piece for piece in pieces if not piece.startswith("(")]
    comment = " ".join(comments).strip()
    if "<" not in words:
        return Mailbox("".join(words).strip(), comment)
    start = words.index("<")
    end = words.index(">") if ">" in words else len(words)
    name = "".join(_unquoted(word) for word in words[:start])
    return Mailbox("".join(words[start + 1 : end]).strip(), " ".join(name.split()) or comment)


def _unquoted(word: str) -> str:
    if word.startswith('"'):
        word = word[1:].removesuffix('"')
    return re.sub(r"(?s)\\(.)", r"\1", word)
