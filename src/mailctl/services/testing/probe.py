"""The message that a test sends: small, marked as automatic, and recognisable as ours."""

from __future__ import annotations

import datetime as dt
import re
import secrets
from collections.abc import Callable
from typing import NamedTuple

from mailctl.protocol.envelope import parse_address
from mailctl.protocol.message.address_list import Mailbox
from mailctl.protocol.message.header_block import HeaderBlock
from mailctl.protocol.message.received import find_date
from mailctl.services.sending.compose import Draft, Field, Roles, compose

PROBE_HEADER = "X-Mailctl-Probe"
_TEXT = "This message was sent by `mailctl test {test}` to prove that mail works.\nIt may be deleted.\n"
_TOKEN = re.compile(r"[0-9a-f]{32}")
_LEFTOVER_AGE = dt.timedelta(days=1)


class Probe(NamedTuple):
    """A test message: its Message-ID with angle brackets, the random value of its PROBE_HEADER, its bytes (CRLF)."""

    message_id: str
    token: str
    content: bytes


def make_probe(sender: str, recipient: str, *, test: str = "send", subject: str = "mailctl test message") -> Probe:
    """Compose the message of a test (Auto-Submitted after RFC 3834, so that nothing answers it)."""
    token = secrets.token_hex(16)
    address = parse_address(sender)
    draft = Draft(
        to=(Mailbox(parse_address(recipient)),),
        subject=subject,
        text=_TEXT.format(test=test),
        fields=(Field("Auto-Submitted", "auto-generated"), Field(PROBE_HEADER, token)),
    )
    message = compose(draft, Roles(sender=Mailbox(address), envelope_sender=address))
    return Probe(message.message_id, token, message.content)


def is_leftover(sender: str) -> Callable[[HeaderBlock, dt.datetime | None], bool]:
    """Return what tells the test messages of a sender that are older than a day, and so were left behind.

    It is given a message's header, and the time when it came in, if that is known; else the time that it was sent.
    """
    address = parse_address(sender)
    written = {str(address).lower(), address.with_ascii_domain.lower()}
    before = dt.datetime.now(dt.UTC) - _LEFTOVER_AGE

    def is_one(header: HeaderBlock, received_at: dt.datetime | None) -> bool:
        at = received_at or find_date(header.find("date") or "")
        is_ours = _TOKEN.fullmatch(header.find(PROBE_HEADER.lower()) or "") is not None
        return is_ours and (header.find_address("from") or "").lower() in written and at is not None and at < before

    return is_one
