"""The mailboxes in an address field or on a command line: `Name <a@example.org>, b@example.org (Name)`. RFC 5322, 3.4.

What programs write is read here, of any age and any kind: groups, routes, comments, users without a domain, lists that
are broken. So this is forgiving, never raises, and takes linear time; whether an address is one is found out later, by
`model.address`. `address_list` is for what people type, and refuses what it does not understand. The standard library's
parsers are not used: they recurse, and cost more start-up than the rest of a message's way through mailctl-sendmail.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

# A quoted string, a quoted pair, an address literal, a special character, or a run of others.
_PIECE = r'(?s)"(?:[^"\\]|\\.)*"?|\\.|\[[^\[\]\s(),;<>]*\]|[(),:;<>\[\\]|[^"\[\\(),:;<>]+'


class WrittenMailbox(NamedTuple):
    """An address as it was written, without its angle brackets; `name`: the display name or comment, "" if none."""

    address: str
    name: str = ""
    in_brackets: bool = False

    @property
    def is_local(self) -> bool:
        """Whether the address has no domain."""
        return "@" not in self.address


def read_mailboxes(text: str) -> list[WrittenMailbox]:
    """Return the mailboxes of a list, members of groups too."""
    return [mailbox for mailbox in iter_mailboxes(text) if mailbox.address]


def iter_mailboxes(text: str) -> Iterator[WrittenMailbox]:
    """Yield what stands between the commas of a list, be it a name alone, or nothing at all."""
    return map(_mailbox, _parts(text))


def _parts(text: str) -> Iterator[list[str]]:
    """Yield the pieces of each mailbox; a comment is one piece."""
    pieces: list[str] = []
    comment: list[str] = []
    depth, angle = 0, 0  # the number of pieces up to an angle bracket that is open, with it
    for piece in re.findall(_PIECE, text):
        if depth or piece == "(":
            depth += {"(": 1, ")": -1}.get(piece, 0)
            comment.append(piece)
            if not depth:
                pieces.append("".join(comment))
                comment.clear()
        elif piece == ":":
            # The end of a group's name, or of a route in front of an address (RFC 5322, 4.4).
            del pieces[angle:]
        elif piece in ",;" and not angle:
            yield pieces
            pieces = []
        else:
            pieces.append(piece)
            angle = 0 if piece == ">" else angle or (len(pieces) if piece == "<" else 0)
    yield [*pieces, *(["".join([*comment, ")"])] if comment else [])]


def _mailbox(pieces: list[str]) -> WrittenMailbox:
    comments = [_unquoted(piece[1:-1]) for piece in pieces if piece.startswith("(")]
    words = [piece for piece in pieces if not piece.startswith("(")]
    comment = " ".join(comments).strip()
    if "<" not in words:
        return WrittenMailbox("".join(words).strip(), comment)
    start = words.index("<")
    end = words.index(">", start) if ">" in words[start:] else len(words)
    name = _phrase(words[:start])
    return WrittenMailbox("".join(words[start + 1 : end]).strip(), name or comment, in_brackets=True)


def read_phrase(text: str) -> str:
    """Return the words of a display name, without quotes and backslashes."""
    return _phrase(re.findall(_PIECE, text))


def _phrase(words: Iterable[str]) -> str:
    return " ".join("".join(map(_unquoted, words)).split())


def _unquoted(word: str) -> str:
    if word.startswith('"'):
        word = word[1:].removesuffix('"')
    return re.sub(r"(?s)\\(.)", r"\1", word)
