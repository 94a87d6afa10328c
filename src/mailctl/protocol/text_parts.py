"""The text of a message that came in, for conditions and for people: its text parts, decoded. RFC 2045, 2046.

What arrives may be anything. Only the octets that are given are looked at, and what cannot be read is left out.
"""

from __future__ import annotations

from email import policy
from email.message import Message
from email.parser import BytesParser

_PARTS_MAX = 50


def read_text_parts(octets: bytes) -> list[str]:
    """Return the text parts of a message, or of the beginning of one; attachments among them, as Sieve has it."""
    try:
        message = BytesParser(policy=policy.compat32).parsebytes(octets)
        return [_text_of(part) for part in _leaves(message)[:_PARTS_MAX] if part.get_content_maintype() == "text"]
    except (RecursionError, LookupError, ValueError, AttributeError, TypeError):  # parts in parts without an end, say
        return []


def _leaves(message: Message) -> list[Message]:
    leaves: list[Message] = []
    waiting = [message]
    while waiting and len(leaves) < _PARTS_MAX:
        part = waiting.pop()
        inner = part.get_payload()
        if part.is_multipart() and isinstance(inner, list):
            waiting += [one for one in reversed(inner) if isinstance(one, Message)]
        else:
            leaves.append(part)
    return leaves


def _text_of(part: Message) -> str:
    octets = part.get_payload(decode=True)
    if not isinstance(octets, bytes):
        return ""
    charset = part.get_content_charset("utf-8")
    try:
        return octets.decode(charset, "replace")
    except LookupError:
        return octets.decode("utf-8", "replace")
