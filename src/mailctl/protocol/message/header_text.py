"""Header fields as they are read by people: in their script, on one line, without what plays tricks on the reader.

What arrives may be anything, so nothing here raises, recurses or takes more than linear time. RFC 5322, 2047, 5256.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from mailctl.protocol.message.encoded_words import decode_words
from mailctl.protocol.message.mailboxes import WrittenMailbox, iter_mailboxes, read_mailboxes, read_phrase
from mailctl.protocol.replies import printable

_VALUE_CHARACTERS_MAX = 4000
"""More than any field that people are to read; how long encoded words of some charsets take is the square of it."""
_UNSEEN = dict.fromkeys((0x00AD, 0x061C, 0x180E, 0x200B, 0x200E, 0x200F, 0x2060, 0xFEFF))
"""Marks that nobody sees, and that are of no use in a line by itself."""
_JOINERS = re.compile("([\u200c\u200d])")
"""Between characters they are spelling (Persian, the scripts of India) or make one emoji of several."""

_TRAILER = re.compile(r"(?:\(fwd\)|[ \t])+\Z", re.IGNORECASE)
_BLOB = r"\[[^\[\]]*\][ \t]*"
_LEADER = re.compile(rf"[ \t]+|(?:{_BLOB})*(?:re|fwd?)[ \t]*(?:{_BLOB})?:", re.IGNORECASE)
_LEADING_BLOB = re.compile(_BLOB)
_SUBJECT_CHARACTERS_MAX = 500


class Correspondent(Struct, frozen=True):
    """Who stands in a From or To field: an address, and the name beside it; "" where there is none."""

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
    return next(_correspondents(value), Correspondent())


def list_correspondents(value: str) -> list[Correspondent]:
    """Return all who stand in a field of mailboxes, as `read_correspondent` reads each."""
    return list(_correspondents(value))


def _correspondents(value: str) -> Iterator[Correspondent]:
    written = iter_mailboxes(value[:_VALUE_CHARACTERS_MAX])
    return (_correspondent(mailbox) for mailbox in written if mailbox.address or mailbox.name)


def _correspondent(mailbox: WrittenMailbox) -> Correspondent:
    if not _is_address(mailbox):
        return Correspondent(name=read_text(read_phrase(mailbox.address)) or read_text(mailbox.name))
    return Correspondent(name=read_text(mailbox.name), address=_harmless("".join(mailbox.address.split())))


def list_addresses(value: str) -> list[str]:
    """Return the addresses of all mailboxes of a field, as they are."""
    mailboxes = filter(_is_address, read_mailboxes(value))
    return [address for mailbox in mailboxes if (address := "".join(mailbox.address.split()))]


def _is_address(mailbox: WrittenMailbox) -> bool:
    """Tell an address from a name that stands alone."""
    return mailbox.in_brackets or not mailbox.is_local


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
