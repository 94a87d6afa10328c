"""The text of a message that came in, for conditions and for people: its text parts, decoded. RFC 2045, 2046.

What arrives may be anything. Only the octets that are given are looked at, and what cannot be read is left out.
"""

from __future__ import annotations

from itertools import islice

from mailctl.protocol.message.charsets import decode_text
from mailctl.protocol.message.mime_entity import Entity

_PARTS_MAX = 50
_DEPTH_MAX = 10


def read_text_parts(octets: bytes) -> list[str]:
    """Return the text parts of a message, or of the beginning of one; attachments among them, as Sieve has it.

    At most so many parts are looked at, and parts in parts so deep.
    """
    texts: list[str] = []
    waiting = [(Entity(octets), 0)]
    looked_at = 0
    while waiting and looked_at < _PARTS_MAX:
        entity, depth = waiting.pop()
        inner = _parts_of(entity) if depth < _DEPTH_MAX else []
        if inner:
            waiting += [(part, depth + 1) for part in reversed(inner)]
            continue
        looked_at += 1
        if entity.kind.startswith("text/"):
            texts.append(_text_of(entity))
    return texts


def _parts_of(entity: Entity) -> list[Entity]:
    if entity.kind == "message/rfc822":
        return [Entity(entity.body)]
    return list(islice(entity.parts(), _PARTS_MAX))


def _text_of(part: Entity) -> str:
    octets = part.decoded()
    text = decode_text(octets, part.charset or "utf-8")
    return octets.decode("utf-8", "replace") if text is None else text
