"""What FETCH is asked for, and gives, of a message's text. RFC 9051, 6.4.5 and 7.5.2."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

SECTION = b"BODY["
HEADER_SECTION = b"BODY[HEADER"
WHOLE_SECTION = b"BODY[]"


def fields_item(names: Iterable[str], octets_max: int) -> str:
    """Return the item for so much of some fields of the header; no message gets \\Seen by it."""
    return f"BODY.PEEK[HEADER.FIELDS ({' '.join(names)})]<0.{octets_max}>"


def find_section(items: Mapping[bytes, Any], section: bytes) -> bytes | None:
    """Return what was given of a message as a section, by how its name begins; None where nothing was."""
    given = [value for name, value in items.items() if name.startswith(section)]
    return next(filter(None, given), b"") if given else None
