"""Received fields: the way that a message took, hop by hop, and how long it stayed at each (RFC 5321, 4.4).

The times are those of the hops' own clocks. A delay below nothing is told as it is: it shows that two clocks differ.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from email.utils import parsedate_to_datetime

from msgspec import Struct

from mailctl.protocol.message.header_block import HeaderBlock, split_value

_VALUE_CHARACTERS_MAX = 4096
_CLAUSE = re.compile(r"(?<!\S)(from|by|with|id)\s+(\S+)", re.IGNORECASE)


class Hop(Struct, frozen=True, kw_only=True):
    """A server on the way. `from_host`: who handed the message over, by its own word. `by_host`: the server itself.

    `delay_seconds`: since the hop before, or since the message was sent; None where a time is missing.
    """

    from_host: str | None
    by_host: str | None
    protocol: str | None
    at: dt.datetime | None
    delay_seconds: int | None = None


def parse_received(value: str) -> Hop:
    """Parse the value of a Received field; what it does not say, or not legibly, is None."""
    *clauses, date = split_value(value[:_VALUE_CHARACTERS_MAX])
    text = " ".join(clauses)
    if not clauses:
        text, date = date, ""
    found: dict[str, str] = {}
    for name, argument in _CLAUSE.findall(text):
        found.setdefault(name.lower(), argument)
    return Hop(
        from_host=found.get("from"),
        by_host=found.get("by"),
        protocol=found.get("with"),
        at=find_date(date),
    )


def find_date(text: str) -> dt.datetime | None:
    """Return the time that a date-time of RFC 5322 names, in UTC; None for what is none."""
    try:
        moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=moment.tzinfo or dt.UTC).astimezone(dt.UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def trace_hops(header: HeaderBlock, sent_at: dt.datetime) -> tuple[Hop, ...]:
    """Return the hops of a message that was sent at a time of our clock, the first one first.

    Fields are dated to the second, so the time of sending counts from the beginning of its second.
    """
    return _with_delays(map(parse_received, reversed(header.find_all("received"))), sent_at.replace(microsecond=0))


def _with_delays(hops: Iterable[Hop], sent_at: dt.datetime) -> tuple[Hop, ...]:
    traced = []
    before = sent_at
    for hop in hops:
        delay = None if hop.at is None else int((hop.at - before).total_seconds())
        traced.append(
            Hop(from_host=hop.from_host, by_host=hop.by_host, protocol=hop.protocol, at=hop.at, delay_seconds=delay)
        )
        before = hop.at or before
    return tuple(traced)
