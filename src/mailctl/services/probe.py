"""The message that a test sends: small, marked as automatic, and recognisable as ours."""

from __future__ import annotations

import secrets
from typing import NamedTuple

from mailctl.protocol.address_list import Mailbox
from mailctl.protocol.envelope import parse_address
from mailctl.services.compose import Draft, Field, Roles, compose

PROBE_HEADER = "X-Mailctl-Probe"
_TEXT = "This message was sent by `mailctl test send` to prove that sending works.\nIt may be deleted.\n"


class Probe(NamedTuple):
    """A test message: its Message-ID with angle brackets, the random value of its PROBE_HEADER, its bytes (CRLF)."""

    message_id: str
    token: str
    content: bytes


def make_probe(sender: str, recipient: str, *, subject: str = "mailctl test message") -> Probe:
    """Compose a test message (Auto-Submitted after RFC 3834, so that nothing answers it)."""
    token = secrets.token_hex(16)
    address = parse_address(sender)
    draft = Draft(
        to=(Mailbox(parse_address(recipient)),),
        subject=subject,
        text=_TEXT,
        fields=(Field("Auto-Submitted", "auto-generated"), Field(PROBE_HEADER, token)),
    )
    message = compose(draft, Roles(sender=Mailbox(address), envelope_sender=address))
    return Probe(message.message_id, token, message.content)
