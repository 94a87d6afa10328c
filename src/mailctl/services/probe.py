"""The message that a test sends: small, marked as automatic, and recognisable as ours."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime
from typing import NamedTuple

from mailctl.protocol.envelope import parse_address

PROBE_HEADER = "X-Mailctl-Probe"


class Probe(NamedTuple):
    """A test message: its Message-ID with angle brackets, the random value of its PROBE_HEADER, its bytes (CRLF)."""

    message_id: str
    token: str
    content: bytes


def make_probe(sender: str, recipient: str, *, subject: str = "mailctl test message") -> Probe:
    """Compose a test message (RFC 5322; Auto-Submitted after RFC 3834, so that nothing answers it)."""
    token = secrets.token_hex(16)
    domain = sender.rpartition("@")[2]
    message_id = f"<{token}.mailctl@{domain if domain.isascii() and domain else 'mailctl.invalid'}>"
    international = any(parse_address(address).needs_smtputf8 for address in (sender, recipient))
    message = EmailMessage(policy=SMTPUTF8 if international else SMTP)
    message["From"] = sender
    message["To"] = recipient
    message["Subject"] = subject
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"
    message[PROBE_HEADER] = token
    message.set_content(
        "This message was sent by `mailctl test send` to prove that sending works.\nIt may be deleted.\n"
    )
    return Probe(message_id, token, message.as_bytes())
