"""Header fields as they are written: folding (RFC 5322), words beyond ASCII (RFC 2047), parameters (RFC 2231).

The standard library's email package writes fields too, but differs from version to version where it matters here:
local parts beyond ASCII become encoded words, quoted display names lose their quotes when they are folded, and line
ends in values were let through. So fields are written here, and the library reads them back.
"""

from __future__ import annotations

import binascii
import re
import unicodedata
from collections.abc import Callable, Iterator
from urllib.parse import quote

_LINE_CHARACTERS = 78
_WORD_CHARACTERS_MAX = 900
"""A word that no fold can break has to stay below the 998 characters of a line (RFC 5322, 2.1.1)."""

_ENCODED_WORD = re.compile(r"=\?[^?\s]*\?([bq])\?([^?]*)\?=", re.IGNORECASE)
_Q_SAFE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")
"""What an encoded word may hold as it stands wherever it is, in a phrase too (RFC 2047, 5 (3))."""
_Q_CHARACTERS, _B_OCTETS = 52, 39
"""With `=?utf-8?q?` and `?=` at most 64 characters: they fit into a line behind the name of a usual field."""
_PARAMETER_CHARACTERS = 54
_VALUE_CHARACTERS = 50
"""Behind `Content-Transfer-Encoding: ` that is a whole line."""
_BREAKING = {"\r": "a carriage return (CR)", "\n": "a line feed (LF)", "\0": "a NUL"}


def check_field_text(text: str) -> None:
    """Raise ValueError for text that must not be in a field: line ends and control characters, encoded ones too."""
    for character, said in _BREAKING.items():
        if character in text:
            raise ValueError(f"contains {said}, which would end the field")
    if any(unicodedata.category(c) == "Cc" and c != "\t" for c in text):
        raise ValueError("contains a control character")
    if any(unicodedata.category(c) == "Cs" for c in text):
        raise ValueError("contains bytes that are not UTF-8")
    if any(set(decoded) & set(b"\r\n\0") for decoded in _decoded_words(text)):
        raise ValueError("contains an encoded word (RFC 2047) with a line end or NUL in it")


def _decoded_words(text: str) -> Iterator[bytes]:
    """Yield the octets of the encoded words in a text, read as generously as any reader may."""
    for encoding, payload in _ENCODED_WORD.findall(text):
        if encoding in "qQ":
            yield re.sub(rb"=([0-9A-Fa-f]{2})", lambda found: bytes.fromhex(found[1].decode()), payload.encode())
        else:
            bare = re.sub(r"[^A-Za-z0-9+/]", "", payload)
            # A lone last character stands for no octet.
            bare = bare[:-1] if len(bare) % 4 == 1 else bare
            yield binascii.a2b_base64(bare + "=" * (-len(bare) % 4))


def write_text(text: str) -> str:
    """Return the value of an unstructured field such as Subject; encoded words that are given stay."""
    text = text.strip(" \t")
    return encode_words(text) if _must_be_encoded(text) else text


def write_phrase(text: str) -> str:
    """Return a display name: as it is, quoted or in encoded words."""
    if _must_be_encoded(text):
        return encode_words(text)
    if re.fullmatch(r"[\w!#$%&'*+/=?^`{|}~-]+(?: [\w!#$%&'*+/=?^`{|}~-]+)*", text, re.ASCII):
        return text
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


def _must_be_encoded(text: str) -> bool:
    return not text.isascii() or any(len(word) > _WORD_CHARACTERS_MAX for word in re.findall(r"[ \t]*[^ \t]+", text))


def encode_words(text: str) -> str:
    """Return a text as encoded words with blanks between, in whichever encoding is shorter."""
    octets = len(text.encode())
    quoted = sum(map(_q_length, text))
    if quoted <= (octets + 2) // 3 * 4:
        return " ".join(f"=?utf-8?q?{_q_encoded(piece)}?=" for piece in _pieces(text, _q_length, _Q_CHARACTERS))
    pieces = _pieces(text, lambda c: len(c.encode()), _B_OCTETS)
    return " ".join(f"=?utf-8?b?{binascii.b2a_base64(piece.encode(), newline=False).decode()}?=" for piece in pieces)


def _pieces(text: str, cost: Callable[[str], int], room: int) -> Iterator[str]:
    """Yield a text in pieces of whole characters (RFC 2047, 5)."""
    start, used = 0, 0
    for index, character in enumerate(text):
        used += cost(character)
        if used > room:
            yield text[start:index]
            start, used = index, cost(character)
    yield text[start:]


def _q_length(character: str) -> int:
    return 1 if character in _Q_SAFE or character == " " else 3 * len(character.encode())


def _q_encoded(text: str) -> str:
    return "".join(
        c if c in _Q_SAFE else "_" if c == " " else "".join(f"={octet:02X}" for octet in c.encode()) for c in text
    )


def write_parameters(value: str, **parameters: str) -> str:
    """Return the value of a MIME field with its parameters, a line each unless it is short."""
    written = [value, *(piece for name, text in parameters.items() for piece in _parameter(name, text))]
    on_one_line = "; ".join(written)
    return on_one_line if len(on_one_line) <= _VALUE_CHARACTERS else ";\r\n ".join(written)


def _parameter(name: str, text: str) -> Iterator[str]:
    """Yield a parameter, in sections if it is long (RFC 2231, 3 and 4)."""
    escaped = re.sub(r'(["\\])', r"\\\1", text)
    if text.isascii() and text.isprintable() and len(escaped) <= _PARAMETER_CHARACTERS:
        yield f'{name}="{escaped}"'
        return
    pieces = list(_pieces(text, lambda c: len(quote(c, safe="")), _PARAMETER_CHARACTERS))
    for section, piece in enumerate(pieces):
        numbered = f"*{section}" if len(pieces) > 1 else ""
        charset = "utf-8''" if section == 0 else ""
        yield f"{name}{numbered}*={charset}{quote(piece, safe='')}"


def fold(name: str, value: str) -> str:
    """Return a whole field with its line end, broken at blanks to keep its lines short where that can be done."""
    lines = [f"{name}:"]
    for word in re.findall(r"[ \t]+[^ \t]+", f" {value}"):
        if len(lines[-1]) + len(word) > _LINE_CHARACTERS:
            lines.append(word)
        else:
            lines[-1] += word
    return "\r\n".join(lines) + "\r\n"
