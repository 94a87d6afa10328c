"""Header fields as they are read by people: in their script, on one line, without what plays tricks on the reader.

What arrives may be anything, so nothing here raises, recurses or takes more than linear time. RFC 5322, 2047, 5256.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from msgspec import Struct

from mailctl.protocol.encoded_words import decode_words
from mailctl.protocol.replies import printable

_VALUE_CHARACTERS_MAX = 4000
"""More than any field that people are to read; how long encoded words of some charsets take is the square of it."""
_UNSEEN = dict.fromkeys((0x00AD, 0x061C, 0x180E, 0x200B, 0x200E, 0x200F, 0x2060, 0xFEFF))
"""Marks that nobody sees, and that are of no use in a line by itself."""
_JOINERS = re.compile("([\u200c\u200d])")
"""Between characters they are spelling (Persian, the scripts of India) or make one emoji of several."""

_PIECE = re.compile(r'"(?:[^"\\]|\\.)*"?|\\.?|[()<>,;:]|[^"\\()<>,;:]+', re.DOTALL)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)

_TRAILER = re.compile(r"(?:\(fwd\)|[ \t])+\Z", re.IGNORECASE)
_BLOB = r"\[[^\[\]]*\][ \t]*"
_LEADER = re.compile(rf"[ \t]+|(?:{_BLOB})*(?:re|fwd?)[ \t]*(?:{_BLOB})?:", re.IGNORECASE)
_LEADING_BLOB = re.compile(_BLOB)
_SUBJECT_CHARACTERS_MAX = 500


class Correspondent(Struct, frozen=True):
    """Who stands in a From field: an address in angle brackets or by itself, and the name beside it; "" where none."""

    name: str = ""
    address: str = ""


class BaseSubject(Struct, frozen=True):
    """What subjects of one conversation have in common (RFC 5256, 2.1). `is_reply`: it was one, or a forward."""

    text: str
    is_reply: bool


def read_text(value: str) -> str:
    """Return a field's text: encoded words read, on one line, with nothing that moves the cursor or turns the writing.

    Such characters are escaped as `printable` does; marks that nobody sees are left out, but for those of spelling.
    """
    decoded = decode_words(value[:_VALUE_CHARACTERS_MAX])
    return _harmless(" ".join(decoded.translate(_UNSEEN).split()))


def _harmless(text: str) -> str:
    if text.isprintable():
        return text
    pieces = _JOINERS.split(text)
    return "".join(piece if _JOINERS.match(piece) else _escaped(piece) for piece in pieces)


def _escaped(text: str) -> str:
    return printable(text.encode("utf-8", "replace"))


def read_correspondent(value: str) -> Correspondent:
    """Return who stands first in a field of mailboxes (RFC 5322, 3.4), harmless as `read_text` makes it.

    A comment is taken for a name where there is no other, as the oldest form of addresses had it (RFC 822, A.1.3).
    """
    pieces, comment = _split_comments(value[:_VALUE_CHARACTERS_MAX])
    mailbox = _parse_mailbox(next(_split_mailboxes(pieces), []))
    address = _harmless("".join(mailbox.address.split()))
    return Correspondent(name=read_text(mailbox.name) or read_text(comment), address=address)


def list_addresses(value: str) -> list[str]:
    """Return the addresses of all mailboxes of a field, as they are."""
    pieces, _ = _split_comments(value)
    mailboxes = map(_parse_mailbox, _split_mailboxes(pieces))
    return [address for mailbox in mailboxes if (address := "".join(mailbox.address.split()))]


class _Mailbox(NamedTuple):
    """The parts of a mailbox as they are written; without angle brackets all of it is the address."""

    name: str
    address: str


def _split_mailboxes(pieces: Iterable[str]) -> Iterator[list[str]]:
    """Yield the pieces of each mailbox that has any."""
    mailbox: list[str] = []
    in_brackets = False
    for piece in pieces:
        in_brackets = piece == "<" or (in_brackets and piece != ">")
        if piece not in (",", ";") or in_brackets:
            mailbox.append(piece)
        elif mailbox:
            yield mailbox
            mailbox = []
        if piece == ":" and not in_brackets:
            mailbox = []  # the name of a group
    if mailbox:
        yield mailbox


def _parse_mailbox(pieces: Sequence[str]) -> _Mailbox:
    if "<" in pieces:
        start = pieces.index("<")
        end = pieces.index(">", start) if ">" in pieces[start:] else len(pieces)
        # <@relay.example:user@domain> is a route of old (RFC 822).
        return _Mailbox(_phrase(pieces[:start]), "".join(pieces[start + 1 : end]).rpartition(":")[2])
    written = "".join(pieces).strip()
    return _Mailbox("", written) if "@" in written else _Mailbox(_phrase(pieces), "")


def _phrase(pieces: Iterable[str]) -> str:
    return "".join(map(_unquoted, pieces)).strip()


def _split_comments(value: str) -> tuple[list[str], str]:
    """Return the pieces of a field that stand outside comments, and the text of those that stand inside."""
    outside: list[str] = []
    inside: list[str] = []
    depth = 0
    for piece in _PIECE.findall(value):
        if piece == ")":
            depth = max(depth - 1, 0)
        if depth:
            inside.append(_unquoted(piece))
        elif piece not in "()":
            outside.append(piece)
        if piece == "(":
            depth += 1
    return outside, "".join(inside)


def _unquoted(piece: str) -> str:
    text = piece[1:].removesuffix('"') if piece.startswith('"') else piece
    return _QUOTED_PAIR.sub(r"\1", text)


def parse_base_subject(subject: str) -> BaseSubject:
    """Return what a decoded subject on one line has in common with those that answer and forward it."""
    text, is_reply = subject[:_SUBJECT_CHARACTERS_MAX], False
    while True:
        stripped = _TRAILER.sub("", text)
        is_reply |= stripped.rstrip() != text.rstrip()
        text, has_leader = _without_leaders(stripped)
        is_reply |= has_leader
        if not (text[:5].lower() == "[fwd:" and text.endswith("]")):
            return BaseSubject(text.casefold(), is_reply)
        text, is_reply = text[5:-1], True


def _without_leaders(text: str) -> tuple[str, bool]:
    is_reply = False
    while True:
        if found := _LEADER.match(text):
            is_reply |= bool(found[0].strip())
            text = text[found.end() :]
            continue
        blob = _LEADING_BLOB.match(text)
        if blob is None or not text[blob.end() :]:
            return text, is_reply
        text = text[blob.end() :]
