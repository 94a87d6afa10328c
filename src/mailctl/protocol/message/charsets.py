"""Text in the charsets that messages name (RFC 2046, 4.1.2; RFC 2047, 2), whatever they name and hold."""

from __future__ import annotations

import codecs
import re

_NO_CHARSETS = frozenset({"idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape"})
"""Codecs of Python that are no charsets: the time that some of them take is the square of the text."""
_SURROGATE = re.compile("[\ud800-\udfff]")


def decode_text(octets: bytes, charset: str) -> str | None:
    """Return a text, U+FFFD for what cannot be read; None where nobody knows the charset. It takes linear time.

    The text has no halves of surrogate pairs, which UTF-7 can write and no encoding has.
    """
    try:
        name = codecs.lookup(charset).name
        text = None if name in _NO_CHARSETS else octets.decode(name, "replace")
    except (LookupError, ValueError):  # ValueError: a name with a NUL in it
        return None
    return text and without_surrogates(text)


def without_surrogates(text: str) -> str:
    """Return a text with U+FFFD for each half of a surrogate pair."""
    return _SURROGATE.sub("\ufffd", text)
