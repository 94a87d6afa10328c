"""A message taken apart as IMAP's FETCH asks for it (RFC 3501, 6.4.5 and 7.4.2), byte for byte."""

# ruff: noqa: N802 - names and signatures are Twisted's

from __future__ import annotations

import email
import io
import re
from collections.abc import Iterable
from email.header import Header
from email.message import Message as ParsedMessage
from functools import cached_property
from typing import BinaryIO

from mailctl.protocol.message.mailboxes import read_mailboxes

DEFAULTS = {"content-type": "text/plain; charset=us-ascii", "content-transfer-encoding": "7bit"}
"""Of header fields that a part lacks (RFC 2045, 5.2 and 6.1)."""


class MessagePart:
    """A message, or a part of one, byte for byte."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        header, blank_line, self.body = content.partition(b"\r\n\r\n")
        self.header = header + blank_line

    def header_fields(self, names: Iterable[str], *, others: bool) -> bytes:
        """Return the header fields of these names (in any case), or all others, as they stand, and an empty line."""
        wanted = {name.lower() for name in names}
        fields = re.findall(rb"[^\r\n][^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*", self.header)
        chosen = [field for field in fields if (_field_name(field) in wanted) is not others]
        return b"".join(chosen) + b"\r\n"

    def envelope(self) -> tuple[object, ...]:
        """Return the envelope structure (RFC 3501, 7.4.2); Sender and Reply-To default to From."""
        values = self.getHeaders(True)
        senders = values.get("from")
        return (
            *(values.get(name) for name in ("date", "subject")),
            _addresses(senders),
            *(_addresses(values.get(name, senders)) for name in ("sender", "reply-to")),
            *(_addresses(values.get(name)) for name in ("to", "cc", "bcc")),
            *(values.get(name) for name in ("in-reply-to", "message-id")),
        )

    def find_part(self, path: Iterable[int]) -> MessagePart:
        """Return the part at a path counted from 0; raises IndexError if there is none (RFC 3501, 6.4.5)."""
        part = self
        for index in path:
            if part._parsed.get_content_type() == "message/rfc822":
                part = part.getSubPart(0)
            if part.isMultipart():
                part = part.getSubPart(index)
            elif index > 0:
                raise IndexError(index)
        return part

    # What Twisted's BODYSTRUCTURE calls (IMessagePart).

    def getHeaders(self, negate: bool, *names: str) -> dict[str, str]:
        """Return header values by lower-case name, in ASCII (RFC 2047): the first of each, or a default (RFC 2045)."""
        wanted = {name.lower() for name in names}
        values: dict[str, str] = {}
        for name, value in self._parsed.raw_items():
            if (name.lower() in wanted) is not bool(negate):
                values.setdefault(name.lower(), _ascii(value))
        return {name: value for name, value in DEFAULTS.items() if name in wanted} | values

    def getBodyFile(self) -> BinaryIO:
        return io.BytesIO(self.body)

    def getSize(self) -> int:
        return len(self.body)

    def isMultipart(self) -> bool:
        return self._parsed.get_content_maintype() == "multipart" and self._parsed.get_boundary() is not None

    def getSubPart(self, index: int) -> MessagePart:
        return self._parts[index]

    @cached_property
    def _parsed(self) -> ParsedMessage:
        return email.message_from_bytes(self.header)

    @cached_property
    def _parts(self) -> list[MessagePart]:
        if not self.isMultipart():
            return [MessagePart(self.body)] if self._parsed.get_content_type() == "message/rfc822" else []
        boundary = re.escape(str(self._parsed.get_boundary()).encode())
        pieces = re.split(rb"(?:^|\r\n)--" + boundary + rb"(?:--)?[ \t]*(?:\r\n|$)", self.body)
        return [MessagePart(piece) for piece in pieces[1:-1]]


def _field_name(field: bytes) -> str:
    return field.partition(b":")[0].decode("ascii", "replace").strip().lower()


def _addresses(value: str | None) -> list[tuple[str | None, None, str, str]] | None:
    found = read_mailboxes(value or "")
    return [(mailbox.name or None, None, *_halves(mailbox.address)) for mailbox in found] or None


def _halves(address: str) -> tuple[str, str]:
    local, _, domain = address.rpartition("@")
    return (local, domain) if local else (domain, "")


def _ascii(value: object) -> str:
    text = "".join(str(value).splitlines()).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return text if text.isascii() else Header(text, "utf-8", maxlinelen=10_000).encode()
