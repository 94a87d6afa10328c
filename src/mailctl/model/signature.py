"""Signatures: the text and HTML below a person's messages, their own or made from the organisation's template.

HTML names its pictures by `https:` addresses, or by `file:` ones, whose pictures travel inside the message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from mailctl.errors import Problem
from mailctl.model.values import parse_lines

SEPARATOR = "-- "
"""What stands above a signature in a message (RFC 3676, 4.3); it is no part of what is set."""
_OWN_SEPARATOR = re.compile(r"\A\s*--[ \t]*\n")
_OWN_HTML_SEPARATOR = re.compile(r"\A\s*--(?:\s|&nbsp;)*<br\s*/?>\s*", re.IGNORECASE)
TEXT_CHARACTERS_MAX = 20_000
HTML_CHARACTERS_MAX = 100_000


class SignatureUse(StrEnum):
    """Which signature an account's messages have."""

    NONE = "none"
    OWN = "own"
    ORGANISATION = "organisation"

    @staticmethod
    def aliases() -> dict[str, str]:
        return {"organization": "organisation"}


def parse_signature_text(text: str) -> str:
    """Parse a signature's plain text: lines in any script, at most 20,000 characters, line ends made LF.

    A separator that it begins with is dropped: messages have theirs.
    """
    return _OWN_SEPARATOR.sub("", parse_lines(text, "a signature", TEXT_CHARACTERS_MAX))


def parse_signature_html(text: str) -> str:
    """Parse a signature's HTML, at most 100,000 characters, line ends made LF; without a separator, as the text is."""
    return _OWN_HTML_SEPARATOR.sub("", parse_lines(text, "a signature", HTML_CHARACTERS_MAX))


SignatureText = Annotated[
    str, Meta(description="plain text, lines in any script", extra={"parse": parse_signature_text}, min_length=1)
]
SignatureHtml = Annotated[str, Meta(description="HTML", extra={"parse": parse_signature_html}, min_length=1)]


class SignatureTemplate(Struct, frozen=True, kw_only=True):
    """The organisation's signature. `{display_name}`, `{address}` and the accounts' further fields are filled in."""

    text: SignatureText | None = None
    html: SignatureHtml | None = None

    def conflicts(self) -> Iterator[Problem]:
        if not self.text and not self.html:
            yield Problem("text", "is missing, and html too: a signature has at least one of them")


class Signature(Struct, frozen=True, kw_only=True):
    """An account's signature. `text`, `html`: its own, kept while another one, or none, is in use."""

    use: SignatureUse = SignatureUse.NONE
    text: SignatureText | None = None
    html: SignatureHtml | None = None

    def conflicts(self) -> Iterator[Problem]:
        if self.use is SignatureUse.OWN and not self.text and not self.html:
            yield Problem("use", "is own, and there is neither text nor html")


WELL_KNOWN_FIELDS = (
    "title", "department", "organisation", "phone", "mobile", "fax", "website", "street", "city", "postcode", "country",
)  # fmt: skip
"""Further fields that a template may name before any account has them."""
