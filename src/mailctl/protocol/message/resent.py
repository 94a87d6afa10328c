"""A message sent on as it is, to somebody else: its Resent fields, on top of what it came with. RFC 5322, 3.6.6."""

from __future__ import annotations

import re
from email.utils import formatdate

from mailctl.model.address import Address

_DELIVERY_FIELD = re.compile(rb"(?:return-path|delivered-to|x-original-to):.*\r?\n(?:[ \t].*\r?\n)*", re.IGNORECASE)
"""What delivery into a mailbox puts on top, and who sends a message on takes off (RFC 5321, 4.4)."""


def resend(content: bytes, sender: Address, to: Address, message_id: str) -> bytes:
    """Return a message as it is sent on. `message_id`: a new one, with angle brackets."""
    while found := _DELIVERY_FIELD.match(content):
        content = content[found.end() :]
    resent = (
        f"Resent-Date: {formatdate(localtime=True)}\r\n"
        f"Resent-From: {sender.with_ascii_domain}\r\nResent-To: {to.with_ascii_domain}\r\n"
        f"Resent-Message-ID: {message_id}\r\n"
    )
    return resent.encode() + content
