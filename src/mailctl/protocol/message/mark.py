"""What a message is recognised by in another place: its header's fields that no server on the way to a folder changes.

Bodies are of no use for that: some servers rewrite their structure when they store a message.
"""

from __future__ import annotations

import datetime as dt
import hashlib

from mailctl.protocol.message.header_block import HeaderBlock, parse_header_block
from mailctl.protocol.message.received import find_date, parse_received

MARK_FIELDS = ("message-id", "date", "from", "subject", "received")
"""The topmost Received names the delivery: two copies of a message that came by different ways are not the same."""

_HEADER_OCTETS_MAX = 64 * 1024
_VALUE_CHARACTERS_MAX = 1000
_EARLIEST_YEAR = 1980
"""Before Internet mail (RFC 821 is of 1982): a date before that is none."""


def read_header(text: bytes | bytearray) -> HeaderBlock:
    """Return the header of a message, or what its first 64 KiB hold of it."""
    return parse_header_block(bytes(memoryview(text)[:_HEADER_OCTETS_MAX]))


def mark_of(header: HeaderBlock) -> str:
    """Return what tells a message by: 32 hex digits, the same for the same values however their lines are folded."""
    values = (" ".join((header.find(name) or "")[:_VALUE_CHARACTERS_MAX].split()) for name in MARK_FIELDS)
    return hashlib.sha256("\0".join(values).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def find_received_at(header: HeaderBlock, now: dt.datetime) -> dt.datetime | None:
    """Return when a message was received, by its topmost Received or else its Date; None for no date, or an absurd one.

    `now`: a time of reception later than a day after it is absurd.
    """
    received, date = header.find("received"), header.find("date")
    for moment in (received and parse_received(received).at, date and find_date(date)):
        if moment and moment.year >= _EARLIEST_YEAR and moment <= now + dt.timedelta(days=1):
            return moment
    return None
