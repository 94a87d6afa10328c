"""Encoded words in header fields, read: `=?utf-8?B?5bGx?=`. RFC 2047, 2231 (languages).

What cannot be read stays as it is, so nothing here raises; but halves of surrogate pairs, which no encoding has, become
U+FFFD. Words that stand side by side are read as one text where they are of one charset: many programs cut characters
in two.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from itertools import groupby
from quopri import decodestring

from mailctl.protocol.message.charsets import decode_text, without_surrogates

_WORD = re.compile(r"=\?([^?*\s]{1,40})(?:\*[^?\s]{0,40})?\?([BbQq])\?([^?\s]*)\?=")
_WORDS = re.compile(rf"{_WORD.pattern}(?:[ \t]*{_WORD.pattern})*")


def decode_words(text: str) -> str:
    """Return the text with its encoded words read; blanks between two of them are none of the text's."""
    text = without_surrogates(text)
    return _WORDS.sub(lambda found: _decode_run(found[0]), text) if "=?" in text else text


def _decode_run(run: str) -> str:
    words = list(_WORD.finditer(run))
    decoded = []
    for charset, alike in groupby(words, key=lambda word: word[1].lower()):
        group = list(alike)
        octets = [_octets(word[2], word[3]) for word in group]
        told = None if None in octets else decode_text(b"".join(part or b"" for part in octets), charset)
        decoded.append(" ".join(word[0] for word in group) if told is None else told)
    return "".join(decoded)


def _octets(encoding: str, text: str) -> bytes | None:
    if encoding in "Qq":
        return decodestring(text.encode(), header=True)
    try:
        return b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return None
